"""Build, solve, and read the answer back as a Result, which the caller puts to `check`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any

from ortools.sat.python import cp_model

from scheduling.engine import Booking, CoursePlan, PlacedHold, PlacedSession, Problem, Result, cost

from .calendar import Seat, needs_of, seat_at
from .model import UNPLANNED, CourseModel, ProblemModel
from .placement import Placement
from .track import Step, TrackModel

PARAMETERS: dict[str, Any] = {
    "num_workers": 2,
    "random_seed": 1,
    "subsolvers": ["max_lp"],
    "linearization_level": 2,
    "max_num_cuts": 0,
    "cp_model_probing_level": 0,
}
"""The best of those tried. The linear relaxation of this model lies close to its optimum: one worker solves all of it
(`max_lp`), the other looks for plans around the best one (LNS). Cuts and probing cost more here than they bring."""

QUICKLY: dict[str, Any] = {
    "num_workers": 2,
    "random_seed": 1,
    "subsolvers": ["default_lp"],
    "linearization_level": 0,
    "cp_model_probing_level": 0,
}
"""For one of many courses: a good plan in few seconds, which the search for a proof would not give."""

TOGETHER: dict[str, Any] = {"num_workers": 2, "random_seed": 1, "cp_model_probing_level": 0}
"""For several courses at once, where the relaxation is too large to be solved: CP-SAT's own choice, with the hint."""

ONE_BY_ONE = 0.75
"""The share of the time in which the courses of an intake are planned in turn, for the hint."""


@dataclass(frozen=True)
class Answer:
    """What CP-SAT says: `result` is None where it has no plan; `cost` is its objective value."""

    status: str
    result: Result | None
    cost: int | None
    bound: int
    build_seconds: float
    solve_seconds: float

    @property
    def proven(self) -> bool:
        return self.status in ("OPTIMAL", "INFEASIBLE")

    @property
    def seconds(self) -> float:
        return self.build_seconds + self.solve_seconds


def solve(problem: Problem, *, limit: float, **parameters: Any) -> Answer:
    """Plan a problem with CP-SAT; the limit is on solving, which building is added to in the figures."""
    if len(problem.courses) > 1:
        return solve_together(problem, limit=limit, **parameters)
    return solve_once(problem, limit=limit, **{**PARAMETERS, **parameters})


def solve_together(problem: Problem, *, limit: float, **parameters: Any) -> Answer:
    """Courses one by one, each beside those before; then all at once, with that plan as a hint."""
    answers: list[Answer] = []
    courses = sorted(problem.courses, key=lambda course: -len(problem.protocol_of(course).tracks))
    left = limit * ONE_BY_ONE
    for index, course in enumerate(courses):
        taken = (booking for answer in answers for booking in seat_time(problem, answer))
        beside = replace(problem, courses=(course,), bookings=(*problem.bookings, *taken))
        share = left / (len(courses) - index)
        answers.append(solve_once(beside, limit=share, **{**QUICKLY, **parameters}))
        left -= answers[-1].solve_seconds
    plans = {plan.id: plan for answer in answers if answer.result is not None for plan in answer.result.courses}
    built = sum(answer.build_seconds for answer in answers)
    spent = sum(answer.solve_seconds for answer in answers)
    last = solve_once(problem, limit=limit - spent, hint=plans, **{**TOGETHER, **parameters})
    if last.result is None:
        last = replace(last, **one_by_one(problem, plans))
    return replace(last, build_seconds=last.build_seconds + built, solve_seconds=last.solve_seconds + spent)


def one_by_one(problem: Problem, plans: dict[str, CoursePlan]) -> dict[str, Any]:
    """The plans that were found in turn, where CP-SAT did not get as far as a plan for all."""
    found = tuple(plans.get(course.id, left_out(course.id)) for course in problem.courses)
    points = cost(problem, Result(found, 0)).total
    return {"status": "FEASIBLE", "result": Result(found, points), "cost": points}


def seat_time(problem: Problem, answer: Answer) -> Iterator[Booking]:
    """What the sessions of a plan take, as bookings for the others."""
    for plan in () if answer.result is None else answer.result.courses:
        protocol = problem.protocol_of(problem.course(plan.id))
        for session in plan.sessions:
            for need, hold in zip(protocol.visit_of(*session.key).holds, session.holds, strict=True):
                begin = session.start.astimezone(UTC)
                span = begin + timedelta(minutes=need.begin), begin + timedelta(minutes=need.end)
                yield Booking(hold.resource, hold.seat, *span)


