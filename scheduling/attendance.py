"""Record who came: arrived, treated, completed, missed, and a wrong click undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clinic.models import User
from protocols.models.shape import MissedPolicy
from protocols.models.visit import Place
from scheduling.changes import recording, undo_change
from scheduling.locking import booking_transaction, lock_course, lock_session, retried
from scheduling.messages import outbox
from scheduling.models import Change, ChangeKind, Course, CourseStatus, MissedReason, Session, SessionStatus
from scheduling.refusals import BookingRefused
from scheduling.replanning import Replan, replan_missed, take_back_replan
from scheduling.seating import refuse_session
from scheduling.settling import settle_course
from scheduling.watching import Watch, find_watch
from scheduling.words import name_visit, say_time

UNRECORDED_AFTER = timedelta(hours=12)
"""So long after its end a visit that nobody recorded is flagged."""
EARLY = timedelta(hours=2)
"""So much before its time a visit may be; further off, morning and afternoon were mixed up."""
TOO_EARLY = "Time: this is more than two hours before the visit. Look at the hour once more, and at AM or PM."


@dataclass(frozen=True)
class MissedOutcome:
    """What became of a missed session: the sessions that are new or lie at another time, and a sentence for staff."""

    session: Session
    replanned: list[Session]
    message: str


@retried
def mark_arrived(session: Session, *, now: datetime, by: User | None, seen_at: datetime | None = None) -> Session:
    """The patient is here; the first arrival lets the course run."""
    with booking_transaction():
        course, session = _lock(session, seen_at)
        if session.status != SessionStatus.ARRIVED:
            _refuse_unless(session, {SessionStatus.BOOKED}, "arrived", now)
            _set_status(session, SessionStatus.ARRIVED, now=now, by=by)
            settle_course(course, now=now)
    return session


@retried
def mark_treated(
    session: Session, *, at: datetime, now: datetime, by: User | None, seen_at: datetime | None = None
) -> Watch:
    """The treatment was given `at`: from then on the watching is counted. Said again, the later word holds."""
    with booking_transaction():
        _, session = _lock(session, seen_at)
        _refuse_unless(session, {SessionStatus.ARRIVED}, "treated", now)
        session.treated_at = at.astimezone(UTC)  # elapsed minutes are counted from it, whatever the clocks do
        watch = find_watch(session)
        if watch is None:
            raise refuse_session(session, "Nobody is watched after this visit.", rule="watching")
        zone = session.site.zone
        if at > now or at.astimezone(zone).date() != session.local_date:
            message = "Time: the treatment was given on the day of the visit, and not later than now."
            raise refuse_session(session, message, rule="time")
        if at < session.start - EARLY:
            raise refuse_session(session, TOO_EARLY, rule="time")
        session.changed_at = now
        session.save(update_fields=["treated_at", "changed_at"])
    return watch


@retried
def mark_completed(session: Session, *, now: datetime, by: User | None, seen_at: datetime | None = None) -> Session:
    with booking_transaction():
        course, session = _lock(session, seen_at)
        if session.status != SessionStatus.COMPLETED:
            _refuse_unless(session, {SessionStatus.ARRIVED, SessionStatus.UNRECORDED}, "completed", now)
            _set_status(session, SessionStatus.COMPLETED, now=now, by=by)
            settle_course(course, now=now)
    return session


@retried
def mark_missed(
    session: Session, *, reason: str, now: datetime, by: User | None, seen_at: datetime | None = None
) -> MissedOutcome:
    """Free its seats and plan its number again by the policy of its phase. `reason` is a MissedReason."""
    if reason not in MissedReason.values:
        raise refuse_session(session, "Say why the visit was missed.", rule="reason")
    with booking_transaction():
        course, session = _lock(session, seen_at)
        if session.status == SessionStatus.MISSED:
            return MissedOutcome(session, [], "This visit was marked missed before.")
        # Who came but ate, or has nobody to take them home, misses the visit too.
        before = {SessionStatus.BOOKED, SessionStatus.ARRIVED, SessionStatus.UNRECORDED}
        _refuse_unless(session, before, "missed", now)
        if session.treated_at is not None:
            raise refuse_session(session, "This visit was not missed: the treatment was given.", rule="treated")
        summary = f"{name_visit(session)} missed"
        with recording([course], kind=ChangeKind.MISSED, summary=summary, now=now, by=by):
            session.missed_reason = reason
            session.sequence += 1  # before its time it leaves the patient's calendar by a message of its own
            _set_status(session, SessionStatus.MISSED, now=now, by=by)
            session.holds.all().delete()
            replan = replan_missed(course, session, now=now, by=by)
            settle_course(course, now=now)
            outbox.sessions_changed(course, [session, *replan.sessions], now=now)
    return MissedOutcome(session, replan.sessions, _sentence(course, replan))


def _sentence(course: Course, replan: Replan) -> str:
    if course.status == CourseStatus.STOPPED:
        return "The course was stopped, so nothing is planned in its place."
    if course.status == CourseStatus.PAUSED:
        return "The course is paused: the visit is planned again when it goes on."
    if not replan.sessions:
        text = "No legal time was found to plan it again, so the course is one visit shorter for now."
    else:
        new = replan.sessions[0]
        when = f"{new.local_date:%B} {new.local_date.day} at {say_time(new.local_time)}"
        moved = len(replan.sessions) - 1
        text = f"Planned again on {when}."
        if moved:
            text += f" {moved} other visit{'s' if moved > 1 else ''} moved."
    if replan.policy == MissedPolicy.STEP_BACK:
        text += " A clinician should consider stepping back to the earlier schedule."
    return text


@retried
def undo_attendance(session: Session, *, now: datetime, by: User | None, seen_at: datetime | None = None) -> Session:
    """Take back the last mark: completed, treated, arrived or missed; then it is booked, or unrecorded where long over.

    A missed one takes up its time again where that is free, and all is as it was before; once the patient was told, the
    visit planned in its place is cancelled instead.
    """
    with booking_transaction():
        course, session = _lock(session, seen_at)
        if session.status == SessionStatus.COMPLETED:
            _set_status(session, SessionStatus.ARRIVED, now=now, by=by)
        elif session.status == SessionStatus.ARRIVED and session.treated_at is not None:
            session.treated_at, session.changed_at = None, now
            session.save(update_fields=["treated_at", "changed_at"])
        elif session.status == SessionStatus.ARRIVED:
            _set_status(session, _unmarked(session, now), now=now, by=by)
        elif session.status == SessionStatus.MISSED:
            _undo_missed(course, session, now=now, by=by)
        else:
            raise refuse_session(session, "There is nothing to take back on this visit.", rule="status")
        settle_course(course, now=now)
    return session


def _undo_missed(course: Course, session: Session, *, now: datetime, by: User | None) -> None:
    change = Change.objects.filter(kind=ChangeKind.MISSED, sessions__session=session, made_at=session.status_at).first()
    if change is not None:
        try:
            undo_change(change, now=now, by=by)
        except BookingRefused:
            pass  # the patient was told, or the seats are gone: then it is booked anew
        else:
            session.refresh_from_db()
            if session.status == SessionStatus.BOOKED != _unmarked(session, now):
                _set_status(session, SessionStatus.UNRECORDED, now=now, by=by)
            return
    changed = take_back_replan(course, session, now=now, by=by)
    session.missed_reason = ""
    session.sequence += 1
    _set_status(session, _unmarked(session, now), now=now, by=by)
    outbox.sessions_changed(course, [session, *changed], now=now)


def _unmarked(session: Session, now: datetime) -> SessionStatus:
    """What a visit is that nobody has recorded."""
    return SessionStatus.UNRECORDED if session.end < now - UNRECORDED_AFTER else SessionStatus.BOOKED


def mark_unrecorded(*, now: datetime) -> int:
    """Flag booked sessions that are long over and that nobody recorded; the number of them."""
    over = Session.objects.filter(status=SessionStatus.BOOKED, end__lt=now - UNRECORDED_AFTER)
    over = over.exclude(visit_type__place=Place.EXTERNAL)
    # One filtered update: a visit that a clerk records at the same moment is left as recorded.
    return over.update(status=SessionStatus.UNRECORDED, status_at=now, status_by=None, changed_at=now)


def _lock(session: Session, seen_at: datetime | None) -> tuple[Course, Session]:
    course = lock_course(session.course_id)
    return course, lock_session(session.pk, seen_at=seen_at)


def _refuse_unless(session: Session, states: set[SessionStatus], mark: str, now: datetime) -> None:
    status = session.get_status_display().lower()
    if session.visit_type.place == Place.EXTERNAL:
        raise refuse_session(session, f"A date elsewhere cannot be marked {mark}.", rule="status")
    if session.status not in states:
        raise refuse_session(session, f"This visit cannot be marked {mark}: it is {status}.", rule="status")
    if session.local_date > now.astimezone(session.site.zone).date():
        raise refuse_session(session, f"This visit cannot be marked {mark} before its day.", rule="early")


def _set_status(session: Session, status: SessionStatus, *, now: datetime, by: User | None) -> None:
    session.status, session.status_at, session.status_by, session.changed_at = status, now, by, now
    session.save(update_fields=["status", "status_at", "status_by", "changed_at", "missed_reason", "sequence"])
