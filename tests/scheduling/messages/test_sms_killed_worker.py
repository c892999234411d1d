"""Workers that die between the acceptance of a text and the mark, and two at once: no text is sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from django.db import connection, connections
from django.utils import timezone

from clinic.models import Site
from scheduling import tasks
from scheduling.claims import claim
from scheduling.messages.claiming import LEASE
from scheduling.messages.sms.delivery import deliver_texts
from scheduling.messages.sms.fates import record_fate
from scheduling.models import Notice
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.texting import make_texted, nine, ten
from tests.scheduling.messages.twilio_stand_in import StandIn

ROOT = Path(__file__).parents[3]
DUE = ten(19)
LATER = DUE + LEASE + timedelta(minutes=1)
WORKER = """
import os, sys
from datetime import datetime
import django
from django.conf import settings
os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from scheduling.messages.sms import delivery
if sys.argv[3] == "before":
    delivery.hand_over = lambda *args: os.kill(os.getpid(), 9)
if sys.argv[3] == "claimed":
    delivery.deliver_text = lambda *args: os.kill(os.getpid(), 9)
delivery.deliver_texts(now=datetime.fromisoformat(sys.argv[2]))
"""


def run_worker(stand_in: StandIn, point: str) -> int:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, connection.settings_dict["NAME"], DUE.isoformat(), point],
        cwd=ROOT,
        env={**os.environ, "SMS_URL": stand_in.url, "PUBLIC_URL": "https://clinic.example"},
    )
    stand_in.victim = worker.pid
    return worker.wait(60)


def book(site: Site, *, patients: int) -> None:
    version = cast.make_version()
    for digit in range(patients):
        cast.book(make_texted(site, phone=f"212 555 010{digit}"), [nine(22)], now=factories.NOW, version=version)


def states() -> Counter[tuple[str, bool]]:
    rows = Notice.objects.filter(channel="sms", due_at__lte=LATER)
    return Counter(rows.values_list("status", "uncertain"))


@pytest.mark.django_db(transaction=True)
def test_text_that_was_accepted_before_the_worker_died_is_sent_once_and_listed(site: Site, stand_in: StandIn) -> None:
    book(site, patients=3)
    stand_in.answer, stand_in.skip = "kill", 1
    assert run_worker(stand_in, "accepted") == -signal.SIGKILL
    assert states() == Counter({("sent", False): 1, ("sending", False): 2})
    assert deliver_texts(now=DUE + timedelta(minutes=1)) == Counter()
    assert deliver_texts(now=LATER) == Counter({"lost sight of": 1, "sent": 1})
    assert states() == Counter({("sent", False): 2, ("failed", True): 1})
    assert Counter(fields["To"] for fields in stand_in.accepted) == Counter(
        {f"+1212555010{digit}": 1 for digit in range(3)}
    )
    lost = Notice.objects.get(status="failed")
    assert lost.outcome == "failed: perhaps delivered, the worker died before the provider's answer was written down"
    [call] = Notice.objects.filter(channel="call", status="due")
    assert call.session_id == lost.session_id


@pytest.mark.django_db(transaction=True)
def test_report_of_the_provider_takes_the_call_off_the_list(site: Site, stand_in: StandIn) -> None:
    book(site, patients=1)
    stand_in.answer = "kill"
    run_worker(stand_in, "accepted")
    deliver_texts(now=LATER)
    lost = Notice.objects.get(status="failed")
    assert record_fate(lost.uuid, provider_id="SM1", status="delivered", code="", now=LATER) == "delivered"
    lost.refresh_from_db()
    assert (lost.status, lost.uncertain, lost.provider_id, lost.outcome) == ("sent", False, "SM1", "delivered")
    assert list(Notice.objects.filter(channel="call").values_list("status", "outcome")) == [
        ("skipped", "skipped: the text arrived after all")
    ]


@pytest.mark.django_db(transaction=True)
def test_worker_that_dies_before_it_says_anything_costs_nothing(site: Site, stand_in: StandIn) -> None:
    book(site, patients=2)
    assert run_worker(stand_in, "claimed") == -signal.SIGKILL
    assert deliver_texts(now=LATER) == Counter(sent=2)
    assert len(stand_in.accepted) == 2


@pytest.mark.django_db(transaction=True)
def test_worker_that_dies_with_the_text_in_its_hand_leaves_it_uncertain(site: Site, stand_in: StandIn) -> None:
    book(site, patients=1)
    assert run_worker(stand_in, "before") == -signal.SIGKILL
    assert deliver_texts(now=LATER) == Counter({"lost sight of": 1})
    assert (states(), stand_in.accepted) == (Counter({("failed", True): 1}), [])


@pytest.mark.django_db(transaction=True)
def test_second_run_at_once_leaves_everything_to_the_first(
    site: Site, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs could each send a patient the one text of the day."""
    book(site, patients=1)
    monkeypatch.setattr(timezone, "now", lambda: DUE)
    held, done = Event(), Event()

    def hold() -> None:
        with claim("texts") as is_ours:
            assert is_ours
            held.set()
            done.wait(30)
        connections.close_all()

    first = Thread(target=hold)
    first.start()
    held.wait(30)
    tasks.deliver_texts()
    before = len(stand_in.accepted)
    done.set()
    first.join()
    tasks.deliver_texts()
    assert (before, len(stand_in.accepted)) == (0, 1)
