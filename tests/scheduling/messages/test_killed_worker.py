"""A worker that is killed while it delivers: what it held is sent by the next one, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from clinic.models import Site
from scheduling.messages import delivery
from scheduling.models import Notice
from tests.scheduling.messages.sink import Sink
from tests.scheduling.messages.test_smtp import DUE, book, states

ROOT = Path(__file__).parents[3]


def run_worker_to_its_death(sink: Sink, settings: Any, *, now: datetime) -> int:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.scheduling.messages.worker", connection.settings_dict["NAME"], now.isoformat()],
        cwd=ROOT,
        env={**os.environ, "EMAIL_URL": f"smtp://127.0.0.1:{settings.EMAIL_PORT}"},
    )
    sink.victim = worker.pid
    return worker.wait(60)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("point", "sent_before", "copies"),
    [
        ("MAIL", 0, {1: 4}),  # claimed, nothing handed over yet
        ("RCPT", 2, {1: 4}),  # two accepted and marked, the third begun
        ("DATA", 1, {1: 3, 2: 1}),  # the second accepted, and its sender dead before it could mark it: the window
    ],
)
def test_killed_worker_loses_nothing_and_repeats_only_in_the_window(
    site: Site, sink: Sink, settings: Any, point: str, sent_before: int, copies: dict[int, int]
) -> None:
    book(site, patients=2)
    sink.at, sink.skip = {point: "kill"}, sent_before
    assert run_worker_to_its_death(sink, settings, now=DUE) == -signal.SIGKILL
    assert states() == Counter({"sent": sent_before, "sending": 4 - sent_before})
    assert delivery.deliver_due(now=DUE + timedelta(seconds=1)) == Counter()
    assert delivery.deliver_due(now=DUE + delivery.LEASE + timedelta(minutes=1)) == Counter(sent=4 - sent_before)
    assert states() == Counter(sent=4)
    assert Counter(sink.accepted.values()) == Counter(copies)
    assert set(sink.accepted) == set(Notice.objects.filter(status="sent").values_list("message_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_worker_that_lives_sends_everything(site: Site, sink: Sink, settings: Any) -> None:
    book(site, patients=2)
    assert run_worker_to_its_death(sink, settings, now=DUE) == 0
    assert (states(), Counter(sink.accepted.values())) == (Counter(sent=4), Counter({1: 4}))
