"""Move or cancel one session."""

from __future__ import annotations

from copy import copy
from datetime import datetime

from clinic.models import User
from protocols.models.visit import Place
from scheduling import engine
from scheduling.anchoring import move_anchor
from scheduling.booking import cancel_sessions
from scheduling.broken_links import find_hanging
from scheduling.changes import recording
from scheduling.findings import explain
from scheduling.locking import booking_transaction, lock_course, lock_kinds, lock_session, retried
from scheduling.messages import outbox
from scheduling.models import ChangeKind, Course, Session, SessionStatus
from scheduling.planning import FURTHEST, alone, legal_starts_of
from scheduling.posing import let_go, lock_beyond, only_given, with_course
from scheduling.refusals import BookingRefused, Refusal
from scheduling.seating import free_seats, label, refuse_session, set_times
from scheduling.settling import settle_course
from scheduling.shifting import move_rows
from scheduling.snapshots import read_problem
from scheduling.words import label_session, name_visit, say_moved

ANCHORED = "The visits of this course are counted from this date: move it, or stop the course."
NEEDED = "{visits} can only follow this visit. Skip it instead: what hangs on it goes with it."


@retried
def move_session(
    session: Session,
    *,
    start: datetime,
    now: datetime,
    by: User | None = None,
    override_reason: str = "",
    seen_at: datetime | None = None,
) -> Session:
    """Move a session to a legal start; with a reason, to any start whose seats are free.

    The caller checks the permission to override. `seen_at` is the session's `changed_at` as the clerk saw it: where
    somebody has changed it since, the move is refused. The old seats are kept until the new ones are held.
    With the date that the course is counted from, its visits to come are planned again.
    """
    start = start.replace(microsecond=0)
    with booking_transaction():
        course = lock_course(session.course_id)
        session = lock_session(session.pk, seen_at=seen_at)
        refuse_unmovable(session, start, now)
        if start == session.start:
            return session
        with recording([course], kind=ChangeKind.MOVED, summary="", now=now, by=by) as kept:
            if session.visit_type.place == Place.EXTERNAL:
                moved = move_anchor(course, session, start=start.replace(second=0, microsecond=0), now=now)
            else:
                moved = _move_alone(course, session, start, override_reason, now=now)
            _keep_reason(session, override_reason)
            outbox.sessions_changed(course, moved, now=now)
            kept.summary = say_moved(session, len(moved) - 1)
    return session


def _move_alone(course: Course, session: Session, start: datetime, reason: str, *, now: datetime) -> list[Session]:
    problem = read_locked_problem(course, session, now=now)
    protocol, key = problem.protocol_of(problem.courses[0]), (session.track.name, session.number)
    if reason:
        placed = engine.PlacedSession(*key, start, seats_at(session, start, protocol.visit_of(*key)))
    else:
        placed = legal_placement(problem, session, start)
    return move_rows(course, protocol, {key: (session, placed)}, now=now)


def _keep_reason(session: Session, override_reason: str) -> None:
    """Why a rule was set aside; of a time that keeps them all the reason is empty already."""
    if override_reason:
        session.override_reason = override_reason[:200]
        session.save(update_fields=["override_reason"])


def read_locked_problem(course: Course, session: Session, *, now: datetime) -> engine.Problem:
    """The course's problem, once every resource that the session could use is locked."""
    kinds = session.visit_type.stages.values_list("needs__kind", flat=True)
    lock_kinds(course.site_id, {kind for kind in kinds if kind})
    return only_given(read_problem(site=course.site, courses=[course], now=now, replan=True))


def refuse_unmovable(session: Session, start: datetime, now: datetime) -> None:
    _refuse_unless_to_come(session, "moved", now)
    if start <= now:
        raise refuse_session(session, "A visit cannot be moved into the past.", rule="past")
    if start > now + FURTHEST:
        raise refuse_session(session, "A visit cannot be moved more than two years ahead.", rule="horizon")


def _refuse_unless_to_come(session: Session, act: str, now: datetime) -> None:
    """Who is late may still come at another time; of a visit that is over only what became of it can be said."""
    if session.status != SessionStatus.BOOKED:
        status = session.get_status_display().lower()
        raise refuse_session(session, f"This visit cannot be {act}: it is {status}.", rule="status")
    if session.end <= now and session.visit_type.place != Place.EXTERNAL:
        raise refuse_session(session, f"This visit cannot be {act}: it is over. Record what became of it.", rule="past")


