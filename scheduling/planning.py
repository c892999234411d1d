"""Propose courses and legal times: read and ask the engine, never write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from clinic.models import Site
from protocols.models import VisitType
from scheduling import engine
from scheduling.engine import CoursePlan, Interval, PlacedSession, Problem, Result
from scheduling.explaining import say_why, write_relaxations
from scheduling.models import Course, Session
from scheduling.posing import Key, lock_beyond, only_given, with_anchor, with_hours
from scheduling.shapes import shape_visit
from scheduling.snapshots import read_clinic, read_problem

FURTHEST = timedelta(days=2 * 366)
"""Nothing is asked for, or moved, further away than this."""


@dataclass(frozen=True)
class Proposal:
    """What the engine answered for one course; nothing of it is written."""

    course: Course
    problem: Problem
    result: Result
    plan: CoursePlan
    alternatives: tuple[Proposal, ...] = ()
    """Further plans that differ in start day, time of day or weekdays, cheapest first; each can be booked instead."""

    @property
    def is_planned(self) -> bool:
        return self.plan.planned

    @property
    def message(self) -> str:
        """Why there is no plan, in the words of staff; empty for a planned course."""
        return say_why(self.plan, self.problem, site=self.course.site)

    @property
    def relaxations(self) -> list[dict[str, Any]]:
        """As in the planning format: each, made alone, lets the course be planned."""
        return write_relaxations(self.plan)

    @property
    def cost_parts(self) -> dict[str, int]:
        return cost_parts(self.problem, self.plan)


def propose_course(
    course: Course,
    *,
    now: datetime,
    time_limit: float = 5.0,
    anchor_at: datetime | None = None,
    also_free: Interval | None = None,
    alternatives: int = 0,
    relaxation: engine.Relaxation | None = None,
    passed: frozenset[int] = frozenset(),
) -> Proposal:
    """Plan one course, saved or not. `anchor_at` is the operation that an unsaved one is counted from.

    `also_free` is a time at which the patient comes beside the usual hours. With `alternatives`, up to so many further
    plans to choose from. `relaxation` is a change that nobody has made yet: a plan with it is to be looked at only.
    `passed` are decision points that are taken as decided.
    """
    problem = read_problem(site=course.site, courses=[course], now=now, passed=passed)
    if anchor_at is not None:
        problem = with_anchor(problem, str(course.uuid), anchor_at)
    if also_free is not None:
        problem = with_hours(problem, str(course.uuid), also_free)
    if relaxation is not None:
        problem = engine.relaxed(problem, str(course.uuid), relaxation)
    return _propose(problem, [course], time_limit, alternatives)[0]


def propose_courses(courses: Sequence[Course], *, now: datetime, time_limit: float = 5.0) -> list[Proposal]:
    """Plan courses of one site together."""
    return _propose(read_problem(site=courses[0].site, courses=courses, now=now), courses, time_limit)


def _propose(problem: Problem, courses: Sequence[Course], time_limit: float, alternatives: int = 0) -> list[Proposal]:
    result = engine.plan(problem, time_limit=time_limit, alternatives=alternatives)
    plans = {plan.id: plan for plan in result.courses}
    return [_offer(course, problem, plans[str(course.uuid)]) for course in courses]


def _offer(course: Course, problem: Problem, plan: CoursePlan) -> Proposal:
    one = replace(plan, alternatives=None)
    others = tuple(
        CoursePlan(plan.id, engine.PLANNED, other.sessions, other.cost.total) for other in plan.alternatives or ()
    )
    further = tuple(Proposal(course, problem, alone(other), other) for other in others)
    return Proposal(course, problem, alone(one), one, further)


def alone(plan: CoursePlan) -> Result:
    """The result that answers one course only."""
    return Result(courses=(plan,), cost=plan.cost or 0)


def cost_parts(problem: Problem, plan: CoursePlan) -> dict[str, int]:
    """The cost of one course's plan by part, in points."""
    one = replace(problem, courses=(problem.course(plan.id),))
    return asdict(engine.cost(one, alone(plan)))


def legal_times(session: Session, *, now: datetime, first_on: date, last_on: date) -> list[PlacedSession]:
    """The only times offered for a move: starts at which every rule of the course is kept, all else staying."""
    course = Course.objects.select_related("site", "version").get(pk=session.course_id)
    problem = only_given(read_problem(site=course.site, courses=[course], now=now, replan=True))
    key = (session.track.name, session.number)
    return legal_starts_of(lock_beyond(problem, key, course.known_pause_on), key, first_on, last_on)


def legal_starts_of(problem: Problem, key: Key, first_on: date, last_on: date) -> list[PlacedSession]:
    """Where one session of the one posed course may lie while all others stay, each start with seats for it."""
    offers = engine.legal_starts(problem, problem.courses[0].id, *key, from_date=first_on, to_date=last_on)
    return [PlacedSession(*key, offer.start, offer.holds) for offer in offers]


def find_openings(
    *, site: Site, visit_type: VisitType, first_on: date, last_on: date, now: datetime
) -> list[PlacedSession]:
    """Legal starts of one visit of a type for any patient, each with seats for it."""
    visit = shape_visit(visit_type)
    problem = read_clinic(site=site, visit=visit, now=now, last_on=last_on)
    return [PlacedSession("visit", 1, o.start, o.holds) for o in engine.openings(problem, visit, first_on, last_on)]
