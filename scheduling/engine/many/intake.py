"""The courses of a problem on one board, with the draft that each has now."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from ..cost import UNPLANNED
from ..hours import Hours
from ..options import INF
from ..problem import Course, PlacedSession, Problem
from ..refusal.relax import explain
from ..result import INFEASIBLE, PLANNED, UNKNOWN, CoursePlan
from ..seats import Board, Seat, spans_of
from ..single import Desk, Draft, draft_course
from ..timeline import Span, Timeline, reach_of

Taken = list[tuple[Seat, Span]]

NOTHING = Draft((), None, 0)
EFFORT, LITTLE_EFFORT, MANY = 0.25, 0.08, 12
LATE = "No plan fits beside what is booked. The time ran out before it was clear what would help."


@dataclass
class Intake:
    problem: Problem
    until: float
    """When to stop, on the monotonic clock; whoever leads the planning may move it."""
    reasons: bool = True
    """Whether somebody wants to know why a course has no plan, and what would help."""

    def __post_init__(self) -> None:
        first, last, tail = reach_of(self.problem)
        self.line = Timeline(self.problem, first, last, tail)
        self.hours = Hours(self.problem)
        self.courses: list[Course] = list(self.problem.courses)
        self.desk = self._bare_desk()
        self.board = self.desk.board
        if len(self.courses) != 1:
            self.desk.effort, self.desk.patient = self.effort, False
        self.drafts: dict[str, Draft] = {}
        self.alone: dict[str, Draft] = {}
        """What each course would have without the others; its bound is proven."""
        self.forced = 0
        """What the courses cost at least beyond that, because of moves that no one of them alone would need."""
        self.changes = 0
        self.proven_at: dict[str, int] = {}

    @property
    def effort(self) -> float:
        """Of many courses each gets less, so that all are placed before the time runs out."""
        return EFFORT if len(self.courses) <= MANY else LITTLE_EFFORT

    def out_of_time(self) -> bool:
        return time.monotonic() > self.until

    def _bare_desk(self) -> Desk:
        """A desk whose board has the bookings and the locked sessions, and nothing else."""
        desk = Desk(self.problem, Board(self.problem, self.line), self.hours, self.out_of_time)
        for course in self.problem.courses:
            desk.board.take(self.seat_time(desk.board, course, course.locked))
        return desk

    @cached_property
    def bare(self) -> Desk:
        """Where a course is drafted as if it were alone."""
        return replace(self._bare_desk(), effort=self.effort, patient=False)

    def seat_time(self, board: Board, course: Course, sessions: Iterable[PlacedSession]) -> Taken:
        """What given sessions take of the seats that there are."""
        protocol, out = self.problem.protocol_of(course), []
        for session in sessions:
            visit = protocol.visit_of(*session.key)
            if len(visit.holds) != len(session.holds):
                continue
            begin = self.line.floor(session.start)
            late = self.line.ceil(session.start) - begin
            for seat, (low, high) in spans_of(visit, begin, session.holds):
                if seat in board.busy and high + late > 0:
                    out.append((seat, (low, high + late)))
        return out

    def draft(self, course: Course, ceiling: int = INF) -> Draft:
        """The best for a course beside the others; the course itself is not on the board."""
        return NOTHING if self.out_of_time() else draft_course(self.desk, course, ceiling)

    def put(self, course: Course, draft: Draft) -> None:
        self.drafts[course.id] = draft
        self.board.take(draft.taken)
        self.changes += 1
        if draft.is_optimal:
            self.proven_at[course.id] = self.changes

    def remove(self, course: Course) -> Draft:
        draft = self.drafts.pop(course.id)
        self.board.give(draft.taken)
        self.changes += 1
        return draft

    def is_free(self, taken: Iterable[tuple[Seat, Span]]) -> bool:
        return all(self.board.is_free(seat, *span) for seat, span in taken)

    def least(self, course: Course) -> int:
        """What a course costs at least, proven."""
        return min(self.alone.get(course.id, NOTHING).bound, UNPLANNED)

    def loss(self, course: Course) -> int:
        """What a course pays for the others being there."""
        return worth(self.drafts[course.id]) - self.least(course)

    def left(self) -> list[Course]:
        """The courses without a plan that could have one if they were alone."""
        return [c for c in self.courses if self.drafts[c.id].cost is None and not self.alone[c.id].is_impossible]

    def total(self) -> int:
        return sum(worth(draft) for draft in self.drafts.values())

    def bound(self) -> int:
        """What the courses cost at least: each as if it were alone, and the moves that too few seats ask for."""
        return sum(self.least(course) for course in self.courses) + self.forced

    def answers(self) -> tuple[CoursePlan, ...]:
        return tuple(self._answer(course) for course in self.courses)

    def _answer(self, course: Course) -> CoursePlan:
        draft = self.drafts[course.id]
        if draft.cost is not None:
            optimal = draft.cost <= self.least(course) or self.proven_at.get(course.id) == self.changes
            return CoursePlan(course.id, PLANNED, draft.sessions, draft.cost, optimal)
        if not draft.is_impossible:
            return CoursePlan(course.id, UNKNOWN, message="The time ran out before a plan was found or ruled out.")
        if not self.reasons:
            return CoursePlan(course.id, INFEASIBLE)
        if len(self.courses) > 1 and self.out_of_time():
            return CoursePlan(course.id, INFEASIBLE, message=LATE)
        why = explain(self.problem, course, self._others(course), self.out_of_time)
        return CoursePlan(
            course.id, INFEASIBLE, message=why.message, relaxations=why.relaxations, obstacle=why.obstacle
        )

    def _others(self, course: Course) -> list[tuple[Course, tuple[PlacedSession, ...]]]:
        """The other courses with the sessions whose seats they keep."""
        return [
            (other, self.drafts[other.id].sessions or other.locked) for other in self.courses if other is not course
        ]


def worth(draft: Draft) -> int:
    return UNPLANNED if draft.cost is None else draft.cost
