"""The buttons of a session: what each does, who may press it, and what a second clerk sees."""

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.models import Session, SessionStatus
from scheduling.words import say_time
from tests import factories
from tests.scheduling.desk.pressing import act, told

pytestmark = pytest.mark.django_db


def states(course):
    return list(course.sessions.order_by("start", "pk").values_list("number", "status"))


def test_a_clerk_marks_arrived_and_completed_and_takes_a_wrong_click_back(at_desk, clerk, first, on_the_day):
    assert told(act(at_desk, first, "arrived")) == ["Ada Abbott has arrived."]
    assert told(act(at_desk, first, "completed")) == ["The visit of Ada Abbott is completed."]
    assert told(act(at_desk, first, "undo")) == ["Taken back."]
    first.refresh_from_db()
    assert (first.status, first.status_by) == (SessionStatus.ARRIVED, clerk)


def test_a_missed_visit_is_planned_again_and_the_page_says_when(at_desk, course, first, on_the_day):
    response = act(at_desk, first, "missed", reason="no_show")
    # The protocol appends: the numbers close up, and one visit more stands at the end.
    last = course.sessions.filter(status="booked").latest("start")
    assert told(response) == [
        f"Planned again on {last.local_date:%B} {last.local_date.day} at {say_time(last.local_time)}."
    ]
    first.refresh_from_db()
    assert (first.status, first.missed_reason, first.holds.count()) == ("missed", "no_show", 0)
    assert course.sessions.filter(status="booked").count() == 4


def test_a_missed_visit_needs_its_reason(at_desk, first, on_the_day):
    assert told(act(at_desk, first, "missed")) == ["Reason: choose why the visit was missed."]
    first.refresh_from_db()
    assert first.status == "booked"


def test_a_clerk_cancels_one_visit_with_a_reason(at_desk, course, first):
    last = course.sessions.latest("start")
    assert told(act(at_desk, last, "cancel", reason=" ")) == ["Reason: say in a few words why the visit is cancelled."]
    assert told(act(at_desk, last, "cancel", reason="Traveling")) == [
        "The visit is cancelled. The patient is told within a few minutes."
    ]
    assert states(course) == [(1, "booked"), (2, "booked"), (3, "booked"), (4, "cancelled")]


def test_the_second_of_two_clerks_sees_that_the_visit_has_changed(at_desk, first, on_the_day):
    seen_by_both = first.changed_at
    act(at_desk, first, "arrived", seen_at=seen_by_both)
    assert told(act(at_desk, first, "missed", seen_at=seen_by_both, reason="no_show")) == [
        "Somebody has changed this visit since you opened it. Look at it again before you change it."
    ]
    first.refresh_from_db()
    assert first.status == "arrived"


def test_a_button_without_what_was_seen_changes_nothing(at_desk, first, on_the_day):
    url = reverse("admin:desk_session_act", kwargs={"pk": first.pk, "act": "arrived"})
    assert told(at_desk.post(url, {"seen_at": "yesterday"}, follow=True)) == [
        "This page was not complete. Nothing was changed; please try once more."
    ]
    first.refresh_from_db()
    assert first.status == "booked"


def test_the_rules_of_the_state_machine_are_told_as_sentences(at_desk, first):
    assert told(act(at_desk, first, "arrived")) == ["This visit cannot be marked arrived before its day."]


@pytest.mark.parametrize("name", ["arrived", "completed", "missed", "undo", "cancel", "move"])
def test_acts_are_never_set_off_by_a_link(at_desk, first, name):
    url = reverse("admin:desk_session_act", kwargs={"pk": first.pk, "act": name})
    assert at_desk.get(url).status_code == 405


def test_an_act_that_does_not_exist_is_not_found(at_desk, first):
    url = reverse("admin:desk_session_act", kwargs={"pk": first.pk, "act": "delete"})
    assert at_desk.post(url).status_code == 404


def test_acts_need_the_csrf_token(clerk, clock, first, client):
    client.handler.enforce_csrf_checks = True
    client.force_login(clerk)
    assert act(client, first, "cancel", reason="x").status_code == 403


def test_the_way_back_leads_to_our_own_pages_only(at_desk, first, on_the_day):
    url = reverse("admin:desk_session_act", kwargs={"pk": first.pk, "act": "arrived"})
    fields = {"seen_at": first.changed_at.isoformat()}
    page = reverse("admin:scheduling_session_change", args=[first.pk])
    assert at_desk.post(url, {**fields, "next": "https://evil.example/"}).url == page
    assert at_desk.post(url, {**fields, "next": "//evil.example/"}).url == page
    assert at_desk.post(url, {**fields, "next": "/admin/"}).url == "/admin/"


def test_an_unrecorded_visit_is_completed_or_missed_later(at_desk, clerk, first, clock):
    Session.objects.filter(pk=first.pk).update(status=SessionStatus.UNRECORDED)
    clock.move_to(first.end + timedelta(days=1), tick=False)
    at_desk.force_login(clerk)
    page = at_desk.get(reverse("admin:scheduling_session_change", args=[first.pk]))
    assert page.context["row"]["acts"] == ("completed", "missed")
    assert told(act(at_desk, first, "completed")) == ["The visit of Ada Abbott is completed."]


def test_a_visit_shows_its_wall_clock_time_its_seats_and_its_buttons(at_desk, course, first, clock):
    page = at_desk.get(reverse("admin:scheduling_session_change", args=[first.pk]))
    row = page.context["row"]
    assert (row["starts"].isoformat(), row["where"], row["acts"], row["label"]) == (
        first.local_start.isoformat(),
        ["Chair 1"],
        ("move", "cancel"),
        "Visit 1",
    )
    assert f"{first.local_start:%A, %B} {first.local_start.day}, 2026" in page.content.decode()


def test_gates_of_each_visit_are_ticked_on_the_visit(at_desk, course, first):
    gate = course.version.gates.get(code="driver")
    url = reverse("admin:desk_gate", kwargs={"pk": course.pk, "gate": gate.pk})
    response = at_desk.post(url, {"session": first.pk}, follow=True)
    assert told(response) == ["Met: Driver named."]
    assert [(r.session_id, r.met_on) for r in course.gate_records.all()] == [(first.pk, factories.a_day())]
