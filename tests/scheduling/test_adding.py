"""One more visit at the end of a track, beyond what the protocol has, where its rhythm goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic.models import Closure, Patient, Resource, Site, User
from protocols.models import DecisionPoint
from scheduling.adding import add_visit, propose_added
from scheduling.attendance import mark_arrived, mark_completed
from scheduling.booking import plan_and_book, stop_course
from scheduling.changes import undo_change
from scheduling.decisions import decide
from scheduling.extension import extend_course
from scheduling.models import Change, Course, Hold
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import make_course
from tests.scheduling.living import broken_rules, dates, make_linked, numbers, starts
from tests.scheduling.test_extension import book as book_open_ended

pytestmark = pytest.mark.django_db
TWICE: dict[str, Any] = {"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44}


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Four visits: two in the week of November 30, two in that of December 7."""
    wanted = make_course(patient=patient, version=factories.make_protocol(phases=(TWICE,)), earliest=a_day(7))
    return plan_and_book(wanted.pk, now=NOW)


def add(course: Course, *, track: str = "main", now: Any = NOW, by: User | None = None) -> Change:
    shown = propose_added(course, track=track, now=now)
    assert shown.is_possible, shown.refusals
    change = add_visit(course, track=track, expected=shown.fingerprint, now=now, by=by)
    assert change is not None
    course.refresh_from_db()
    return change


def test_visits_are_added_in_the_rhythm_of_the_last_phase(course: Course, clerk: User) -> None:
    before = starts(course)
    shown = propose_added(course, track="main", now=NOW)
    assert [(s.track, s.number, s.old_start, s.session_id) for s in shown.shifts] == [("main", 5, None, None)]
    change = add(course, by=clerk)
    add(course)
    assert (numbers(course), course.added_visits) == ([1, 2, 3, 4, 5, 6], {"main": 2})
    assert {pk: start for pk, start in starts(course).items() if pk in before} == before
    first = dates(course)[0]
    assert [(day - first).days // 7 for day in dates(course)] == [0, 0, 1, 1, 2, 2]
    assert (change.kind, change.summary, change.made_by) == ("added", "Main: one visit more", clerk)
    assert (Hold.objects.count(), broken_rules(course, now=NOW)) == (6, [])


def test_proposing_writes_nothing(course: Course) -> None:
    was = Course.objects.values().get()
    propose_added(course, track="main", now=NOW)
    assert (Course.objects.values().get(), numbers(course)) == (was, [1, 2, 3, 4])


def test_a_course_that_was_over_goes_on_from_today(course: Course, clerk: User) -> None:
    for session in course.sessions.order_by("start"):
        mark_arrived(session, now=session.start, by=clerk)
        mark_completed(session, now=session.end, by=clerk)
    course.refresh_from_db()
    assert course.status == "finished"
    now = NOW + timedelta(days=60)
    add(course, now=now)
    assert (course.status, course.ended_at) == ("running", None)
    assert dates(course)[-1] >= now.date()
    assert broken_rules(course, now=now) == []


def test_one_more_of_an_open_phase_is_its_next_period(site: Site) -> None:
    course = book_open_ended(site)
    add(course)
    assert (numbers(course), course.open_periods, course.added_visits) == ([1, 2, 3, 4, 5, 6], 4, {})
    assert broken_rules(course, now=NOW) == []
    now = NOW + timedelta(days=16)
    assert extend_course(course.pk, now=now) == 0
    assert extend_course(course.pk, now=NOW + timedelta(days=30)) == 1


def test_what_is_added_keeps_the_links(patient: Patient, chair: Resource) -> None:
    course = plan_and_book(make_course(patient=patient, version=make_linked(), earliest=a_day(7)).pk, now=NOW)
    shown = propose_added(course, track="after", now=NOW)
    assert not shown.is_possible
    add(course)
    add(course, track="after")
    assert course.added_visits == {"main": 1, "after": 1}
    assert broken_rules(course, now=NOW) == []


def test_nothing_is_added_beyond_a_point_that_nobody_has_decided(
    patient: Patient, chair: Resource, clinician: User
) -> None:
    version = factories.make_protocol(phases=(TWICE,), publish=False)
    point = DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=2, mode="blocking", question="Does it help?"
    )
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(make_course(patient=patient, version=version, earliest=a_day(7)).pk, now=NOW)
    shown = propose_added(course, track="main", now=NOW)
    assert [r.message for r in shown.refusals] == ["A clinician decides first: Does it help?"]
    decide(course, point, outcome="continue", now=NOW, by=clinician)
    add(course)
    assert numbers(course) == [1, 2, 3, 4, 5]


def test_where_it_does_not_fit_the_reason_is_said(course: Course, site: Site) -> None:
    Closure.objects.create(site=site, first_on=a_day(21), last_on=a_day(200))
    shown = propose_added(course, track="main", now=NOW)
    assert (shown.is_possible, len(shown.refusals)) == (False, 1)
    with pytest.raises(BookingRefused):
        add_visit(course, track="main", expected=shown.fingerprint, now=NOW, by=None)
    assert numbers(course) == [1, 2, 3, 4]


def test_a_stopped_course_and_a_track_that_is_not_there_are_refused(course: Course) -> None:
    shown = propose_added(course, track="other", now=NOW)
    assert [r.message for r in shown.refusals] == ["The protocol has no such visits."]
    stop_course(course, reason="Moved away", now=NOW)
    shown = propose_added(course, track="main", now=NOW)
    assert [r.message for r in shown.refusals] == ["The course is stopped."]


def test_adding_is_undone(course: Course) -> None:
    was = Course.objects.values().get()
    change = add(course)
    undo_change(change, now=NOW, by=None)
    assert (Course.objects.values().get(), numbers(course), Hold.objects.count()) == (was, [1, 2, 3, 4], 4)
