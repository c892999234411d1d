"""Keep open-ended courses booked up to the site's rolling horizon."""

from __future__ import annotations

from datetime import datetime


def courses_to_extend(*, now: datetime) -> list[int]:
    """Ids of courses whose booked part ends inside their site's horizon, or that wait behind a decision to go on."""
    raise NotImplementedError


def extend_course(course_id: int, *, now: datetime) -> int:
    """Book the periods that the horizon has reached; the number of new sessions. Safe to run twice, or at once."""
    raise NotImplementedError
