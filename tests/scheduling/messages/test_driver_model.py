"""Whatever happens to a visit and its driver, at each moment the right call stands, and calendars show what holds.

The oracle knows one date, who was named, and when somebody last asked; it shares nothing with `driver_calls`.
"""

from __future__ import annotations

import smtplib
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from hypothesis import HealthCheck, Phase
from hypothesis import settings as Moderation
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clinic.models import Channel, Patient, Site, User
from scheduling.drivers import clear_driver, confirm_driver, name_driver
from scheduling.messages import call_list, delivery
from scheduling.models import Driver, Notice, PickUp, Session
from tests import factories
from tests.scheduling.driving import BOB, EVE, book_sedating
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import read_event

HOUR = timedelta(hours=1)
DRIVERS = {"bob": BOB, "eve": EVE, "mute": {**BOB, "email": ""}}


class Killed(BaseException):
    """What a SIGKILL looks like from inside."""


class Calendars(BaseEmailBackend):
    """What each driver's calendar shows; a mailbox shows each Message-ID once."""

    trouble = ""
    seen: set[str] = set()
    events: dict[str, dict[str, tuple[tuple[int, datetime], str, datetime]]] = defaultdict(dict)
    said: Counter[tuple[str, int, str]] = Counter()

    @classmethod
    def clear(cls) -> None:
        cls.trouble, cls.seen, cls.events, cls.said = "", set(), defaultdict(dict), Counter()

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        trouble, Calendars.trouble = Calendars.trouble, ""
        if trouble == "refused for now":
            raise smtplib.SMTPDataError(451, b"later")
        if trouble == "killed before":
            raise Killed
        for message in messages:
            self.receive(message)
        if trouble == "answer lost":
            raise smtplib.SMTPServerDisconnected
        if trouble == "killed after":
            raise Killed
        return len(messages)

    def receive(self, message: EmailMessage) -> None:
        if message.to[0] not in {"bob@mail.example", "eve@mail.example"}:
            return
        message_id = str(message.extra_headers["Message-ID"])
        if message_id in self.seen:
            return
        self.seen.add(message_id)
        event = read_event(message)
        uid, method = str(event["UID"]), str(event["METHOD"])
        rank = (int(event["SEQUENCE"]), event["DTSTAMP"].dt)
        self.said[uid, rank[0], method] += 1
        shown = self.events[message.to[0]]
        if uid in shown and shown[uid][1] == "CANCEL":
            assert method == "CANCEL", "a UID is dead after CANCEL"
        if uid not in shown or rank >= shown[uid][0]:
            shown[uid] = (rank, method, event["DTEND"].dt)


