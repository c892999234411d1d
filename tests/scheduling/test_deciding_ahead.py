"""What a decision would do is what it does."""

import pytest

from clinic.models import Closure
from protocols.models import DecisionPoint, ProtocolVersion
from scheduling.booking import book_course, propose_stop, stop_course
from scheduling.deciding_ahead import propose_decision
from scheduling.decisions import decide
from scheduling.models import Course, Session
from scheduling.moving import cancel_session
from scheduling.planning import propose_course
from scheduling.refusals import BookingRefused
from tests import factories
from tests.scheduling import calendar

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(site):
    """Two visits a week for four weeks; after the fourth visit a clinician decides, and nothing beyond is booked."""
    factories.make_resource(site=site, kind="chair", name="Chair 1")
    phase = {"periods": 4, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}
    version = factories.make_protocol(code="four-weeks", phases=(phase,), publish=False)
    DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=4, mode="blocking", question="Go on?"
    )
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    return ProtocolVersion.objects.get(pk=version.pk)


@pytest.fixture
def course(patient, version):
    asked = calendar.make_course(patient=patient, version=version)
    return book_course(asked, plan=propose_course(asked, now=factories.NOW).plan, now=factories.NOW)


def rows_of(course):
    return list(course.sessions.order_by("number", "start").values_list("number", "start", "status"))


@pytest.mark.parametrize(("outcome", "numbers"), [("continue", [5, 6, 7, 8]), ("step_back", [5, 6])])
def test_what_is_booked_beyond_a_decision_is_what_was_shown(course, clinician, now, outcome, numbers):
    before = rows_of(course)
    point = course.version.decision_points.get()
    shown = propose_decision(course, point, outcome=outcome, now=now)
    assert [(shift.number, shift.old_start) for shift in shown.shifts] == [(number, None) for number in numbers]
    assert rows_of(course) == before
    decide(course, point, outcome=outcome, now=now, by=clinician)
    assert rows_of(course)[4:] == [(shift.number, shift.new_start, "booked") for shift in shown.shifts]


def test_a_stop_shows_every_visit_that_goes(course, now):
    shown = propose_decision(course, course.version.decision_points.get(), outcome="stop", now=now)
    assert [(shift.number, shift.new_start) for shift in shown.shifts] == [(number, None) for number in (1, 2, 3, 4)]


def test_a_review_changes_no_visit(course, now):
    point = course.version.decision_points.get()
    point.mode = "review"
    for outcome in ("continue", "step_back"):
        shown = propose_decision(course, point, outcome=outcome, now=now)
        assert (shown.shifts, shown.notes) == ((), ("The visits stay as they are booked.",))


def test_where_nothing_fits_it_can_be_decided_all_the_same(course, site, now):
    Session.objects.filter(course=course).update(status="completed")
    site.resources.update(active=False)
    shown = propose_decision(course, course.version.decision_points.get(), outcome="continue", now=now)
    assert (shown.is_possible, shown.shifts) == (True, ())
    assert shown.notes[0].startswith("The decision stands, but nothing can be booked for it yet: ")
    assert Course.objects.get(pk=course.pk).plan_message == ""


@pytest.mark.parametrize("outcome", ["continue", "stop"])
def test_what_was_shown_is_decided_or_nothing(course, clinician, now, outcome):
    """Somebody changes the visits between the look and the click."""
    point = course.version.decision_points.get()
    shown = propose_decision(course, point, outcome=outcome, now=now)
    last = course.sessions.get(number=4)
    if outcome == "stop":
        cancel_session(last, reason="asked", now=now)
    else:
        first_new = shown.shifts[0].new_start
        assert first_new is not None
        Closure.objects.create(site=course.site, first_on=first_new.date(), last_on=factories.a_day(60))
    before = rows_of(course)
    with pytest.raises(BookingRefused, match="not what was shown"):
        decide(course, point, outcome=outcome, expected=shown.fingerprint, now=now, by=clinician)
    assert (rows_of(course), course.decisions.count()) == (before, 0)


def test_a_stop_gives_up_what_was_shown_or_nothing(course, now):
    shown = propose_stop(course, now=now)
    cancel_session(course.sessions.get(number=4), reason="asked", now=now)
    with pytest.raises(BookingRefused, match="not what was shown"):
        stop_course(course, reason="Moved away", expected=shown.fingerprint, now=now)
    assert Course.objects.get(pk=course.pk).status == "booked"
    stop_course(course, reason="Moved away", expected=propose_stop(course, now=now).fingerprint, now=now)
    assert Course.objects.get(pk=course.pk).status == "stopped"
