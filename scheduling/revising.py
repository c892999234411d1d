"""A course planned again after its days or its shape changed: posed, planned, shown, and written as it was shown.

What pauses, added visits and another rhythm have in common. Rows keep their times where they can; which number a row
has is of no matter to a patient, so rows that stay take the numbers before them and only as few as can be move.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from clinic.models import User
from scheduling import engine
from scheduling.booking import cancel_sessions
from scheduling.course_change import TAKEN, CourseChange, VisitShift, order_shifts, refuse_unless_shown
from scheduling.explaining import RAN_OUT, say_why
from scheduling.messages import outbox
from scheduling.models import Course, Session, SessionStatus
from scheduling.planning import alone
from scheduling.posing import Key, window
from scheduling.refusals import BookingRefused, refuse
from scheduling.replanning import REACH, renumber
from scheduling.seating import claiming, insert_sessions, lock_seats, set_times
from scheduling.shifting import move_rows
from scheduling.snapshots import Numbered, number_rows, protocol_of, read_problem

TIME_LIMIT = 3.0
POSED = ("shift_days", "earliest_start", "latest_start")
"""Fields of a course by which it is posed otherwise."""


@dataclass(frozen=True)
class Attempt:
    """One way to plan a course again: the course posed for it, and which rows take which numbers.

    `homeless` rows take the places of the plan that suit them, or are given up. `dropped` are rows given up before
    whose numbers are taken by others.
    """

    problem: engine.Problem
    rows: Mapping[Key, Session]
    homeless: tuple[Session, ...] = ()
    dropped: tuple[Session, ...] = ()


@dataclass(frozen=True)
class Revision:
    """A course as it would be: `rows` by their new numbers, those that are `gone`, and fields of the course.

    Rows that are gone keep their numbers where nothing shall be planned in their place: `number_is_given_up`, or until
    the course goes on: `set_aside`.
    """

    change: CourseChange
    problem: engine.Problem
    plan: engine.CoursePlan
    rows: Mapping[Key, Session] = field(default_factory=dict)
    gone: tuple[Session, ...] = ()
    dropped: tuple[Session, ...] = ()
    set_aside: bool = False
    number_is_given_up: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


Find = Callable[[Course], Revision]
"""What an act would do to a course, which it may change in memory; raises BookingRefused where it cannot be."""


def propose(course: Course, find: Find) -> CourseChange:
    """What the act would change, or why it cannot be. Only reads; the course is read anew."""
    course = Course.objects.select_related("site", "version", "patient").get(pk=course.pk)
    try:
        return find(course).change
    except BookingRefused as refused:
        return CourseChange(course, refusals=refused.refusals)


def find_as_shown(course: Course, find: Find, expected: str) -> Revision:
    """The same as was shown, with its seats locked, of a course that is locked; or BookingRefused."""
    # Seats are locked only once there is a plan: nobody else waits while it is looked for.
    found = _as_shown(course, find, expected)
    for _ in range(2):
        lock_seats(found.plan.sessions)
        before, found = found, _as_shown(course, find, expected)
        if found.plan.sessions == before.plan.sessions:
            return found
    raise refuse(TAKEN, rule="seat")


def _as_shown(course: Course, find: Find, expected: str) -> Revision:
    found = find(copy(course))
    refuse_unless_shown(found.change, expected)
    return found


# Posing


def ways_later(
    problem: engine.Problem, posed: engine.Course, keys: Collection[Key], on: date
) -> Iterator[engine.Course]:
    """With the windows of these sessions as they are, else so much later that the first one begins on that day."""
    base = posed.shift_days or 0
    opens, closes = min((found for key in keys if (found := window(problem, posed, key))), default=(on, on))
    if on <= closes + timedelta(days=base):
        yield posed
        if posed.shift_days is None:
            yield replace(posed, shift_days=0)  # the longest gap is not asked across what has been
    late = (on - opens).days
    if late > base:
        yield replace(posed, shift_days=late)


def read_rows(course: Course) -> Numbered:
    return number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))


def read_course(course: Course, rows: Numbered, *, now: datetime, until: date | None = None) -> engine.Problem:
    """The course's problem with all of its sessions given, and room to move behind its last one."""
    last_on = max([row.local_date for row in rows.values()] + ([until] if until else []))
    return read_problem(site=course.site, courses=[course], now=now, horizon_end=last_on + REACH)


