"""Move or cancel one session."""

from __future__ import annotations

from datetime import datetime

from clinic.models import User
from protocols.models.visit import Place
from scheduling import engine
from scheduling.anchoring import move_anchor
from scheduling.booking import cancel_sessions
from scheduling.findings import explain
from scheduling.locking import booking_transaction, lock_course, lock_kinds, lock_session, retried
from scheduling.messages import outbox
from scheduling.models import Course, Hold, Session, SessionStatus
from scheduling.planning import FURTHEST, alone, legal_starts_of
from scheduling.posing import let_go, only_given, with_course
from scheduling.refusals import BookingRefused, Refusal
from scheduling.seating import claiming, free_seats, hold_rows, label, refuse_session, set_times
from scheduling.settling import settle_course
from scheduling.snapshots import read_problem

ANCHORED = "The visits of this course are counted from this date: move it, or stop the course."


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
    with booking_transaction():
        course = lock_course(session.course_id)
        session = lock_session(session.pk, seen_at=seen_at)
        _refuse_unmovable(session, start, now)
        if start == session.start:
            return session
        if session.visit_type.place == Place.EXTERNAL:
            return _move_anchor(course, session, start, override_reason, now=now)
        problem = read_locked_problem(course, session, now=now)
        visit = problem.protocol_of(problem.courses[0]).visit_of(session.track.name, session.number)
        old = list(session.holds.all())
        if override_reason:
            set_times(session, start, site=course.site, minutes=visit.minutes)
            seats = free_seats(session, visit.holds, prefer=old)
        else:
            seats = list(_legal_placement(problem, session, start, old, visit).holds)
            set_times(session, start, site=course.site, minutes=visit.minutes)
        _write_move(session, hold_rows(session, visit.holds, seats), override_reason, now=now)
        outbox.sessions_changed(course, [session], now=now)
    return session


def _move_anchor(course: Course, anchor: Session, start: datetime, override_reason: str, *, now: datetime) -> Session:
    moved = move_anchor(course, anchor, start=start.replace(second=0, microsecond=0), now=now)
    anchor.override_reason = override_reason[:200]
    anchor.save(update_fields=["override_reason"])
    outbox.sessions_changed(course, moved, now=now)
    return anchor


def read_locked_problem(course: Course, session: Session, *, now: datetime) -> engine.Problem:
    """The course's problem, once every resource that the session could use is locked."""
    kinds = session.visit_type.stages.values_list("needs__kind", flat=True)
    lock_kinds(course.site_id, {kind for kind in kinds if kind})
    return only_given(read_problem(site=course.site, courses=[course], now=now))


def _refuse_unmovable(session: Session, start: datetime, now: datetime) -> None:
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


def _legal_placement(
    problem: engine.Problem, session: Session, start: datetime, old: list[Hold], visit: engine.Visit
) -> engine.PlacedSession:
    key = (session.track.name, session.number)
    day = start.astimezone(session.site.zone).date()
    for offer in legal_starts_of(problem, key, day, day):
        if offer.start == start:
            return offer
    raise BookingRefused(_reasons_against(problem, session, start, old, visit))


def _reasons_against(
    problem: engine.Problem, session: Session, start: datetime, old: list[Hold], visit: engine.Visit
) -> list[Refusal]:
    """Every rule that a session at this start would break, with the seats it would have to take."""
    key = (session.track.name, session.number)
    was = session.start
    refusals: list[Refusal] = []
    set_times(session, start, site=session.site, minutes=visit.minutes)
    try:
        seats = free_seats(session, visit.holds, prefer=old)
    except BookingRefused as refused:
        refusals += refused.refusals
        seats = [engine.PlacedHold(n.kind, str(h.resource_id), h.seat) for n, h in zip(visit.holds, old, strict=False)]
    set_times(session, was, site=session.site, minutes=visit.minutes)
    free = let_go(problem.courses[0], {key})
    placed = engine.PlacedSession(*key, start, tuple(seats))
    plan = engine.CoursePlan(free.id, engine.PLANNED, (*free.locked, placed))
    posed = with_course(problem, free)
    found = explain(engine.check(posed, alone(plan)), posed, site=session.site)
    if refusals:
        found = [refusal for refusal in found if refusal.rule != "seat"]
    return [*found, *refusals] or [
        Refusal("This time is not offered for the visit.", session=label(session), rule="start")
    ]


def _write_move(session: Session, holds: list[Hold], override_reason: str, *, now: datetime) -> None:
    session.sequence += 1
    session.override_reason, session.changed_at = override_reason[:200], now
    with claiming([session], holds):
        # One transaction: nobody else sees the old seats free before the new ones are held.
        session.holds.all().delete()
        session.save(
            update_fields=[
                "start",
                "end",
                "local_date",
                "local_time",
                "timezone",
                "sequence",
                "override_reason",
                "changed_at",
            ]
        )
        Hold.objects.bulk_create(holds)


@retried
def cancel_session(
    session: Session, *, reason: str, now: datetime, by: User | None = None, seen_at: datetime | None = None
) -> Session:
    """Give up the session's number for good; the rest of the course stays as it is. Asked twice, return it."""
    with booking_transaction():
        course = lock_course(session.course_id)
        session = lock_session(session.pk, seen_at=None)
        if session.status == SessionStatus.CANCELLED:
            return session
        session = lock_session(session.pk, seen_at=seen_at)
        if session.visit_type.place == Place.EXTERNAL:
            raise refuse_session(session, ANCHORED, rule="status")
        _refuse_unless_to_come(session, "cancelled", now)
        cancel_sessions([session], reason=reason, now=now, by=by)
        settle_course(course, now=now)
        outbox.sessions_changed(course, [session], now=now)
    return session
