"""Mailbox and webhook, or two workers, with the same mail in the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from scheduling.models import Inbound, Notice
from tests.scheduling.replies.cast import WANTED, Said, answers, make_invited, open_calls, take

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 6


def test_one_proposal_taken_in_by_six_at_once_is_one_answer_one_call_and_one_mail() -> None:
    make_invited()
    raw = Said(method="COUNTER", start=WANTED).mail()
    ready = Barrier(WORKERS)

    def take_at_once(number: int) -> str:
        ready.wait(20)
        try:
            # Two see the very same message, the others their own copies of it.
            return take(raw, key=f"copy-{max(number, 1)}").kind
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(take_at_once, range(WORKERS))) == ["counter"] * WORKERS
    assert ([answer.kind for answer in answers()], open_calls()) == (["countered"], [("answer", "countered")])
    assert Notice.objects.filter(kind="decline_counter").count() == 1
    assert Inbound.objects.count() == WORKERS - 1
