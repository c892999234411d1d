"""What the database itself refuses, proven past every function of ours."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from clinic.models import Patient, Resource, Site
from scheduling.models import Course, Driver, Hold, Session, SessionStatus
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import at, make_course, put_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", seats=2)


@pytest.fixture
def course(patient: Patient) -> Course:
    return make_course(patient=patient, version=factories.make_protocol())


@pytest.fixture
def rival(site: Site, course: Course) -> Course:
    return make_course(patient=factories.make_patient(site=site), version=course.version)


def hold(session: Session, chair: Resource, *, seat: int = 0, later: int = 0, minutes: int = 30) -> Hold:
    start = session.start + timedelta(minutes=later)
    return Hold.objects.create(
        session=session, position=later, resource=chair, seat=seat, start=start, end=start + timedelta(minutes=minutes)
    )


@pytest.mark.parametrize("later", [0, 1, 29, -29])
def test_a_seat_cannot_be_held_twice_at_a_time(
    site: Site, course: Course, rival: Course, chair: Resource, later: int
) -> None:
    hold(put_session(course, number=1, start=at(site, 1, 9)), chair)
    other = put_session(rival, number=1, start=at(site, 1, 9) + timedelta(minutes=later))
    with pytest.raises(IntegrityError, match="a_seat_serves_one_patient_at_a_time"):
        hold(other, chair)


def test_holds_back_to_back_and_on_another_seat_are_fine(
    site: Site, course: Course, rival: Course, chair: Resource
) -> None:
    hold(put_session(course, number=1, start=at(site, 1, 9)), chair)
    hold(put_session(rival, number=1, start=at(site, 1, 9)), chair, seat=1)
    hold(put_session(rival, number=2, start=at(site, 1, 9, 30)), chair)
    assert Hold.objects.count() == 3


def test_an_empty_or_backward_hold_is_refused(site: Site, course: Course, chair: Resource) -> None:
    session = put_session(course, number=1, start=at(site, 1, 9))
    with pytest.raises(IntegrityError, match="hold_ends_after_it_starts"):
        hold(session, chair, minutes=0)


def test_a_patient_cannot_be_in_two_places_even_at_two_sites(
    site: Site, other_site: Site, course: Course, patient: Patient
) -> None:
    put_session(course, number=1, start=at(site, 1, 9))
    elsewhere = make_course(patient=patient, version=course.version, site=other_site)
    with pytest.raises(IntegrityError, match="patient_is_in_one_place_at_a_time"):
        put_session(elsewhere, number=1, start=at(site, 1, 9, 15))


@pytest.mark.parametrize("status", [SessionStatus.CANCELLED, SessionStatus.MISSED])
def test_a_session_that_is_gone_leaves_the_patient_free(site: Site, course: Course, status: str) -> None:
    put_session(course, number=1, start=at(site, 1, 9), status=status, missed_reason="no_show")
    put_session(course, number=1, start=at(site, 1, 9))
    assert Session.objects.count() == 2


def test_a_number_of_a_track_is_booked_once(site: Site, course: Course) -> None:
    put_session(course, number=1, start=at(site, 1, 9))
    with pytest.raises(IntegrityError, match="a_number_of_a_track_is_booked_once"):
        put_session(course, number=1, start=at(site, 3, 9))


def test_a_session_without_length_is_refused(site: Site, course: Course) -> None:
    with pytest.raises(IntegrityError, match="session_ends_after_it_starts"):
        put_session(course, number=1, start=at(site, 1, 9), minutes=0)


def test_a_missed_session_has_its_reason(site: Site, course: Course) -> None:
    with pytest.raises(IntegrityError, match="missed_session_has_its_reason"):
        put_session(course, number=1, start=at(site, 1, 9), status=SessionStatus.MISSED)


def test_a_named_driver_has_a_name(site: Site, course: Course) -> None:
    session = put_session(course, number=1, start=at(site, 1, 9))
    with pytest.raises(IntegrityError, match="named_driver_has_a_name"):
        Driver.objects.create(session=session, status="named", changed_at=NOW)


def test_a_course_may_start_on_some_day(patient: Patient) -> None:
    with pytest.raises(IntegrityError, match="course_may_start_on_some_day"):
        make_course(
            patient=patient,
            version=factories.make_protocol(),
            earliest=factories.a_day(5),
            latest=factories.a_day(4),
        )


def test_a_referral_number_is_used_once_at_a_site(site: Site, other_site: Site, patient: Patient) -> None:
    version = factories.make_protocol()
    make_course(patient=patient, version=version, reference="R-1")
    make_course(patient=patient, version=version, reference="R-1", site=other_site)
    with pytest.raises(IntegrityError, match="referral_is_unique_at_its_site"):
        make_course(patient=patient, version=version, reference="R-1")
