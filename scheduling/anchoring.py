"""Move the date that a course is counted from, an operation, and its visits to come with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from protocols.models.visit import Place
from scheduling import engine
from scheduling.explaining import say_why
from scheduling.models import Course, Session, SessionStatus
from scheduling.planning import alone
from scheduling.posing import Key, let_go, only_given, unlock, with_course
from scheduling.replanning import REACH, TIME_LIMIT
from scheduling.seating import lock_seats, refuse_session, set_times
from scheduling.shifting import move_rows
from scheduling.snapshots import Numbered, number_rows, read_problem

DO_NOT_FIT = "The visits that are counted from this date cannot follow it."
TAKEN = "Seats were taken while the visits were planned again. Nothing was changed; please try again."


def move_anchor(course: Course, anchor: Session, *, start: datetime, now: datetime) -> list[Session]:
    """The sessions that moved, the anchor among them; or a refusal, and nothing has changed.

    The course and its patient are locked. What has begun, and what was recorded, stays where it is.
    """
    rows = number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))
    key = (anchor.track.name, anchor.number)
    rows[key] = anchor
    to_come = {k for k, row in rows.items() if _follows(row, now)}
    problem = _pose(course, rows, key, start, to_come, now)
    if not any(rows[k].is_live for k in to_come):
        given = engine.PlacedSession(*key, start)
        return move_rows(course, problem.protocol_of(problem.courses[0]), {key: (anchor, given)}, now=now)
    # Resources are locked only once there is a plan: nobody else waits while it is looked for.
    for _ in range(2):
        posed, plan = _plan(problem, course, anchor)
        lock_seats(plan.sessions)
        problem = _pose(course, rows, key, start, to_come, now)
        if not engine.check(with_course(problem, posed), alone(plan)):
            return _write(course, problem, rows, {key, *to_come}, plan, shift=posed.shift_days, now=now)
    raise refuse_session(anchor, TAKEN, rule="seat")


def _follows(row: Session, now: datetime) -> bool:
    """A number that was given up is still in the order of the others, so its time goes with theirs."""
    if row.visit_type.place == Place.EXTERNAL or row.start <= now:
        return False
    return row.status in {SessionStatus.BOOKED, SessionStatus.CANCELLED}


def _pose(
    course: Course, rows: Numbered, key: Key, start: datetime, to_come: Collection[Key], now: datetime
) -> engine.Problem:
    """What is booked of the course, with its anchor at the new date and its visits to come free to move."""
    last_on = max(row.local_date for row in rows.values())
    later = start.astimezone(course.site.zone).date() - rows[key].local_date
    end = max(last_on, last_on + later) + REACH
    problem = only_given(read_problem(site=course.site, courses=[course], now=now, horizon_end=end))
    posed = let_go(problem.courses[0], {key, *(k for k in to_come if not rows[k].is_live)})
    posed = replace(posed, locked=(engine.PlacedSession(*key, start), *posed.locked))
    return with_course(problem, unlock(posed, to_come))


def _plan(problem: engine.Problem, course: Course, anchor: Session) -> tuple[engine.Course, engine.CoursePlan]:
    for shift in _shifts(problem.courses[0]):
        posed = replace(problem.courses[0], shift_days=shift)
        plan = engine.plan(with_course(problem, posed), time_limit=TIME_LIMIT).courses[0]
        if plan.planned:
            return posed, plan
    why = say_why(plan, with_course(problem, posed), site=course.site)
    raise refuse_session(anchor, f"{DO_NOT_FIT} {why}", rule="plan")


def _shifts(posed: engine.Course) -> Iterator[int | None]:
    """By how much windows lie later: not at all before the first visit, else as they did."""
    if len(posed.locked) == 1:
        yield None
        return
    yield posed.shift_days
    if posed.shift_days is None:
        yield 0  # the longest gap is not asked between what has been and what follows the new date


def _write(
    course: Course,
    problem: engine.Problem,
    rows: Numbered,
    keys: Collection[Key],
    plan: engine.CoursePlan,
    *,
    shift: int | None,
    now: datetime,
) -> list[Session]:
    protocol = problem.protocol_of(problem.courses[0])
    placed = {at.key: at for at in plan.sessions}
    for key in keys:
        if not rows[key].is_live:
            set_times(rows[key], placed[key].start, site=course.site, minutes=protocol.visit_of(*key).minutes)
            rows[key].save(update_fields=["start", "end", "local_date", "local_time", "timezone"])
    course.shift_days = shift
    course.save(update_fields=["shift_days"])
    live = {key: (rows[key], placed[key]) for key in keys if rows[key].is_live}
    return move_rows(course, protocol, live, now=now)
