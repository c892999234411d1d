"""Visits after which the patient is watched: a quarter of an hour of checks, ten minutes of dosing, two hours."""

from __future__ import annotations

from typing import Any

from protocols.models import Gate, ProtocolVersion
from tests import factories


def make_watched(*, form: bool = False, minutes: int = 120, **fields: Any) -> ProtocolVersion:
    """Published, sedating; with `form`, what is due within seven days after each visit."""
    version = factories.make_protocol(sedating=True, minutes=10, publish=False, **fields)
    visit = version.visit_types.get()
    dosing = visit.stages.get()
    dosing.position, dosing.name = 1, "Dosing"
    dosing.save()
    visit.stages.create(position=0, name="Arrival and checks", minutes=15)
    monitoring = visit.stages.create(position=2, name="Monitoring", minutes=minutes, is_monitoring=True)
    monitoring.tasks.create(name="Blood pressure", at_minute=40)
    visit.stages.create(position=3, name="Discharge", minutes=10)
    visit.stages.create(position=4, name="Turnover", minutes=10, after_leaving=True)
    if form:
        Gate.objects.create(
            version=version, code="form", name="Monitoring form", moment="after", due_days=7, each_visit=True
        )
    version.status, version.published_at = "published", factories.NOW
    version.save()
    return version
