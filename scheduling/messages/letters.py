"""A message ready to be sent: the words, the calendar event, and what the patient knows once it is out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from clinic.models import Channel, Patient, Site
from protocols.models.visit import Place
from scheduling.messages.ics import EventText, Method, write_event
from scheduling.messages.pick_ups import PickUpTold
from scheduling.messages.sender import one_line, sender_address
from scheduling.messages.told import Told, event_uid, stated_start
from scheduling.messages.visit_names import visit_name
from scheduling.messages.wording import Appointment, describe, event_title, place_text, short_text, time_text
from scheduling.models import Session


@dataclass(frozen=True)
class Letter:
    """A message ready to be sent, and what the patient knows once it is."""

    recipient: str
    subject: str
    text: str
    html: str
    facts: str  # what it states, to tell one content from another
    told: tuple[Told, ...] = ()
    event: bytes = b""
    method: Method | None = None
    event_uid: UUID | None = None
    withdraws_from: str = ""  # a former address that still shows the event
    pick_up: PickUpTold | None = None  # what the driver knows once it is out

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(f"{self.recipient}|{self.subject}|{self.facts}".encode()).hexdigest()


def write_calendar_letter(
    session: Session,
    method: Method,
    recipient: str,
    now: datetime,
    *,
    sequence: int | None = None,
    is_update: bool = False,
    is_withdrawal: bool = False,
    link: str = "",
    detail: bool = False,
    uid: UUID | None = None,
    preparation: Mapping[str, Any] | None = None,
) -> Letter:
    """A withdrawal takes the event out of a former address's calendar; the appointment itself stands.

    `preparation` is what a reminder would say, for a visit too near to have one; it stands in the mail's text alone.
    """
    site, patient, cancelled = session.site, session.patient, method == "CANCEL"
    uid = uid or event_uid(session)
    sequence = session.sequence if sequence is None else sequence
    start = stated_start(session, cancelled=cancelled)
    local = start.astimezone(ZoneInfo(session.timezone))
    title = event_title(session, site, detail=detail)
    event = write_event(
        method=method,
        uid=str(uid),
        sequence=sequence,
        start=start,
        end=start + (session.end - session.start),
        text=EventText(title, place_text(session, site), event_description(local, site)),
        organizer=(sender_address(site), site.public_name),
        attendee=recipient,
        changed_at=session.changed_at,
        now=now,
    )
    prefix = _("Cancelled: ") if cancelled else _("New time: ") if is_update else ""
    prefix = _("Taken out of this calendar: ") if is_withdrawal else prefix
    item = describe(session, patient=patient, site=site, is_cancelled=cancelled)
    letter = render_letter(
        [replace(item, is_cancelled=cancelled and not is_withdrawal)],
        patient=patient,
        site=site,
        recipient=recipient,
        is_subscribed=patient.channel == Channel.FEED and recipient == patient.email,
        template="withdraw" if is_withdrawal else "cancel" if cancelled else "invite",
        subject=f"{prefix}{title}, {short_text(local)}",
        facts=f"{method} {uid} {sequence} {start.isoformat()}",
        has_clinic=not cancelled and session.visit_type.place == Place.CLINIC,
        is_update=is_update,
        link=link,
        **(preparation or {}),
    )
    told = (Told(session.pk, start, cancelled, recipient, sequence, uid),)
    return replace(letter, told=told, event=event, method=method, event_uid=uid)


def event_description(local: datetime, site: Site) -> str:
    """The zone in words, as the event itself carries UTC."""
    return "\n".join([time_text(local), one_line(site.public_name), one_line(site.phone)]).strip()


def write_list_letter(
    sessions: Sequence[Session],
    patient: Patient,
    site: Site,
    recipient: str,
    *,
    template: str,
    subject: str,
    notes: Mapping[int, Sequence[str]] | None = None,
    detail: bool = False,
    **context: Any,
) -> Letter:
    """With `detail` each session of the list says what it is."""
    names = {session.pk: [visit_name(session)] if detail else [] for session in sessions}
    items = [
        describe(session, patient=patient, site=site, notes=[*names[session.pk], *(notes or {}).get(session.pk, ())])
        for session in sessions
    ]
    told = tuple(
        Told(session.pk, stated_start(session, cancelled=not session.is_live), not session.is_live)
        for session in sessions
    )
    facts = "|".join(f"{fact.session_id} {fact.start.isoformat()} {fact.cancelled}" for fact in told)
    letter = render_letter(
        items,
        patient=patient,
        site=site,
        recipient=recipient,
        template=template,
        subject=subject,
        facts=facts,
        has_clinic=any(session.is_live and session.visit_type.place == Place.CLINIC for session in sessions),
        **context,
    )
    return replace(letter, told=told)


def render_letter(
    items: list[Appointment],
    *,
    patient: Patient,
    site: Site,
    recipient: str,
    template: str,
    subject: str,
    facts: str,
    **context: Any,
) -> Letter:
    context |= {
        "items": items,
        "item": items[0] if items else None,
        "patient": patient,
        "site": site,
        "address": one_line(", ".join(site.address.splitlines())),
        "subject": subject,
        "language": patient.language,
    }
    return Letter(
        recipient=recipient,
        subject=one_line(subject),
        text=tidy(render_to_string(f"messages/{template}.txt", context)),
        html=render_to_string(f"messages/{template}.html", context),
        facts=facts,
    )


def tidy(text: str) -> str:
    """Templates leave empty lines behind; a letter has one between paragraphs."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or lines[-1]:
            lines.append(line)
    return "\n".join(lines) + "\n"