def solve_once(
    problem: Problem, *, limit: float, hint: dict[str, CoursePlan] | None = None, **parameters: Any
) -> Answer:
    began = time.perf_counter()
    laid = ProblemModel(problem)
    give_hint(laid, hint or {})
    built = time.perf_counter()
    solver = cp_model.CpSolver()
    for name, value in {**parameters, "max_time_in_seconds": limit}.items():
        if isinstance(value, list):
            getattr(solver.parameters, name).extend(value)
        else:
            setattr(solver.parameters, name, value)
    status = solver.status_name(solver.solve(laid.model))
    solved = time.perf_counter()
    result, points, bound = None, None, 0
    if status in ("OPTIMAL", "FEASIBLE"):
        result, points = read_answer(problem, laid, solver), round(solver.objective_value)
    if status == "INFEASIBLE":
        bound = UNPLANNED
    elif status != "MODEL_INVALID":
        bound = max(0, round(solver.best_objective_bound + 0.4999))
    return Answer(status, result, points, bound, built - began, solved - built)


def give_hint(laid: ProblemModel, plans: dict[str, CoursePlan]) -> None:
    """The dates, starts, resources and seats of a plan, for the search to begin with."""
    for course in laid.courses:
        plan = plans.get(course.course.id)
        laid.model.add_hint(course.planned, plan is not None)
        days = {} if plan is None else {s.key: laid.calendar.date_of(s.start).toordinal() for s in plan.sessions}
        for name, track in course.tracks.items():
            hinted: set[int] = set()
            for (number, day), literal in track.x.items():
                if literal.index not in hinted:
                    hinted.add(literal.index)
                    laid.model.add_hint(literal, days.get((name, number)) == day)
            for (number, day, after), arc in track.arcs.items():
                laid.model.add_hint(arc, (days.get((name, number - 1)), days.get((name, number))) == (day, after))
            sessions = {} if plan is None else {days[s.key]: s for s in plan.sessions if s.track == name}
            for place in track.places.values():
                session = sessions.get(place.day)
                if session is not None and track.protocol.visit_of(*session.key) is not place.visit:
                    session = None
                hint_place(laid, course, place, session)


def hint_place(laid: ProblemModel, course: CourseModel, place: Placement, session: PlacedSession | None) -> None:
    minute = None if session is None else laid.calendar.minute(session.start)
    for late, start in zip(place.late, place.starts.minutes[1:], strict=True):
        laid.model.add_hint(late, minute is not None and minute >= start)
    for (root, seat), literal in course.seats.get(id(place), {}).items():
        taken = session is not None and (session.holds[root].resource, session.holds[root].seat) == seat
        laid.model.add_hint(literal, taken)


def left_out(course_id: str) -> CoursePlan:
    return CoursePlan(course_id, "unknown", message="CP-SAT leaves it unplanned.")


def read_answer(problem: Problem, laid: ProblemModel, solver: cp_model.CpSolver) -> Result:
    plans = []
    for course in laid.courses:
        if not solver.boolean_value(course.planned):
            plans.append(left_out(course.course.id))
            continue
        sessions = [
            read_session(laid, course, track, step, solver) for track in course.tracks.values() for step in track.steps
        ]
        plans.append(CoursePlan(course.course.id, "planned", tuple(sessions), 0))
    return Result(tuple(plans), round(solver.objective_value))


def read_session(
    laid: ProblemModel, course: CourseModel, track: TrackModel, step: Step, solver: cp_model.CpSolver
) -> PlacedSession:
    key = (track.track.name, step.number)
    if step.given is not None:
        return next(session for session in course.course.locked if session.key == key)
    day = next(d for d in track.dates[step.number] if solver.boolean_value(track.x[step.number, d]))
    place = track.place(step, day)
    begin = place.begin_of(solver)
    seats = read_seats(laid, course, track, place, begin, solver)
    visit = place.visit
    holds = tuple(PlacedHold(h.kind, *seats[root]) for h, root in zip(visit.holds, visit.roots, strict=True))
    return PlacedSession(*key, laid.calendar.instant(begin), holds)


def read_seats(
    laid: ProblemModel, course: CourseModel, track: TrackModel, place: Placement, begin: int, solver: cp_model.CpSolver
) -> dict[int, Seat]:
    """The seats of a visit: those of the model, or any free ones where nobody else asks for them."""
    literals = course.seats.get(id(place))
    if literals is not None:
        return {root: seat for (root, seat), literal in literals.items() if solver.boolean_value(literal)}
    needs = needs_of(place.visit)
    kinds = [hold.kind for hold in place.visit.holds]
    kind = track.track.continuity
    watched = place.visit.roots[kinds.index(kind)] if kind in kinds else None
    needs.sort(key=lambda need: need.root != watched)
    free: dict[int, list[Seat]] = {}
    for need in needs:
        seats = laid.calendar.seats_for(need)
        if need.root == watched:
            seats = (
                [seat for seat in seats if solver.boolean_value(track.on[place.day, seat[0]])]
                if len(track.names) > 1
                else seats
            )
        free[need.root] = [seat for seat in seats if laid.calendar.serving(need, seat) >> begin & 1]
    found = seat_at(needs, free, {})
    assert found is not None, "the model chose a start without seats"
    return found
