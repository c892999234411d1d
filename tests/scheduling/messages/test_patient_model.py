"""Whatever staff do, and however mail fails, the patient ends up knowing what the database says.

The model patient has a mailbox that shows each Message-ID once, at each of two addresses a calendar that applies events
by UID, SEQUENCE and DTSTAMP, and a memory of the times read in the text of the mails.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from hypothesis import HealthCheck, Phase
from hypothesis import settings as Moderation
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from clinic.models import Site
from scheduling.messages import delivery
from scheduling.models import Notice, SessionStatus
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import read_event

TOLD = re.compile(r"^\w+day, (\w+ \d+, \d+, \d+:\d+ [AP]M) \w+$")
BEFORE = re.compile(r"^   \(before: \w+day, (\w+ \d+, \d+, \d+:\d+ [AP]M) \w+\)$")
CANCELLED = re.compile(r"^Cancelled: \w+day, (\w+ \d+, \d+, \d+:\d+ [AP]M) \w+$")
ZONE = ZoneInfo("America/New_York")
ADDRESSES = ("one@mail.example", "two@mail.example")


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


class FlakyBackend(BaseEmailBackend):
    """Delivers to the model patient, and fails as told: before or after the message was accepted."""

    patient: ModelPatient
    trouble = ""

    def open(self) -> bool:
        if self.trouble == "unreachable":
            raise ConnectionRefusedError
        return True

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        trouble, FlakyBackend.trouble = FlakyBackend.trouble, ""
        if trouble == "refused for now":
            raise smtplib.SMTPDataError(451, b"later")
        if trouble == "killed before":
            raise Killed
        for message in messages:
            self.patient.receive(message)
        if trouble == "answer lost":
            raise smtplib.SMTPServerDisconnected
        if trouble == "killed after":
            raise Killed
        return len(messages)


class ModelPatient:
    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.events: dict[tuple[str, str], tuple[tuple[int, datetime], str, datetime]] = {}
        self.remembers: set[datetime] = set()

    def receive(self, message: EmailMessage) -> None:
        message_id = str(message.extra_headers["Message-ID"])
        if message_id in self.seen:
            return
        self.seen.add(message_id)
        event = read_event(message)
        if event is not None:
            self.apply(event, at=message.to[0])
        if not message.subject.startswith(("Reminder", "Your week")):
            self.read(str(message.body))

    def apply(self, event: Any, *, at: str) -> None:
        uid, rank = (at, str(event["UID"])), (int(event["SEQUENCE"]), event["DTSTAMP"].dt)
        assert event["METHOD"] == "REQUEST" or uid in self.events, "only what stands there is called off"
        known = self.events.get(uid)
        if known is not None and known[1] == "CANCEL":
            assert event["METHOD"] == "CANCEL", "a UID is dead after CANCEL"
        if known is None or rank >= known[0]:
            if known is not None:
                self.remembers.discard(known[2])  # seen to move
            self.events[uid] = (rank, str(event["METHOD"]), event["DTSTART"].dt)

    def read(self, text: str) -> None:
        if "These hold now" in text or "These are your appointments" in text:
            self.remembers = {start for start in self.remembers if start in self.calendar()}
        lines = text.splitlines()
        for pattern in (BEFORE, CANCELLED):
            self.remembers -= {read_time(match) for line in lines if (match := pattern.match(line))}
        self.remembers |= {read_time(match) for line in lines if (match := TOLD.match(line))}

    def calendar(self, *, at: str | None = None) -> set[datetime]:
        events = [event for (address, _uid), event in self.events.items() if at in {None, address}]
        return {start for _rank, method, start in events if method == "REQUEST"}


def read_time(match: re.Match[str]) -> datetime:
    return datetime.strptime(match[1], "%B %d, %Y, %I:%M %p").replace(tzinfo=ZONE).astimezone(UTC)


class Messages(RuleBasedStateMachine):
    """Book, move, cancel and add, with time passing and deliveries, good and bad ones, between."""

    site: Site
    places = 0

    @initialize(days=st.lists(st.integers(1, 40), min_size=1, max_size=4))
    def book(self, days: list[int]) -> None:
        Notice.objects.all().delete()
        FlakyBackend.patient, FlakyBackend.trouble = ModelPatient(), ""
        self.now = factories.NOW
        starts = [self.find_start(day) for day in sorted(days)]
        patient = factories.make_patient(site=self.site, email=ADDRESSES[0])
        self.course = cast.book(patient, starts, now=self.now, version=cast.make_version(), minutes=1)

    def find_start(self, day: int) -> datetime:
        """A time of that day that no session ever had, so that a time tells one session from another."""
        self.places += 1
        return factories.NOW.replace(hour=15) + timedelta(days=day, minutes=self.places)

    def ahead(self) -> list[Any]:
        return list(self.course.sessions.filter(status=SessionStatus.BOOKED, start__gt=self.now).order_by("start"))

    @precondition(lambda self: self.ahead())
    @rule(which=st.integers(0, 9), day=st.integers(1, 40), data=st.booleans())
    def move(self, which: int, day: int, data: bool) -> None:
        sessions = self.ahead()
        session = sessions[which % len(sessions)]
        start = self.find_start((self.now - factories.NOW).days + day)
        back = session.start
        cast.move(session, start, now=self.now)
        if data:
            self.last_move = (session.pk, back)

    @precondition(lambda self: hasattr(self, "last_move") and self.last_move[1] > self.now)
    @rule()
    def move_back(self) -> None:
        pk, start = self.last_move
        session = self.course.sessions.get(pk=pk)
        if session.status == SessionStatus.BOOKED and session.start > self.now:
            cast.move(session, start, now=self.now)

    @precondition(lambda self: self.ahead())
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        sessions = self.ahead()
        cast.cancel(sessions[which % len(sessions)], now=self.now)

    @rule(which=st.integers(0, 9))
    def undo(self, which: int) -> None:
        gone = self.course.sessions.filter(status=SessionStatus.CANCELLED, start__gt=self.now).order_by("start")
        if gone:
            cast.undo(gone[which % len(gone)], now=self.now)

    @rule(day=st.integers(1, 40))
    def add(self, day: int) -> None:
        start = self.find_start((self.now - factories.NOW).days + day)
        cast.add(self.course, start, number=self.course.sessions.count() + 1, now=self.now, minutes=1)

    @rule()
    def change_address(self) -> None:
        patient = self.course.patient
        patient.email = next(address for address in ADDRESSES if address != patient.email)
        patient.save(update_fields=["email"])

    @rule(wait=st.sampled_from([30, 119, 125, 3600, 86400, 5 * 86400]))
    def wait(self, wait: int) -> None:
        self.now += timedelta(seconds=wait)

    @rule(
        wait=st.sampled_from([0, 130]),
        trouble=st.sampled_from(
            ["", "", "", "unreachable", "refused for now", "answer lost", "killed before", "killed after"]
        ),
    )
    def deliver(self, wait: int, trouble: str) -> None:
        self.now += timedelta(seconds=wait)
        FlakyBackend.trouble = trouble
        with suppress(Killed):
            delivery.deliver_due(now=self.now)
        FlakyBackend.trouble = ""

    def teardown(self) -> None:
        """Let everything settle, then ask the patient."""
        if not hasattr(self, "course"):
            return
        FlakyBackend.trouble = ""
        for _ in range(3):
            self.now += timedelta(minutes=40)
            delivery.deliver_due(now=self.now)
        patient = FlakyBackend.patient
        horizon = self.now + timedelta(days=self.site.invite_days)
        ahead = {session.start for session in self.ahead()}
        assert {start for start in patient.remembers if start > self.now} == ahead
        address = self.course.patient.email
        shown = {start for start in patient.calendar(at=address) if start > self.now}
        assert {start for start in patient.calendar() if start > self.now} == shown, "the other calendar is empty"
        assert {start for start in ahead if start <= horizon} <= shown <= ahead


@pytest.mark.django_db
def test_patient_ends_up_knowing_what_the_database_says(site: Site, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.FlakyBackend"
    Messages.site = site
    run_state_machine_as_test(Messages, settings=MODERATE)


MODERATE = Moderation(
    max_examples=15,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking over a database takes many minutes; take it out to see a failure shrunk
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
