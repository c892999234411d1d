"""A patient who agreed to texts, and what they read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from clinic.consents import give_consent
from clinic.models import Patient, Site
from scheduling.messages.sms.delivery import deliver_texts
from scheduling.models import Notice
from tests import factories

NUMBER = "+12125550101"


def nine(day: int) -> datetime:
    """09:00 in New York, so many days after Monday, November 23."""
    return datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=day)


def ten(day: int) -> datetime:
    """When reminders go out."""
    return nine(day) + timedelta(hours=1)


def make_texted(site: Site, **fields: Any) -> Patient:
    patient = factories.make_patient(site=site, **{"phone": NUMBER, "reminders_by": "sms", **fields})
    give_consent(patient, purpose="sms", wording="May we text you?", source="staff", now=factories.NOW)
    return patient


def deliver(stand_in: Any, now: datetime) -> list[str]:
    """What the patient reads of what was due, with the tokens of links made short."""
    before = len(stand_in.accepted)
    deliver_texts(now=now)
    return [short(fields["Body"]) for fields in stand_in.accepted[before:]]


def short(text: str) -> str:
    return re.sub(r"/v/[\w-]{22}", "/v/TOKEN", text)


def waiting(patient: Patient) -> list[tuple[str, str, str]]:
    """Kind, channel and time of what is still to go out as a reminder."""
    rows = Notice.objects.filter(patient=patient, kind__in=["reminder", "driver_reminder", "digest"], status="due")
    zone = patient.zone
    return [(row.kind, row.channel, f"{row.due_at.astimezone(zone):%m-%d %H:%M}") for row in rows]
