"""The lists behind the numbers of Today: each is worked down by its own buttons, and holds what the number counts."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.urls import reverse

from scheduling.drivers import name_driver
from scheduling.models import Driver, GateRecord, Session
from tests import factories
from tests.scheduling.desk.pressing import act, told
from tests.scheduling.watched import make_watched

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def rows_of(client, name):
    return [row["session"] for row in client.get(reverse(f"admin:{name}")).context["rows"]]


def number_of(client, label):
    figures = client.get(reverse("admin:index")).context["figures"]
    return next(figure["number"] for figure in figures if figure["label"] == label)


@pytest.fixture
def sedating(patient, clock):
    return factories.make_course(patient=patient, version=make_watched(form=True))


# Who takes the patient home


def drivers(client):
    found = rows_of(client, "desk_drivers")
    assert number_of(client, "without a confirmed driver") == len(found)
    return found


def name(session, *, confirmed):
    name_driver(
        session, kind="person", name="Sam", phone="+1 555 0142", now=factories.NOW, by=None, confirmed=confirmed
    )


def test_visits_of_today_and_of_the_next_day_wait_for_a_driver_until_one_agrees(at_desk, sedating):
    today, friday, later = (
        factories.make_session(course=sedating, start=factories.NOW + days * DAY + HOUR, minutes=155)
        for days in (0, 4, 7)
    )
    assert drivers(at_desk) == [today, friday]
    name(today, confirmed=False)
    name(friday, confirmed=True)
    assert drivers(at_desk) == [today]
    page = at_desk.post(
        reverse("admin:desk_driver_act", args=[today.pk, "confirm"]),
        {"next": reverse("admin:desk_drivers")},
        follow=True,
    )
    assert (told(page), page.context["rows"]) == (["Confirmed: Sam."], [])
    assert later.pk not in {session.pk for session in drivers(at_desk)}


def test_a_driver_who_agreed_to_another_time_is_asked_again(at_desk, sedating):
    session = factories.make_session(course=sedating, start=factories.NOW + HOUR, minutes=155)
    name(session, confirmed=True)
    Driver.objects.update(agreed_start=session.start - HOUR)
    assert drivers(at_desk) == [session]


def test_a_patient_who_is_here_still_needs_a_driver_and_one_who_has_left_does_not(at_desk, sedating, clock, clerk):
    session = factories.make_session(course=sedating, start=factories.NOW, minutes=155, status="arrived")
    clock.move_to(session.end + HOUR, tick=False)
    at_desk.force_login(clerk)
    assert drivers(at_desk) == [session]
    Session.objects.update(status="completed")
    assert drivers(at_desk) == []


def test_nobody_drives_home_from_a_visit_that_does_not_sedate(at_desk, course, first, on_the_day):
    assert drivers(at_desk) == []


# What nobody recorded


def unrecorded(client):
    found = rows_of(client, "desk_unrecorded")
    assert number_of(client, "outcomes not recorded") == len(found)
    return found


def test_visits_of_earlier_days_that_nobody_closed_are_closed_from_the_list(at_desk, patient, version):
    course = factories.make_course(patient=patient, version=version)
    states = ("unrecorded", "arrived", "booked", "completed", "missed")
    never, here, booked, *_ = (
        factories.make_session(
            course=course,
            start=factories.NOW - (9 - number) * DAY,
            status=state,
            missed_reason="other" if state == "missed" else "",
        )
        for number, state in enumerate(states)
    )
    today = factories.make_session(course=course, start=factories.NOW - HOUR)
    assert unrecorded(at_desk) == [never, here, booked]
    page = act(at_desk, never, "completed", next=reverse("admin:desk_unrecorded"))
    assert told(page) == [f"The visit of {patient.full_name} is completed."]
    assert [row["session"] for row in page.context["rows"]] == [here, booked]
    assert f"{reverse('admin:scheduling_session_change', args=[here.pk])}#missed-reason" in page.content.decode()
    assert today.pk not in {session.pk for session in unrecorded(at_desk)}


# Forms


@pytest.fixture
def treated(sedating):
    """Three visits, eight, seven and six days ago."""
    return [
        factories.make_session(course=sedating, start=factories.NOW - days * DAY, minutes=155, status="completed")
        for days in (8, 7, 6)
    ]


def test_a_form_is_due_so_many_calendar_days_after_its_visit(at_desk, treated):
    page = at_desk.get(reverse("admin:desk_forms"))
    due = [(row["session"], row["due_on"]) for row in page.context["rows"]]
    assert due == [
        (treated[0], date(2026, 11, 22)),
        (treated[1], date(2026, 11, 23)),
        (treated[2], date(2026, 11, 24)),
    ]
    shown = page.content.decode()
    assert ("late, Nov 22" in shown, ">today<" in shown, "Tue, Nov 24" in shown) == (True, True, True)
    assert number_of(at_desk, "forms due") == 3


def test_the_form_of_a_visit_long_ago_is_asked_for_by_itself(at_desk, treated, sedating):
    old = factories.make_session(course=sedating, start=factories.NOW - 100 * DAY, minutes=155, status="completed")
    assert (rows_of(at_desk, "desk_forms"), number_of(at_desk, "forms due")) == (treated, 3)
    page = at_desk.get(reverse("admin:desk_forms"), {"older": 1})
    assert [row["session"] for row in page.context["rows"]] == [old, *treated]


def test_a_form_is_ticked_off_and_a_wrong_tick_taken_back(at_desk, clerk, treated, sedating):
    gate = sedating.version.gates.get()
    url = reverse("admin:desk_form_act", args=[treated[0].pk, gate.pk])
    words = "Monitoring form, Ada Abbott, visit of Sun, Nov 15."
    page = at_desk.post(url, follow=True)
    assert told(page) == [f"Ticked off: {words}"]
    assert [row["session"] for row in page.context["rows"]] == treated[1:]
    record = GateRecord.objects.get()
    assert (record.session, record.gate, record.met_on, record.recorded_by) == (
        treated[0],
        gate,
        factories.a_day(),
        clerk,
    )
    assert list(page.context["sent"]) == [record]
    page = at_desk.post(url, {"withdraw": record.pk}, follow=True)
    assert (told(page), rows_of(at_desk, "desk_forms")) == ([f"Taken back: {words}"], treated)
    assert told(at_desk.post(url, {"withdraw": record.pk}, follow=True)) == ["Somebody has taken this back already."]


def test_two_clerks_who_send_a_form_at_once_tick_it_off_once(at_desk, treated, sedating):
    url = reverse("admin:desk_form_act", args=[treated[0].pk, sedating.version.gates.get().pk])
    at_desk.post(url)
    at_desk.post(url)
    assert GateRecord.objects.count() == 1


def test_only_what_is_due_after_a_completed_visit_can_be_sent(at_desk, course, first, sedating):
    ahead = factories.make_session(course=sedating, start=factories.NOW + 9 * DAY + 9 * HOUR, minutes=155)
    sentence = ["Only what is due after a completed visit can be sent."]
    form = sedating.version.gates.get()
    assert told(at_desk.post(reverse("admin:desk_form_act", args=[ahead.pk, form.pk]), follow=True)) == sentence
    driver = course.version.gates.get(code="driver")
    assert told(at_desk.post(reverse("admin:desk_form_act", args=[first.pk, driver.pk]), follow=True)) == sentence
    assert not GateRecord.objects.exists()


def test_the_visit_says_when_its_form_is_due_once_it_is_completed(at_desk, treated, sedating):
    ahead = factories.make_session(course=sedating, start=factories.NOW + DAY, minutes=155)
    pages = [
        at_desk.get(reverse("admin:scheduling_session_change", args=[session.pk])) for session in (treated[0], ahead)
    ]
    assert [[item["due"] for item in page.context["gates"]] for page in pages] == [[date(2026, 11, 22)], []]
    assert "After the visit, due Sun, Nov 22" in pages[0].content.decode()


# Whose they are


@pytest.mark.parametrize("name", ["desk_drivers", "desk_unrecorded", "desk_decisions", "desk_forms"])
def test_what_waits_at_another_clinic_is_not_mine(at_desk, stranger, name):
    course = factories.make_course(patient=stranger, version=make_watched(form=True))
    factories.make_session(course=course, start=factories.NOW - DAY, minutes=155, status="completed")
    factories.make_session(course=course, start=factories.NOW - 2 * DAY, minutes=155, status="unrecorded")
    factories.make_session(course=course, start=factories.NOW + HOUR, minutes=155)
    assert rows_of(at_desk, name) == []
    assert {figure["number"] for figure in at_desk.get(reverse("admin:index")).context["figures"]} == {0}


def test_a_form_of_another_clinic_looks_like_none(at_desk, stranger):
    course = factories.make_course(patient=stranger, version=make_watched(form=True))
    theirs = factories.make_session(course=course, start=factories.NOW - DAY, minutes=155, status="completed")
    url = reverse("admin:desk_form_act", args=[theirs.pk, course.version.gates.get().pk])
    assert at_desk.post(url).status_code == 404
    assert at_desk.get(url).status_code == 405


@pytest.mark.parametrize(
    "name", ["desk_drivers", "desk_unrecorded", "desk_decisions", "desk_forms", "desk_day_list", "index"]
)
def test_nobody_sees_the_lists_without_an_account(client, name):
    response = client.get(reverse(f"admin:{name}"))
    assert (response.status_code, response.url.split("?")[0]) == (302, "/admin/login/")
