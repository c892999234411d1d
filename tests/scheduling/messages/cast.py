"""Courses and sessions as the booking module leaves them, written straight to the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from clinic.models import Patient
from protocols.models import ProtocolVersion, Track
from scheduling.messages import outbox
from scheduling.models import Course, CourseStatus, Session, SessionStatus
from tests import factories

WEEKLY = ({"periods": 12, "period_days": 7, "per_period": 1, "min_gap_hours": 44},)
DAILY = ({"periods": 12, "period_days": 7, "per_period": 5, "min_gap_hours": 16},)


def make_version(*, phases: Sequence[dict[str, Any]] = WEEKLY, **fields: Any) -> ProtocolVersion:
    return factories.make_protocol(phases=tuple(phases), **fields)


def make_course(
    patient: Patient,
    starts: Sequence[datetime],
    *,
    now: datetime,
    version: ProtocolVersion | None = None,
    minutes: int = 45,
) -> Course:
    """A booked course with a session at each start; nothing is queued yet."""
    version = version or make_version()
    site = patient.home_site
    course = Course.objects.create(
        patient=patient,
        site=site,
        version=version,
        status=CourseStatus.BOOKED,
        earliest_start=now.date(),
        latest_start=now.date() + timedelta(days=7),
        preferred_time=now.time(),
        requested_at=now,
        booked_at=now,
    )
    Session.objects.bulk_create(
        new_session(course, start, number=number, now=now, minutes=minutes)
        for number, start in enumerate(starts, start=1)
    )
    return course


def new_session(
    course: Course, start: datetime, *, number: int, now: datetime, minutes: int = 45, track: Track | None = None
) -> Session:
    track = track or course.version.tracks.get()
    return Session(
        course=course,
        patient=course.patient,
        site=course.site,
        track=track,
        visit_type=track.visit_type,
        number=number,
        status_at=now,
        created_at=now,
        changed_at=now,
        **span(start, minutes=minutes, timezone=course.site.timezone),
    )


def span(start: datetime, *, minutes: int, timezone: str) -> dict[str, Any]:
    local = start.astimezone(ZoneInfo(timezone))
    return {
        "start": start,
        "end": start + timedelta(minutes=minutes),
        "timezone": timezone,
        "local_date": local.date(),
        "local_time": local.time(),
    }


@transaction.atomic
def book(patient: Patient, starts: Sequence[datetime], *, now: datetime, **fields: Any) -> Course:
    course = make_course(patient, starts, now=now, **fields)
    outbox.course_booked(course, course.sessions.all(), now=now)
    return course


@transaction.atomic
def add(course: Course, start: datetime, *, number: int, now: datetime, minutes: int = 45) -> Session:
    session = new_session(course, start, number=number, now=now, minutes=minutes)
    session.save()
    outbox.sessions_changed(course, [session], now=now)
    return session


@transaction.atomic
def move(session: Session, start: datetime, *, now: datetime) -> Session:
    minutes = int((session.end - session.start).total_seconds() // 60)
    change(session, now=now, **span(start, minutes=minutes, timezone=session.timezone))
    outbox.sessions_changed(session.course, [session], now=now)
    return session


@transaction.atomic
def cancel(*sessions: Session, now: datetime) -> None:
    for session in sessions:
        change(session, now=now, status=SessionStatus.CANCELLED)
    outbox.sessions_changed(sessions[0].course, sessions, now=now)


@transaction.atomic
def undo(session: Session, *, now: datetime) -> None:
    """What was called off stands again."""
    change(session, now=now, status=SessionStatus.BOOKED)
    outbox.sessions_changed(session.course, [session], now=now)


def change(session: Session, *, now: datetime, **fields: Any) -> None:
    """What every writer of sessions does: a new state raises SEQUENCE."""
    fields |= {"sequence": session.sequence + 1, "changed_at": now}
    for name, value in fields.items():
        setattr(session, name, value)
    session.save(update_fields=list(fields))
