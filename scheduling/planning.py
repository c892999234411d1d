"""Propose courses and legal times: read and ask the engine, never write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from clinic.models import Site
from protocols.models import VisitType
from scheduling.engine import CoursePlan, PlacedSession, Problem, Result
from scheduling.models import Course, Session


@dataclass(frozen=True)
class Proposal:
    """What the engine answered for one course; nothing of it is written."""

    course: Course
    problem: Problem
    result: Result
    plan: CoursePlan

    @property
    def is_planned(self) -> bool:
        return self.plan.planned

    @property
    def message(self) -> str:
        """Why nothing fits, in one sentence; empty for a planned course."""
        raise NotImplementedError

    @property
    def relaxations(self) -> list[dict[str, Any]]:
        """As in the planning format: each, made alone, lets the course be planned."""
        raise NotImplementedError

    @property
    def cost_parts(self) -> dict[str, int]:
        raise NotImplementedError


def propose_course(course: Course, *, now: datetime, time_limit: float = 5.0) -> Proposal:
    """Plan one course, saved or not."""
    return propose_courses([course], now=now, time_limit=time_limit)[0]


def propose_courses(courses: Sequence[Course], *, now: datetime, time_limit: float = 5.0) -> list[Proposal]:
    """Plan courses of one site together."""
    raise NotImplementedError


def legal_times(session: Session, *, now: datetime, first_on: date, last_on: date) -> list[PlacedSession]:
    """The only times offered for a move: starts at which every rule of the course is kept, all else staying."""
    raise NotImplementedError


def find_openings(
    *, site: Site, visit_type: VisitType, first_on: date, last_on: date, now: datetime
) -> list[PlacedSession]:
    """Legal starts of one visit of a type for any patient."""
    raise NotImplementedError
