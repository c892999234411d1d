"""Open-ended courses stay booked up to the rolling horizon, their history untouched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic.models import Patient, Site
from scheduling.booking import plan_and_book, stop_course
from scheduling.extension import courses_to_extend, extend_course
from scheduling.models import Course, Hold
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import make_course
from tests.scheduling.test_storm import at_once, sort_out

PHASES: tuple[dict[str, Any], ...] = (
    {"periods": 2, "period_days": 7, "per_period": 1, "min_gap_hours": 100},
    {
        "periods": 1,
        "period_days": 14,
        "per_period": 1,
        "min_gap_hours": 160,
        "max_gap_hours": 500,
        "open_ended": True,
    },
)


def book(site: Site) -> Course:
    """Two weekly visits, then one every fortnight for as long as it helps; 56 days of it are booked."""
    factories.make_resource(site=site, kind="chair")
    version = factories.make_protocol(phases=PHASES)
    return plan_and_book(make_course(patient=factories.make_patient(site=site), version=version).pk, now=NOW)


def numbers(course: Course) -> list[int]:
    return list(course.sessions.order_by("start").values_list("number", flat=True))


@pytest.mark.django_db
def test_a_course_is_extended_when_the_horizon_reaches_a_whole_period(site: Site) -> None:
    course = book(site)
    assert (numbers(course), course.open_periods) == ([1, 2, 3, 4, 5], 3)
    assert (courses_to_extend(now=NOW), extend_course(course.pk, now=NOW)) == ([], 0)
    before = list(course.sessions.order_by("pk").values())
    now = NOW + timedelta(days=16)
    assert courses_to_extend(now=now) == [course.pk]
    assert (extend_course(course.pk, now=now), extend_course(course.pk, now=now)) == (1, 0)
    course.refresh_from_db()
    assert (numbers(course), course.open_periods) == ([1, 2, 3, 4, 5, 6], 4)
    assert list(course.sessions.filter(number__lt=6).order_by("pk").values()) == before
    last = course.sessions.get(number=6)
    assert last.local_date <= (now + timedelta(days=56)).date()
    assert Hold.objects.count() == 6


@pytest.mark.django_db
def test_a_course_long_forgotten_is_booked_on_from_today(site: Site) -> None:
    course = book(site)
    now = NOW + timedelta(days=150)
    assert extend_course(course.pk, now=now) >= 2
    new = course.sessions.filter(number__gt=5).order_by("start")
    assert all(session.start > now for session in new)


@pytest.mark.django_db
def test_a_stopped_course_is_not_extended(site: Site) -> None:
    course = book(site)
    stop_course(course, reason="Moved away", now=NOW)
    now = NOW + timedelta(days=30)
    assert (courses_to_extend(now=now), extend_course(course.pk, now=now)) == ([], 0)


@pytest.mark.django_db
def test_a_course_without_an_open_phase_is_not_extended(site: Site, patient: Patient) -> None:
    factories.make_resource(site=site, kind="chair")
    course = plan_and_book(make_course(patient=patient, version=factories.make_protocol()).pk, now=NOW)
    now = NOW + timedelta(days=30)
    assert (courses_to_extend(now=now), extend_course(course.pk, now=now)) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_a_course_extended_by_several_workers_at_once_is_extended_once(site: Site) -> None:
    course = book(site)
    now = NOW + timedelta(days=30)
    won, refused = sort_out(at_once([lambda: extend_course(course.pk, now=now)] * 6))
    assert (sorted(won), refused) == ([0, 0, 0, 0, 0, 2], [])
    assert (numbers(course), Hold.objects.count()) == ([1, 2, 3, 4, 5, 6, 7], 7)
