"""Build, solve, and read the answer back as a Result, which the caller puts to `check`."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ortools.sat.python import cp_model

from scheduling.engine import CoursePlan, PlacedHold, PlacedSession, Problem, Result

from .calendar import Seat, needs_of, seat_at
from .model import UNPLANNED, CourseModel, ProblemModel
from .placement import Placement
from .track import Step, TrackModel

PARAMETERS: dict[str, object] = {
    "num_workers": 2,
    "random_seed": 1,
    "subsolvers": ["max_lp"],
    "linearization_level": 2,
    "max_num_cuts": 0,
    "cp_model_probing_level": 0,
}
"""The best of those tried. The linear relaxation of this model lies close to its optimum: one worker solves all of it
(`max_lp`), the other looks for plans around the best one (LNS). Cuts and probing cost more here than they bring."""


@dataclass(frozen=True)
class Answer:
    """What CP-SAT says: `result` is None where it has no plan; `cost` is its objective value."""

    status: str
    result: Result | None
    cost: int | None
    bound: int
    build_seconds: float
    solve_seconds: float
    work: float = 0.0
    """Seconds of CP-SAT's own clock of work, which other processes do not disturb."""

    @property
    def proven(self) -> bool:
        return self.status in ("OPTIMAL", "INFEASIBLE")

    @property
    def seconds(self) -> float:
        return self.build_seconds + self.solve_seconds


def solve(problem: Problem, *, limit: float, **parameters: object) -> Answer:
    """Plan a problem with CP-SAT; the limit is on solving, which building is added to in the figures."""
    began = time.perf_counter()
    laid = ProblemModel(problem)
    built = time.perf_counter()
    solver = cp_model.CpSolver()
    given = {**PARAMETERS, "max_time_in_seconds": limit, **parameters}
    for name, value in given.items():
        if isinstance(value, list):
            getattr(solver.parameters, name).extend(value)
        else:
            setattr(solver.parameters, name, value)
    status = solver.status_name(solver.solve(laid.model))
    solved = time.perf_counter()
    result, cost, bound = None, None, 0
    if status in ("OPTIMAL", "FEASIBLE"):
        result, cost = read_answer(problem, laid, solver), round(solver.objective_value)
    if status == "INFEASIBLE":
        bound = UNPLANNED
    elif status != "MODEL_INVALID":
        bound = max(0, round(solver.best_objective_bound + 0.4999))
    return Answer(status, result, cost, bound, built - began, solved - built, solver.response_proto.deterministic_time)


def read_answer(problem: Problem, laid: ProblemModel, solver: cp_model.CpSolver) -> Result:
    plans = []
    for course in laid.courses:
        if not solver.boolean_value(course.planned):
            plans.append(CoursePlan(course.course.id, "unknown", message="CP-SAT leaves it unplanned."))
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
