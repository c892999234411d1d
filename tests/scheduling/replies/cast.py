"""A patient with an invite in their calendar, and the replies that their calendar may send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps

from scheduling.models import Announcement, Answer, Inbound, InboundSource, Notice, Session
from scheduling.replies.taking_in import digest_of, take_in
from tests import factories
from tests.scheduling.messages import cast

FIXTURES = Path(__file__).parent / "fixtures"
UID = UUID("3d6f0a5e-7c1b-4f7e-9a52-0b8f6e2d1c47")
PATIENT = "ines.ibarra@mail.example"
NOW = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)
STAMP = datetime(2027, 3, 1, 14, 15, tzinfo=UTC)
START = datetime(2027, 3, 11, 15, 0, tzinfo=UTC)  # 10:00 in New York
WANTED = datetime(2027, 3, 12, 19, 0, tzinfo=UTC)  # 14:00
MESSAGE_ID = "<9b2f4c1e-2d3a-4b5c-8d6e-7f8091a2b3c4@clinic.example>"
CLIENTS = ("outlook_com", "exchange", "gmail", "apple", "thunderbird")


def read_fixture(name: str) -> bytes:
    """As it goes over the wire."""
    return (FIXTURES / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")


def make_invited(*, sequence: int = 1, email: str = "Ines.Ibarra@mail.example", **fields: Any) -> Session:
    """A session that was moved once and invited to, as the fixtures have it."""
    site = factories.make_site(public_name="Riverside", email="appointments@clinic.example")
    patient = factories.make_patient(site=site, given_name="Ines", family_name="Ibarra", email=email)
    course = cast.make_course(patient, [], now=NOW - timedelta(days=9))
    session = cast.new_session(course, START, number=1, now=NOW - timedelta(days=9))
    session.uid, session.sequence = UID, sequence
    for name, value in fields.items():
        setattr(session, name, value)
    session.save()
    Announcement.objects.create(
        session=session, told_start=START, invited_to=email, invited_sequence=sequence, told_at=NOW - timedelta(days=9)
    )
    return session


@dataclass(frozen=True)
class Said:
    """One reply, in the plainest shape that a calendar may send."""

    partstat: str = "ACCEPTED"
    at: datetime = STAMP
    sequence: int = 1
    sender: str = PATIENT
    attendee: str = PATIENT
    method: str = "REPLY"
    start: datetime = START
    uid: UUID = UID
    headers: str = ""

    def mail(self) -> bytes:
        lines = [
            "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN", f"METHOD:{self.method}", "BEGIN:VEVENT",
            f"UID:{self.uid}", f"SEQUENCE:{self.sequence}", f"DTSTAMP:{self.at:%Y%m%dT%H%M%SZ}",
            f"DTSTART:{self.start:%Y%m%dT%H%M%SZ}",
            f"ATTENDEE;PARTSTAT={self.partstat}:mailto:{self.attendee}", "END:VEVENT", "END:VCALENDAR",
        ]  # fmt: skip
        head = [
            f"From: {self.sender}", "To: appointments@clinic.example", "Subject: Re: Appointment", "MIME-Version: 1.0",
            *self.headers.splitlines(), f"Content-Type: text/calendar; charset=utf-8; method={self.method}",
        ]  # fmt: skip
        return "\r\n".join([*head, "", *lines, ""]).encode()


def take(raw: bytes, *, now: datetime = NOW, key: str = "") -> Inbound:
    return take_in(raw, source=InboundSource.WEBHOOK, key=key or digest_of(raw), now=now)


def say(*, now: datetime = NOW, **fields: Any) -> Inbound:
    return take(Said(**fields).mail(), now=now)


def became(inbound: Inbound) -> tuple[str, str]:
    return inbound.kind, inbound.outcome


def open_calls() -> list[tuple[str, str]]:
    """What the front desk is asked to do, with the answer behind it."""
    calls = Notice.objects.filter(channel="call", status="due").select_related("answer").order_by("pk")
    return [(call.kind, call.answer.kind if call.answer else "") for call in calls]


def answers() -> list[Answer]:
    return list(Answer.objects.order_by("stamped_at", "pk"))


def every_row(*, but: set[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The whole database as it stands, without the tables named and the audit trail of them."""
    return {
        model._meta.label: sorted(model._default_manager.values_list(), key=str)
        for app in ("clinic", "protocols", "scheduling")
        for model in apps.get_app_config(app).get_models()
        if model.__name__.removesuffix("Event") not in but
    }