class Drivers(RuleBasedStateMachine):
    """One visit: named, confirmed, fallen through, moved, cancelled and phoned about, with time passing between."""

    site: Site
    clerk: User

    @initialize(
        ahead=st.sampled_from([1, 3, 20, 40, 100, 150]), channel=st.sampled_from([Channel.EMAIL, Channel.PRINT])
    )
    def book(self, ahead: int, channel: Channel) -> None:
        Notice.objects.all().delete()
        Calendars.clear()
        self.now = factories.NOW
        self.troubled = False
        patient: Patient = factories.make_patient(site=self.site, channel=channel)
        self.course = book_sedating(patient, [self.now + ahead * HOUR], now=self.now)
        self.asked_at: datetime | None = None

    def session(self) -> Session:
        return self.course.sessions.get()

    def driver(self) -> Driver:
        return Driver.objects.select_related("session").get(session__course=self.course)

    def is_ahead(self) -> bool:
        session = self.session()
        return session.status == "booked" and session.start > self.now

    def calls(self, **wanted: Any) -> list[Notice]:
        about = Notice.objects.filter(course=self.course, kind__in=["driver_call", "driver_reminder"], **wanted)
        return list(call_list.calls_to_make(about, now=self.now))

    # What people do

    @precondition(is_ahead)
    @rule(who=st.sampled_from(sorted(DRIVERS)), sure=st.booleans())
    def name(self, who: str, sure: bool) -> None:
        name_driver(self.session(), **DRIVERS[who], now=self.now, by=self.clerk, confirmed=sure)

    @precondition(lambda self: self.is_ahead() and self.driver().status == "named")
    @rule()
    def confirm(self) -> None:
        confirm_driver(self.session(), now=self.now)

    @precondition(lambda self: self.is_ahead() and self.driver().status != "needed")
    @rule()
    def fall_through(self) -> None:
        self.now += timedelta(seconds=1)  # a call made before does not count, one made after does
        clear_driver(self.session(), now=self.now)
        self.asked_at = None

    @precondition(is_ahead)
    @rule(ahead=st.sampled_from([1, 3, 20, 30, 80, 120]))
    def move(self, ahead: int) -> None:
        session = self.session()
        if session.start != self.now + ahead * HOUR:
            cast.move(session, self.now + ahead * HOUR, now=self.now)
            self.asked_at = None

    @precondition(is_ahead)
    @rule(sure=st.sampled_from([False, False, True]))
    def cancel(self, sure: bool) -> None:
        if sure:
            cast.cancel(self.session(), now=self.now)

    @precondition(lambda self: self.calls())
    @rule(in_vain=st.booleans())
    def phone(self, in_vain: bool) -> None:
        [call] = self.calls()
        assert call_list.mark_called(call, now=self.now, by=self.clerk)
        if self.now >= self.day_before():
            self.asked_at = self.now
        if in_vain and self.is_ahead():
            self.wait_for_the_next_call(is_last=True)

    @rule(wait=st.sampled_from([30, 125, 3600, 7 * 3600, 86400, 3 * 86400]))
    def wait(self, wait: int) -> None:
        self.now += timedelta(seconds=wait)
        call_list.expire_calls(now=self.now)

    @precondition(lambda self: self.is_ahead())
    @rule(is_last=st.booleans())
    def meet_the_next_call(self, is_last: bool) -> None:
        self.wait_for_the_next_call(is_last=is_last)

    def wait_for_the_next_call(self, *, is_last: bool) -> None:
        """Such moments are short: waiting at random would seldom meet them."""
        due_at = self.session().start - 2 * HOUR if is_last else self.day_before()
        if due_at >= self.now:
            self.now = due_at + timedelta(seconds=30)
            call_list.expire_calls(now=self.now)

    @rule(trouble=st.sampled_from(["", "", "", "refused for now", "answer lost", "killed before", "killed after"]))
    def deliver(self, trouble: str) -> None:
        self.now += timedelta(seconds=125)
        Calendars.trouble = trouble
        self.troubled = self.troubled or bool(trouble)
        with suppress(Killed):
            delivery.deliver_due(now=self.now)
        Calendars.trouble = ""
        self.now += timedelta(seconds=60)  # its clock went on
        call_list.expire_calls(now=self.now)

    # What must hold

    def day_before(self) -> datetime:
        zone = self.site.zone
        visit_on = self.session().start.astimezone(zone).date()
        return datetime.combine(visit_on - timedelta(days=1), time(10), tzinfo=zone)

    def is_to_be_asked(self) -> bool:
        driver, last = self.driver(), self.session().start - 2 * HOUR
        if not self.is_ahead() or (driver.status == "confirmed" and driver.agreed_start == driver.session.start):
            return False
        if self.now < self.day_before():
            return False
        return self.asked_at is None or self.asked_at < last <= self.now

    @invariant()
    def the_right_call_stands(self) -> None:
        standing = self.calls()
        assert len(standing) <= 1
        if self.is_to_be_asked():
            assert len(standing) == 1
        else:
            assert self.calls(kind="driver_call") == []

    @invariant()
    def nothing_is_said_twice(self) -> None:
        if not self.troubled:
            assert max(Calendars.said.values(), default=1) == 1

    def teardown(self) -> None:
        """Let everything settle, then look into the drivers' calendars."""
        if not hasattr(self, "course"):
            return
        for _ in range(4):
            self.now += timedelta(minutes=40)
            delivery.deliver_due(now=self.now)
        session, driver = self.session(), self.driver()
        shown = {
            (address, end)
            for address, events in Calendars.events.items()
            for _, method, end in events.values()
            if method == "REQUEST" and end > self.now
        }
        expected = set()
        if session.status == "booked" and driver.status != "needed" and driver.email and session.end > self.now:
            expected = {(driver.email, session.end)}
        assert shown == expected
        assert PickUp.objects.filter(session=session, ended_at=None).count() <= 1


@pytest.mark.django_db
def test_the_right_call_stands_and_drivers_calendars_show_what_holds(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Calendars"
    Drivers.site = factories.make_site(days=7)
    Drivers.clerk = factories.make_user(sites=(Drivers.site,))
    run_state_machine_as_test(Drivers, settings=MODERATE)


MODERATE = Moderation(
    max_examples=20,
    stateful_step_count=16,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking over a database takes many minutes; take it out to see a failure shrunk
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
