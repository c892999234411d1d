"""A clerk at the desk of a clinic with one chair, on a Monday at 8:00 in New York."""

from datetime import timedelta

import pytest
import time_machine

from protocols.models import DecisionPoint, Gate, ProtocolVersion
from scheduling.booking import book_course
from scheduling.models import Session
from scheduling.planning import propose_course
from tests import factories
from tests.scheduling import calendar


@pytest.fixture
def clock():
    with time_machine.travel(factories.NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def chair(site):
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def version(chair):
    """Two visits a week for two weeks, with gates and a review after the second visit."""
    version = factories.make_protocol(code="twice-weekly", publish=False)
    Gate.objects.create(version=version, code="consent", name="Consent", moment="booking", valid_days=10)
    Gate.objects.create(version=version, code="driver", name="Driver named", moment="check_in", each_visit=True)
    track = version.tracks.get()
    DecisionPoint.objects.create(version=version, track=track, after_number=2, mode="review", question="Does it help?")
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    return ProtocolVersion.objects.get(pk=version.pk)


@pytest.fixture
def at_desk(client, clerk, clock):
    """The clerk's browser."""
    client.force_login(clerk)
    return client


@pytest.fixture
def course(patient, version, clock):
    """Four visits, booked as the product books them."""
    asked = calendar.make_course(patient=patient, version=version)
    return book_course(asked, plan=propose_course(asked, now=factories.NOW).plan, now=factories.NOW)


@pytest.fixture
def first(course):
    return Session.objects.filter(course=course).earliest("start")


@pytest.fixture
def on_the_day(clock, first, client, clerk):
    """The clock stands at the start of the first visit, and the clerk has logged in that morning."""
    clock.move_to(first.start + timedelta(minutes=5), tick=False)
    client.force_login(clerk)
