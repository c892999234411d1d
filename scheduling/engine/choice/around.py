"""One session put where a person wants it, and the rest of its course planned around it with the fewest moves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from ..cost import sessions_cost
from ..many.intake import Intake
from ..options import INF, chains_of, members
from ..problem import PlacedSession, Problem
from ..result import INFEASIBLE, PLANNED, UNKNOWN, CoursePlan, Result
from ..rules import check
from ..single import draft_course
from ..view import Key

EFFORT = 0.08
"""A person waits for the answer: a part of the steps that a first plan may take."""


DEAREST_MOVE, AROUND_A_MOVE = 1200, 300
"""Points of a session that moves to another date, and those by which time, spread and the like may change with it."""


class Around:
    """The one course of a problem: its locked sessions stay, its current ones may move.

    The sessions that are put somewhere are among neither. What all tries have in common is made once.
    """

    def __init__(self, problem: Problem, *, time_limit: float) -> None:
        self.problem, self.course = problem, problem.courses[0]
        self.intake = Intake(problem, time.monotonic() + time_limit)
        self.desk = self.intake.desk
        self.desk.effort, self.desk.patient = EFFORT, False

    def open_starts(self, key: Key) -> list[datetime]:
        """Where the visit of a session could begin, gaps, links and windows apart: open, seats free, not past."""
        chain = next(c for c in chains_of(self.problem, self.course, self.desk.board) if c.track.name == key[0])
        union = 0
        for starts in chain.steps[key[1] - 1].offers.by_resource.values():
            union |= starts
        return [self.desk.board.line.instant(index) for index in members(union, 0)]

    def plan(self, starts: Mapping[Key, datetime], *, most: int | None = None) -> CoursePlan:
        """The cheapest plan with these sessions at these starts; with `most`, none of many more moves is looked for."""
        pins = {key: self.desk.board.line.second(start) for key, start in starts.items()}
        ceiling = INF if most is None else self._ceiling(starts, most)
        draft = draft_course(self.desk, self.course, ceiling, pins)
        if draft.cost is None:
            return CoursePlan(self.course.id, INFEASIBLE if draft.bound >= ceiling else UNKNOWN)
        plan = CoursePlan(self.course.id, PLANNED, draft.sessions, draft.cost, draft.is_optimal)
        # The last word is with `check`, not with the search.
        return CoursePlan(self.course.id, UNKNOWN) if check(self.problem, Result((plan,), draft.cost)) else plan

    def _ceiling(self, starts: Mapping[Key, datetime], most: int) -> int:
        """What so many moves can cost beside the course as it is; without end where a session has no place yet."""
        there = tuple(PlacedSession(*key, start) for key, start in starts.items())
        sessions = (*self.course.locked, *self.course.current, *there)
        if len(sessions) < sum(len(track.slots) for track in self.problem.protocol_of(self.course).tracks):
            return INF
        as_it_is = sessions_cost(self.problem, self.course, sessions, self.desk.hours).total
        return as_it_is + most * (DEAREST_MOVE + AROUND_A_MOVE) + AROUND_A_MOVE
