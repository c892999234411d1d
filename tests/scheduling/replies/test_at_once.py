"""Mailbox and webhook, or two workers, with the same mail in the same moment; a reply beside another change."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import sleep

import pytest
from django.db import connection, transaction

from clinic.models import Patient
from scheduling.answers import handle_answer
from scheduling.messages.contacts import follow_contact
from scheduling.models import Answer, Inbound, Notice
from scheduling.replies.invited import find_invited
from tests.scheduling.replies.cast import NOW, UID, WANTED, Said, answers, make_invited, open_calls, say, take

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


def test_a_reply_and_a_new_address_in_the_same_moment_take_turns() -> None:
    """The one wants the call about what was said before, the other what the patient was told."""
    session = make_invited()
    say(partstat="DECLINED")
    Patient.objects.update(email="new@mail.example")
    has_found, faults = Event(), []

    def settle() -> None:
        with transaction.atomic():
            find_invited(str(UID))
            has_found.set()
            wait_for_a_lock()
            handle_answer(Answer.objects.get(), how="Their calendar has answered again", now=NOW, by=None)

    def follow() -> None:
        has_found.wait(20)
        follow_contact(session.course_id, now=NOW)

    def noted(act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(noted, [settle, follow]))
    assert faults == []
    assert (open_calls(), Notice.objects.filter(kind="withdrawal").count()) == ([], 1)


def wait_for_a_lock() -> None:
    """Until the other one waits for something that this transaction holds."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
        sleep(0.05)
    raise AssertionError("nobody waits")
