"""Every click of the desk can be taken back from the sentence that says what it did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse

from scheduling.booking import plan_and_book
from scheduling.decisions import decide
from scheduling.desk.changes_page import CLINICAL
from scheduling.desk.undo import read_button
from scheduling.messages.call_list import calls_to_make
from scheduling.messages.delivery import deliver_due
from scheduling.models import Announcement, Answer, Change, Course, Notice, Session
from scheduling.planning import legal_times
from scheduling.row_states import read_courses, read_sessions
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import make_course
from tests.scheduling.desk.pressing import act, told
from tests.scheduling.desk.test_new_course import page_for, wishes
from tests.scheduling.driving import BOB, state_of

MINUTE = timedelta(minutes=1)
LIST_QUERIES = 18


def rows_of(course: Any) -> tuple[Any, ...]:
    sessions = read_sessions(course.sessions.order_by("pk"))
    for state in sessions.values():
        for name in ("changed_at", "status_at", "status_by_id"):
            del state[name]
    return {**read_courses([course.pk])[course.pk], "plan_cost": None}, sessions


def press_undo(client: Any, response: Any) -> Any:
    """The button in the last message, as the browser sends it."""
    messages = list(response.context["messages"])
    button = read_button(messages[-1].extra_tags)
    assert button is not None, [str(message) for message in messages]
    assert f'action="{button["url"]}"' in response.content.decode()
    return client.post(button["url"], button["fields"], follow=True)


def move(client: Any, session: Session) -> Any:
    day = session.local_date
    offers = legal_times(session, now=NOW, first_on=day, last_on=day)
    start = next(offer.start for offer in offers if offer.start != session.start)
    return act(client, session, "move", start=start.isoformat())


@pytest.mark.parametrize("click", ["move", "cancel"])
def test_a_change_of_visits_is_undone_from_its_message(at_desk, course, first, clock, click):
    before = rows_of(course)
    clock.move_to(NOW + MINUTE)
    done = move(at_desk, first) if click == "move" else act(at_desk, first, "cancel", reason="asked")
    assert rows_of(course) != before
    clock.move_to(NOW + 2 * MINUTE)
    undone = press_undo(at_desk, done)
    assert rows_of(course) == before
    change = Change.objects.get()
    assert told(undone) == [f"Undone: {change.summary}. All is as it was before, and nobody is told."]


@pytest.mark.parametrize(("clicks", "left"), [(["arrived"], "booked"), (["arrived", "completed"], "arrived")])
def test_a_mark_is_taken_back_from_its_message(client, on_the_day, course, first, clicks, left):
    for click in clicks:
        done = act(client, first, click)
    assert told(press_undo(client, done)) == ["Taken back."]
    first.refresh_from_db()
    assert first.status == left


def test_missed_is_taken_back_from_its_message(client, on_the_day, course, first):
    before = rows_of(course)
    done = act(client, first, "missed", reason="no_show")
    press_undo(client, done)
    assert rows_of(course) == before


def test_a_mark_that_somebody_has_changed_since_is_not_taken_back_blindly(client, on_the_day, clock, first):
    done = act(client, first, "arrived")
    clock.shift(MINUTE)
    act(client, first, "completed")
    assert "Somebody has changed this visit" in told(press_undo(client, done))[0]
    first.refresh_from_db()
    assert first.status == "completed"


def test_an_undo_after_the_message_went_out_says_why_not(at_desk, course, first, clock):
    clock.move_to(NOW + MINUTE)
    done = act(at_desk, first, "cancel", reason="asked")
    Notice.objects.filter(course=course).update(status="sent", sent_at=NOW + 2 * MINUTE)
    refused = press_undo(at_desk, done)
    assert told(refused) == [
        "The patient has been told, so this cannot be undone any more. Change the visits anew instead."
    ]
    assert b">Undo<" not in at_desk.get(reverse("admin:desk_changes")).content


def test_an_undo_pressed_twice_is_done_once_and_says_so(at_desk, first, clock):
    done = act(at_desk, first, "cancel", reason="asked")
    press_undo(at_desk, done)
    assert told(press_undo(at_desk, done)) == ["This was undone already."]


def test_a_call_ticked_off_by_mistake_stands_on_the_list_again(at_desk, course, first, clock, patient):
    patient.email, patient.phone = "", "+1 555 0101"
    patient.save()
    Notice.objects.filter(course=course).delete()
    Announcement.objects.create(session=first, told_start=first.start, told_at=NOW)
    act(at_desk, first, "cancel", reason="asked")
    clock.move_to(NOW + timedelta(hours=2))
    calls = calls_to_make(Notice.objects.all(), now=NOW + timedelta(hours=2))
    call = calls.get(kind="changes")
    page = at_desk.get(reverse("admin:desk_call_list"))
    said = [item["words"].appointments for item in page.context["calls"] if item["notice"].pk == call.pk]
    done = at_desk.post(reverse("admin:desk_call_done", args=[call.pk]), follow=True)
    assert list(calls.filter(kind="changes")) == []
    back = press_undo(at_desk, done)
    assert told(back) == [f"On the list again: {patient.full_name}."]
    assert list(calls.filter(kind="changes")) == [call]
    again = at_desk.get(reverse("admin:desk_call_list"))
    assert [i["words"].appointments for i in again.context["calls"] if i["notice"].pk == call.pk] == said != [()]
    assert told(press_undo(at_desk, done)) == ["This call is on the list already, or it is not needed any more."]


def test_an_answer_done_by_mistake_waits_again(at_desk, first, clerk):
    answer = Answer.objects.create(
        patient=first.patient,
        session=first,
        kind="call_wanted",
        source="page",
        key="k1",
        given_at=NOW,
        needs_staff=True,
    )
    url = reverse("admin:desk_answer_act", args=[first.pk, answer.pk, "done"])
    done = at_desk.post(url, {"how": "Spoken to"}, follow=True)
    answer.refresh_from_db()
    assert answer.handled_by == clerk
    assert told(press_undo(at_desk, done)) == ["Taken back: it is still to be done."]
    answer.refresh_from_db()
    assert (answer.handled_at, answer.handled_by, answer.handled_how) == (None, None, "")


def test_recent_changes_show_each_act_with_its_visits_before_and_after(at_desk, course, first, clock):
    clock.move_to(NOW + MINUTE)
    was = f"{first.local_start:%a, %b} {first.local_start.day}"
    act(at_desk, first, "cancel", reason="asked")
    page = at_desk.get(reverse("admin:desk_changes"))
    (row,) = page.context["changes"]
    assert row["change"].summary == f"Visit 1 of {was} cancelled"
    assert [(v["label"], v["after"]) for v in row["visits"]] == [("Visit 1", "cancelled")]
    assert row["visits"][0]["before"].startswith(was)
    assert (row["why_not"], row["frees"], row["courses"]) == ("", True, [course])
    at_desk.post(reverse("admin:desk_change_undo", args=[row["change"].uuid]))
    (row,) = at_desk.get(reverse("admin:desk_changes")).context["changes"]
    assert (row["undone"] is not None, row["frees"]) == (True, False)


def test_visits_that_only_take_another_number_are_not_listed_among_the_changed(client, on_the_day, course, first):
    act(client, first, "missed", reason="no_show")
    (row,) = client.get(reverse("admin:desk_changes")).context["changes"]
    assert row["change"].sessions.count() > row["number"] == len(row["visits"]) >= 2
    assert all(visit["before"] != visit["after"] for visit in row["visits"])


@pytest.mark.parametrize("number", [1, 30])
def test_the_list_of_changes_runs_under_one_number_of_queries(
    at_desk, course, first, clock, django_assert_num_queries, number
):
    for index in range(number):
        clock.move_to(NOW + (index + 1) * MINUTE)
        response = act(at_desk, first, "cancel", reason="asked")
        if index + 1 < number:
            press_undo(at_desk, response)
    with django_assert_num_queries(LIST_QUERIES):
        page = at_desk.get(reverse("admin:desk_changes"))
    assert len(page.context["changes"]) == number


def test_changes_of_another_site_are_neither_shown_nor_undone(client, at_desk, first, other_clerk):
    act(at_desk, first, "cancel", reason="asked")
    change = Change.objects.get()
    client.force_login(other_clerk)
    assert client.get(reverse("admin:desk_changes")).context["changes"] == []
    assert client.post(reverse("admin:desk_change_undo", args=[change.uuid])).status_code == 404
    assert client.post(reverse("admin:desk_change_undo", args=["nothing"])).status_code == 404
    assert client.get(reverse("admin:desk_change_undo", args=[change.uuid])).status_code == 405
    change.refresh_from_db()
    assert change.undone_at is None


def test_a_gate_ticked_by_mistake_is_taken_back_from_its_message(at_desk, course):
    gate = course.version.gates.get(code="consent")
    done = at_desk.post(reverse("admin:desk_gate", args=[course.pk, gate.pk]), follow=True)
    assert course.gate_records.count() == 1
    assert told(press_undo(at_desk, done)) == ["Taken back: Consent."]
    assert course.gate_records.count() == 0


@pytest.mark.parametrize("click", ["name", "confirm", "clear"])
def test_each_click_on_a_driver_is_taken_back_from_its_message(at_desk, clock, site, chair, patient, click):
    visit = sedating_visit(patient)
    if click != "name":
        press_driver(at_desk, visit, "name", clock)
    before = state_of(visit)
    done = press_driver(at_desk, visit, click, clock)
    assert state_of(visit) != before
    clock.shift(MINUTE)
    assert told(press_undo(at_desk, done)) == ["Taken back. The driver is as before."]
    assert state_of(visit) == before
    assert told(press_undo(at_desk, done)) == ["Somebody has changed the driver since."]


def test_a_course_booked_by_mistake_is_stopped_from_its_message_unheard(at_desk, clock, patient, site, version):
    token = at_desk.post(page_for(patient), wishes(site, version)).context["token"]
    booked = at_desk.post(page_for(patient), wishes(site, version, step="book", plan=token), follow=True)
    clock.shift(MINUTE)
    press_undo(at_desk, booked)
    course = Course.objects.get()
    assert (course.status, course.end_reason, course.sessions.to_come(now=NOW).count()) == (
        "stopped",
        "Booked by mistake",
        0,
    )
    deliver_due(now=NOW + 30 * MINUTE)
    assert mail.outbox == []


def sedating_visit(patient: Any) -> Session:
    version = factories.make_protocol(sedating=True)
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    return course.sessions.earliest("start")


def press_driver(client: Any, visit: Session, click: str, clock: Any) -> Any:
    clock.shift(MINUTE)
    return client.post(reverse("admin:desk_driver_act", args=[visit.pk, click]), BOB, follow=True)


def test_what_a_clinician_decided_is_not_taken_back_at_the_front_desk(at_desk, course, clerk, clinician):
    decide(course, course.version.decision_points.get(), outcome="stop", now=NOW, by=clinician)
    change = Change.objects.get()
    page = at_desk.get(reverse("admin:desk_changes"))
    assert [(row["why_not"], page.context["may_undo"]) for row in page.context["changes"]] == [(CLINICAL, True)]
    url = reverse("admin:desk_change_undo", args=[change.uuid])
    assert url not in page.content.decode()
    assert told(at_desk.post(url, follow=True)) == [CLINICAL]
    assert course.decisions.count() == 1
    at_desk.force_login(clinician)
    assert url in at_desk.get(reverse("admin:desk_changes")).content.decode()
    at_desk.post(url)
    assert course.decisions.count() == 0
