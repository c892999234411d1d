"""Moving a session: only legal times are offered, by day, a week at a time."""

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.models import Session
from scheduling.planning import legal_times
from tests import factories
from tests.scheduling.desk.pressing import act, told

pytestmark = pytest.mark.django_db


def moving(session):
    return reverse("admin:desk_session_move", kwargs={"pk": session.pk})


def offered(page):
    return [time["start"] for day in page.context["days"] for time in day["times"]]


def test_only_legal_times_of_the_week_are_offered(at_desk, first):
    page = at_desk.get(moving(first))
    span = {"first_on": factories.a_day(), "last_on": factories.a_day(6)}
    assert offered(page) == [place.start for place in legal_times(first, now=factories.NOW, **span)]
    assert (page.context["monday"], page.context["earlier"]) == (factories.a_day(), None)


def test_weeks_are_paged_and_none_lies_in_the_past(at_desk, first):
    later = at_desk.get(moving(first), {"week": "2026-12-02"})
    assert (later.context["monday"], later.context["earlier"]) == (factories.a_day(7), factories.a_day())
    assert at_desk.get(moving(first), {"week": "2020-01-01"}).context["monday"] == factories.a_day()
    assert at_desk.get(moving(first), {"week": "nonsense"}).context["monday"] == factories.a_day()


def test_a_visit_is_moved_to_a_time_that_was_offered(at_desk, first):
    start = offered(at_desk.get(moving(first)))[-1]
    response = act(at_desk, first, "move", start=start.isoformat())
    first.refresh_from_db()
    assert first.start == start
    assert told(response)[0].startswith(f"Moved to {start:%A, %B} {start.day}, 2026 at ")


def test_a_time_against_the_rules_is_refused_with_its_reason(at_desk, course, first):
    second = course.sessions.order_by("start")[1]
    response = act(at_desk, first, "move", start=(second.start - timedelta(hours=2)).isoformat())
    assert told(response)
    assert Session.objects.get(pk=first.pk).start == first.start


@pytest.mark.parametrize(
    "start", ["", "soon", "2026-11-25", "2026-11-25T10:00:00", "9999-12-31T23:59:00-12:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_move_needs_one_of_the_times_offered(at_desk, first, start):
    assert told(act(at_desk, first, "move", start=start)) == ["New time: choose one of the times offered."]


def test_a_clinician_sets_a_rule_aside_with_a_reason(client, clinician, clerk, course, first):
    client.force_login(clinician)
    against = {"override": "yes", "day": first.local_date.isoformat(), "time": "16:30"}
    assert told(act(client, first, "move", **against)) == ["Reason: say why the rule is set aside."]
    act(client, first, "move", **against, override_reason="The patient's train")
    first.refresh_from_db()
    assert (first.local_time.isoformat(), first.override_reason) == ("16:30:00", "The patient's train")
    client.force_login(clerk)
    assert told(act(client, first, "move", **against, override_reason="x")) == [
        "Only a clinician may set a rule aside."
    ]
    assert "Set a rule aside" not in client.get(moving(first)).content.decode()


def test_a_visit_that_is_over_cannot_be_moved(at_desk, first):
    Session.objects.filter(pk=first.pk).update(status="completed")
    page = at_desk.get(moving(first))
    assert (page.context["can_move"], page.context["days"]) == (False, [])
    assert "This visit cannot be moved: it is completed." in page.content.decode()
