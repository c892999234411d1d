"""Another place for the visits of one course that have to go: where they are, at its end, or with others moving.

A visit that is put at the end gives its number up: those after it keep their times and take the number before their
own, as after a missed one. So the fewest visits move, and the treatment goes on without a break elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

from scheduling import engine
from scheduling.disruptions.posing import Case, cut_again
from scheduling.models import Session
from scheduling.planning import alone
from scheduling.posing import (
    Key,
    close_up,
    local_date,
    shift_after,
    shift_into_windows,
    unlock,
    with_course,
)
from scheduling.replanning import JUDGED, find_homes, may_move
from scheduling.snapshots import Numbered

MORE = 4
"""So many visits at most go to the end for the sake of one before them that has to come first."""
FEW = 3
"""Of so many visits every choice of those that go to the end is tried; of more only all of them."""


@dataclass(frozen=True)
class Solved:
    """A course as it would be: posed with what keeps its time given, planned, and which row takes which number."""

    posed: engine.Course
    plan: engine.CoursePlan
    rows: Mapping[Key, Session]

    @property
    def moved(self) -> list[Key]:
        """The visits that start at another time."""
        return [at.key for at in self.plan.sessions if self.rows[at.key].start != at.start]


def find_places(
    problem: engine.Problem, case: Case, *, now: datetime, until: float, thorough: bool = True
) -> Solved | None:
    """The plan of one course with the fewest moves that the attempts find; None where none of them finds any.

    The one course of the problem has all its visits given; `until` is on the monotonic clock. Thoroughly, as many
    visits as can be stay near their days; else all that have to go are put at the end if that will do.
    """
    least = count_forced(problem, case)
    best: Solved | None = None
    for solved in _solutions(problem, case, now=now, until=until, thorough=thorough):
        if best is None or len(solved.moved) < len(best.moved):
            best = solved
        if len(best.moved) <= max(least, 1) or time.monotonic() > until:
            break
    return best


def count_forced(problem: engine.Problem, case: Case) -> int:
    """How many visits of the course no free seat lets stay, whatever else moves within the course."""
    posed = problem.courses[0]
    return engine.least_moves(with_course(problem, unlock(posed, case.hit)))


def _solutions(problem: engine.Problem, case: Case, *, now: datetime, until: float, thorough: bool) -> Iterator[Solved]:
    """First those that leave all else alone, then those in which other visits of the course move too."""
    found = False
    for gone in _choices_to_go(problem, case, now=now, thorough=thorough):
        solved = move_up(problem, case, gone, now=now, until=until)
        if solved is not None:
            found = True
            yield solved
    if found:
        return
    posed = unlock(problem.courses[0], case.to_come(now) | case.hit)
    for shift in _shifts(problem, posed, case):
        solved = _planned(problem, replace(posed, shift_days=shift), case, until=until)
        if solved is not None:
            yield solved


def _choices_to_go(problem: engine.Problem, case: Case, *, now: datetime, thorough: bool) -> Iterator[tuple[Key, ...]]:
    protocol = problem.protocol_of(problem.courses[0])
    choices = list(_choices(case.hit))
    for chosen in choices if thorough else reversed(choices):
        yield _free_to_go(protocol, case.rows, chosen, now)
    if not all(_can_close(protocol, case.rows, key) for key in case.hit):
        # A first visit has to come first: those that it comes later than go behind all others.
        for more in range(1, MORE + 1):
            after = [(name, number + n) for name, number in case.hit for n in range(1, more + 1)]
            there = {key for key in (*case.hit, *after) if key in case.rows}
            yield _free_to_go(protocol, case.rows, sorted(there), now)


def _choices(hit: Collection[Key]) -> Iterator[tuple[Key, ...]]:
    """Which visits go to the end: the fewest first."""
    keys = sorted(hit)
    sizes = range(1, len(keys) + 1) if len(keys) <= FEW else [len(keys)]
    for size in sizes:
        yield from combinations(keys, size)


def _free_to_go(protocol: engine.Protocol, rows: Numbered, chosen: Collection[Key], now: datetime) -> tuple[Key, ...]:
    """For a visit that no other can take the place of, such as a longer first one, the next that can go in its stead.

    It then has the days of the one that goes.
    """
    gone: list[Key] = []
    for name, number in sorted(chosen):
        size = len(protocol.by_name[name].slots)
        able = ((name, n) for n in range(number, size + 1) if (name, n) not in gone)
        stead = (key for key in able if may_move(rows[key], now) and _can_close(protocol, rows, key))
        gone.append(next(stead, (name, number)))
    return tuple(gone)


def _can_close(protocol: engine.Protocol, rows: Numbered, key: Key) -> bool:
    """Whether all that come after it are visits like the ones before them."""
    name, number = key
    track = protocol.by_name[name]
    codes = [track.visit_of(slot) for slot in track.slots[number - 1 :]]
    return len(set(codes)) == 1 and all(
        row.visit_type.code == codes[0] for (n, at), row in rows.items() if n == name and at >= number and row.is_live
    )


def _shifts(problem: engine.Problem, posed: engine.Course, case: Case) -> Iterator[int | None]:
    """With the windows as they are, then later by as much as the visits are out, a week and two weeks later."""
    yield posed.shift_days
    if posed.locked:
        days = {row.local_date for key, row in case.rows.items() if key in case.hit}
        out = (max(days) - min(days)).days + 1
        for later in sorted({out, 7, 14}):
            yield (posed.shift_days or 0) + later


def _planned(problem: engine.Problem, posed: engine.Course, case: Case, *, until: float) -> Solved | None:
    plan = plan_quickly(with_course(problem, posed), until)
    return Solved(posed, plan, case.rows) if plan.planned else None


def plan_quickly(problem: engine.Problem, until: float) -> engine.CoursePlan:
    """A plan of the one course, without the reasons where there is none: other attempts follow."""
    return engine.Around(problem, time_limit=max(until - time.monotonic(), 0.05)).plan({})


def move_up(
    problem: engine.Problem, case: Case, gone: Collection[Key], *, now: datetime, until: float
) -> Solved | None:
    """These visits at the end of their tracks, those after them a number lower, the others that are hit near by."""
    posed, rows = problem.courses[0], dict(case.rows)
    for key in sorted(gone, reverse=True):
        posed = close_up(posed, *key)
        rows = {_moved_up(k, key): row for k, row in rows.items() if k != key}
    protocol = problem.protocol_of(posed)
    if any(_changes_visit(protocol, key, row) for key, row in rows.items()):
        return None
    hit = {key for key, row in rows.items() if row in _rows_hit(case, gone)}
    posed = replace(posed, shift_days=_least_shift(problem, posed, rows, now))
    if hit:
        near = plan_quickly(cut_again(problem, unlock(posed, hit)), until)
        if not near.planned:
            return None
        posed = replace(posed, locked=near.sessions)
    solved = _fill_ends(problem, posed, case, rows, gone, until=until)
    if solved is None:
        return None
    # What lies before is over or stays: as after a miss, the longest gap is not asked across the break.
    begins = min(row.start for key, row in case.rows.items() if key in case.hit)
    to_come = {key for key, row in solved.rows.items() if may_move(row, now) and row.start >= begins}
    judged = with_course(problem, unlock(solved.posed, to_come))
    if any(found.rule in JUDGED for found in engine.check(judged, alone(solved.plan))):
        return None
    return solved


def _rows_hit(case: Case, gone: Collection[Key]) -> list[Session]:
    return [case.rows[key] for key in case.hit if key not in gone]


def _moved_up(key: Key, gone: Key) -> Key:
    return (key[0], key[1] - 1) if key[0] == gone[0] and key[1] > gone[1] else key


def _changes_visit(protocol: engine.Protocol, key: Key, row: Session) -> bool:
    """A longer first visit, say, cannot be taken over by the session that came after it."""
    track = protocol.by_name[key[0]]
    return row.is_live and track.visit_of(track.slots[key[1] - 1]) != row.visit_type.code


def _least_shift(
    problem: engine.Problem, posed: engine.Course, rows: Mapping[Key, Session], now: datetime
) -> int | None:
    """How much later windows must lie for those that took another number; none where they are in time."""
    to_come = [at for at in posed.locked if at.key in rows and rows[at.key].start > now]
    least = shift_into_windows(problem, posed, to_come)
    return least if least != (posed.shift_days or 0) else posed.shift_days


def _fill_ends(
    problem: engine.Problem,
    posed: engine.Course,
    case: Case,
    rows: Mapping[Key, Session],
    gone: Collection[Key],
    *,
    until: float,
) -> Solved | None:
    """The visits that are gone take the last numbers, behind all that their tracks have."""
    protocol = problem.protocol_of(posed)
    late = posed.shift_days or 0
    for name in {key[0] for key in gone}:
        track, count = protocol.by_name[name], sum(key[0] == name for key in gone)
        numbers = range(len(track.slots) - count + 1, len(track.slots) + 1)
        leaving = [case.rows[key] for key in gone if key[0] == name]
        if any(_changes_visit(protocol, (name, number), row) for number in numbers for row in leaving):
            return None
        there = [local_date(problem, at) for at in posed.locked if at.track == name]
        behind = max([*there, *(row.local_date for row in leaving)])
        late = max(late, shift_after(problem, posed, (name, numbers[0]), behind))
    free = replace(posed, shift_days=late)
    plan = plan_quickly(with_course(problem, free), until)
    if not plan.planned:
        return None
    given = {at.key for at in posed.locked}
    homes = find_homes([case.rows[key] for key in sorted(gone)], [at for at in plan.sessions if at.key not in given])
    return Solved(free, plan, {**rows, **homes})
