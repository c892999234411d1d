"""What has happened beside a change since it was made, and stands against undoing it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from clinic.models import Closure, Patient, Resource, Site, User
from protocols.models import DecisionPoint
from scheduling.adding import add_visit, propose_added
from scheduling.booking import plan_and_book
from scheduling.changes import undo_change, why_not_undo
from scheduling.decisions import decide
from scheduling.drivers import name_driver
from scheduling.extension import book_beyond, extend_course
from scheduling.models import Change, Course, Session
from scheduling.moving import move_session
from scheduling.planning import legal_times
from scheduling.refusals import BookingRefused
from scheduling.restoring import AGREED_BY_DRIVER, EXTENDED, TOGETHER
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import make_course
from tests.scheduling.driving import BOB
from tests.scheduling.living import broken_rules
from tests.scheduling.test_changes import ACTED_AT, MINUTE, WEEKLY, number, rows_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Six visits, two a week, at least 44 hours apart."""
    version = factories.make_protocol(phases=(WEEKLY,))
    return plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)


@pytest.fixture
def waiting_course(patient: Patient, chair: Resource) -> Course:
    """Six visits, then a decision, then one more."""
    one = {"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 44}
    version = factories.make_protocol(phases=(WEEKLY, one), publish=False)
    DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=6, mode="blocking", question="Go on?"
    )
    version.status, version.published_at = "published", NOW
    version.save()
    return plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)


def move_to_the_last_time(session: Session, *, now: datetime, by: User) -> None:
    last_on = session.local_date + timedelta(days=6)
    offers = legal_times(session, now=now, first_on=session.local_date, last_on=last_on)
    move_session(session, start=offers[-1].start, now=now, by=by)


def test_a_move_is_not_undone_where_a_visit_beside_it_has_come_too_near(course: Course, clerk: User) -> None:
    move_to_the_last_time(number(course, 3), now=ACTED_AT, by=clerk)
    move_to_the_last_time(number(course, 2), now=ACTED_AT + MINUTE, by=clerk)
    earlier, later = Change.objects.order_by("pk")
    before = rows_of(course)
    with pytest.raises(BookingRefused, match=TOGETHER):
        undo_change(earlier, now=ACTED_AT + 2 * MINUTE, by=clerk)
    assert rows_of(course) == before
    undo_change(later, now=ACTED_AT + 3 * MINUTE, by=clerk)
    undo_change(earlier, now=ACTED_AT + 4 * MINUTE, by=clerk)
    assert broken_rules(course, now=ACTED_AT + 5 * MINUTE) == []


def test_a_move_is_undone_where_a_later_one_beside_it_keeps_every_rule(course: Course, clerk: User) -> None:
    was = number(course, 3).start
    move_to_the_last_time(number(course, 3), now=ACTED_AT, by=clerk)
    move_to_the_last_time(number(course, 6), now=ACTED_AT + MINUTE, by=clerk)
    undo_change(Change.objects.earliest("pk"), now=ACTED_AT + 2 * MINUTE, by=clerk)
    assert number(course, 3).start == was
    assert broken_rules(course, now=ACTED_AT + 3 * MINUTE) == []


def test_a_decision_beyond_which_visits_were_booked_since_stands(waiting_course: Course, clinician: User) -> None:
    course, reached = waiting_course, number(waiting_course, 6).start + MINUTE
    closed = Closure.objects.create(site=course.site, first_on=a_day(7), last_on=a_day(200))
    decide(course, course.version.decision_points.get(), outcome="continue", now=reached, by=clinician)
    change = Change.objects.get()
    assert (course.sessions.count(), why_not_undo(change, now=reached + MINUTE)) == (6, "")
    closed.delete()
    assert extend_course(course.pk, now=reached + MINUTE) == 1
    assert why_not_undo(change, now=reached + 2 * MINUTE) == EXTENDED
    with pytest.raises(BookingRefused, match="planned further"):
        undo_change(change, now=reached + 2 * MINUTE, by=clinician)
    assert (course.sessions.count(), course.decisions.count()) == (7, 1)


def test_nothing_is_booked_for_a_decision_that_is_undone_already(waiting_course: Course, clinician: User) -> None:
    """Between the decision and the booking of what lies beyond it somebody takes it back, and decides once more."""
    course, reached = waiting_course, number(waiting_course, 6).start + MINUTE
    point = course.version.decision_points.get()
    closed = Closure.objects.create(site=course.site, first_on=a_day(7), last_on=a_day(200))
    decide(course, point, outcome="continue", now=reached, by=clinician)
    change = Change.objects.get()
    undo_change(change, now=reached + MINUTE, by=clinician)
    decide(course, point, outcome="continue", now=reached + 2 * MINUTE, by=clinician)
    closed.delete()
    assert book_beyond(course.pk, now=reached + 3 * MINUTE, by=clinician, into=change) == []
    assert (course.sessions.count(), change.sessions.count()) == (6, 0)


def test_a_visit_whose_driver_has_agreed_since_is_not_unmade(patient: Patient, chair: Resource, clerk: User) -> None:
    version = factories.make_protocol(phases=(WEEKLY,), sedating=True)
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    track = version.tracks.get().name
    shown = propose_added(course, track=track, now=ACTED_AT)
    change = add_visit(course, track=track, expected=shown.fingerprint, now=ACTED_AT, by=clerk)
    assert change is not None and why_not_undo(change, now=ACTED_AT + MINUTE) == ""
    name_driver(number(course, 7), **BOB, now=ACTED_AT + MINUTE, by=clerk)
    assert why_not_undo(change, now=ACTED_AT + 2 * MINUTE) == AGREED_BY_DRIVER
    with pytest.raises(BookingRefused, match="driver has agreed"):
        undo_change(change, now=ACTED_AT + 2 * MINUTE, by=clerk)
    assert number(course, 7).driver.name == "Bob Miller"
