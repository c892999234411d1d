"""No page runs a query per row: each is opened with one row and with thirty, under one literal count."""

from datetime import timedelta

import pytest
from django.urls import reverse

from clinic.models import Closure
from scheduling.models import Notice
from tests import factories
from tests.scheduling.watched import make_watched

pytestmark = pytest.mark.django_db


@pytest.fixture
def grow(site, version, chair, clock):
    """Add patients, each with a course of one visit today and a call to make."""

    def add(count):
        for number in range(count):
            patient = factories.make_patient(site=site)
            course = factories.make_course(patient=patient, version=version)
            start = factories.NOW + timedelta(minutes=5 * number)
            session = factories.make_session(course=course, start=start, minutes=5, resources=(chair,))
            Notice.objects.create(
                patient=patient,
                course=course,
                session=session,
                kind="reminder",
                channel="call",
                key=f"key-{course.pk}",
                message_id=f"id-{course.pk}",
                due_at=factories.NOW,
                created_at=factories.NOW,
            )

    return add


@pytest.fixture
def closed(site):
    """Every visit of the day has lost its place."""
    today = factories.a_day()
    Closure.objects.create(site=site, first_on=today, last_on=today)


LISTS = {
    "admin:index": 23,
    "admin:scheduling_course_changelist": 7,
    "admin:scheduling_session_changelist": 6,
    "admin:scheduling_notice_changelist": 6,
    "admin:desk_call_list": 11,
    "admin:clinic_patient_changelist": 6,
    "admin:desk_day_list": 8,
}


@pytest.mark.parametrize(("name", "queries"), LISTS.items())
@pytest.mark.parametrize("rows", [1, 30])
def test_lists_cost_the_same_queries_with_1_and_with_30_rows(
    at_desk, grow, name, queries, rows, django_assert_num_queries
):
    grow(rows)
    at_desk.get(reverse(name))  # fills the caches of content types and of the session
    with django_assert_num_queries(queries):
        page = at_desk.get(reverse(name))
    assert page.content.decode().count("Patient") >= rows


@pytest.mark.parametrize(("name", "queries"), {"admin:index": 23, "admin:desk_stranded": 16}.items())
@pytest.mark.parametrize("rows", [1, 30])
def test_visits_without_a_place_cost_the_same_queries_with_1_and_with_30_rows(
    at_desk, grow, closed, name, queries, rows, django_assert_num_queries
):
    grow(rows)
    at_desk.get(reverse(name))
    with django_assert_num_queries(queries):
        page = at_desk.get(reverse(name))
    assert page.content.decode().count("no. 1") == rows


@pytest.mark.parametrize("rows", [1, 30])
def test_today_costs_the_same_queries_with_1_and_with_30_patients_being_watched(
    at_desk, site, clock, rows, django_assert_num_queries
):
    version = make_watched()
    for _ in range(rows):
        course = factories.make_course(patient=factories.make_patient(site=site), version=version)
        factories.make_session(course=course, start=factories.NOW, minutes=155, status="arrived")
    clock.move_to(factories.NOW + timedelta(hours=1), tick=False)
    at_desk.get(reverse("admin:index"))
    with django_assert_num_queries(22):
        page = at_desk.get(reverse("admin:index"))
    assert len(page.context["watched"]) == rows


WORK = {
    "admin:desk_drivers": 7,
    "admin:desk_unrecorded": 6,
    "admin:desk_decisions": 5,
    "admin:desk_forms": 6,
}


@pytest.mark.parametrize(("name", "queries"), WORK.items())
@pytest.mark.parametrize("rows", [1, 30])
def test_lists_to_work_down_cost_the_same_queries_with_1_and_with_30_rows(
    at_desk, site, version, name, queries, rows, django_assert_num_queries
):
    watched = make_watched(form=True)
    day = timedelta(days=1)
    for _ in range(rows):
        person = factories.make_patient(site=site)
        first, second = (factories.make_course(patient=person, version=each) for each in (watched, version))
        factories.make_session(course=first, start=factories.NOW - 3 * day, status="completed")
        factories.make_session(course=first, start=factories.NOW + 3 * day)
        factories.make_session(course=second, start=factories.NOW - 2 * day, status="unrecorded")
        factories.make_session(course=second, start=factories.NOW - day, status="completed")
    at_desk.get(reverse(name))
    with django_assert_num_queries(queries):
        page = at_desk.get(reverse(name))
    assert len(page.context["rows"]) == rows


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_of_protocols_costs_the_same_queries_with_1_and_with_30_rows(at_desk, rows, django_assert_num_queries):
    for _ in range(rows):
        factories.make_protocol()
    url = reverse("admin:protocols_protocol_changelist")
    at_desk.get(url)
    with django_assert_num_queries(6):
        at_desk.get(url)


@pytest.mark.parametrize("visits", [1, 30])
def test_a_course_costs_the_same_queries_with_1_and_with_30_visits(
    at_desk, patient, version, chair, visits, django_assert_num_queries
):
    course = factories.make_course(patient=patient, version=version)
    for day in range(visits):
        start = factories.NOW + timedelta(days=day, hours=2)
        session = factories.make_session(course=course, start=start, resources=(chair,))
        Notice.objects.create(
            patient=patient,
            course=course,
            session=session,
            kind="calendar",
            channel="email",
            key=f"key-{day}",
            message_id=f"id-{day}",
            due_at=factories.NOW,
            created_at=factories.NOW,
        )
    url = reverse("admin:scheduling_course_change", args=[course.pk])
    at_desk.get(url)
    with django_assert_num_queries(28):
        assert len(at_desk.get(url).context["rows"]) == visits


@pytest.mark.parametrize("stages", [1, 30])
def test_a_protocol_costs_the_same_queries_with_1_and_with_30_stages(at_desk, stages, django_assert_num_queries):
    version = factories.make_protocol(publish=False)
    visit = version.visit_types.get()
    for position in range(1, stages):
        stage = visit.stages.create(position=position, name=f"Stage {position}", minutes=5)
        stage.needs.create(kind=factories.make_kind("chair"))
        stage.tasks.create(name="Blood pressure", at_minute=1)
    url = reverse("admin:protocols_protocolversion_change", args=[version.pk])
    at_desk.get(url)
    with django_assert_num_queries(16):
        assert len(at_desk.get(url).context["shape"]["visits"][0]["stages"]) == stages
