"""Further plans of a course, for a person to choose from: another start day, time of day, or other weekdays.

Each is planned like the first, with changed wishes or limits, beside what the other courses hold, and then judged and
costed by the course as it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median_low

from ..cost import sessions_cost
from ..hours import Hours
from ..problem import WEEKDAYS, Course, PlacedSession, Problem, Week
from ..refusal.changes import Other, alone_with
from ..result import PLANNED, Alternative, CoursePlan, Result
from ..rules import check
from ..seats import Board
from ..single import Desk, draft_course
from ..timeline import Timeline, reach_of

Sessions = tuple[PlacedSession, ...]
START, TIME, DAYS = "start", "time", "weekdays"

FAR_MINUTES = 120
"""How far apart the usual times of day of two plans are at least, where these count as different."""
MANY = 3
"""One in so many sessions lies on another weekday at least, where the weekdays of two plans count as different."""
USUAL = 8
"""A weekday is a usual one of a plan where at least one in so many of its sessions lies on it."""
TIMES_OF_DAY = (9 * 60, 12 * 60, 15 * 60, 18 * 60)
"""Morning, midday, afternoon and evening, as wishes."""
EFFORT = 0.25
"""A further plan need not be proven: a part of the steps that the first one may take."""
TRIES = 3
"""How many times of day, or sets of weekdays, are tried for one further plan."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a person sees first of a plan. Sessions that are locked are no choice, and do not count."""

    start_on: date
    time: int
    by_weekday: tuple[int, ...]

    @property
    def usual_days(self) -> tuple[str, ...]:
        total = sum(self.by_weekday)
        return tuple(name for name, n in zip(WEEKDAYS, self.by_weekday, strict=True) if n and n * USUAL >= total)

    def differs(self, other: Outline) -> tuple[str, ...]:
        """In what the two differ, so that one is a choice beside the other: empty for near-duplicates."""
        total = sum(self.by_weekday)
        shifted = sum(max(0, a - b) for a, b in zip(self.by_weekday, other.by_weekday, strict=True))
        other_days = total > 1 and shifted * MANY >= total and self.usual_days != other.usual_days
        facts = (
            (START, self.start_on != other.start_on),
            (TIME, abs(self.time - other.time) >= FAR_MINUTES),
            (DAYS, other_days),
        )
        return tuple(name for name, holds in facts if holds)


def outline(problem: Problem, course: Course, sessions: Sessions) -> Outline:
    """Start day, median time of day and weekdays of the sessions that are not locked; of all where all are."""
    zone, given = problem.site.zone, {session.key for session in course.locked}
    first = (problem.protocol_of(course).tracks[0].name, 1)
    starts = {session.key: session.start.astimezone(zone) for session in sessions}
    free: list[datetime] = [start for key, start in starts.items() if key not in given] or [*starts.values()]
    counts = [0] * 7
    for start in free:
        counts[start.weekday()] += 1
    return Outline(starts[first].date(), median_low(at.hour * 60 + at.minute for at in free), tuple(counts))


def with_alternatives(problem: Problem, result: Result, count: int, out_of_time: Callable[[], bool]) -> Result:
    """The result with up to `count` further plans of each planned course, each beside what the others have."""
    answers = []
    for answer in result.courses:
        if not answer.planned:
            answers.append(answer)
            continue
        others = [(one, _kept(result, one)) for one in problem.courses if one.id != answer.id]
        answers.append(_offered(Choices(problem, problem.course(answer.id), others, out_of_time), answer, count))
    return replace(result, courses=tuple(answers), cost=result.cost + _saved(result.courses, answers))


def _kept(result: Result, course: Course) -> Sessions:
    """The sessions of another course whose seats are taken."""
    return result.course(course.id).sessions or course.locked


def _saved(before: tuple[CoursePlan, ...], after: list[CoursePlan]) -> int:
    return sum((new.cost or 0) - (old.cost or 0) for old, new in zip(before, after, strict=True))


