"""What an act did is kept, and undone until the patient has been told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from clinic.models import Patient, Resource, Site, User
from scheduling.booking import plan_and_book
from scheduling.changes import undo_change, why_not_undo
from scheduling.models import Change, Course
from scheduling.moving import cancel_session, move_session
from scheduling.planning import legal_times
from scheduling.row_states import read_courses, read_sessions
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import make_course

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


def book(patient: Patient) -> Course:
    phase = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}
    version = factories.make_protocol(phases=(phase,))
    return plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)


def rows_of(course: Course) -> tuple[object, ...]:
    """All that a change keeps, but for what only counts writings."""
    sessions = read_sessions(course.sessions.order_by("pk"))
    for state in sessions.values():
        del state["changed_at"]
    return read_courses([course.pk]), sessions


def test_move_is_undone(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient)
    before = rows_of(course)
    session = course.sessions.get(number=3)
    day = session.local_date
    other = [t for t in legal_times(session, now=NOW, first_on=day, last_on=day) if t.start != session.start][0]
    move_session(session, start=other.start, now=NOW + MINUTE, by=clerk)
    change = Change.objects.get()
    assert rows_of(course) != before
    assert why_not_undo(change, now=NOW + 2 * MINUTE) == ""
    undo_change(change, now=NOW + 2 * MINUTE, by=clerk)
    assert rows_of(course) == before


def test_cancel_is_undone(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient)
    before = rows_of(course)
    cancel_session(course.sessions.get(number=3), reason="asked", now=NOW + MINUTE, by=clerk)
    change = Change.objects.get()
    assert change.summary.startswith("Visit 3 of ")
    undo_change(change, now=NOW + 2 * MINUTE, by=clerk)
    assert rows_of(course) == before
