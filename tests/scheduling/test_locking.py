"""A deadlock is tried once more; a lock that does not come is a clear refusal."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event

import pytest

from clinic.models import Site
from scheduling import locking
from scheduling.locking import booking_transaction, lock_patient, retried
from scheduling.refusals import BookingRefused
from tests import factories
from tests.scheduling.test_storm import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_victim_of_a_deadlock_tries_once_more(site: Site) -> None:
    one, two = (factories.make_patient(site=site).pk for _ in range(2))
    both_hold_one = Barrier(2)
    attempts: list[int] = []

    @retried
    def lock_both(first: int, second: int) -> str:
        attempts.append(first)
        with booking_transaction():
            lock_patient(first)
            if len(attempts) <= 2:
                both_hold_one.wait(timeout=30)
            lock_patient(second)
        return "done"

    answers = at_once([lambda: lock_both(one, two), lambda: lock_both(two, one)])
    assert (answers, len(attempts)) == (["done", "done"], 3)


def test_a_lock_that_does_not_come_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "LOCK_TIMEOUT", "300ms")
    patient = factories.make_patient(site=site).pk
    held, given_up = Event(), Event()

    def keep() -> None:
        with booking_transaction():
            lock_patient(patient)
            held.set()
            given_up.wait(timeout=30)

    @retried
    def ask() -> None:
        held.wait(timeout=30)
        with booking_transaction():
            lock_patient(patient)

    def ask_and_tell() -> None:
        try:
            ask()
        finally:
            given_up.set()

    acts: list[Callable[[], None]] = [keep, ask_and_tell]
    refused = at_once(acts)[1]
    assert isinstance(refused, BookingRefused)
    assert [r.message for r in refused.refusals] == [locking.BUSY]