def legal_placement(problem: engine.Problem, session: Session, start: datetime) -> engine.PlacedSession:
    """The session at a start that keeps every rule, all others staying; or BookingRefused with each that it breaks."""
    problem = lock_beyond(problem, (session.track.name, session.number), session.course.known_pause_on)
    day = start.astimezone(session.site.zone).date()
    for offer in legal_starts_of(problem, (session.track.name, session.number), day, day):
        if offer.start == start:
            return offer
    raise BookingRefused(_reasons_against(problem, session, start))


def seats_at(session: Session, start: datetime, visit: engine.Visit) -> tuple[engine.PlacedHold, ...]:
    """Free seats for the session at another start, those it has now first; or BookingRefused."""
    there = copy(session)
    set_times(there, start, site=session.site, minutes=visit.minutes)
    return tuple(free_seats(there, visit.holds, prefer=session.holds.all()))


def _reasons_against(problem: engine.Problem, session: Session, start: datetime) -> list[Refusal]:
    """Every rule that a session at this start would break, with the seats it would have to take."""
    key = (session.track.name, session.number)
    visit = problem.protocol_of(problem.courses[0]).visit_of(*key)
    refusals: list[Refusal] = []
    try:
        seats = seats_at(session, start, visit)
    except BookingRefused as refused:
        refusals += refused.refusals
        old = zip(visit.holds, session.holds.all(), strict=False)
        seats = tuple(engine.PlacedHold(need.kind, str(hold.resource_id), hold.seat) for need, hold in old)
    posed = with_course(problem, let_go(problem.courses[0], {key}))
    known = {_fault(violation) for violation in _broken_at(posed, next(at for at in _given(problem) if at.key == key))}
    new = _broken_at(posed, engine.PlacedSession(*key, start, seats))
    # What other visits break already is no reason against this one.
    new = [broken for broken in new if (broken.track, broken.number) == key or _fault(broken) not in known]
    found = explain(new, posed, site=session.site)
    if refusals:
        found = [refusal for refusal in found if refusal.rule != "seat"]
    return [*found, *refusals] or [
        Refusal("This time is not offered for the visit.", session=label(session), rule="start")
    ]


def _given(problem: engine.Problem) -> tuple[engine.PlacedSession, ...]:
    return (*problem.courses[0].locked, *problem.courses[0].current)


def _broken_at(posed: engine.Problem, placed: engine.PlacedSession) -> list[engine.Violation]:
    """What the course breaks with the session that was let go at a place."""
    plan = engine.CoursePlan(posed.courses[0].id, engine.PLANNED, (*_given(posed), placed))
    return engine.check(posed, alone(plan))


def _fault(violation: engine.Violation) -> tuple[object, ...]:
    return violation.rule, violation.track, violation.number


@retried
def cancel_session(
    session: Session, *, reason: str, now: datetime, by: User | None = None, seen_at: datetime | None = None
) -> Session:
    """Give up the session's number for good; the rest of the course stays as it is. Asked twice, return it.

    Refused where another visit can only follow this one.
    """
    with booking_transaction():
        course = lock_course(session.course_id)
        session = lock_session(session.pk, seen_at=None)
        if session.status == SessionStatus.CANCELLED:
            return session
        session = lock_session(session.pk, seen_at=seen_at)
        if session.visit_type.place == Place.EXTERNAL:
            raise refuse_session(session, ANCHORED, rule="status")
        _refuse_unless_to_come(session, "cancelled", now)
        if hanging := find_hanging(course, session, now=now):
            visits = ", ".join(label_session(*key, several=True) for key in hanging)
            raise refuse_session(session, NEEDED.format(visits=visits), rule="link")
        summary = f"{name_visit(session)} cancelled"
        with recording([course], kind=ChangeKind.CANCELLED, summary=summary, now=now, by=by):
            cancel_sessions([session], reason=reason, now=now, by=by)
            settle_course(course, now=now)
            outbox.sessions_changed(course, [session], now=now)
    return session
