"""The operation moves, and the visits that are counted from it move with it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core import mail

from clinic.models import Outage, Patient, Resource, Site, User
from scheduling.attendance import mark_arrived, mark_completed
from scheduling.booking import plan_and_book, request_course
from scheduling.messages.delivery import deliver_due
from scheduling.models import Course, Hold, Session
from scheduling.moving import cancel_session, move_session
from scheduling.planning import legal_times
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_implant

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, site: Site, chair: Resource) -> Course:
    """An operation on Friday; three weekly visits from the Friday two weeks later on."""
    asked = request_course(
        patient=patient,
        site=site,
        version=make_implant(weeks=3),
        earliest_start=a_day(4),
        latest_start=a_day(4),
        anchor_at=at(site, 4, 21),
        now=NOW,
    )
    return plan_and_book(asked.pk, now=NOW)


def visits_of(course: Course) -> list[Session]:
    return list(course.sessions.filter(track__name="follow-up").order_by("number"))


def rows() -> list[object]:
    return [*Session.objects.order_by("pk").values(), *Hold.objects.order_by("pk").values()]


def test_visits_follow_their_operation_with_their_seats_and_the_patient_is_told(course: Course, site: Site) -> None:
    deliver_due(now=NOW + 5 * MINUTE)
    mail.outbox.clear()
    before = visits_of(course)
    anchor = course.sessions.get(track__name="surgery")
    moved = move_session(anchor, start=at(site, 32, 7), now=NOW + 10 * MINUTE)
    assert (moved, moved.start, moved.sequence) == (anchor, at(site, 32, 7), 1)
    after = visits_of(course)
    assert [(s.uid, s.sequence) for s in after] == [(s.uid, 1) for s in before]
    weeks = [(s.local_date - a_day(32 + 14)).days // 7 for s in after]
    assert weeks == [0, 1, 2]
    assert sorted(Hold.objects.values_list("session", "start", "end")) == [(s.pk, s.start, s.end) for s in after]
    deliver_due(now=NOW + 20 * MINUTE)
    assert [message.subject.partition(" ")[0] for message in mail.outbox] == ["Changed"]


def test_visits_that_may_stay_keep_their_times(course: Course, site: Site) -> None:
    before = visits_of(course)
    move_session(course.sessions.get(track__name="surgery"), start=at(site, 3, 7), now=NOW)
    assert [(s.start, s.sequence) for s in visits_of(course)] == [(s.start, 0) for s in before]


def test_where_the_visits_cannot_follow_the_operation_stays_too(course: Course, site: Site, chair: Resource) -> None:
    Outage.objects.create(resource=chair, start=at(site, 40, 0), end=at(site, 200, 0), reason="Repair")
    before = rows()
    anchor = course.sessions.get(track__name="surgery")
    with pytest.raises(BookingRefused, match="The visits that are counted from this date cannot follow it") as refused:
        move_session(anchor, start=at(site, 32, 7), now=NOW)
    assert [(r.session, r.rule) for r in refused.value.refusals] == [("surgery 1", "plan")]
    assert rows() == before


def test_an_operation_that_moves_onto_another_visit_of_the_patient_is_refused(course: Course, site: Site) -> None:
    other = factories.make_course(patient=course.patient, version=factories.make_protocol())
    factories.make_session(course=other, start=at(site, 32, 12))
    before = rows()
    with pytest.raises(BookingRefused, match="The patient is not free at that time"):
        move_session(course.sessions.get(track__name="surgery"), start=at(site, 32, 11, 45), now=NOW)
    assert rows() == before


def test_visits_that_have_been_stay_and_the_others_follow(course: Course, site: Site, clerk: User) -> None:
    """The electrodes are set a second time after the first visit."""
    first, *rest = visits_of(course)
    mark_arrived(first, now=first.start, by=clerk)
    mark_completed(first, now=first.end, by=clerk)
    again = move_session(course.sessions.get(track__name="surgery"), start=at(site, 46, 7), now=first.end + MINUTE)
    assert again.local_date == a_day(46)
    was, *after = visits_of(course)
    assert (was.start, was.sequence) == (first.start, first.sequence)
    assert [(s.uid, (s.local_date - a_day(46 + 14)).days // 7) for s in after] == [(rest[0].uid, 1), (rest[1].uid, 2)]


def test_a_number_that_was_given_up_keeps_its_place_among_the_others(course: Course, site: Site) -> None:
    first, second, third = visits_of(course)
    cancel_session(second, reason="Away", now=NOW)
    move_session(course.sessions.get(track__name="surgery"), start=at(site, 32, 7), now=NOW + MINUTE)
    after = visits_of(course)
    assert [(s.pk, s.status) for s in after] == [(first.pk, "booked"), (second.pk, "cancelled"), (third.pk, "booked")]
    assert sorted(s.start for s in after) == [s.start for s in after]
    assert Hold.objects.count() == 2
    assert legal_times(after[0], now=NOW, first_on=a_day(40), last_on=a_day(60))


def test_an_operation_before_anything_is_planned_moves_alone(patient: Patient, site: Site, chair: Resource) -> None:
    asked = request_course(
        patient=patient,
        site=site,
        version=make_implant(),
        earliest_start=a_day(4),
        latest_start=a_day(4),
        anchor_at=at(site, 4, 21),
        now=NOW,
    )
    goal: datetime = at(site, 32, 7)
    assert move_session(asked.sessions.get(), start=goal, now=NOW).start == goal
    plan_and_book(asked.pk, now=NOW)
    assert [s.local_date >= a_day(46) for s in visits_of(asked)] == [True, True]
