"""A clinician decides at a decision point: go on, step back, or stop."""

from __future__ import annotations

from datetime import datetime

from clinic.models import User
from protocols.models import DecisionPoint
from scheduling.models import Course, CourseDecision


def decide(course: Course, decision_point: DecisionPoint, *, outcome: str, now: datetime, by: User) -> CourseDecision:
    """Record the outcome (a DecisionOutcome), then book what lies beyond the point, or stop the course."""
    raise NotImplementedError


def due_decisions(course: Course, *, now: datetime) -> list[DecisionPoint]:
    """Points that are reached and not decided."""
    raise NotImplementedError
