"""The page of disruptions: said in two clicks, shown before and after, applied with one, undone until patients know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from clinic.models import Closure, Outage, Resource, Role
from scheduling.models import Change, Session
from tests import factories
from tests.factories import NOW
from tests.scheduling.desk.pressing import told

pytestmark = pytest.mark.django_db
PAGE = "admin:desk_disruptions"


def ask(client: Any, what: str, when: str = "", **fields: str) -> Any:
    return client.get(reverse(PAGE), {"what": what, "when": when, **fields})


def out_on(session: Session, resource: Resource) -> tuple[str, str]:
    return f"resource:{resource.pk}", f"on:{session.local_date.isoformat()}"


def press_apply(client: Any, page: Any, *, courses: list[int] | None = None, **fields: str) -> Any:
    """The button below the table, with the ticks as the page has them or these."""
    ticked = [row["pk"] for row in page.context["placed"]] if courses is None else courses
    posted = {"token": page.context["token"], "what": page.context["wanted"].what, "course": ticked, **fields}
    posted["when"] = page.context["wanted"].when
    return client.post(reverse("admin:desk_disruptions_apply"), posted, follow=True)


@pytest.fixture
def second(course):
    return Session.objects.get(course=course, number=2)


def test_the_page_asks_who_is_out_and_when(at_desk, course, chair):
    page = at_desk.get(reverse(PAGE))
    [place] = page.context["choices"]
    assert place["kinds"] == [{"name": "chair", "resources": [{"value": f"resource:{chair.pk}", "name": "Chair 1"}]}]
    assert [day["name"] for day in page.context["days"][:3]] == ["today", "tomorrow", "Wed, Nov 25"]
    assert Outage.objects.count() == 0


def test_before_and_after_are_shown_and_nothing_is_written(at_desk, course, second, chair, patient):
    page = ask(at_desk, *out_on(second, chair))
    [row] = page.context["placed"]
    [visit] = row["rows"]
    assert (row["patient"], visit["old"], visit["is_moved"], visit["label"]) == (
        patient,
        second.local_start,
        True,
        "Visit 2",
    )
    assert (page.context["hit"], page.context["moved"], page.context["unplaced"]) == (1, 1, [])
    assert visit["where"] == "Chair 1"
    assert '<span class="number">0</span><span class="label">need you' in page.content.decode()
    assert (Outage.objects.count(), Change.objects.count()) == (0, 0)
    assert Session.objects.get(pk=second.pk).start == second.start


def test_who_has_no_place_is_counted(at_desk, course, second, chair):
    begins, ends = second.local_date, second.local_date + timedelta(days=300)
    page = ask(at_desk, f"resource:{chair.pk}", "times", **{"from": f"{begins}T00:00", "to": f"{ends}T00:00"})
    assert [row["patient"] for row in page.context["unplaced"]] == [course.patient]
    assert '<span class="number">1</span><span class="label">needs you' in page.content.decode()


def test_who_has_no_place_is_named_again_once_all_else_is_applied(at_desk, course, second, chair, version, site):
    """Nobody may take it that all is well: their visits stand booked where nobody can treat them."""
    other = factories.make_course(patient=factories.make_patient(site=site), version=version)
    factories.make_session(course=other, start=second.start + timedelta(hours=2), resources=(chair,), number=1)
    course.availability = {"mon": [["03:00", "04:00"]]}
    course.save(update_fields=["availability"])
    page = ask(at_desk, *out_on(second, chair))
    assert [row["patient"] for row in page.context["unplaced"]] == [course.patient]
    said = told(press_apply(at_desk, page))[0]
    assert "The visits of 1 patient are planned again" in said
    assert "1 patient still has visits without a place." in said


def test_apply_does_what_was_shown_and_offers_to_undo_it(at_desk, course, second, chair):
    page = ask(at_desk, *out_on(second, chair))
    new = page.context["placed"][0]["rows"][0]["new"]
    done = press_apply(at_desk, page, reason="Cushion torn")
    assert "The visits of 1 patient are planned again; 1 of them has a new time, and is told of it." in told(done)[0]
    assert Session.objects.get(pk=second.pk).start == new
    assert Outage.objects.get().reason == "Cushion torn"
    change = Change.objects.get(kind="outage")
    shown = done.content.decode()
    assert shown.count(reverse("admin:desk_change_undo", args=[change.uuid])) == 2  # in the message and under Lately
    assert f"{reverse('admin:desk_waiting')}?change={change.uuid}" in shown
    at_desk.post(reverse("admin:desk_change_undo", args=[change.uuid]), {"next": reverse(PAGE)})
    assert Session.objects.get(pk=second.pk).start == second.start
    assert Outage.objects.count() == 0
    assert "undone" in at_desk.get(reverse(PAGE)).content.decode()


def test_one_that_is_not_ticked_stays_without_a_place(at_desk, course, second, chair, version, site):
    other = factories.make_course(patient=factories.make_patient(site=site), version=version)
    start = second.start + timedelta(hours=2)
    theirs = factories.make_session(course=other, start=start, resources=(chair,), number=1)
    page = ask(at_desk, *out_on(second, chair))
    assert {row["pk"] for row in page.context["placed"]} == {course.pk, other.pk}
    done = press_apply(at_desk, page, courses=[course.pk])
    assert "1 patient still has visits without a place." in told(done)[0]
    assert Session.objects.get(pk=theirs.pk).start == start
    assert [entry["number"] for entry in done.context["stranded"]] == [1]
    again = ask(at_desk, done.context["stranded"][0]["what"])
    assert [row["pk"] for row in again.context["placed"]] == [other.pk]


def test_none_ticked_is_said(at_desk, course, second, chair):
    done = press_apply(at_desk, ask(at_desk, *out_on(second, chair)), courses=[])
    assert (told(done), Outage.objects.count()) == (["Tick at least one patient."], 0)


def test_it_can_be_only_written_down(at_desk, course, second, chair):
    press_apply(at_desk, ask(at_desk, *out_on(second, chair)), record="yes")
    assert (Outage.objects.count(), Session.objects.get(pk=second.pk).start) == (1, second.start)


def test_a_day_on_which_the_clinic_is_closed(at_desk, course, second, site):
    page = ask(at_desk, f"site:{site.pk}", f"on:{second.local_date.isoformat()}")
    assert page.context["title"] == f"Closed on {second.local_date:%a, %b} {second.local_date.day}"
    press_apply(at_desk, page)
    closure = Closure.objects.get()
    assert (closure.first_on, closure.last_on) == (second.local_date, second.local_date)


def test_of_two_clerks_the_second_is_told_to_look_again(at_desk, course, second, chair, client):
    page = ask(at_desk, *out_on(second, chair))
    press_apply(at_desk, page)
    done = press_apply(at_desk, page)
    assert told(done) == ["This is written down already: somebody was faster. Nothing was changed; please look again."]
    assert Outage.objects.count() == 1
    assert done.context["is_written_down"] is True


def test_visits_changed_meanwhile_are_never_overwritten(at_desk, course, second, chair):
    page = ask(at_desk, *out_on(second, chair))
    Session.objects.filter(pk=second.pk).update(changed_at=NOW + timedelta(seconds=1))
    done = press_apply(at_desk, page)
    assert told(done)[0].startswith("Somebody has changed one of these visits since this was shown.")
    assert Outage.objects.count() == 0


@pytest.mark.parametrize(
    ("what", "when", "fault"),
    [
        ("resource:999999", "on:2026-11-25", "Choose who or what is out."),
        ("resource:x", "on:2026-11-25", "Choose who or what is out."),
        ("site:999999", "on:2026-11-25", "Choose who or what is out."),
        ("chair", "on:2026-11-25", "Choose who or what is out."),
        ("CHAIR", "on:soon", "Choose from when until when."),
        ("CHAIR", "on:2026-11-20", "It would be over before it begins: choose a later end."),
        ("CHAIR", "until:2029-01-01", "Choose an end within a year."),
        ("CHAIR", "until:9999-12-31", "Choose an end within a year."),
        ("CHAIR", "times", "Give the day and time from which and until which it is out."),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(at_desk, course, chair, what, when, fault):
    page = ask(at_desk, what.replace("CHAIR", f"resource:{chair.pk}"), when)
    assert (page.status_code, told(page)) == (200, [fault])


def test_hours_of_the_own_choice_are_those_of_the_site(at_desk, course, chair):
    times = {"from": "2026-12-01T09:00", "to": "2026-12-01T11:30"}
    page = ask(at_desk, f"resource:{chair.pk}", "times", **times)
    [span] = page.context["found"].disruption.outages
    assert (span.start.isoformat(), span.end.isoformat()) == ("2026-12-01T09:00:00-05:00", "2026-12-01T11:30:00-05:00")
    assert page.context["title"] == "Chair 1 out from Tue, Dec 1, 9:00 AM to Tue, Dec 1, 11:30 AM"


def test_another_clinics_resources_are_not_there(client, clock, course, chair, other_clerk):
    client.force_login(other_clerk)
    assert all(not place["kinds"] for place in client.get(reverse(PAGE)).context["choices"])
    assert told(ask(client, f"resource:{chair.pk}", "on:2026-11-25")) == ["Choose who or what is out."]


def test_a_page_of_somebody_else_or_spoiled_changes_nothing(at_desk, client, course, second, chair, site):
    page = ask(at_desk, *out_on(second, chair))
    url = reverse("admin:desk_disruptions_apply")
    spoiled = at_desk.post(url, {"token": page.context["token"] + "x", "course": [course.pk]}, follow=True)
    client.force_login(factories.make_user(sites=(site,)))
    theirs = client.post(url, {"token": page.context["token"], "course": [course.pk]}, follow=True)
    for done in (spoiled, theirs):
        assert told(done)[0].startswith("This page was open for too long, or is not whole.")
    assert Outage.objects.count() == 0
    assert client.get(url).status_code == 405


def test_who_may_look_and_who_may_apply(client, clock, course, second, chair, site):
    client.force_login(factories.make_user(role=Role.CLINICIAN, sites=(site,)))
    assert "Apply" in ask(client, *out_on(second, chair)).content.decode()
    client.logout()
    assert client.get(reverse(PAGE)).status_code == 302


def test_visits_whose_patient_did_not_come_are_named_with_what_their_protocol_does(on_the_day, client, first):
    page = client.get(reverse(PAGE))
    assert [(row["session"], row["policy"]) for row in page.context["overdue"]] == [
        (first, "goes to the end of the course")
    ]
    assert reverse("admin:scheduling_session_change", args=[first.pk]) in page.content.decode()


def test_no_patient_stands_in_an_address_or_a_summary(at_desk, course, second, chair, patient):
    done = press_apply(at_desk, ask(at_desk, *out_on(second, chair)))
    assert all(patient.family_name not in url for url, _ in done.redirect_chain)
    assert patient.family_name not in Change.objects.get(kind="outage").summary


@pytest.mark.parametrize("count", [1, 5])
def test_the_queries_of_a_proposal_do_not_grow_with_the_courses(
    at_desk, version, site, chair, count, django_assert_num_queries
):
    for number in range(count):
        theirs = factories.make_course(patient=factories.make_patient(site=site), version=version)
        start = NOW + timedelta(days=1, hours=number)
        factories.make_session(course=theirs, start=start, resources=(chair,), number=1)
    at_desk.get(reverse(PAGE))
    with django_assert_num_queries(QUERIES):
        page = ask(at_desk, f"resource:{chair.pk}", "on:2026-11-24")
    assert len(page.context["placed"]) == count


QUERIES = 32


@pytest.mark.parametrize("begins", ["0001-01-01T00:00", "0002-01-01T00:00", "2025-01-01T00:00"])
def test_a_start_that_cannot_be_meant_is_asked_for_again(at_desk, course, chair, begins):
    times = {"from": begins, "to": f"{NOW + timedelta(days=2):%Y-%m-%d}T10:00"}
    page = ask(at_desk, f"resource:{chair.pk}", "times", **times)
    assert told(page) == ["Choose a start within the last year."]
    assert "token" not in page.context
