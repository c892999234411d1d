"""What becomes of every course that is hit: found together, shown before anything is written."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from scheduling import engine
from scheduling.disruptions.attempts import Solved, find_places
from scheduling.disruptions.posing import Case, Others, one_for_each, read_cases, read_given
from scheduling.disruptions.question import Disruption, find_hit, pose_disruption, pose_lead
from scheduling.explaining import say_why
from scheduling.models import Course, Session
from scheduling.planning import cost_parts
from scheduling.posing import shift_into_windows, unlock, with_course

TOGETHER, ALONE, REASONS = 1.5, 2.5, 1.0
"""Seconds for all courses at once, for those without a place after that, and for why the rest have none."""
MANY = 12
"""Of more courses that have no place near by, each is put at its end at once: all have to be answered in time."""


@dataclass(frozen=True)
class Move:
    """What changes of one visit: its time, its seats, or only its number in the course."""

    session: Session
    track: str
    number: int
    start: datetime
    holds: tuple[engine.PlacedHold, ...]
    is_hit: bool

    @property
    def is_moved(self) -> bool:
        """Whether the patient has to be told."""
        return self.start != self.session.start

    @property
    def keeps_number(self) -> bool:
        return self.number == self.session.number


@dataclass(frozen=True)
class Answer:
    """One course: its visits that are hit, and what changes so that all have a place; or why there is none."""

    course: Course
    hit: tuple[Session, ...]
    moves: tuple[Move, ...] = ()
    shift_days: int | None = None
    why: str = ""

    @property
    def is_placed(self) -> bool:
        return not self.why

    @property
    def moved(self) -> tuple[Move, ...]:
        """The visits whose time changes, by their old time."""
        return tuple(move for move in self.moves if move.is_moved)

    @property
    def others(self) -> tuple[Move, ...]:
        """Those of them that were not hit themselves."""
        return tuple(move for move in self.moved if not move.is_hit)


@dataclass(frozen=True)
class Replanning:
    """All of it, by course; `under_way` are visits that nobody can plan again, because they have begun.

    `least` is proven: so many visits must move, whatever else is done. `problem` and `result` say the same in the
    planning format.
    """

    disruption: Disruption
    hit: tuple[Session, ...] = ()
    answers: tuple[Answer, ...] = ()
    under_way: tuple[Session, ...] = ()
    least: int = 0
    problem: engine.Problem | None = field(default=None, compare=False, repr=False)
    result: engine.Result | None = field(default=None, compare=False, repr=False)

    @property
    def placed(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if answer.is_placed)

    @property
    def unplaced(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if not answer.is_placed)

    @property
    def moved(self) -> int:
        return sum(len(answer.moved) for answer in self.placed)

    @property
    def is_fewest(self) -> bool:
        """Whether no plan at all could move fewer visits."""
        return not self.unplaced and self.moved <= self.least


def propose_replanning(disruption: Disruption, *, now: datetime, only: Collection[int] | None = None) -> Replanning:
    """A plan for all courses that are hit, or for `only` these; those left out keep what they have."""
    hit = find_hit(disruption, now=now)
    cases = read_cases(hit, now=now)
    chosen = [case for case in cases if only is None or case.course.pk in only]
    movable = {case.rows[key].pk for case in cases for key in case.hit}
    under_way = tuple(session for session in hit if session.pk not in movable)
    if not chosen:
        return Replanning(disruption, tuple(hit), under_way=under_way)
    empty = Replanning(disruption, tuple(hit), under_way=under_way)
    found = _answer_all(empty, _pose(chosen, disruption, now), chosen, now)
    if not found.unplaced or not found.placed:
        return found
    # Who has no place keeps the seats of the other kinds: nobody may have been put there.
    placed = {answer.course.pk for answer in found.placed}
    able = [case for case in chosen if case.course.pk in placed]
    again = _answer_all(empty, _pose(able, disruption, now), able, now)
    answers = sorted((*again.answers, *found.unplaced), key=lambda answer: answer.course.pk)
    return replace(again, answers=tuple(answers), least=found.least)


def _pose(cases: Sequence[Case], disruption: Disruption, now: datetime) -> engine.Problem:
    spans = {case.id: [engine.Interval(row.start, row.end) for row in _hit_rows(case)] for case in cases}
    return pose_lead(pose_disruption(read_given(cases, now=now), disruption), now=now, hit=spans)


def _answer_all(empty: Replanning, problem: engine.Problem, cases: Sequence[Case], now: datetime) -> Replanning:
    least = engine.least_moves(_let_move(problem, cases))
    solved = _stay_near(problem, cases)
    # What is out of place keeps its other seats until it is placed: nobody is put there meanwhile.
    others = Others(problem, cases, now=now)
    for key, found in solved.items():
        others.keep(problem.course(key), found.plan.sessions)
    _place_left(others, [case for case in cases if case.id not in solved], solved, now)
    until = time.monotonic() + REASONS
    answers = tuple(
        _answer(problem, case, solved[case.id]) if case.id in solved else _say_why(others, case, now, until)
        for case in cases
    )
    posed, result = _as_documents(problem, solved)
    return replace(empty, answers=answers, least=least, problem=posed, result=result)


def _place_left(others: Others, cases: Sequence[Case], solved: dict[str, Solved], now: datetime) -> None:
    """One after the other, those hit first first; where there are many, nobody is asked twice."""
    until = time.monotonic() + ALONE
    for case in sorted(cases, key=lambda case: min(case.rows[key].start for key in case.hit)):
        one = others.leave(case.id)
        found = find_places(one, case, now=now, until=until, thorough=len(cases) <= MANY)
        if found is not None:
            solved[case.id] = found
            others.keep(others.problem.course(case.id), found.plan.sessions)


def _let_move(problem: engine.Problem, cases: Sequence[Case]) -> engine.Problem:
    hit = {case.id: case.hit for case in cases}
    return replace(problem, courses=tuple(unlock(course, hit.get(course.id, ())) for course in problem.courses))


def _stay_near(problem: engine.Problem, cases: Sequence[Case]) -> dict[str, Solved]:
    """All patients at once, where only what is hit may move: on another seat, or at another time within its gaps."""
    cases = one_for_each(cases)
    posed = _let_move(problem, cases)
    found = {plan.id: plan for plan in engine.plan(posed, time_limit=TOGETHER, reasons=False).courses}
    return {
        case.id: Solved(posed.course(case.id), found[case.id], case.rows) for case in cases if found[case.id].planned
    }


def _answer(problem: engine.Problem, case: Case, solved: Solved) -> Answer:
    was = {at.key: at for at in problem.course(case.id).locked}
    hit = {case.rows[key].pk for key in case.hit}
    moves = []
    for at in solved.plan.sessions:
        row = solved.rows[at.key]
        if (row.number, row.start, was[row.track.name, row.number].holds) != (at.number, at.start, at.holds):
            moves.append(Move(row, at.track, at.number, at.start, at.holds, row.pk in hit))
    moves.sort(key=lambda move: (move.session.start, move.session.pk))
    shift = shift_into_windows(problem, replace(solved.posed, shift_days=case.course.shift_days), solved.plan.sessions)
    return Answer(case.course, _hit_rows(case), tuple(moves), None if solved.posed.shift_days is None else shift)


def _hit_rows(case: Case) -> tuple[Session, ...]:
    return tuple(sorted((case.rows[key] for key in case.hit), key=lambda row: (row.start, row.pk)))


def _say_why(others: Others, case: Case, now: datetime, until: float) -> Answer:
    """In a sentence, with what would help."""
    problem = others.leave(case.id)
    posed = unlock(problem.courses[0], case.to_come(now) | case.hit)
    asked = with_course(problem, posed)
    plan = engine.plan(asked, time_limit=max(until - time.monotonic(), 0.2)).courses[0]
    return Answer(case.course, _hit_rows(case), why=say_why(plan, asked, site=case.course.site))


def _as_documents(problem: engine.Problem, solved: Mapping[str, Solved]) -> tuple[engine.Problem, engine.Result]:
    courses = tuple(solved[course.id].posed if course.id in solved else course for course in problem.courses)
    posed = replace(problem, courses=courses)
    plans = tuple(_costed(posed, solved[course.id].plan) for course in courses if course.id in solved)
    left = tuple(engine.CoursePlan(course.id, engine.UNKNOWN) for course in courses if course.id not in solved)
    return posed, engine.Result((*plans, *left), engine.cost(posed, engine.Result(plans, 0)).total)


def _costed(problem: engine.Problem, plan: engine.CoursePlan) -> engine.CoursePlan:
    return replace(plan, cost=sum(cost_parts(problem, plan).values()), optimal=False)
