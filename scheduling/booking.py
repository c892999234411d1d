"""Book and stop courses. With moving, attendance, decisions and extension the only writers of sessions and holds."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from clinic.models import Patient, Site, User
from protocols.models import ProtocolVersion
from scheduling.engine import CoursePlan
from scheduling.models import Course


def request_course(
    *,
    patient: Patient,
    site: Site,
    version: ProtocolVersion,
    earliest_start: date,
    latest_start: date,
    preferred_time: time | None = None,
    now: datetime,
    by: User | None = None,
    reference: str = "",
    availability: dict[str, Any] | None = None,
    anchor_at: datetime | None = None,
) -> Course:
    """Ask for a course, which then waits to be planned; asked twice with one reference, return what exists.

    Raises django's ValidationError with the faults by field.
    """
    raise NotImplementedError


def book_course(course: Course, *, plan: CoursePlan, now: datetime, by: User | None = None) -> Course:
    """Book the plan whole, or raise BookingRefused with every problem; asked twice, return what exists."""
    raise NotImplementedError


def plan_and_book(course_id: int, *, now: datetime, time_limit: float = 5.0, by: User | None = None) -> Course:
    """Plan and book, planning once more after a lost race; what cannot be planned is recorded on the course."""
    raise NotImplementedError


def stop_course(course: Course, *, reason: str, now: datetime, by: User | None = None) -> Course:
    """End the course and cancel what is to come."""
    raise NotImplementedError
