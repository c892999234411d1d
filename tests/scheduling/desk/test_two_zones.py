"""A clerk of two clinics in two zones: each visit stands by the clock of its own clinic, whichever the page's is."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone

from clinic.models import Closure
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_both(client, clock, site, other_site):
    """The page's clock is that of the first clinic by name, in Los Angeles."""
    client.force_login(factories.make_user(sites=(site, other_site)))
    return client


@pytest.fixture
def here(site, version, chair):
    """In New York at a quarter past nine, which is a quarter past six in Los Angeles."""
    course = factories.make_course(patient=factories.make_patient(site=site), version=version, status="booked")
    start = factories.NOW + timedelta(minutes=75)
    return factories.make_session(course=course, start=start, minutes=30, resources=(chair,))


@pytest.mark.parametrize("name", ["admin:index", "admin:desk_day_list", "admin:desk_stranded"])
def test_a_visit_stands_by_the_clock_of_its_own_clinic(at_both, here, site, name):
    if name == "admin:desk_stranded":
        Closure.objects.create(site=site, first_on=here.local_date, last_on=here.local_date)
    page = at_both.get(reverse(name)).content.decode()
    assert ("9:15" in page, "6:15" in page) == (True, False)


def test_a_moment_of_the_database_is_shown_by_the_clock_of_the_page(other_site):
    moment = factories.NOW
    shown = Template('{{ moment|date:"g:i A" }} {{ moment|time:"H:i" }} {{ day|date:"M j" }} {{ none|date }}')
    with timezone.override(other_site.zone):
        assert shown.render(Context({"moment": moment, "day": moment.date(), "none": None})) == "5:00 AM 05:00 Nov 23 "
