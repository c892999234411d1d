"""The list of a day on paper: who is expected at which clinic, by its own date."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.drivers import name_driver
from scheduling.models import Session
from tests import factories
from tests.scheduling.watched import make_watched

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def sheets(client, **asked):
    page = client.get(reverse("admin:desk_day_list"), asked)
    return [(sheet["site"], [row["session"] for row in sheet["rows"]]) for sheet in page.context["pages"]]


@pytest.fixture
def visits(patient, version, clock):
    course = factories.make_course(patient=patient, version=version)
    return [factories.make_session(course=course, start=factories.NOW + days * DAY) for days in (0, 1)]


def test_the_list_holds_the_visits_of_its_day(at_desk, site, visits):
    today, tomorrow = visits
    assert sheets(at_desk) == [(site, [today])]
    assert sheets(at_desk, day="2026-11-24") == [(site, [tomorrow])]
    assert sheets(at_desk, day="2026-11-25") == [(site, [])]
    assert sheets(at_desk, day="yesterday") == sheets(at_desk, day="9999-12-31") == [(site, [today])]


@pytest.mark.parametrize("status", ["cancelled", "missed"])
def test_who_is_not_expected_is_not_on_it(at_desk, site, visits, status):
    Session.objects.filter(pk=visits[0].pk).update(status=status, missed_reason="other" if status == "missed" else "")
    assert sheets(at_desk) == [(site, [])]


def test_each_clinic_has_a_sheet_of_its_own_for_its_own_date(client, administrator, clock, site, visits, stranger):
    """Monday evening in Los Angeles is Tuesday in UTC."""
    theirs = factories.make_course(patient=stranger, version=factories.make_protocol())
    session = factories.make_session(course=theirs, start=factories.NOW + timedelta(hours=14))
    client.force_login(administrator)
    assert sheets(client) == [(stranger.home_site, [session]), (site, [visits[0]])]


def test_a_row_says_who_to_call_with_what_and_who_takes_them_home(at_desk, patient, site, clock):
    patient.phone = "+1 555 0199"
    patient.save()
    course = factories.make_course(patient=patient, version=make_watched())
    chair = factories.make_resource(site=site, kind="chair", name="Chair 1")
    session = factories.make_session(course=course, start=factories.NOW, minutes=155, resources=(chair,))
    shown = at_desk.get(reverse("admin:desk_day_list")).content.decode()
    for text in ("8:00 AM", "Abbott, Ada", "+1 555 0199", "no. 1, watched until 10:25 AM", "Chair 1", "nobody yet"):
        assert text in shown
    name_driver(session, kind="person", name="Sam", phone="+1 555 0142", now=factories.NOW - DAY, confirmed=False)
    shown = at_desk.get(reverse("admin:desk_day_list")).content.decode()
    assert "nobody yet" not in shown
    for text in ("Sam", "+1 555 0142", "not confirmed"):
        assert text in shown
