"""Whatever staff do to a course, and in whatever order: undone from the last to the first, nothing is left of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic.models import Patient, Site, User
from scheduling.attendance import mark_missed
from scheduling.booking import plan_and_book, stop_course
from scheduling.changes import undo_change
from scheduling.messages.delivery import deliver_due
from scheduling.models import Change, Course, Session
from scheduling.moving import cancel_session, move_session
from scheduling.planning import legal_times
from scheduling.rearranging import propose_move, rearrange
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import make_course
from tests.scheduling.test_changes import MINUTE, TOLD_AT, WEEKLY, rows_of, waiting

pytestmark = pytest.mark.django_db
ACT = st.sampled_from(["move", "later", "following", "cancel", "missed", "stop"])
PLAN = st.lists(st.tuples(ACT, st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=4)


@pytest.fixture
def course(site: Site, patient: Patient) -> Course:
    factories.make_resource(site=site, kind="chair", name="Chair 1")
    version = factories.make_protocol(phases=(WEEKLY,))
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    deliver_due(now=TOLD_AT)
    deliver_due(now=course.sessions.get(number=1).start + timedelta(seconds=1))
    return course


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=PLAN, stop_at=st.integers(0, 4))
def test_acts_undone_from_the_last_to_the_first_leave_nothing(
    course: Course, clerk: User, plan: list[tuple[str, int, int]], stop_at: int
) -> None:
    """`stop_at` of them stay done: the course then is as it was after these."""
    with transaction.atomic():
        first = course.sessions.get(number=1)
        begins = first.start + 5 * MINUTE
        states = [(rows_of(course), waiting(course))]
        for turn, (act, wanted, choice) in enumerate(plan):
            done = do(act, course, wanted, choice, now=begins + turn * MINUTE, by=clerk)
            if done and Change.objects.count() == len(states):
                states.append((rows_of(course), waiting(course)))
        changes = list(Change.objects.order_by("-pk"))
        keep = min(stop_at, len(changes))
        now = begins + len(plan) * MINUTE
        for change in changes[: len(changes) - keep]:
            undo_change(change, now=now, by=clerk)
            now += timedelta(seconds=1)
        assert rows_of(course) == states[keep][0]
        if keep == 0:
            assert to_come(waiting(course), begins) == to_come(states[0][1], begins)
        transaction.set_rollback(True)


def to_come(notices: list[tuple[Any, ...]], now: datetime) -> list[tuple[Any, ...]]:
    """Without what was due before anything was done: any act drops a reminder of a visit that has begun."""
    return [notice for notice in notices if notice[-1] > now]


def do(act: str, course: Course, wanted: int, choice: int, *, now: datetime, by: User) -> bool:
    """Whether it could be done to the visit that has that number now."""
    session = course.sessions.filter(number=wanted, status="booked").select_related("site", "track").first()
    if session is None:
        return False
    try:
        ACTS[act](session, choice, now=now, by=by)
    except BookingRefused:
        return False
    return True


def move(session: Session, choice: int, *, now: datetime, by: User) -> None:
    offers = legal_times(session, now=now, first_on=session.local_date, last_on=session.local_date + timedelta(days=1))
    starts = [offer.start for offer in offers if offer.start != session.start]
    move_session(session, start=starts[choice % len(starts)] if starts else session.start, now=now, by=by)


def move_later(session: Session, choice: int, *, now: datetime, by: User, following: bool = False) -> None:
    start = session.start + timedelta(days=choice + 1)
    shown = propose_move(session, start=start, now=now, following=following)
    if not shown.is_possible:
        raise BookingRefused(shown.refusals)
    rearrange(session, start=start, expected=shown.fingerprint, now=now, by=by, following=following)


def move_following(session: Session, choice: int, *, now: datetime, by: User) -> None:
    move_later(session, choice, now=now, by=by, following=True)


def cancel(session: Session, choice: int, *, now: datetime, by: User) -> None:
    cancel_session(session, reason="asked", now=now, by=by)


def miss(session: Session, choice: int, *, now: datetime, by: User) -> None:
    mark_missed(session, reason="no_show", now=now, by=by)


def stop(session: Session, choice: int, *, now: datetime, by: User) -> None:
    stop_course(session.course, reason="moves away", now=now, by=by)


ACTS: dict[str, Any] = {
    "move": move,
    "later": move_later,
    "following": move_following,
    "cancel": cancel,
    "missed": miss,
    "stop": stop,
}
