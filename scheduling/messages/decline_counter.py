"""The answer to a time proposed from a calendar: DECLINECOUNTER (RFC 5546 3.2.8), so that the appointment stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from scheduling.messages.composed import Composed, NotNeeded
from scheduling.messages.ics import write_declined_counter
from scheduling.messages.letters import write_list_letter
from scheduling.messages.papers import Papers
from scheduling.messages.sender import one_line, sender_address
from scheduling.messages.told import announcement_of, event_uid, is_ahead, is_told
from scheduling.models import Notice


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
    organizer = (sender_address(session.site), session.site.public_name)
    return replace(
        letter,
        told=(),
        facts=f"DECLINECOUNTER {event_uid(session)} {told.invited_sequence} {session.start.isoformat()}",
        event=write_declined_counter(
            uid=str(event_uid(session)), sequence=told.invited_sequence or 0, organizer=organizer, now=now
        ),
        method="DECLINECOUNTER",
    )
