"""Change the rhythm of an open-ended phase: weekly, every two weeks, or a step back to how often it was before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import prefetch_related_objects

from clinic.models import User
from protocols.models import Phase
from scheduling import engine
from scheduling.changes import recording
from scheduling.course_change import CourseChange
from scheduling.departures import Rhythm, departures_of, write_rhythms
from scheduling.locking import booking_transaction, lock_course, retried
from scheduling.models import Change, Course, CourseStatus, Session
from scheduling.models.change import ChangeKind
from scheduling.open_phase import OpenPhase, open_phase, periods_of
from scheduling.posing import Key, begins_on, let_go, window
from scheduling.refusals import refuse
from scheduling.replanning import may_move
from scheduling.revising import (
    Attempt,
    Revision,
    as_it_is,
    find_as_shown,
    propose,
    read_course,
    read_rows,
    reshaped,
    solve,
    why_none,
    write_revision,
)
from scheduling.shapes import VERSION_LOOKUPS
from scheduling.snapshots import Numbered, wanted_periods
from scheduling.words import count_of

UNDER_WAY = (CourseStatus.BOOKED, CourseStatus.RUNNING)
WEEK = 7
USUAL_UP_TO = 28
"""Where visits lie no further apart by the protocol, weekly and every two weeks can be chosen too."""
TIMES = {1: "Once", 2: "Twice", 3: "Three times"}
LATER = "It holds from visit {number} on, when that is booked."
FROM = "From visit {number} on: {rhythm}."


@dataclass(frozen=True)
class RhythmChoice:
    """A rhythm that a clinician can choose. A step back is the one before the rhythm that the course has now."""

    per_period: int
    period_days: int
    is_current: bool = False
    is_step_back: bool = False

    @property
    def name(self) -> str:
        return say_rhythm(self.per_period, self.period_days)


def say_rhythm(per_period: int, period_days: int) -> str:
    """Weekly; Every two weeks; Twice a week; 3 visits in 10 days."""
    weeks, rest = divmod(period_days, WEEK)
    if rest:
        return f"{count_of(per_period, 'visit')} in {count_of(period_days, 'day')}"
    if per_period == 1:
        return {1: "Weekly", 2: "Every two weeks"}.get(weeks, f"Every {weeks} weeks")
    often = TIMES.get(per_period, f"{per_period} times")
    return f"{often} a week" if weeks == 1 else f"{often} in {weeks} weeks"


def rhythm_choices(course: Course) -> tuple[RhythmChoice, ...]:
    """The most frequent first; empty where the protocol has no open-ended phase."""
    found = _open_phase(course)
    if found is None or not found.phase.per_period:
        return ()
    now = found.stretches[-1]
    before = [_often(phase) for phase in _phases_before(found)]
    often = {*before, _often(found.phase), (now.per_period, now.period_days)}
    if _apart((found.phase.per_period, found.phase.period_days)) <= USUAL_UP_TO:
        often |= {(1, WEEK), (1, 2 * WEEK)}
    closer = [pair for pair in before if _apart(pair) < _apart((now.per_period, now.period_days))]
    return tuple(
        RhythmChoice(*pair, pair == (now.per_period, now.period_days), pair == (closer[-1] if closer else None))
        for pair in sorted(often, key=_apart)
    )


def _often(phase: Phase) -> tuple[int, int]:
    return phase.per_period, phase.period_days


def _phases_before(found: OpenPhase) -> list[Phase]:
    """Those that had a rhythm: a first visit alone has none."""
    phases = found.track.phases.all()
    return [p for p in phases if p.position < found.phase.position and p.per_period and p.periods > 1]


def _apart(often: tuple[int, int]) -> float:
    return often[1] / often[0]


def _open_phase(course: Course) -> OpenPhase | None:
    prefetch_related_objects([course.version], *VERSION_LOOKUPS)
    return open_phase(course.version, departures_of(course))


def propose_rhythm(
    course: Course, *, per_period: int, period_days: int, now: datetime, from_number: int | None = None
) -> CourseChange:
    """What another rhythm changes from the next visit on, or from a later number of the open-ended phase."""
    return propose(course, partial(_find_rhythm, often=(per_period, period_days), number=from_number, now=now))


@retried
def set_rhythm(
    course: Course,
    *,
    per_period: int,
    period_days: int,
    expected: str,
    now: datetime,
    by: User | None,
    from_number: int | None = None,
) -> Change | None:
    """Change it as it was shown (`expected` is the fingerprint), or nothing; what is booked is planned again."""
    find = partial(_find_rhythm, often=(per_period, period_days), number=from_number, now=now)
    with booking_transaction():
        course = lock_course(course.pk)
        found = find_as_shown(course, find, expected)
        summary = f"Rhythm: {say_rhythm(per_period, period_days).lower()}"
        with recording([course], kind=ChangeKind.RHYTHM, summary=summary, now=now, by=by) as kept:
            write_revision(course, found, why_gone="Another rhythm", now=now, by=by)
    return kept.change


def _find_rhythm(course: Course, *, often: tuple[int, int], number: int | None, now: datetime) -> Revision:
    if course.status not in UNDER_WAY:
        raise refuse(f"The course is {course.get_status_display().lower()}.", rule="status")
    found = _open_phase(course)
    if found is None:
        raise refuse("The protocol of this course has no open-ended phase.", rule="rhythm")
    if often not in {(choice.per_period, choice.period_days) for choice in rhythm_choices(course)}:
        raise refuse("The protocol of this course does not know this rhythm.", rule="rhythm")
    rows = read_rows(course)
    first = _from_number(found, rows, number, now)
    departures = departures_of(course).with_rhythm(Rhythm(first, *often))
    later = {key: row for key, row in rows.items() if key[0] == found.track.name and key[1] >= first}
    fields: dict[str, Any] = {"rhythm": write_rhythms(departures.rhythms)}
    if not any(may_move(row, now) for row in later.values()):
        return as_it_is(course, rows, now=now, note=LATER.format(number=first), fields=fields)
    problem = read_course(course, rows, now=now)
    course.rhythm = fields["rhythm"]
    attempts = list(_attempts(course, problem, rows, later, first, now))
    plan = solve(course, attempts)
    if plan is None:
        raise why_none(course, attempts[-1])
    note = FROM.format(number=first, rhythm=say_rhythm(*often).lower())
    keys = [at.key for at in plan.plan.sessions]
    fields["open_periods"] = periods_of(course.version, keys, departures)
    return replace(plan, change=replace(plan.change, notes=(note,)), fields={**plan.fields, **fields})


def _from_number(found: OpenPhase, rows: Numbered, number: int | None, now: datetime) -> int:
    """The next visit of the open phase that can still move, or the one after the last that is booked."""
    mine = {key[1]: row for key, row in rows.items() if key[0] == found.track.name}
    fixed = [n for n, row in mine.items() if row.is_live and not may_move(row, now)]
    nearest = max(found.first, max(fixed, default=0) + 1)
    movable = [n for n, row in mine.items() if n >= nearest and may_move(row, now)]
    nearest = min(movable, default=max([nearest, *(n + 1 for n in mine)]))
    if number is None:
        return nearest
    if number < nearest:
        raise refuse(f"A rhythm changes from visit {nearest} on, or later.", rule="rhythm")
    return number


def _attempts(
    course: Course, problem: engine.Problem, rows: Numbered, later: Numbered, first: int, now: datetime
) -> Iterator[Attempt]:
    """Visits that are booked stay where a window of the new rhythm has them; the others take free places, or go."""
    posed = let_go(problem.courses[0], set(later))
    course.open_periods = _periods(course, problem, rows, later, now)
    shaped = reshaped(problem, course, posed)
    kept = {key: row for key, row in rows.items() if key not in later}
    movable = sorted((row for row in later.values() if may_move(row, now)), key=lambda row: row.start)
    dropped = tuple(row for row in later.values() if not may_move(row, now))
    there = {at.key: at for at in problem.courses[0].locked}
    for shift in _shifts(shaped, posed, movable, (movable[0].track.name, first), now):
        way = replace(posed, shift_days=shift)
        homes = _stay(shaped, way, movable, first)
        current = tuple(replace(there[row.track.name, row.number], number=key[1]) for key, row in sorted(homes.items()))
        housed = {row.pk for row in homes.values()}
        homeless = tuple(row for row in movable if row.pk not in housed)
        asked = replace(shaped, courses=(replace(way, current=current),))
        yield Attempt(asked, {**kept, **homes}, homeless, dropped)


def _periods(course: Course, problem: engine.Problem, rows: Numbered, later: Numbered, now: datetime) -> int:
    """As far as the horizon reaches in the new rhythm, and one of its periods at least."""
    begun = begins_on(problem, problem.courses[0])
    wanted = wanted_periods(course, course.version, site=course.site, begun_on=begun, now=now)
    before = periods_of(course.version, set(rows) - set(later), departures_of(course))
    return max(wanted, before + 1)


def _shifts(
    problem: engine.Problem, posed: engine.Course, movable: Sequence[Session], key: Key, now: datetime
) -> Iterator[int | None]:
    """With the windows where they are, else counted from the next visit, else from today."""
    found = window(problem, posed, key)
    days = [movable[0].local_date, now.astimezone(problem.site.zone).date()]
    yield posed.shift_days
    yield from dict.fromkeys(max(posed.shift_days or 0, (day - found[0]).days if found else 0) for day in days)


def _stay(problem: engine.Problem, posed: engine.Course, movable: Sequence[Session], first: int) -> dict[Key, Session]:
    """By number, visits that lie in the period of that number already."""
    name = movable[0].track.name
    track = problem.protocol_of(posed).by_name[name]
    shift, waiting, homes = timedelta(days=posed.shift_days or 0), list(movable), {}
    for slot in track.slots[first - 1 :]:
        found = window(problem, posed, (name, slot.number))
        if found is None:
            continue
        opens = found[0] + shift
        closes = opens + timedelta(days=track.phases[slot.phase].period_days)
        here = next((row for row in waiting if _lies(row.local_date, opens, closes)), None)
        if here is not None:
            homes[name, slot.number] = here
            waiting = [row for row in waiting if row.start > here.start]
    return homes


def _lies(day: date, opens: date, closes: date) -> bool:
    return opens <= day < closes