def as_it_is(
    course: Course, rows: Numbered, *, now: datetime, note: str = "", fields: Mapping[str, Any] | None = None
) -> Revision:
    """No visit takes another time."""
    problem = read_course(course, rows, now=now)
    plan = engine.CoursePlan(problem.courses[0].id, engine.PLANNED, ())
    change = CourseChange(course, notes=(note,) if note else ())
    return Revision(change, problem, plan, fields=fields or {})


def given_up_after(rows: Numbered, keys: Collection[Key]) -> set[Key]:
    """Numbers that were given up behind one of these: they have no visit, but keep their place in the order."""
    first = {track: min(number for name, number in keys if name == track) for track, _ in keys}
    return {
        (track, number)
        for (track, number), row in rows.items()
        if row.status == SessionStatus.CANCELLED and not row.set_aside and number > first.get(track, number)
    }


def reshaped(problem: engine.Problem, course: Course, posed: engine.Course) -> engine.Problem:
    """The problem with the course posed so, in the shape that its fields give it now."""
    shape = protocol_of(course.version, course=course)
    return replace(problem, protocols={posed.protocol: shape}, courses=(posed,))


# Planning


def solve(course: Course, attempts: Iterable[Attempt], *, least: int = 0) -> Revision | None:
    """The plan that changes the fewest visits, of equals the first; none can do with fewer than `least`."""
    best: Revision | None = None
    for attempt in attempts:
        found = plan_attempt(course, attempt)
        if found is not None and (best is None or len(found.change.shifts) < len(best.change.shifts)):
            best = found
            if len(best.change.shifts) <= least:
                break
    return best


def first_solved(course: Course, attempts: Sequence[Attempt]) -> Revision:
    """The plan of the first attempt that has one; else why the last has none, and what would help."""
    for attempt in attempts:
        if found := plan_attempt(course, attempt):
            return found
    raise why_none(course, attempts[-1])


def why_none(course: Course, attempt: Attempt) -> BookingRefused:
    """Why there is no plan, and what would help."""
    answer = engine.plan(attempt.problem, time_limit=TIME_LIMIT).courses[0]
    return refuse(say_why(answer, attempt.problem, site=course.site) or RAN_OUT, rule="plan")


def plan_attempt(course: Course, attempt: Attempt) -> Revision | None:
    plan = engine.plan(attempt.problem, time_limit=TIME_LIMIT, reasons=False).courses[0]
    if not plan.planned:
        return None
    plan = _keep_seats(attempt.problem, plan)
    posed = attempt.problem.courses[0]
    given = {at.key for at in posed.locked}
    free = [at for at in plan.sessions if at.key not in given and at.key not in attempt.rows]
    homes = find_homes(attempt.homeless, free, attempt.problem)
    rows = {**attempt.rows, **homes}
    housed = {row.pk for row in homes.values()}
    gone = tuple(row for row in attempt.homeless if row.pk not in housed)
    shifts = [*show_placed(plan, rows, given), *show_gone(gone)]
    change = CourseChange(course, order_shifts(shifts))
    fields = {name: getattr(posed, name) for name in POSED if getattr(posed, name) != getattr(course, name)}
    return Revision(change, attempt.problem, plan, rows, gone, attempt.dropped, fields=fields)


def _keep_seats(problem: engine.Problem, plan: engine.CoursePlan) -> engine.CoursePlan:
    """Whoever does not move keeps their seats where that is legal."""
    there = {at.key: at for at in problem.courses[0].current}
    kept = tuple(there[at.key] if at.key in there and there[at.key].start == at.start else at for at in plan.sessions)
    as_kept = replace(plan, sessions=kept)
    return plan if engine.check(problem, alone(as_kept)) else as_kept


def find_homes(
    rows: Sequence[Session], places: Collection[engine.PlacedSession], problem: engine.Problem
) -> dict[Key, Session]:
    """Which row takes which place of its track and visit: first those whose own time it is, then in their order."""
    protocol = problem.protocol_of(problem.courses[0])

    def sort_of(at: engine.PlacedSession) -> tuple[str, str]:
        track = protocol.by_name[at.track]
        return at.track, track.visit_of(track.slots[at.number - 1])

    homes: dict[Key, Session] = {}
    for sort in sorted({(row.track.name, row.visit_type.code) for row in rows}):
        alike = sorted((row for row in rows if (row.track.name, row.visit_type.code) == sort), key=lambda r: r.start)
        wanted = sorted((at for at in places if sort_of(at) == sort), key=lambda at: at.start)
        waiting = {row.start: row for row in alike}
        homes |= {at.key: waiting.pop(at.start) for at in wanted if at.start in waiting}
        left = [at for at in wanted if at.key not in homes]
        homes |= {at.key: row for at, row in zip(left, waiting.values(), strict=False)}
    return homes


