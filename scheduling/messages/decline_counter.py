"""The answer to a time proposed from a calendar: DECLINECOUNTER (RFC 5546 3.2.8), so that the appointment stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from scheduling.messages.composed import Composed, NotNeeded
from scheduling.messages.ics import EventText, write_event
from scheduling.messages.letters import event_description, write_list_letter
from scheduling.messages.papers import Papers
from scheduling.messages.sender import one_line, sender_address
from scheduling.messages.told import announcement_of, event_uid, is_ahead, is_told
from scheduling.messages.wording import event_title, place_text
from scheduling.models import Notice, Session


def compose_decline_counter(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """A time that has changed meanwhile is told by the update, which answers the proposal as well."""
    session = papers.session_of(notice)
    told = announcement_of(session)
    if not is_ahead(session, now=now) or not is_told(session) or told is None or session.sequence != notice.sequence:
        return NotNeeded("skipped: the appointment has changed")
    recipient = told.invited_to
    if not recipient or recipient != papers.reachable_address(session.patient):
        return NotNeeded("skipped: the address is not the patient's any more, or refuses mail")
    if notice.answer is not None and notice.answer.handled_at is not None:
        return NotNeeded("skipped: the proposal is settled")
    subject = _("The time you proposed: %(clinic)s") % {"clinic": one_line(session.site.public_name)}
    letter = write_list_letter(
        [session], session.patient, session.site, recipient, template="decline_counter", subject=subject
    )
    return replace(
        letter,
        told=(),
        facts=f"DECLINECOUNTER {session.uid} {told.invited_sequence} {session.start.isoformat()}",
        event=write_answer(session, papers, recipient, told.invited_sequence or 0, now),
        method="DECLINECOUNTER",
    )


def write_answer(session: Session, papers: Papers, recipient: str, sequence: int, now: datetime) -> bytes:
    """The event as the invite had it, under the SEQUENCE that the proposal answered."""
    site = session.site
    title = event_title(session, site, detail=papers.wants_detail(session.patient))
    return write_event(
        method="DECLINECOUNTER",
        uid=str(event_uid(session)),
        sequence=sequence,
        start=session.start,
        end=session.end,
        text=EventText(title, place_text(session, site), event_description(session.local_start, site)),
        organizer=(sender_address(site), site.public_name),
        attendee=recipient,
        changed_at=session.changed_at,
        now=now,
    )
