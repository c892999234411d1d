"""Takes events out of calendars that are not the patient's any more, and never says one of them again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scheduling.messages.links import close_links
from scheduling.messages.rows import new_notice
from scheduling.messages.told import announcement_of, event_uid, is_back, retire_events, stands_elsewhere
from scheduling.models import Notice, NoticeCopy, NoticeKind, Session

if TYPE_CHECKING:
    from scheduling.messages.outbox import Ledger


def clear_calendars(ledger: Ledger, sessions: Iterable[Session]) -> list[Session]:
    """Those whose event was withdrawn; the withdrawal alone knows of it from now on, so that there is only one."""
    sessions = list(sessions)
    maybe_off = find_maybe_called_off(ledger)
    retire_events([session for session in sessions if is_back(session) or session.pk in maybe_off])
    patient = ledger.course.patient
    withdrawn = [session for session in sessions if stands_elsewhere(session, patient, now=ledger.now)]
    ledger.new += [withdrawal_of(session, ledger) for session in withdrawn]
    retire_events(withdrawn)
    close_links(withdrawn, now=ledger.now)
    return withdrawn


def find_maybe_called_off(ledger: Ledger) -> set[int]:
    """Visits that stand again while the CANCEL of their event is on its way, or may have arrived unrecorded."""
    unsure = [n for n in ledger.waiting if n.kind == NoticeKind.CALENDAR and (n.uncertain or n.claimed_until)]
    if not unsure:
        return set()
    standing = {session.pk: session for session in ledger.sessions if session.is_live and announcement_of(session)}
    said = NoticeCopy.objects.filter(notice__in=unsure, notice__session__in=standing, event__contains="METHOD:CANCEL")
    copies = said.values_list("notice__session", "event")
    return {key for key, event in copies if key and str(event_uid(standing[key])) in event}


def withdrawal_of(session: Session, ledger: Ledger) -> Notice:
    """RFC 5546 3.2.5: who is no longer an attendee gets a CANCEL of their own."""
    uid = event_uid(session)
    return new_notice(
        course=ledger.course,
        session=session,
        kind=NoticeKind.WITHDRAWAL,
        key=f"withdrawal:{uid}",
        recipient=session.announcement.invited_to,
        event_uid=uid,
        sequence=session.sequence + 1,
        due_at=ledger.now,
        now=ledger.now,
    )