def show_placed(plan: engine.CoursePlan, rows: Mapping[Key, Session], given: Collection[Key]) -> Iterator[VisitShift]:
    for at in plan.sessions:
        row = rows.get(at.key)
        if at.key in given or is_given_up(row) or (row is not None and row.is_live and row.start == at.start):
            continue
        old_start = row.start if row is not None and row.is_live else None
        yield VisitShift(*at.key, old_start, at.start.astimezone(UTC), row.pk if row else None)


def is_given_up(row: Session | None) -> bool:
    """Whether nobody comes at the place that its number takes."""
    return row is not None and row.status == SessionStatus.CANCELLED and not row.set_aside


def show_gone(rows: Iterable[Session]) -> Iterator[VisitShift]:
    for row in rows:
        yield VisitShift(row.track.name, row.number, row.start, None, row.pk)


# Writing


def write_revision(course: Course, found: Revision, *, why_gone: str, now: datetime, by: User | None) -> None:
    """Cancel, renumber, move, take back and insert rows; the course, its patient and the seats are locked."""
    _give_up(found, why_gone, now=now, by=by)
    renumber({key: row for key, row in found.rows.items() if row.pk}, now=now)
    posed = found.problem.courses[0]
    protocol, given = found.problem.protocol_of(posed), {at.key for at in posed.locked}
    placed = {at.key: at for at in found.plan.sessions if at.key not in given}
    for key in [key for key in placed if is_given_up(found.rows.get(key))]:
        _move_empty(found.rows[key], placed.pop(key), protocol, course)
    moved = move_rows(
        course, protocol, {k: (found.rows[k], at) for k, at in placed.items() if k in found.rows}, now=now
    )
    back = [found.rows[key] for key in placed if key in found.rows and not found.rows[key].is_live]
    _take_back(back, moved, now=now, by=by)
    new = insert_sessions(course, protocol, [at for k, at in placed.items() if k not in found.rows], now=now, by=by)
    for name, value in found.fields.items():
        setattr(course, name, value)
    course.save(update_fields=list(found.fields))
    changed = [*found.gone, *moved, *(row for row in back if row not in moved), *new]
    if changed:
        outbox.sessions_changed(course, changed, now=now)


def _move_empty(row: Session, at: engine.PlacedSession, protocol: engine.Protocol, course: Course) -> None:
    """The place of a number that was given up, so that the order of the numbers stays that of their times."""
    set_times(row, at.start, site=course.site, minutes=protocol.visit_of(*at.key).minutes)
    row.save(update_fields=["start", "end", "local_date", "local_time", "timezone"])


def _give_up(found: Revision, reason: str, *, now: datetime, by: User | None) -> None:
    cancel_sessions(found.gone, reason=reason, now=now, by=by)
    for row in (*found.gone, *found.dropped):
        row.set_aside = found.set_aside
        if not (found.set_aside or found.number_is_given_up):
            row.number = _number_beside(row, found.rows)
        row.save(update_fields=["set_aside", "number"])


def _number_beside(row: Session, rows: Mapping[Key, Session]) -> int:
    """The number of the visit before it that stays: a number that is planned already does not wait for a plan."""
    before = [key[1] for key, other in rows.items() if key[0] == row.track.name and other.start < row.start]
    return max(before, default=row.number)


def _take_back(rows: Sequence[Session], moved: Collection[Session], *, now: datetime, by: User | None) -> None:
    """Visits that were set aside stand again, at the times and on the seats that they have by now."""
    for row in rows:
        row.status, row.set_aside, row.cancel_reason = SessionStatus.BOOKED, False, ""
        row.status_at, row.status_by, row.changed_at = now, by, now
        if row not in moved:
            row.sequence += 1
    fields = ["status", "set_aside", "cancel_reason", "status_at", "status_by", "changed_at", "sequence"]
    with claiming(rows, []):
        Session.objects.bulk_update(rows, fields)
