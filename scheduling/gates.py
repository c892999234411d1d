"""Record that a gate is met, for the course or for one visit of it, and take a wrong tick back."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction

from clinic.models import User
from protocols.models import Gate
from scheduling.models import Course, GateRecord, Session


def meet_gate(course: Course, gate: Gate, *, met_on: date, by: User, session: Session | None = None) -> GateRecord:
    """Asked twice on one day, return what exists."""
    valid_until = met_on + timedelta(days=gate.valid_days) if gate.valid_days else None
    with transaction.atomic():
        Course.objects.select_for_update(no_key=True).get(pk=course.pk)
        record, _ = GateRecord.objects.get_or_create(
            course=course,
            gate=gate,
            session=session,
            met_on=met_on,
            defaults={"valid_until": valid_until, "recorded_by": by},
        )
    return record


def withdraw_gate(course: Course, gate: Gate, *, record_id: int) -> bool:
    """Whether the record was there to be taken back."""
    return bool(GateRecord.objects.filter(pk=record_id, course=course, gate=gate).delete()[0])
