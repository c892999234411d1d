"""Undoing against the worker that sends, against another who undoes, and against sudden death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction

from clinic.models import Patient, Resource, Site, User
from scheduling.booking import plan_and_book
from scheduling.changes import undo_change
from scheduling.messages.delivery import deliver_due
from scheduling.messages.undoing import ON_ITS_WAY, TOLD
from scheduling.models import Change, Course, Notice
from scheduling.moving import cancel_session
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW
from tests.scheduling.background import wait_for
from tests.scheduling.calendar import make_course
from tests.scheduling.messages.sink import Sink, run_sink
from tests.scheduling.test_changes import ACTED_AT, MINUTE, TOLD_AT, WEEKLY, rows_of, waiting
from tests.scheduling.test_storm import at_once, sort_out

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
DUE = ACTED_AT + 20 * MINUTE
"""When the message about the change goes out."""


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with run_sink(settings) as running:
        yield running


@pytest.fixture
def course(site: Site, patient: Patient, sink: Sink) -> Course:
    """Six visits that the patient was told of by mail."""
    factories.make_resource(site=site, kind="chair", name="Chair 1")
    version = factories.make_protocol(phases=(WEEKLY,))
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    deliver_due(now=TOLD_AT)
    sink.accepted.clear()
    return course


@pytest.fixture
def change(course: Course, clerk: User) -> Change:
    """The first visit is cancelled; its patient holds the invite."""
    cancel_session(course.sessions.get(number=1), reason="asked", now=ACTED_AT, by=clerk)
    return Change.objects.get()


@contextmanager
def in_a_thread(act: Any) -> Iterator[Any]:
    def run() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


def test_while_the_message_is_being_sent_and_after_it_was_nothing_is_undone(
    course: Course, change: Change, sink: Sink, clerk: User
) -> None:
    """The server takes its time over the message; meanwhile a clerk presses Undo."""
    sink.pace = 1.5
    with in_a_thread(lambda: deliver_due(now=DUE)) as sending:
        wait_for(lambda: Notice.objects.filter(status="sending", content_hash__gt="").exists(), why="nothing was sent")
        with pytest.raises(BookingRefused, match=ON_ITS_WAY):
            undo_change(change, now=DUE, by=clerk)
        assert sending.result(timeout=30)["sent"] == 1
    assert sum(sink.accepted.values()) == 1
    with pytest.raises(BookingRefused, match=TOLD):
        undo_change(change, now=DUE + MINUTE, by=clerk)


def test_a_worker_that_comes_while_it_is_undone_sends_nothing(
    course: Course, change: Change, sink: Sink, clerk: User
) -> None:
    """The undoing has not ended yet when the worker looks: it leaves the message alone, and later finds none."""
    undone, looked = Event(), Event()

    def undo() -> None:
        with transaction.atomic():
            undo_change(change, now=DUE, by=clerk)
            undone.set()
            assert looked.wait(30)

    with in_a_thread(undo) as undoing:
        assert undone.wait(30)
        assert deliver_due(now=DUE)["sent"] == 0
        looked.set()
        undoing.result(timeout=30)
    assert deliver_due(now=DUE + MINUTE)["sent"] == 0
    assert (sum(sink.accepted.values()), course.sessions.get(number=1).status) == (0, "booked")


@pytest.mark.parametrize("attempt", range(5))
def test_at_one_moment_either_it_is_undone_and_nobody_told_or_told_and_not_undone(
    course: Course, change: Change, sink: Sink, clerk: User, attempt: int
) -> None:
    undone, _sent = at_once([lambda: undo_change(change, now=DUE, by=clerk), lambda: deliver_due(now=DUE)])
    deliver_due(now=DUE + MINUTE)
    change.refresh_from_db()
    found = (sum(sink.accepted.values()), course.sessions.get(number=1).status, change.undone_at)
    if isinstance(undone, BookingRefused):
        assert found == (1, "cancelled", None)
    else:
        assert found == (0, "booked", DUE)


def test_of_two_who_undo_at_once_one_does_and_the_other_finds_it_done(
    course: Course, change: Change, clerk: User, clinician: User
) -> None:
    acts = [lambda by=by: undo_change(change, now=DUE, by=by) for by in (clerk, clinician) * 3]
    won, refused = sort_out(at_once(acts))
    assert (refused, len({row.undone_by_id for row in won})) == ([], 1)
    assert course.sessions.get(number=1).holds.count() == 1


def test_of_undoing_and_booking_the_seat_at_once_one_is_done(course: Course, change: Change, site: Site) -> None:
    session = course.sessions.get(number=1)
    chair = Resource.objects.get(name="Chair 1")
    version = factories.make_protocol(phases=({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},))
    on = session.local_date
    other = make_course(
        patient=factories.make_patient(site=site), version=version, earliest=on, latest=on,
        preferred_time=session.local_time, availability=one_slot(session),
    )  # fmt: skip
    answers = at_once([lambda: undo_change(change, now=DUE, by=None), lambda: plan_and_book(other.pk, now=DUE)])
    other.refresh_from_db()
    session.refresh_from_db()
    assert chair.holds.filter(start=session.start).count() == 1
    assert (session.status == "booked") != (other.status == "booked"), answers


def one_slot(session: Any) -> dict[str, list[list[str]]]:
    """The patient can come at that time only."""
    day = session.local_start.strftime("%a").lower()
    return {day: [[f"{session.local_start:%H:%M}", f"{session.local_end:%H:%M}"]]}


def test_a_process_killed_in_the_middle_of_undoing_leaves_no_trace(course: Course, change: Change, clerk: User) -> None:
    """It has put the rows back, and waits to write the messages, when it is killed."""
    before, said, arguments = rows_of(course), waiting(course), (str(change.pk), DUE.isoformat())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("lock table scheduling_notice in share row exclusive mode")
        undoer = subprocess.Popen(
            [sys.executable, "-m", "tests.scheduling.undoer", connection.settings_dict["NAME"], *arguments],
            cwd=ROOT,
            env=dict(os.environ),
        )  # fmt: skip
        wait_for(lambda: is_waiting_for_notices() or undoer.poll() is not None, why="it did not get so far")
        assert undoer.poll() is None
        undoer.send_signal(signal.SIGKILL)
        assert undoer.wait(10) == -signal.SIGKILL
    wait_for(lambda: not is_waiting_for_notices(), why="its connection stayed")
    change.refresh_from_db()
    assert (rows_of(course), waiting(course), change.undone_at) == (before, said, None)
    undo_change(change, now=DUE + timedelta(seconds=1), by=clerk)
    assert course.sessions.get(number=1).status == "booked"


def is_waiting_for_notices() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted and relation = 'scheduling_notice'::regclass")
        return bool(cursor.fetchone()[0])
