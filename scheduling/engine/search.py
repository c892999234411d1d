"""`plan`: every course of a problem, one after the other against the same board, then improved together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from .alternatives import with_alternatives
from .cost import UNPLANNED
from .hours import Hours
from .options import INF
from .problem import Course, PlacedSession, Problem
from .relax import explain
from .result import INFEASIBLE, PLANNED, UNKNOWN, CoursePlan, Result
from .rules import check
from .seats import Board, Seat, spans_of
from .single import Desk, Draft, draft_course
from .timeline import Span, Timeline, reach_of

DRAFTS_PER_SECOND = 6
"""How many drafts the improvement of an intake may make for each second of the time limit: work, not the clock."""

NOTHING = Draft((), None, 0)


def plan(problem: Problem, *, time_limit: float, seed: int = 0, alternatives: int = 0) -> Result:
    """Place every course of a problem, or say why one cannot be placed.

    `time_limit` is in seconds; it only cuts short what would take longer. The same problem, limit and seed give the
    same answer unless it did. A course without a plan is `infeasible` when that is proven, else `unknown`.
    With `alternatives`, up to so many further plans of each planned course; an intake leaves them half of the time.
    """
    began = time.monotonic()
    deadline = began + time_limit
    until = deadline
    intake = Intake(problem, lambda: time.monotonic() > until, seed)
    intake.place_all()
    until = began + time_limit / 2 if alternatives else deadline
    intake.improve(int(time_limit * DRAFTS_PER_SECOND))
    until = deadline
    intake.finish()
    answers = tuple(intake.answer(course) for course in problem.courses)
    result = kept(problem, Result(answers, total_of(answers), intake.bound()))
    if alternatives:
        result = with_alternatives(problem, result, alternatives, lambda: time.monotonic() > deadline)
    return replace(result, seconds=round(time.monotonic() - began, 4))


def total_of(answers: tuple[CoursePlan, ...]) -> int:
    return sum(UNPLANNED if answer.cost is None else answer.cost for answer in answers)


def kept(problem: Problem, result: Result) -> Result:
    """The result without any course that breaks a rule: the last word is with `check`, not with the search."""
    wrong = {violation.course for violation in check(problem, result)}
    if not wrong:
        return result
    answers = tuple(
        CoursePlan(a.id, UNKNOWN, message="The plan that was found breaks a rule; please report this problem.")
        if a.id in wrong and a.planned
        else a
        for a in result.courses
    )
    return Result(answers, total_of(answers), result.bound)


@dataclass
class Intake:
    """The courses of a problem on one board, with the draft that each has now."""

    problem: Problem
    out_of_time: Callable[[], bool]
    seed: int = 0

    def __post_init__(self) -> None:
        first, last, tail = reach_of(self.problem)
        self.line = Timeline(self.problem, first, last, tail)
        one = len(self.problem.courses) == 1
        self.desk = self._bare_desk()
        self.board = self.desk.board
        if not one:
            self.desk.effort, self.desk.patient = 0.25, False
        self.drafts: dict[str, Draft] = {}
        self.alone: dict[str, Draft] = {}
        self.changes = 0
        self.proven_at: dict[str, int] = {}

    def _bare_desk(self) -> Desk:
        """A desk whose board has the bookings and the locked sessions, and nothing else."""
        desk = Desk(self.problem, Board(self.problem, self.line), Hours(self.problem), self.out_of_time)
        for course in self.problem.courses:
            desk.board.take(self._seat_time(desk.board, course, course.locked))
        return desk

    @cached_property
    def bare(self) -> Desk:
        """Where a course is drafted as if it were alone."""
        return replace(self._bare_desk(), effort=0.25, patient=False)

    def _seat_time(self, board: Board, course: Course, sessions: Iterable[PlacedSession]) -> list[tuple[Seat, Span]]:
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

    # One course

    def draft(self, course: Course, ceiling: int = INF) -> Draft:
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

    def worth(self, draft: Draft) -> int:
        return UNPLANNED if draft.cost is None else draft.cost

    def place(self, course: Course) -> None:
        """Put a course down as it is best alone where that is still free, else at its best beside the others."""
        alone = self.alone.get(course.id, NOTHING)
        free = alone.cost is not None and all(self.board.is_free(seat, *span) for seat, span in alone.taken)
        self.put(course, alone if free or alone.is_impossible else self.draft(course))

    # All courses

    def place_all(self) -> None:
        """Place the courses, those with sessions booked now first, then those with the least room to move."""
        courses = list(self.problem.courses)
        booked = self._hold_current(courses)
        orders = self._orders(courses)
        for course in orders[0]:
            self.board.give(booked.pop(course.id))
            self.put(course, self.draft(course))
        for course in courses:
            self.alone[course.id] = self._alone(course)
        best = (self.total(), dict(self.drafts))
        for order in orders[1:]:
            if self.total() <= self.bound() or self.out_of_time():
                break
            self.clear()
            for course in order:
                self.place(course)
            if self.total() < best[0]:
                best = (self.total(), dict(self.drafts))
        if self.drafts != best[1]:
            self.clear()
            for course in courses:
                self.put(course, best[1][course.id])

    def _alone(self, course: Course) -> Draft:
        """What a course would have without the others; its own draft where that is as cheap."""
        draft = self.drafts[course.id]
        if len(self.problem.courses) == 1:
            return draft
        if self.out_of_time():
            return NOTHING
        found = draft_course(self.bare, course, INF if draft.cost is None else draft.cost)
        if found.cost is None and draft.cost is not None:
            return replace(draft, bound=min(found.bound, draft.cost))
        return found

    def total(self) -> int:
        return sum(self.worth(draft) for draft in self.drafts.values())

    def clear(self) -> None:
        for course in self.problem.courses:
            if course.id in self.drafts:
                self.remove(course)

    def _orders(self, courses: list[Course]) -> list[list[Course]]:
        def size(course: Course) -> int:
            return -sum(len(track.slots) for track in self.problem.protocol_of(course).tracks)

        def linked(course: Course) -> int:
            return -len(self.problem.protocol_of(course).tracks)

        first = sorted(courses, key=lambda c: (not c.current, linked(c), size(c)))
        second = sorted(courses, key=lambda c: (not c.current, size(c)))
        return [first, second] if 1 < len(courses) <= 12 else [first]

    def _hold_current(self, courses: list[Course]) -> dict[str, list[tuple[Seat, Span]]]:
        """Keep what is booked now for its own course until that course is placed."""
        held: dict[str, list[tuple[Seat, Span]]] = {}
        for course in courses:
            held[course.id] = []
            for entry in self._seat_time(self.board, course, course.current):
                if self.board.is_free(entry[0], *entry[1]):
                    held[course.id].append(entry)
                    self.board.take([entry])
        return held

    def improve(self, drafts: int) -> None:
        """Take courses out and put them back in other orders, as long as that helps and the drafts last."""
        courses = list(self.problem.courses)
        if len(courses) == 1:
            return
        self.left = drafts
        # Most of these trials lead nowhere: each may cost little.
        self.desk.effort = 0.08
        dice = random.Random(self.seed)  # noqa: S311 (an order of trials, nothing secret)
        while self.left > 0 and not self.out_of_time():
            if self._improve_each(courses):
                continue
            if not self._improve_some(courses, dice):
                break

    def _improve_each(self, courses: list[Course]) -> bool:
        """Draft every course again beside the others as they are now."""
        found = False
        for course in courses:
            if self._is_settled(course) or self.left <= 0:
                continue
            found |= self._again([course])
        return found

    def _is_settled(self, course: Course) -> bool:
        """Whether a course has what it would have alone, or is proven best since the last change."""
        draft, alone = self.drafts[course.id], self.alone[course.id]
        if draft.cost is not None and draft.cost <= self.worth(alone):
            return True
        return alone.is_impossible or self.proven_at.get(course.id) == self.changes

    def _improve_some(self, courses: list[Course], dice: random.Random) -> bool:
        """Put a course that pays for others before one or two of them."""
        regret = {c.id: self.worth(self.drafts[c.id]) - self.worth(self.alone[c.id]) for c in courses}
        losers = sorted((c for c in courses if regret[c.id] > 0), key=lambda c: -regret[c.id])
        tries = [(loser, other) for loser in losers for other in courses if other is not loser]
        dice.shuffle(tries)
        tries.sort(key=lambda pair: -min(regret[pair[0].id], UNPLANNED // 10) // 10)
        for loser, other in tries:
            if self.left <= 0 or self.out_of_time():
                return False
            group = [loser, other]
            if len(courses) > 3 and dice.random() < 0.3:
                group.append(dice.choice([c for c in courses if c not in group]))
            if self._again(group):
                return True
        return False

    def _again(self, group: list[Course]) -> bool:
        """Take some courses out and place them in this order; undone where that is no better."""
        changes, proven = self.changes, dict(self.proven_at)
        old = [self.remove(course) for course in group]
        before = sum(self.worth(draft) for draft in old)
        spent = 0
        for at, course in enumerate(group):
            rest = sum(self.worth(self.alone[later.id]) for later in group[at + 1 :])
            ceiling = before - spent - rest
            if ceiling <= self.worth(self.alone[course.id]):
                break
            self.left -= 1
            draft = self.draft(course, ceiling) if ceiling < UNPLANNED else self.draft(course)
            if len(group) == 1 and draft.cost is None and draft.bound >= before:
                proven[course.id] = changes
            if self.worth(draft) >= ceiling:
                break
            self.put(course, draft)
            spent += self.worth(draft)
        else:
            return True
        for course in group:
            if course.id in self.drafts:
                self.remove(course)
        for course, draft in zip(group, old, strict=True):
            self.put(course, draft)
        self.changes, self.proven_at = changes, proven
        return False

    def finish(self) -> None:
        """Look once more, without haste, for plans of the courses that have none."""
        self.desk.effort, self.desk.patient = 0.25, True
        for course in self.problem.courses:
            draft = self.drafts[course.id]
            if draft.cost is None and not self.alone[course.id].is_impossible:
                self.remove(course)
                self.put(course, self.draft(course))

    def bound(self) -> int:
        """What the courses cost at least, each as if it were alone."""
        return sum(min(self.alone.get(course.id, NOTHING).bound, UNPLANNED) for course in self.problem.courses)

    def answer(self, course: Course) -> CoursePlan:
        draft = self.drafts[course.id]
        if draft.cost is not None:
            alone = draft.cost <= self.alone[course.id].bound
            optimal = alone or self.proven_at.get(course.id) == self.changes
            return CoursePlan(course.id, PLANNED, draft.sessions, draft.cost, optimal)
        if not draft.is_impossible:
            return CoursePlan(course.id, UNKNOWN, message="The time ran out before a plan was found or ruled out.")
        why = explain(self.problem, course, self._others(course), self.out_of_time)
        return CoursePlan(
            course.id, INFEASIBLE, message=why.message, relaxations=why.relaxations, obstacle=why.obstacle
        )

    def _others(self, course: Course) -> list[tuple[Course, tuple[PlacedSession, ...]]]:
        """The other courses with the sessions whose seats they keep."""
        return [
            (other, self.drafts[other.id].sessions or other.locked)
            for other in self.problem.courses
            if other is not course
        ]
