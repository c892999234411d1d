"""The rows of a course as JSON, to be compared later and written back: what a change keeps of before and after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import F, Model

from clinic.writing_rows import write_rows
from scheduling.models import Course, CourseDecision, Driver, Hold, Session

State = dict[str, Any]
COURSE = (
    "status",
    "earliest_start",
    "latest_start",
    "preferred_time",
    "availability",
    "shift_days",
    "open_periods",
    "added_visits",
    "rhythm",
    "paused_on",
    "paused_until",
    "pause_reason",
    "plan_message",
    "relaxations",
    "plan_cost",
    "booked_at",
    "ended_at",
    "end_reason",
)
SESSION = (
    "track_id",
    "visit_type_id",
    "number",
    "start",
    "end",
    "local_date",
    "local_time",
    "timezone",
    "status",
    "sequence",
    "missed_reason",
    "cancel_reason",
    "set_aside",
    "treated_at",
    "override_reason",
    "status_at",
    "status_by_id",
    "changed_at",
)
HOLD = ("position", "resource_id", "seat", "start", "end")
DRIVER = ("status", "agreed_start")
DECISION = ("decision_point_id", "outcome", "note", "decided_at", "decided_by_id")
PARKED = timedelta(days=365 * 400)
PARKED_NUMBERS = 10_000
"""Out of the way of every true time and number while rows trade places."""


def read_courses(course_ids: Collection[int]) -> dict[int, State]:
    """Each course's own fields, and what was decided about it."""
    decisions: dict[int, list[State]] = defaultdict(list)
    for decision in CourseDecision.objects.filter(course__in=course_ids).order_by("decision_point"):
        decisions[decision.course_id].append(pack(decision, DECISION))
    courses = Course.objects.filter(pk__in=course_ids)
    return {course.pk: {**pack(course, COURSE), "decisions": decisions[course.pk]} for course in courses}


def read_sessions(sessions: Iterable[Session]) -> dict[int, State]:
    """Each session's row with the seats it holds, and how far its driver has agreed; in three queries."""
    rows = list(sessions)
    holds: dict[int, list[State]] = defaultdict(list)
    held = Hold.objects.filter(session__in=rows).order_by("session_id", "position")
    for session_id, *values in held.values_list("session_id", *HOLD):
        holds[session_id].append({name: _to_json(value) for name, value in zip(HOLD, values, strict=True)})
    drivers = {row.session_id: pack(row, DRIVER) for row in Driver.objects.filter(session__in=rows)}
    return {row.pk: {**pack(row, SESSION), "holds": holds[row.pk], "driver": drivers.get(row.pk)} for row in rows}


def pack(row: Model, fields: Iterable[str]) -> State:
    return {name: _to_json(getattr(row, name)) for name in fields}


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return value


def unpack(row: Model, state: Mapping[str, Any], fields: Iterable[str]) -> None:
    """Set the fields of a row, not saved, to what a state says."""
    columns = {column.attname: column for column in row._meta.concrete_fields}
    for name in fields:
        setattr(row, name, columns[name].to_python(state[name]))


def write_sessions(sessions: Sequence[Session], holds: Sequence[Hold]) -> None:
    """Rows and seats as they are in memory, also where rows trade places; all that they held before is free."""
    ids = [session.pk for session in sessions]
    Hold.objects.filter(session__in=ids).delete()
    away = {"start": F("start") + PARKED, "end": F("end") + PARKED, "number": F("number") + PARKED_NUMBERS}
    Session.objects.filter(pk__in=ids).update(**away)
    write_rows(sessions, [name.removesuffix("_id") for name in SESSION])
    Hold.objects.bulk_create(holds)


def hold_of(session: Session, state: State) -> Hold:
    """A seat as a state names it, not saved."""
    hold = Hold(session=session)
    unpack(hold, state, HOLD)
    return hold