def _offered(choices: Choices, answer: CoursePlan, count: int) -> CoursePlan:
    """The answer with its alternatives, cheapest first.

    Where a plan was not proven, looking further may find a cheaper one: that is then the plan, if no other course's
    proof rests on the seats of the first.
    """
    found = sorted(choices.find(answer.sessions, count), key=choices.points)
    best, rest = answer, found
    if found and not choices.others and choices.points(found[0]) < choices.points(answer.sessions):
        best = replace(answer, sessions=found[0], cost=choices.points(found[0]), optimal=False)
        rest = sorted([answer.sessions, *found[1:]], key=choices.points)
    return replace(best, alternatives=tuple(choices.described(sessions, best.sessions) for sessions in rest))


class Choices:
    """One course, and the further plans that it can have beside what the others hold."""

    def __init__(self, problem: Problem, course: Course, others: list[Other], out_of_time: Callable[[], bool]) -> None:
        self.course, self.others, self.out_of_time = course, others, out_of_time
        self.problem = alone_with(problem, course, others)
        self.hours = Hours(self.problem)
        # Its own locked sessions keep their seats too, turnover included.
        taken = alone_with(problem, course, [*others, (course, course.locked)])
        first, last, tail = reach_of(taken)
        board = Board(taken, Timeline(taken, first, last, tail))
        self.desk = Desk(taken, board, self.hours, out_of_time, EFFORT, patient=False)
        self._by_window: dict[tuple[date, date], Sessions | None] = {}

    def find(self, plan: Sessions, count: int) -> list[Sessions]:
        """Up to `count` plans that differ from the first and from each other, in turn in each of the three ways."""
        chosen, ways = [plan], [self._another_start, self._another_time, self._other_weekdays]
        if {session.key for session in plan} <= {session.key for session in self.course.locked}:
            return []
        while ways and len(chosen) <= count and not self.out_of_time():
            way = ways.pop(0)
            sessions = way(chosen)
            if sessions is not None:
                chosen.append(sessions)
                ways.append(way)
        return chosen[1:]

    def points(self, sessions: Sessions) -> int:
        return sessions_cost(self.problem, self.course, sessions, self.hours).total

    def described(self, sessions: Sessions, plan: Sessions) -> Alternative:
        seen = self._outline(sessions)
        return Alternative(
            sessions=sessions,
            cost=sessions_cost(self.problem, self.course, sessions, self.hours),
            differs=seen.differs(self._outline(plan)),
            start_on=seen.start_on,
            time=seen.time,
            weekdays=seen.usual_days,
        )

    def _outline(self, sessions: Sessions) -> Outline:
        return outline(self.problem, self.course, sessions)

    def _plan(self, **changes: object) -> Sessions | None:
        """A legal plan of the course with changed wishes or narrower limits."""
        if self.out_of_time():
            return None
        draft = draft_course(self.desk, replace(self.course, **changes))  # type: ignore[arg-type]
        if draft.cost is None:
            return None
        answer = CoursePlan(self.course.id, PLANNED, draft.sessions, draft.cost)
        return None if check(self.problem, Result((answer,), draft.cost)) else draft.sessions

    def _another_start(self, chosen: list[Sessions]) -> Sessions | None:
        """The cheapest plan that starts on none of the days chosen so far."""
        first = (self.problem.protocol_of(self.course).tracks[0].name, 1)
        if any(session.key == first for session in self.course.locked):
            return None
        for window in _windows(self.course, sorted(self._outline(sessions).start_on for sessions in chosen)):
            if window not in self._by_window:
                self._by_window[window] = self._plan(earliest_start=window[0], latest_start=window[1])
        days = {self._outline(sessions).start_on for sessions in chosen}
        found = [s for s in self._by_window.values() if s is not None and self._outline(s).start_on not in days]
        return min(found, key=self.points, default=None)

    def _another_time(self, chosen: list[Sessions]) -> Sessions | None:
        """A plan at another time of day, the nearest to the wish first."""
        for wish in self._wishes(chosen)[:TRIES]:
            found = self._plan(preferred_time=wish)
            if found is not None and self._is_new(found, chosen, TIME):
                return found
        return None

    def _wishes(self, chosen: list[Sessions]) -> list[int]:
        usual = [self._outline(sessions).time for sessions in chosen]
        far = [wish for wish in TIMES_OF_DAY if all(abs(wish - time) >= FAR_MINUTES for time in usual)]
        open_then = [wish for wish in far if any(a <= wish < b for spans in self._week().days for a, b in spans)]
        return sorted(open_then, key=lambda wish: (abs(wish - self.course.preferred_time), wish))

    def _week(self) -> Week:
        """The hours in a week in which the site is open and the patient can come, as far as the tables say."""
        site, patient = self.problem.site.opening_hours, self.course.availability
        if patient is None:
            return site
        return Week(
            tuple(
                tuple((max(a, c), min(b, d)) for a, b in ours for c, d in theirs if max(a, c) < min(b, d))
                for ours, theirs in zip(site.days, patient.days, strict=True)
            )
        )

    def _other_weekdays(self, chosen: list[Sessions]) -> Sessions | None:
        """A plan that keeps off the usual weekdays of those chosen so far, or off some of them."""
        for _, avoided in zip(range(TRIES), self._avoidable(chosen), strict=False):
            found = self._plan(availability=_without(self.course.availability, avoided))
            if found is not None and self._is_new(found, chosen, DAYS):
                return found
        return None

    def _avoidable(self, chosen: list[Sessions]) -> Iterator[frozenset[int]]:
        """Sets of weekdays that the course may do without: all usual ones, those of the plan, then one by one."""
        outlines = [self._outline(sessions) for sessions in chosen]
        usual = [frozenset(map(WEEKDAYS.index, seen.usual_days)) for seen in outlines]
        counts = outlines[0].by_weekday
        singles = [frozenset({day}) for day in sorted(usual[0], key=lambda day: (-counts[day], day))]
        possible = {day for day, spans in enumerate(self._week().days) if spans}
        for avoided in dict.fromkeys([usual[0].union(*usual), *usual, *singles]):
            moved = sum(counts[day] for day in avoided)
            if moved * MANY >= sum(counts) and self._leaves_enough(possible - avoided):
                yield avoided

    def _leaves_enough(self, weekdays: set[int]) -> bool:
        """Whether these weekdays have as many dates as the phases ask for, holidays apart."""
        given = {session.key for session in self.course.locked}
        for track in self.problem.protocol_of(self.course).tracks:
            free = {slot.phase for slot in track.slots if (track.name, slot.number) not in given}
            for phase in (track.phases[index] for index in free):
                for periods in {1, phase.periods}:
                    days = periods * phase.period_days + phase.slip_days
                    if periods * phase.per_period > _most_dates(weekdays, days):
                        return False
        return True

    def _is_new(self, sessions: Sessions, chosen: list[Sessions], way: str) -> bool:
        seen = self._outline(sessions)
        return all(way in seen.differs(self._outline(other)) for other in chosen)


def _windows(course: Course, taken: list[date]) -> list[tuple[date, date]]:
    """The start days left between those taken, as windows."""
    one, begin, found = timedelta(days=1), course.earliest_start, []
    for day in [*taken, course.latest_start + one]:
        if begin < day:
            found.append((begin, min(day - one, course.latest_start)))
        begin = day + one
    return found


def _without(week: Week | None, avoided: frozenset[int]) -> Week:
    days = week.days if week is not None else (((0, 1440),),) * 7
    return Week(tuple(() if day in avoided else spans for day, spans in enumerate(days)))


def _most_dates(weekdays: set[int], days: int) -> int:
    """The most dates on these weekdays that any so many days in a row have."""
    weeks, rest = divmod(days, 7)
    return weeks * len(weekdays) + max(sum((first + day) % 7 in weekdays for day in range(rest)) for first in range(7))
