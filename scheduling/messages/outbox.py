"""What is due to whom: rows written in the transaction that causes them, sent later by `delivery`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scheduling.models import Course, Session


def course_booked(course: Course, sessions: Iterable[Session], *, now: datetime) -> None:
    """Queue the summary, the invites on their horizon, and the reminders of a course just booked."""


def sessions_changed(course: Course, sessions: Iterable[Session], *, now: datetime) -> None:
    """Queue what is due after sessions were moved, cancelled, missed or newly booked; rewrite what waits unsent."""
