"""A refused course with one change made: planned, cut down to what the plan uses of the change, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from ..hours import Hours
from ..intervals import Interval, without
from ..options import Chain, chains_of
from ..problem import Course, PlacedSession, Problem
from ..result import PLANNED, CoursePlan, Relaxation, Result
from ..rules import check
from ..seats import Board
from ..single import Desk
from ..timeline import Timeline, reach_of
from .changes import extra_seat_of, relaxed, span_of
from .feasible import Finder
from .reach import Reach
from .variants import Variant

LONGEST = 60
"""The most days by which a later start or a longer phase is looked for."""


@dataclass
class Trials:
    """One course that cannot be planned, alone in its problem: what the others hold are bookings."""

    problem: Problem
    course: Course
    out_of_time: Callable[[], bool]

    def __post_init__(self) -> None:
        self.protocol = self.problem.protocol_of(self.course)
        self.hours = Hours(self.problem)
        first, last, tail = reach_of(self.problem)
        self.horizon = self.problem.horizon_end.toordinal()
        self.line = Timeline(self.problem, first, max(last, min(last + LONGEST, self.horizon)), tail)
        self.board = Board(self.problem, self.line)
        self.chains = chains_of(self.problem, self.course, self.board)
        self.finder = Finder(self.out_of_time)

    @cached_property
    def starts(self) -> list[int]:
        given = self.chains[0].steps[0].given
        if given is not None:
            return [given.day]
        return list(range(self.course.earliest_start.toordinal(), self.course.latest_start.toordinal() + 1))

    def possible(self, chains: list[Chain], starts: Iterable[int]) -> list[int]:
        """The start days on which no track is ruled out by its dates alone."""
        reaches = [Reach(chain, self.horizon) for chain in chains]
        return [start for start in starts if all(reach.is_possible(start) for reach in reaches)]

    def plan(self, relaxation: Relaxation, chains: list[Chain], starts: list[int]) -> tuple[PlacedSession, ...] | None:
        """A plan in the problem with the change made, which `check` finds legal."""
        if not starts:
            return None
        problem = relaxed(self.problem, self.course.id, relaxation)
        course = problem.course(self.course.id)
        board = Board(
            problem, Timeline(problem, self.line.first, self.line.last, self.line.size - self.line.midnights[-1])
        )
        sessions = self.finder.find(Desk(problem, board, self.hours, self.out_of_time), course, chains, starts)
        return sessions if sessions is not None and is_legal(problem, sessions) else None

    def cut(self, variant: Variant, first: int, last: int, chains: list[Chain], starts: list[int]) -> Relaxation | None:
        """The change on the dates from `first` to `last`, cut to what a plan uses of it; None where there is none."""
        whole = self._on_dates(variant.template, first, last)
        sessions = self.plan(whole, chains, starts)
        if sessions is None:
            return None
        small = self._used(whole, sessions)
        if small is None:
            return None
        if small.type == "free_patient" and any(span_of(small).overlaps(busy) for busy in self.course.engaged):
            return None
        return small if is_legal(relaxed(self.problem, self.course.id, small), sessions) else None

    def _on_dates(self, template: Relaxation, first: int, last: int) -> Relaxation:
        if template.on is not None:
            return replace(template, on=date.fromordinal(first))
        begin, end = self.hours.at(date.fromordinal(first), 0), self.hours.at(date.fromordinal(last), 1440)
        return replace(template, start=self.hours.local(begin), end=self.hours.local(end))

    def _used(self, change: Relaxation, sessions: tuple[PlacedSession, ...]) -> Relaxation | None:
        """The change no longer than the visits of a plan need it."""
        spans = [span for session in sessions for span in self._spans_used(change, session)]
        if not spans:
            return None
        start = self.hours.local(min(span.start for span in spans))
        end = self.hours.local(max(span.end for span in spans))
        if change.on is None:
            return replace(change, start=start, end=end)
        begin, until = start.hour * 60 + start.minute, end.hour * 60 + end.minute
        if start.date() != change.on or end.date() != change.on or begin >= until:
            until = 1440 if end.date() != change.on else until
        return replace(change, begin=begin, end_minute=until) if begin < until else change

    def _spans_used(self, change: Relaxation, session: PlacedSession) -> list[Interval]:
        if session.key in {given.key for given in self.course.locked}:
            return []
        visit = self.protocol.visit_of(*session.key)
        holds = [
            (hold.resource, Interval(_later(session.start, need.begin), _later(session.start, need.end)))
            for need, hold in zip(visit.holds, session.holds, strict=True)
        ]
        whole = Interval(session.start, _later(session.start, visit.minutes))
        day = self.hours.local(session.start).date()
        if change.type == "add_seat":
            extra = extra_seat_of(self.problem)
            return [span for resource, span in holds if resource == extra]
        if change.type == "free_patient":
            return without([whole], self.hours.patient_can_come(self.course, day))
        if day != change.on:
            return []
        resources = {resource.id: resource for resource in self.problem.resources}
        used = without([whole], self.hours.site_open(day))
        for resource, span in holds:
            used += without([span], self.hours.resource_works(resources[resource], day))
        return used

    def all_time(self) -> Interval:
        begin = self.hours.at(date.fromordinal(self.line.first), 0)
        return Interval(begin, self.hours.at(date.fromordinal(self.line.last), 1440))


def _later(instant: datetime, minutes: int) -> datetime:
    return instant + timedelta(minutes=minutes)


def is_legal(problem: Problem, sessions: tuple[PlacedSession, ...]) -> bool:
    answer = CoursePlan(problem.courses[0].id, PLANNED, sessions, 0)
    return not check(problem, Result((answer,), 0))
