"""Sedating visits and who takes the patient home, for tests of drivers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from clinic.models import Patient
from scheduling.messages import outbox
from scheduling.models import Course, Driver, Notice, Session
from tests.scheduling.messages import cast

BOB: dict[str, Any] = {"kind": "person", "name": "Bob Miller", "phone": "+1 212 555 0101", "email": "bob@mail.example"}
EVE: dict[str, Any] = {"kind": "person", "name": "Eve Stone", "phone": "+1 212 555 0102", "email": "eve@mail.example"}


@transaction.atomic
def book_sedating(patient: Patient, starts: Sequence[datetime], *, now: datetime, **fields: Any) -> Course:
    """A booked course of sedating visits of two hours, each in need of a driver."""
    fields = {"version": cast.make_version(sedating=True), "minutes": 120, **fields}
    course = cast.make_course(patient, starts, now=now, **fields)
    Driver.objects.bulk_create(Driver(session=session, changed_at=now) for session in course.sessions.all())
    outbox.course_booked(course, course.sessions.all(), now=now)
    return course


def state_of(session: Session) -> dict[str, Any]:
    """The driver as the database has it."""
    fields = ("status", "kind", "name", "phone", "email", "agreed_start", "lost_at")
    return Driver.objects.values(*fields).get(session=session)


def calls(course: Course, **wanted: Any) -> list[tuple[str, datetime, str]]:
    """The calls about drivers, those made and those to be made."""
    about = {"driver_call", "driver_reminder"}
    rows = Notice.objects.filter(course=course, channel="call", kind__in=about, **wanted).order_by("due_at", "pk")
    return [(row.kind, row.due_at, row.status) for row in rows]
