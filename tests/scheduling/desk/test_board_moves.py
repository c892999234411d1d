"""What the board asks while a visit is dragged, and the click that books what was shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from scheduling.booking import book_course
from scheduling.changes import undo_change
from scheduling.desk import board_moves
from scheduling.models import Change, Hold, Notice, Session
from scheduling.planning import legal_times, propose_course
from scheduling.rearranging import propose_move
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling import calendar
from tests.scheduling.desk.pressing import told
from tests.scheduling.full_board import make_staged

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def devices(site):
    for number in (1, 2):
        factories.make_resource(site=site, kind="technician", name=f"Technician {number}")
    return [factories.make_resource(site=site, kind="device", name=f"Device {number}") for number in (1, 2)]


@pytest.fixture
def staged(patient, devices, clock):
    """Six visits, two a week, on a device with a technician."""
    asked = calendar.make_course(patient=patient, version=make_staged())
    return book_course(asked, plan=propose_course(asked, now=NOW).plan, now=NOW)


@pytest.fixture
def second(staged):
    return staged.sessions.get(number=2)


def address(name, session):
    return reverse(f"admin:desk_board_{name}", kwargs={"pk": session.pk})


def starts(client, session, **asked):
    return client.get(address("starts", session), asked).json()["starts"]


def look(client, session, start, **asked):
    return client.get(address("move", session), {"start": start.isoformat(), **asked}).json()


def book(client, session, start, **fields):
    posted = {"start": start.isoformat(), "seen_at": session.changed_at.isoformat(), **fields}
    return client.post(address("book", session), posted)


def seat(session):
    return session.holds.get(resource__kind="device").resource


def instants(found):
    return [datetime.fromisoformat(start["start"]).astimezone(UTC) for start in found]


# Where it may begin


def test_the_lit_times_are_the_legal_ones_with_each_device_that_is_free_for_the_whole_visit(
    at_desk, site, staged, second, devices
):
    day = second.local_date
    other = calendar.make_course(patient=factories.make_patient(site=site), version=staged.version)
    taken = calendar.at(site, (day - a_day()).days, 14)
    calendar.put_session(other, number=1, start=taken, minutes=60, seats=(devices[1],))
    found = starts(at_desk, second, first=day, last=day, on=devices[0].pk)
    legal = legal_times(second, now=NOW, first_on=day, last_on=day)
    assert instants(found) == [offer.start.astimezone(UTC) for offer in legal]
    by_clock = {start["at"][11:]: start["on"] for start in found}
    assert (by_clock["13:30"], by_clock["13:45"], by_clock["15:00"]) == (
        [device.pk for device in devices],
        [devices[0].pk],
        [device.pk for device in devices],
    )
    assert {start["with"] for start in found} == {0}


def test_a_start_says_its_time_in_the_words_and_on_the_clock_of_the_clinic(at_desk, second, devices):
    found = starts(at_desk, second, on=devices[0].pk)
    start = next(start for start in found if start["at"].endswith("T13:30"))
    local = second.local_start.replace(hour=13, minute=30)
    assert start == {
        "at": f"{second.local_date}T13:30",
        "start": local.isoformat(),
        "said": "1:30 PM",
        "day": f"{local:%a, %b} {local.day}",
        "on": [device.pk for device in devices],
        "with": 0,
    }


def test_the_paler_times_are_those_for_which_others_move_and_how_many(at_desk, second, devices):
    later = second.local_date + timedelta(days=3)
    asked = {"first": later, "last": later, "on": devices[0].pk}
    assert starts(at_desk, second, **asked) == []
    found = starts(at_desk, second, others="yes", **asked)
    assert found
    for start, instant in list(zip(found, instants(found), strict=True))[::6]:
        shown = propose_move(second, start=instant, now=NOW)
        assert (shown.is_possible, len(shown.others)) == (True, start["with"])


def test_what_time_does_not_allow_to_be_tried_is_not_lit(at_desk, second, devices, monkeypatch):
    monkeypatch.setattr(board_moves, "TRYING", -1.0)
    later = second.local_date + timedelta(days=3)
    assert starts(at_desk, second, first=later, last=later, on=devices[0].pk, others="yes") == []


def test_a_resource_that_the_visit_does_not_use_or_of_another_clinic_has_no_lit_times(
    at_desk, site, other_site, second
):
    lamp = factories.make_resource(site=site, kind="lamp")
    theirs = factories.make_resource(site=other_site, kind="device")
    for resource in (lamp, theirs):
        assert {tuple(start["on"]) for start in starts(at_desk, second, on=resource.pk)} == {()}


@pytest.mark.parametrize("asked", [{}, {"first": "soon"}, {"first": "0001-01-01", "last": "0001-01-01"}, {"on": "x"}])
def test_odd_questions_about_starts_are_answered(at_desk, second, asked):
    assert at_desk.get(address("starts", second), asked).status_code == 200


def test_a_week_of_days_is_looked_at_and_no_more(at_desk, second, devices):
    first = second.local_date - timedelta(days=1)
    found = starts(at_desk, second, first=first, last="9999-12-31", on=devices[0].pk, others="yes")
    assert max(instants(found)).date() <= first + timedelta(days=7)


def test_a_visit_that_is_over_has_no_lit_times(at_desk, second):
    Session.objects.filter(pk=second.pk).update(status="completed")
    assert starts(at_desk, second) == []


# What moves with it


def test_a_drop_shows_what_moves_and_writes_nothing(at_desk, second, devices):
    before = [*Session.objects.values(), *Hold.objects.values(), Notice.objects.count()]
    start = second.start + timedelta(hours=2)
    assert look(at_desk, second, start, on=devices[1].pk) == {
        "refused": [],
        "expected": propose_move(second, start=start, now=NOW).fingerprint,
        "label": "Visit 2",
        "from": f"{second.local_start:%A, %B} {second.local_start.day}, 2026 at 9:00 AM",
        "to": f"{second.local_start:%A, %B} {second.local_start.day}, 2026 at 11:00 AM",
        "others": [],
        "told": "Ada Abbott is told within a few minutes.",
    }
    assert [*Session.objects.values(), *Hold.objects.values(), Notice.objects.count()] == before


def test_the_other_visits_that_must_move_are_named_with_both_times(at_desk, staged, second):
    third = staged.sessions.get(number=3)
    start = second.start + timedelta(days=3)
    (move,) = look(at_desk, second, start)["others"]
    assert (move["label"], move["from"]) == ("Visit 3", f"{third.local_start:%a, %b} {third.local_start.day}, 9:00 AM")
    assert move["to"] != move["from"]


def test_a_time_that_does_not_fit_is_refused_with_its_reasons(at_desk, second):
    answer = look(at_desk, second, second.start.replace(hour=4))
    assert answer["refused"]
    assert "expected" not in answer


def test_a_time_that_cannot_be_read_is_refused(at_desk, second):
    answer = at_desk.get(address("move", second), {"start": "soon"}).json()
    assert answer == {"refused": ["This page was not complete. Nothing was changed; please try once more."]}


# One click


def test_one_click_books_what_was_shown_and_offers_to_undo_it(at_desk, second, devices):
    start = second.start + timedelta(hours=2)
    shown = look(at_desk, second, start, on=devices[1].pk)
    done = book(at_desk, second, start, on=devices[1].pk, expected=shown["expected"])
    assert (done.status_code, done.json()) == (200, {"done": True})
    second.refresh_from_db()
    assert (second.start, second.sequence, seat(second)) == (start, 1, devices[1])
    page = at_desk.get(reverse("admin:desk_board"))
    said = f"{second.local_start:%A, %B} {second.local_start.day}, 2026 at 11:00 AM"
    assert told(page) == [f"The visit of Ada Abbott is moved to {said}. Ada Abbott is told within a few minutes."]
    assert reverse("admin:desk_change_undo", args=[Change.objects.get().uuid]) in page.content.decode()


def test_the_others_move_with_it(at_desk, staged, second, clock):
    clock.move_to(NOW + MINUTE, tick=False)
    start = second.start + timedelta(days=3)
    shown = look(at_desk, second, start)
    book(at_desk, second, start, expected=shown["expected"])
    assert list(staged.sessions.filter(sequence=1).values_list("number", flat=True)) == [2, 3]
    assert "and 1 other visit with it" in told(at_desk.get(reverse("admin:desk_board")))[0]


def test_a_visit_dragged_to_another_device_at_its_time_is_told_to_nobody(at_desk, second, devices):
    assert seat(second) == devices[0]
    notices = Notice.objects.count()
    shown = look(at_desk, second, second.start, on=devices[1].pk)
    assert shown["told"] == "The time stays: the patient is told nothing."
    book(at_desk, second, second.start, on=devices[1].pk, expected=shown["expected"])
    second.refresh_from_db()
    assert (seat(second), second.sequence, Notice.objects.count()) == (devices[1], 0, notices)
    change = Change.objects.get()
    day = second.local_date
    assert change.summary == f"Visit 2 on {day:%a, %b} {day.day} sits elsewhere at its time"
    undo_change(change, now=NOW + MINUTE, by=None)
    assert seat(second) == devices[0]


def test_the_second_of_two_clerks_is_refused_in_a_sentence_and_overwrites_nothing(at_desk, second, clock):
    start, other = second.start + timedelta(hours=2), second.start + timedelta(hours=3)
    shown, also = look(at_desk, second, start), look(at_desk, second, other)
    clock.move_to(NOW + MINUTE, tick=False)
    book(at_desk, second, start, expected=shown["expected"])
    late = book(at_desk, second, other, expected=also["expected"])
    assert (late.status_code, late.json()) == (
        409,
        {"refused": ["Somebody has changed this visit since you opened it. Look at it again before you change it."]},
    )
    second.refresh_from_db()
    assert second.start == start


def test_what_was_not_shown_is_not_booked(at_desk, second):
    refused = book(at_desk, second, second.start + timedelta(hours=2), expected="something else")
    assert (refused.status_code, refused.json()["refused"]) == (
        409,
        ["What would have to move is not what was shown any more. Nothing was changed; please look again."],
    )


@pytest.mark.parametrize("missing", ["start", "seen_at"])
def test_a_form_that_is_not_complete_changes_nothing(at_desk, second, missing):
    posted = {"start": second.start.isoformat(), "seen_at": second.changed_at.isoformat(), missing: ""}
    assert at_desk.post(address("book", second), posted).status_code == 409


# Who may


@pytest.mark.parametrize("name", ["starts", "move", "book"])
def test_a_visit_of_another_clinic_is_not_there(client, other_clerk, second, name):
    client.force_login(other_clerk)
    ask = client.post if name == "book" else client.get
    assert ask(address(name, second)).status_code == 404


def test_a_link_books_nothing(at_desk, second):
    assert at_desk.get(address("book", second)).status_code == 405
