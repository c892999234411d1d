"""Mail arrives in any order, and twice: a calendar that follows RFC 5546 ends with what the database says.

Staff book, move, cancel and add, patients change their address and take a subscription or give it up, and mail gets
lost on the way back. Then each address's mail is dealt out in many orders to a calendar that ranks by SEQUENCE and
DTSTAMP, and for which a cancelled UID is dead.
"""

from __future__ import annotations

import random
import smtplib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from hypothesis import HealthCheck, Phase
from hypothesis import settings as Moderation
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from icalendar import Calendar

from clinic.models import Patient, Site
from scheduling.messages import delivery
from scheduling.messages.feed import feed_uid, refresh_feed
from scheduling.messages.subscriptions import feed_of
from scheduling.models import Notice, SessionStatus
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import read_event

ADDRESSES = ("ada@mail.example", "ada@work.example")
Rank = tuple[int, datetime]


@dataclass(frozen=True)
class Sent:
    """One calendar message as it went out."""

    uid: str
    method: str
    rank: Rank
    start: datetime


@dataclass
class ModelClient:
    """A calendar by the letter of RFC 5546 2.1.5: the higher SEQUENCE wins, then the later DTSTAMP; CANCEL is final."""

    known: dict[str, Sent] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)

    def receive(self, message: Sent) -> None:
        if message.method == "CANCEL":
            self.dead.add(message.uid)
        known = self.known.get(message.uid)
        if known is None or message.rank >= known.rank:
            self.known[message.uid] = message

    def shows(self, *, after: datetime) -> set[datetime]:
        shown = [event.start for uid, event in self.known.items() if uid not in self.dead and event.start > after]
        assert len(shown) == len(set(shown)), "an appointment stands there twice"
        return set(shown)


class Recorder(BaseEmailBackend):
    """Keeps what goes out, by address; with `loses_answers` the sender never learns that it arrived."""

    mailboxes: dict[str, list[Sent]] = defaultdict(list)
    loses_answers = False

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        for message in messages:
            event = read_event(message)
            if event is not None:
                self.mailboxes[message.to[0]].append(read_sent(event))
        if Recorder.loses_answers:
            Recorder.loses_answers = False
            raise smtplib.SMTPServerDisconnected
        return len(messages)


def read_sent(event: Any) -> Sent:
    rank = (int(event["SEQUENCE"]), event["DTSTAMP"].dt)
    return Sent(str(event["UID"]), str(event["METHOD"]), rank, event["DTSTART"].dt)


