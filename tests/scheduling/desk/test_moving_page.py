"""Moving a session: only legal times are offered, by day, a week at a time."""

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.models import Session
from scheduling.planning import legal_times
from scheduling.rearranging import propose_move
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


def show(client, session, start, *, mode, **fields):
    """Ask what moves with the visit to a time."""
    seen = Session.objects.get(pk=session.pk).changed_at.isoformat()
    values = {"start": start.isoformat(), "with": mode, "seen_at": seen, "step": "show"}
    return client.post(moving(session), {**values, **fields}, follow=True)


def confirm(client, session, shown, start, **fields):
    """Press the button of the page that showed it."""
    sent = dict(shown.context["hidden"]) | {"start": start.isoformat(), "step": "book"}
    return client.post(moving(session), {**sent, **fields}, follow=True)


def starts_of(course):
    return list(course.sessions.order_by("number").values_list("start", flat=True))


def test_times_at_which_others_must_move_are_offered_on_a_page_of_their_own(at_desk, course, first):
    alone = offered(at_desk.get(moving(first)))
    page = at_desk.get(moving(first), {"with": "others"})
    assert page.context["mode"] == "others"
    assert set(alone) < set(offered(page))
    assert [mode["is_on"] for mode in page.context["modes"]] == [False, True, False]


def test_what_else_moves_is_shown_before_anything_moves_and_then_moves_so(at_desk, course, first):
    before = starts_of(course)
    start = next(
        start
        for start in offered(at_desk.get(moving(first), {"with": "others"}))
        if propose_move(first, start=start, now=factories.NOW).others
    )
    shown = show(at_desk, first, start, mode="others")
    found = propose_move(first, start=start, now=factories.NOW)
    assert starts_of(course) == before
    assert [(row["old"], row["new"]) for row in shown.context["plan"]["rows"]] == [
        (shift.old_start, shift.new_start) for shift in found.shifts
    ]
    assert shown.context["plan"]["summary"] == f"{len(found.shifts)} visits move."
    done = confirm(at_desk, first, shown, start)
    assert told(done)[0].startswith(f"Moved to {start:%A, %B} {start.day}, 2026 at ")
    moved = {shift.number: shift.new_start for shift in found.shifts}
    assert starts_of(course) == [moved.get(number, was) for number, was in enumerate(before, start=1)]


def test_the_following_visits_move_along_and_those_before_stay(at_desk, course):
    second = course.sessions.get(number=2)
    before = starts_of(course)
    start = offered(at_desk.get(moving(second), {"with": "following", "week": "2026-11-30"}))[0]
    shown = show(at_desk, second, start, mode="following")
    found = propose_move(second, start=start, now=factories.NOW, following=True)
    assert dict(shown.context["hidden"])["expected"] == found.fingerprint
    confirm(at_desk, second, shown, start)
    after = starts_of(course)
    assert (after[0], after[1]) == (before[0], start)
    moved = {shift.number: shift.new_start for shift in found.shifts}
    assert after == [moved.get(number, was) for number, was in enumerate(before, start=1)]
    assert found.others


def test_no_time_before_an_earlier_visit_is_offered_for_the_following(at_desk, course, first):
    second = course.sessions.get(number=2)
    page = at_desk.get(moving(second), {"with": "following", "week": "2026-11-23"})
    assert [start for start in offered(page) if start <= first.end] == []


def test_a_visit_that_somebody_moved_meanwhile_is_not_moved_from_an_old_page(at_desk, clock, course, first):
    page = at_desk.get(moving(first), {"with": "others"})
    start = offered(page)[-1]
    shown = show(at_desk, first, start, mode="others")
    clock.shift(timedelta(minutes=1))
    act(at_desk, first, "move", start=offered(at_desk.get(moving(first)))[-1].isoformat())
    between = starts_of(course)
    refused = confirm(at_desk, first, shown, start)
    assert "Somebody has changed this visit since you opened it." in told(refused)[-1]
    assert refused.redirect_chain[-1][0] == f"{moving(first)}?with=others"
    assert starts_of(course) == between


def test_a_time_that_cannot_be_says_why_and_offers_no_button(at_desk, first):
    page = show(at_desk, first, first.start.replace(hour=4), mode="others")
    assert page.context["refusals"]
    assert "Move as shown" not in page.content.decode()


@pytest.mark.parametrize("fields", [{"start": "soon"}, {"start": "9999-12-31T23:59:00+00:00"}])
def test_nonsense_moves_nothing(at_desk, course, first, fields):
    before = starts_of(course)
    at_desk.post(moving(first), {"with": "others", "step": "book", "expected": "", "seen_at": "", **fields})
    assert starts_of(course) == before


def test_a_page_without_its_hidden_fields_is_refused(at_desk, course, first):
    before = starts_of(course)
    shown = show(at_desk, first, first.start + timedelta(minutes=15), mode="others")
    refused = confirm(at_desk, first, shown, first.start + timedelta(minutes=15), seen_at="")
    assert told(refused) == ["This page was not complete. Nothing was changed; please try once more."]
    assert starts_of(course) == before
