"""Two people settle the driver of one visit at the same moment: one driver, one event."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import close_old_connections, connection

from scheduling.drivers import clear_driver, name_driver
from scheduling.messages import delivery
from scheduling.models import Driver, Notice, PickUp, Session
from tests import factories
from tests.factories import NOW
from tests.scheduling.driving import BOB, EVE, book_sedating

START = datetime(2026, 12, 15, 14, tzinfo=UTC)
WRITERS = 6


@pytest.mark.django_db(transaction=True)
def test_drivers_named_and_lost_at_once_leave_one_driver_with_one_event() -> None:
    patient = factories.make_patient(site=factories.make_site())
    session = book_sedating(patient, [START], now=NOW).sessions.get()
    ready = Barrier(WRITERS)
    with ThreadPoolExecutor(WRITERS) as pool:
        acts = [pool.submit(act, session, ready, which) for which in range(WRITERS)]
        assert [done.exception() for done in acts] == [None] * WRITERS
    driver = Driver.objects.get(session=session)
    live = list(PickUp.objects.filter(ended_at=None).values_list("email", flat=True))
    assert live == ([driver.email] if driver.email else [])
    calls = Notice.objects.filter(kind="driver_call", status="due").count()
    assert calls == (0 if driver.status == "confirmed" else 1)
    delivery.deliver_due(now=NOW + timedelta(minutes=5))
    told = PickUp.objects.filter(told_sequence__isnull=False, told_cancelled=False)
    assert list(told.values_list("email", flat=True)) == live


def act(session: Session, ready: Barrier, which: int) -> None:
    try:
        ready.wait(timeout=30)
        for turn in range(3):
            now = NOW + timedelta(seconds=turn)
            values: dict[str, Any] = (BOB, EVE)[(which + turn) % 2]
            if (which + turn) % 3:
                name_driver(session, **values, now=now)
            else:
                clear_driver(session, now=now)
    finally:
        connection.close()
        close_old_connections()
