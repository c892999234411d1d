"""One session as an iTIP message: one VEVENT, UTC instants, no time zone component (RFC 5545, RFC 5546)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from icalendar import Calendar, Event, vCalAddress, vText

from scheduling.messages.sender import one_line

Method = Literal["REQUEST", "CANCEL", "DECLINECOUNTER"]
PRODUCT = "-//Cadence//Appointments//EN"


@dataclass(frozen=True)
class EventText:
    """What the calendar shows. It is read by whoever sees the calendar: discreet words only."""

    title: str
    place: str
    description: str


def write_event(
    *,
    method: Method,
    uid: str,
    sequence: int,
    start: datetime,
    end: datetime,
    text: EventText,
    organizer: tuple[str, str],
    attendee: str,
    changed_at: datetime,
    now: datetime,
) -> bytes:
    """`organizer` is address and name; it is also the From of the mail, whom replies reach."""
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("last-modified", changed_at.astimezone(UTC))
    event.add("sequence", sequence)
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", end.astimezone(UTC))
    event.add("summary", one_line(text.title))
    if place := one_line(text.place):  # an empty property is none to libical, and an error
        event.add("location", place)
    event.add("description", text.description)
    event.add("organizer", address(organizer[0], CN=one_line(organizer[1])))
    event.add("attendee", attendee_of(method, attendee))
    event.add("status", "CONFIRMED" if method == "REQUEST" else "CANCELLED")
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE")
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def attendee_of(method: Method, email: str) -> vCalAddress:
    """RFC 5546 3.2.2 asks for an answer to a request; 3.2.5 asks nothing of who is called off."""
    if method == "CANCEL":
        return address(email, CUTYPE="INDIVIDUAL", ROLE="REQ-PARTICIPANT")
    return address(email, CUTYPE="INDIVIDUAL", ROLE="REQ-PARTICIPANT", PARTSTAT="NEEDS-ACTION", RSVP="TRUE")


def address(email: str, **parameters: str) -> vCalAddress:
    person = vCalAddress(f"mailto:{email}")
    for name, value in parameters.items():
        person.params[name] = vText(value)
    return person


def write_declined_counter(*, uid: str, sequence: int, organizer: tuple[str, str], now: datetime) -> bytes:
    """RFC 5546 3.2.8 allows it no more than this: the event stays what the invite made it.

    SEQUENCE must be there above 0; the table of libical 3 knows it not at all.
    """
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", now.astimezone(UTC))
    if sequence:
        event.add("sequence", sequence)
    event.add("organizer", address(organizer[0], CN=one_line(organizer[1])))
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "DECLINECOUNTER")
    calendar.add_component(event)
    return bytes(calendar.to_ical())
