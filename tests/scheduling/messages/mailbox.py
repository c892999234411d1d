"""The patient's side: what arrived, read back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core import mail
from icalendar import Calendar

from scheduling.messages import delivery


def deliver(now: datetime) -> list[str]:
    """Deliver what is due: the subjects, with METHOD, SEQUENCE and start where there is an event."""
    mail.outbox.clear()
    delivery.deliver_due(now=now)
    return [describe(message) for message in mail.outbox]


def describe(message: mail.EmailMessage) -> str:
    event = read_event(message)
    if event is None:
        return str(message.subject)
    return f"{event['METHOD']} {event['SEQUENCE']} {event['DTSTART'].dt:%m-%dT%H} {message.subject}"


def read_parts(message: mail.EmailMessage) -> list[tuple[str, bytes]]:
    """Content type and content of each part, as they go over the wire."""
    return [
        (part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]
        for part in message.message().walk()
        if not part.is_multipart()
    ]


def read_event(message: mail.EmailMessage) -> Any:
    """The one event, with the METHOD of its calendar put beside its own properties."""
    for kind, content in read_parts(message):
        if kind == "text/calendar":
            calendar = Calendar.from_ical(content)
            [event] = calendar.walk("VEVENT")
            event["METHOD"] = calendar["METHOD"]
            return event
    return None
