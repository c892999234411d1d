"""A thousand messages while everything breaks at once: none is lost, and none comes twice but for the one window."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from clinic.models import Site
from scheduling.models import Notice, NoticeCopy, NoticeStatus
from tests.scheduling.background import Broker, own_broker, wait_for
from tests.scheduling.messages import many
from tests.scheduling.messages.sink import run_sink
from tests.scheduling.messages.storm import BEAT, MISFORTUNES, WORKER, Process, StormySink, running

COUNT = 1000


def sent() -> int:
    return Notice.objects.filter(status=NoticeStatus.SENT).count()


def forget_everything(broker: Broker) -> None:
    with current_app.connection_for_write() as link:
        link.default_channel.client.flushall()


@pytest.mark.django_db(transaction=True)
def test_a_thousand_messages_survive_everything_at_once(
    site: Site, other_site: Site, settings: Any, tmp_path: Path
) -> None:
    """Killed workers, a broker that forgets and goes away, a server that refuses, stalls and drops, and two beats."""
    many.fill([site, other_site], COUNT, now=timezone.now(), visits=3)
    sink = StormySink()
    with run_sink(settings, sink), own_broker() as broker:

        def start(script: str, name: str, *arguments: str) -> Process:
            log = tmp_path / f"{name}.log"
            return Process(script, *arguments, log=log, broker_url=broker.url, port=settings.EMAIL_PORT)

        workers = [start(WORKER, "worker-1"), start(WORKER, "worker-2")]
        beats = [start(BEAT, f"beat-{n}", str(tmp_path / f"schedule-{n}")) for n in (1, 2)]
        third = []
        with running(*workers, *beats):
            wait_for(lambda: sent() >= COUNT // 5)
            forget_everything(broker)
            wait_for(lambda: sent() >= 2 * COUNT // 5)
            broker.stop()
            time.sleep(2)
            broker.start()
            wait_for(lambda: sent() >= 3 * COUNT // 5)
            workers[0].kill()
            third.append(start(WORKER, "worker-3"))
            with running(*third):
                wait_for(lambda: sent() == COUNT, seconds=300)
    assert Counter(Notice.objects.values_list("status", flat=True)) == Counter(sent=COUNT)
    assert set(sink.accepted) == set(Notice.objects.values_list("message_id", flat=True))
    assert sum(sink.met.values()) >= len(MISFORTUNES) * 3 // 4, sink.met
    twice = {message_id: copies - 1 for message_id, copies in sink.accepted.items() if copies > 1}
    assert Counter(twice) <= sink.in_the_window
    assert NoticeCopy.objects.count() == COUNT
