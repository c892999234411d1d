"""The cost of a result, by part: one function for each row of the cost table."""

from __future__ import annotations

from itertools import pairwise

from .hours import Hours
from .problem import Course, PlacedSession, Problem
from .result import CostParts, CoursePlan, Result
from .view import View, first_resource

UNPLANNED = 1_000_000


def cost(problem: Problem, result: Result) -> CostParts:
    """The points of a whole result, summed over the courses of the problem."""
    hours = Hours(problem)
    answers = {answer.id: answer for answer in result.courses}
    total = CostParts()
    for course in problem.courses:
        total = total.plus(course_cost(problem, course, answers.get(course.id), hours))
    return total


def course_cost(problem: Problem, course: Course, answer: CoursePlan | None, hours: Hours | None = None) -> CostParts:
    """The points of one course."""
    if answer is None or not answer.planned:
        return CostParts(unplanned=UNPLANNED)
    return sessions_cost(problem, course, answer.sessions, hours)


def sessions_cost(
    problem: Problem, course: Course, sessions: tuple[PlacedSession, ...], hours: Hours | None = None
) -> CostParts:
    """The points of a whole course that has these sessions."""
    view = View(problem, course, {session.key: session for session in sessions}, hours or Hours(problem))
    return CostParts(
        start=start_points(view),
        length=length_points(view),
        time=time_points(view),
        spread=spread_points(view),
        continuity=continuity_points(view),
        moved=moved_points(view),
    )


def start_points(view: View) -> int:
    return 10 * max(0, (view.start_day - view.course.earliest_start).days)


def length_points(view: View) -> int:
    return 4 * (max(view.day.values()) - view.start_day).days


def time_points(view: View) -> int:
    """One point for each full grid step from the preferred time, by the wall clock."""
    total = 0
    for key in view.free():
        local = view.hours.local(view.begin[key])
        away = abs(local.hour * 60 + local.minute - view.course.preferred_time)
        total += away // view.problem.site.grid_minutes
    return total


def spread_points(view: View) -> int:
    total = 0
    for track in view.protocol.tracks:
        for before, slot in pairwise(track.slots):
            phase = track.phases[slot.phase]
            if before.phase == slot.phase and phase.per_period in (1, 2, 3):
                gap = (view.day[track.name, slot.number] - view.day[track.name, before.number]).days
                total += 3 * abs(phase.per_period * gap - phase.period_days)
    return total


def continuity_points(view: View) -> int:
    total = 0
    for track in view.protocol.tracks:
        if track.continuity is None:
            continue
        keys = [(track.name, slot.number) for slot in track.slots]
        used = [first_resource(track.continuity, view.visits[key], view.placed[key]) for key in keys]
        total += 8 * sum(None not in (one, other) and one != other for one, other in pairwise(used))
    return total


def moved_points(view: View) -> int:
    total = 0
    for session in view.course.current:
        if view.begin[session.key] != session.start:
            same_date = view.hours.local(session.start).date() == view.day[session.key]
            total += 1000 if same_date else 1200
    return total