class Mailings(RuleBasedStateMachine):
    site: Site
    places = 0

    @initialize(days=st.lists(st.integers(1, 20), min_size=1, max_size=3))
    def book(self, days: list[int]) -> None:
        Notice.objects.all().delete()
        Recorder.mailboxes, Recorder.loses_answers = defaultdict(list), False
        self.now = factories.NOW
        self.patient = factories.make_patient(site=self.site, email=ADDRESSES[0])
        starts = [self.find_start(day) for day in sorted(days)]
        self.course = cast.book(self.patient, starts, now=self.now, version=cast.make_version(), minutes=1)
        self.deliver(wait=130, loses_answer=False)

    def find_start(self, day: int) -> datetime:
        self.places += 1
        return factories.NOW.replace(hour=15) + timedelta(days=day, minutes=self.places)

    def ahead(self) -> list[Any]:
        return list(self.course.sessions.filter(status=SessionStatus.BOOKED, start__gt=self.now).order_by("start"))

    def pick(self, which: int) -> Any:
        sessions = self.ahead()
        return sessions[which % len(sessions)]

    @precondition(lambda self: self.ahead())
    @rule(which=st.integers(0, 9), day=st.integers(1, 20))
    def move(self, which: int, day: int) -> None:
        cast.move(self.pick(which), self.find_start((self.now - factories.NOW).days + day), now=self.now)

    @precondition(lambda self: self.ahead())
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        cast.cancel(self.pick(which), now=self.now)

    @rule(day=st.integers(1, 20))
    def add(self, day: int) -> None:
        start = self.find_start((self.now - factories.NOW).days + day)
        cast.add(self.course, start, number=self.course.sessions.count() + 1, now=self.now, minutes=1)

    @rule(address=st.sampled_from(ADDRESSES))
    def change_address(self, address: str) -> None:
        Patient.objects.filter(pk=self.patient.pk).update(email=address)

    @rule(channel=st.sampled_from(["email", "feed"]))
    def change_channel(self, channel: str) -> None:
        Patient.objects.filter(pk=self.patient.pk).update(channel=channel)

    @rule(wait=st.sampled_from([1, 130, 3600, 5 * 86400]), loses_answer=st.booleans())
    def deliver(self, wait: int, loses_answer: bool) -> None:
        self.now += timedelta(seconds=wait)
        Recorder.loses_answers = loses_answer
        delivery.deliver_due(now=self.now)
        Recorder.loses_answers = False

    def teardown(self) -> None:
        if not hasattr(self, "course"):
            return
        for _ in range(4):
            self.deliver(wait=40 * 60, loses_answer=False)
        self.patient.refresh_from_db()
        for address, sent in Recorder.mailboxes.items():
            check_as_sent(sent)
            check_in_any_order(sent, self.expected_at(address), after=self.now)
        if self.patient.channel == "feed":
            self.check_feed()
        else:
            assert self.patient.email in Recorder.mailboxes or not self.near()

    def near(self) -> set[datetime]:
        horizon = self.now + timedelta(days=self.site.invite_days)
        return {session.start for session in self.ahead() if session.start <= horizon}

    def expected_at(self, address: str) -> tuple[set[datetime], set[datetime]]:
        """What must be shown there, and what may be: an invite is not taken back because the visit moved away."""
        if self.patient.channel == "feed" or address != self.patient.email:
            return set(), set()
        return self.near(), {session.start for session in self.ahead()}

    def check_feed(self) -> None:
        feed = feed_of(self.patient)
        assert feed is not None
        events: list[Any] = Calendar.from_ical(refresh_feed(feed, now=self.now).body).walk("VEVENT")
        shown = {(str(e["UID"]), e.decoded("DTSTART")) for e in events if e["STATUS"] == "CONFIRMED"}
        live = self.course.sessions.exclude(status=SessionStatus.CANCELLED)
        assert shown == {(str(feed_uid(session)), session.start) for session in live}
        by_mail = {message.uid for sent in Recorder.mailboxes.values() for message in sent}
        assert by_mail.isdisjoint(str(e["UID"]) for e in events)


def check_as_sent(sent: Sequence[Sent]) -> None:
    """What goes out later ranks higher, and nothing is asked under a UID that was called off."""
    last: dict[str, Sent] = {}
    for message in sent:
        before = last.get(message.uid)
        if before is not None:
            assert message.rank >= before.rank, "an older state was sent after a newer one"
            assert (before.method, message.method) != ("CANCEL", "REQUEST"), "a UID is dead after CANCEL"
            if (before.method, before.start) != (message.method, message.start):
                assert message.rank[0] > before.rank[0], "what changed has a higher SEQUENCE"
        last[message.uid] = message


def check_in_any_order(sent: Sequence[Sent], expected: tuple[set[datetime], set[datetime]], *, after: datetime) -> None:
    at_least, at_most = expected
    chance = random.Random(len(sent))
    for turn in range(12):
        dealt = [*sent, *chance.choices(sent, k=len(sent) // 2)]
        chance.shuffle(dealt)
        client = ModelClient()
        for message in sent if turn == 0 else reversed(sent) if turn == 1 else dealt:
            client.receive(message)
        assert at_least <= client.shows(after=after) <= at_most


@pytest.mark.django_db
def test_mail_in_any_order_ends_in_the_state_of_the_database(site: Site, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Recorder"
    Mailings.site = site
    run_state_machine_as_test(Mailings, settings=MODERATE)


MODERATE = Moderation(
    max_examples=16,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # as in test_patient_model
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_a_calendar_ranks_by_sequence_then_by_stamp_and_cancel_is_final() -> None:
    now = factories.NOW
    first = Sent("a", "REQUEST", (0, now), now + timedelta(days=1))
    moved = Sent("a", "REQUEST", (1, now), now + timedelta(days=2))
    reworded = Sent("a", "REQUEST", (1, now + timedelta(seconds=1)), now + timedelta(days=2))
    cancel = Sent("a", "CANCEL", (2, now), now + timedelta(days=2))
    check_in_any_order([first, moved, reworded], ({reworded.start}, {reworded.start}), after=now)
    check_in_any_order([first, moved, cancel], (set(), set()), after=now)
    with pytest.raises(AssertionError):
        check_as_sent([first, cancel, moved])
    with pytest.raises(AssertionError):
        check_as_sent([moved, first])
