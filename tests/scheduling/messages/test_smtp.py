"""Delivery over a real SMTP server that refuses, stalls and drops: nothing is lost, nothing arrives twice."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from clinic.models import Site
from scheduling.messages import delivery
from scheduling.models import Announcement, Notice, NoticeStatus
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.sink import Sink, free_port

NOW = factories.NOW
DUE = NOW + timedelta(minutes=3)
START = datetime(2026, 12, 1, 14, tzinfo=UTC)


@transaction.atomic
def book(site: Site, *, patients: int) -> None:
    """Two messages for each patient: a summary and an invite."""
    version = cast.make_version()
    for _ in range(patients):
        cast.book(factories.make_patient(site=site), [START], now=NOW, version=version)


def states() -> Counter[str]:
    return Counter(near().values_list("status", flat=True))


def near() -> QuerySet[Notice]:
    """The summaries and invites; the reminders of that week are not due yet."""
    return Notice.objects.filter(due_at__lt=START - timedelta(days=5))


def test_batch_goes_over_one_connection(site: Site, sink: Sink) -> None:
    book(site, patients=15)
    assert delivery.deliver_due(now=DUE) == Counter(sent=30)
    assert (len(sink.peers), Counter(sink.accepted.values())) == (1, Counter({1: 30}))


@pytest.mark.django_db(transaction=True)
def test_two_deliverers_at_once_send_each_message_once(site: Site, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "CHUNK", 10)
    book(site, patients=25)
    sink.pace = 0.01
    together = Barrier(2)

    def deliver() -> Counter[str]:
        try:
            together.wait()
            return delivery.deliver_due(now=DUE)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = (future.result() for future in [pool.submit(deliver), pool.submit(deliver)])
    assert first["sent"] + second["sent"] == 50 and first["sent"] and second["sent"]
    assert Counter(sink.accepted.values()) == Counter({1: 50})
    assert states() == Counter(sent=50)


def test_server_that_is_down_loses_nothing(site: Site, sink: Sink, settings: Any) -> None:
    book(site, patients=3)
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    assert delivery.deliver_due(now=DUE) == Counter(retry=2)
    assert states() == Counter(due=6)
    assert sorted(near().values_list("attempts", flat=True)) == [0, 0, 0, 0, 1, 1]
    settings.EMAIL_PORT = port
    assert delivery.deliver_due(now=DUE + timedelta(minutes=2)) == Counter(sent=6)
    assert Counter(sink.accepted.values()) == Counter({1: 6})


@pytest.mark.parametrize("point", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("action", ["drop", "stall", "421 closing", "450 later"])
def test_message_broken_off_before_it_was_accepted_arrives_once(
    site: Site, sink: Sink, settings: Any, point: str, action: str
) -> None:
    settings.EMAIL_TIMEOUT = 1 if action == "stall" else 10
    book(site, patients=2)
    sink.at, sink.skip = {point: action}, 1
    counts = delivery.deliver_due(now=DUE)
    assert (counts["sent"], counts["retry"] + counts["refused for now"]) == (3, 1)
    assert delivery.deliver_due(now=DUE + timedelta(seconds=59)) == Counter()
    assert delivery.deliver_due(now=DUE + timedelta(minutes=2)) == Counter(sent=1)
    assert Counter(sink.accepted.values()) == Counter({1: 4})


def test_answer_lost_after_acceptance_is_the_one_window(site: Site, sink: Sink) -> None:
    book(site, patients=2)
    sink.at, sink.skip = {"DATA": "lose"}, 1
    assert delivery.deliver_due(now=DUE) == Counter(sent=3, retry=1)
    assert Notice.objects.get(uncertain=True).status == NoticeStatus.DUE
    assert delivery.deliver_due(now=DUE + timedelta(minutes=2)) == Counter(sent=1)
    assert Counter(sink.accepted.values()) == Counter({1: 3, 2: 1})  # the second copy has the same Message-ID


def test_pauses_between_attempts_grow(site: Site, sink: Sink) -> None:
    book(site, patients=1)
    Notice.objects.exclude(kind="course_summary").delete()
    sink.at, sink.lasting = {"RCPT": "450 later"}, True
    now, pauses = DUE, []
    while (notice := Notice.objects.get(kind="course_summary", channel="email")).status == NoticeStatus.DUE:
        now = max(now, notice.due_at)
        delivery.deliver_due(now=now)
        pauses.append(round((Notice.objects.get(pk=notice.pk).due_at - now) / timedelta(minutes=1)))
    assert pauses == [1, 2, 4, 8, 16, 32, 32, 32, 32, 32, 32, 32, 32, 0]
    assert notice.outcome == "failed: the mail server answered 450"


def test_refusal_for_good_fails_once_and_becomes_calls(site: Site, sink: Sink) -> None:
    book(site, patients=1)
    sink.at = {"RCPT": "550 no such mailbox"}
    assert delivery.deliver_due(now=DUE) == Counter(failed=1, call=1)
    rows = Notice.objects.order_by("pk").values_list("kind", "channel", "status", "outcome")
    assert list(rows) == [
        ("course_summary", "email", "failed", "failed: the mail server answered 550"),
        ("calendar", "email", "skipped", "skipped: told by phone instead"),
        ("reminder", "email", "due", ""),
        ("reminder", "email", "due", ""),
        ("course_summary", "call", "due", ""),
    ]
    assert delivery.deliver_due(now=datetime(2026, 11, 28, 15, tzinfo=UTC)) == Counter(call=1)
    assert Notice.objects.get(kind="reminder", channel="call").status == NoticeStatus.DUE
    assert sink.accepted == Counter()


def test_server_that_refuses_the_sender_fails_no_patient(site: Site, sink: Sink) -> None:
    book(site, patients=2)
    sink.at, sink.lasting = {"MAIL": "550 who are you"}, True
    assert delivery.deliver_due(now=DUE) == Counter(retry=2)
    assert states() == Counter(due=4)
    sink.at = {}
    assert delivery.deliver_due(now=DUE + timedelta(minutes=2)) == Counter(sent=4)
    assert Counter(sink.accepted.values()) == Counter({1: 4})


def test_change_after_an_uncertain_attempt_is_a_message_of_its_own(site: Site, sink: Sink) -> None:
    """A mailbox that drops what repeats a Message-ID must not drop the newer time with it."""
    patient = factories.make_patient(site=site)
    course = cast.book(patient, [START], now=NOW)
    Notice.objects.filter(kind="course_summary").delete()
    sink.at = {"DATA": "lose"}
    assert delivery.deliver_due(now=DUE) == Counter(retry=1)
    cast.move(course.sessions.get(), START + timedelta(days=1), now=DUE + timedelta(seconds=10))
    assert delivery.deliver_due(now=DUE + timedelta(minutes=5)) == Counter(sent=1)
    assert Counter(sink.accepted.values()) == Counter({1: 2})
    told = Announcement.objects.get()
    assert (told.told_start, told.invited_sequence) == (START + timedelta(days=1), 1)


def test_faults_name_nobody(site: Site, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    book(site, patients=1)
    sink.at, sink.lasting = {"RCPT": "550 <p1@mail.example> Abbott unknown"}, True
    with caplog.at_level(logging.DEBUG):
        delivery.deliver_due(now=DUE)
    outcomes = " ".join(Notice.objects.values_list("outcome", flat=True))
    logged = " ".join(record.getMessage() for record in caplog.records if record.name != "mail.log")  # the sink's own
    for word in ("@", "Abbott", "Patient", "Ada"):
        assert word not in outcomes and word not in logged


def test_fault_of_one_message_does_not_hold_up_the_others(
    site: Site, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    book(site, patients=2)
    spoilt = Notice.objects.filter(kind="course_summary").earliest("pk")
    spoilt.patient.__class__.objects.filter(pk=spoilt.patient_id).update(timezone="Nowhere/Land")
    counts = delivery.deliver_due(now=DUE)
    assert counts == Counter(fault=2, sent=2)
    spoilt.refresh_from_db()
    assert (spoilt.status, spoilt.outcome) == (NoticeStatus.DUE, "to be tried again: fault ZoneInfoNotFoundError")
    assert "ZoneInfoNotFoundError" in caplog.text and "Nowhere" not in caplog.text
