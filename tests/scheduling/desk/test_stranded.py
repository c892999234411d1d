"""Visits that a closure, an outage or shorter hours have left without a place stay in sight until they are moved."""

from datetime import timedelta

import pytest
from django.urls import reverse

from clinic.models import Closure, Outage
from tests import factories

pytestmark = pytest.mark.django_db


def tile(page):
    return next(figure for figure in page.context["figures"] if figure["label"] == "visits without a place")


@pytest.fixture
def closed(course):
    """The site closes on the day of the third visit."""
    third = course.sessions.get(number=3)
    day = third.local_date
    Closure.objects.create(site=course.site, first_on=day, last_on=day, reason="Painters")
    return third


def test_today_counts_them_and_the_list_leads_to_moving_them(at_desk, course, closed):
    listed = reverse("admin:desk_stranded")
    assert tile(at_desk.get(reverse("admin:index"))) == {
        "number": 1,
        "label": "visits without a place",
        "url": listed,
        "wants": True,
    }
    page = at_desk.get(listed)
    assert [(row["session"], row["stranded"]) for row in page.context["rows"]] == [
        (closed, "The site is closed: Painters")
    ]
    shown = page.content.decode()
    assert "Abbott, Ada" in shown
    assert course.version.protocol.name in shown
    assert reverse("admin:desk_session_move", args=[closed.pk]) in shown


def test_a_visit_that_has_lost_two_things_is_one_row_with_both_reasons(at_desk, closed, chair):
    Outage.objects.create(resource=chair, start=closed.start, end=closed.end)
    page = at_desk.get(reverse("admin:desk_stranded"))
    assert [row["stranded"] for row in page.context["rows"]] == ["The site is closed: Painters; Chair 1 is out of use"]
    assert tile(at_desk.get(reverse("admin:index")))["number"] == 1


def test_the_visit_and_its_row_on_the_course_say_why(at_desk, course, closed):
    visit = at_desk.get(reverse("admin:scheduling_session_change", args=[closed.pk])).content.decode()
    assert "This visit has no place any more: The site is closed: Painters." in visit
    page = at_desk.get(reverse("admin:scheduling_course_change", args=[course.pk]))
    assert [row["stranded"] for row in page.context["rows"]] == ["", "", "The site is closed: Painters", ""]
    # In its week and in the list of all visits.
    assert page.content.decode().count("No place: The site is closed: Painters") == 2


def test_a_visit_that_is_over_or_given_up_needs_no_place(at_desk, closed, clock, clerk):
    type(closed).objects.filter(pk=closed.pk).update(status="cancelled")
    assert tile(at_desk.get(reverse("admin:index")))["number"] == 0
    assert "Every booked visit has its place." in at_desk.get(reverse("admin:desk_stranded")).content.decode()
    type(closed).objects.filter(pk=closed.pk).update(status="booked")
    clock.move_to(closed.end, tick=False)
    at_desk.force_login(clerk)
    assert tile(at_desk.get(reverse("admin:index")))["number"] == 0


def test_those_of_other_clinics_are_not_mine(at_desk, version, other_site):
    theirs = factories.make_course(patient=factories.make_patient(site=other_site), version=version)
    session = factories.make_session(course=theirs, start=factories.NOW + timedelta(days=1))
    Closure.objects.create(site=other_site, first_on=session.local_date, last_on=session.local_date)
    assert tile(at_desk.get(reverse("admin:index")))["number"] == 0
    assert at_desk.get(reverse("admin:desk_stranded")).context["rows"] == []
