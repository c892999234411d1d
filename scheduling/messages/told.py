"""What the patient was last told about each session, and what is news to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from clinic.models import Patient, Site
from scheduling.models import Announcement, Notice, Session, SessionStatus


@dataclass(frozen=True)
class Told:
    """One session's time, or its cancellation, as a message states it."""

    session_id: int
    start: datetime
    cancelled: bool = False
    invited_to: str = ""
    sequence: int | None = None
    uid: UUID | None = None  # of the event that was sent along


def announcement_of(session: Session) -> Announcement | None:
    return getattr(session, "announcement", None)


def event_uid(session: Session) -> UUID:
    """Of the event in the patient's calendar: the session's own, until it was called off there (RFC 5546 3.2.5)."""
    told = announcement_of(session)
    return session.uid if told is None or told.event_uid is None else told.event_uid


def is_invited(session: Session) -> bool:
    announcement = announcement_of(session)
    return announcement is not None and bool(announcement.invited_to)


def is_back(session: Session) -> bool:
    """Whether its event was called off, and the visit stands again."""
    return is_invited(session) and session.is_live and session.announcement.told_cancelled


def retire_events(sessions: Sequence[Session]) -> None:
    """After CANCEL a UID is dead: the next invite is another event, also to an address that had the first one."""
    rows = [session.announcement for session in sessions]
    for row in rows:
        row.event_uid, row.invited_to, row.invited_sequence = uuid4(), "", None
    Announcement.objects.bulk_update(rows, ["event_uid", "invited_to", "invited_sequence"])


def stands_elsewhere(session: Session, patient: Patient, *, now: datetime) -> bool:
    """Whether a visit that the patient expects is an event in a calendar that is not theirs any more."""
    if not is_invited(session) or session.announcement.invited_to == (patient.email if patient.gets_invites else ""):
        return False
    is_off = is_called_off(session, now=now) or is_expected_in_vain(session, now=now)
    return is_off or is_ahead(session, now=now)


def may_stand_at(notice: Notice, session: Session) -> str:
    """The address where an attempt that broke off may have put the event, unless it was called off there since."""
    is_same_event = notice.event_uid in {None, event_uid(session)}
    return notice.recipient if notice.uncertain and is_same_event else ""


def is_ahead(session: Session, *, now: datetime) -> bool:
    """Whether the patient is to come to it: booked, not begun, and one of those that are announced at all."""
    return session.status == SessionStatus.BOOKED and session.start > now and session.visit_type.is_announced


def is_called_off(session: Session, *, now: datetime) -> bool:
    """Whether the patient still expects it, at a time not yet past, though it is cancelled."""
    told = announcement_of(session)
    return not session.is_live and told is not None and not told.told_cancelled and told.told_start > now


def is_expected_in_vain(session: Session, *, now: datetime) -> bool:
    """Whether it was moved forward and is over, before anything could be sent: the patient still waits for it."""
    told = announcement_of(session)
    return told is not None and session.is_live and session.start <= now < told.told_start


def stated_start(session: Session, *, cancelled: bool) -> datetime:
    """A cancellation names the time the patient knows, not one the session had for a moment before."""
    told = announcement_of(session)
    return told.told_start if cancelled and told is not None else session.start


def is_on_horizon(session: Session, *, site: Site, now: datetime) -> bool:
    """Whether its invite is due by now. The horizon is elapsed days before the visit."""
    return session.start - timedelta(days=site.invite_days) <= now


def is_told(session: Session) -> bool:
    """Whether the last the patient heard is still true."""
    told = announcement_of(session)
    if told is None:
        return not session.is_live
    if told.came_back:
        return False
    return told.told_cancelled if not session.is_live else told.told_start == session.start and not told.told_cancelled


def is_news_by_list(session: Session, *, site: Site, now: datetime) -> bool:
    """Whether a list of changed times must tell it: invites tell of whoever is invited, and of what is near."""
    if is_invited(session):
        return False
    if is_called_off(session, now=now) or is_expected_in_vain(session, now=now):
        return True
    return is_ahead(session, now=now) and not is_told(session) and not is_on_horizon(session, site=site, now=now)


def is_news(session: Session, *, now: datetime) -> bool:
    """Whether the patient must hear of it, by whatever way."""
    if is_called_off(session, now=now) or is_expected_in_vain(session, now=now):
        return True
    return is_ahead(session, now=now) and not is_told(session)


def record_told(told: Sequence[Told], *, at: datetime, in_person: bool = False) -> None:
    """Write down what a message said that was composed `at`; the one composed last has the last word.

    A list does not speak for invites: what stands in the patient's calendar is what the last invite said, unless
    staff told them `in_person`.
    """
    rows = Announcement.objects.select_for_update(of=("self",)).select_related("session")
    rows = rows.filter(session__in=[fact.session_id for fact in told])
    known = {row.session_id: row for row in rows.order_by("session_id")}
    fresh = [Announcement(session_id=fact.session_id) for fact in told if fact.session_id not in known]
    known |= {row.session_id: row for row in fresh}
    later = []
    for fact in told:
        row = known[fact.session_id]
        if in_person or is_later(fact, row, at):
            state_told(row, fact, at)
            later.append(row)
    Announcement.objects.bulk_create(fresh, ignore_conflicts=True)
    fields = ["told_start", "told_cancelled", "came_back", "invited_to", "invited_sequence", "told_at"]
    Announcement.objects.bulk_update([row for row in later if row.pk and row not in fresh], fields)


def is_later(fact: Told, row: Announcement, at: datetime) -> bool:
    if fact.invited_to:
        is_same_event = row.pk is None or fact.uid == (row.event_uid or row.session.uid)  # not called off meanwhile
        return is_same_event and (row.invited_sequence is None or row.invited_sequence <= (fact.sequence or 0))
    return not row.invited_to and (row.told_at is None or row.told_at <= at)


def state_told(row: Announcement, fact: Told, at: datetime) -> None:
    row.told_start, row.told_cancelled, row.told_at, row.came_back = fact.start, fact.cancelled, at, False
    if fact.invited_to:
        row.invited_to, row.invited_sequence = fact.invited_to, fact.sequence
