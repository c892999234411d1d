"""The day board's rows: columns, visits with their stages, what is hatched; and what the page costs."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.urls import reverse

from clinic.models import Closure, ExtraOpening, Outage, ResourceHours
from scheduling.desk.board_hours import BoardHours, Shut
from scheduling.desk.board_rows import read_board
from scheduling.models import Session
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at
from tests.scheduling.full_board import fill_day

pytestmark = pytest.mark.django_db
URL = "admin:desk_board"
QUERIES = 15


def open_board(client, **asked):
    return client.get(reverse(URL), asked)


def kinds(page):
    return {kind["name"]: kind["shown"] for kind in page.context["kinds"]}


# Rows


def test_the_board_is_the_days_visits_on_their_resources_with_their_stages(site, clock):
    fill_day(site, places=1, slots=1)
    visit = Session.objects.get()
    device, staff = site.resources.order_by("kind")
    board = read_board(site, [a_day()], now=NOW)
    assert board == {
        "days": ["2026-11-23"],
        "from": "08:00",
        "to": "18:00",
        "grid": 15,
        "now": "2026-11-23T08:00",
        "offset": "-05:00",
        "hidden": [6, 0],
        "columns": [
            {"id": device.pk, "name": "Device 00", "kind": "device", "kindName": "device", "seats": 1},
            {"id": staff.pk, "name": "Technician 00", "kind": "technician", "kindName": "technician", "seats": 1},
        ],
        "stages": {
            visit.visit_type_id: [
                ["Arrival", 0, 5, "around"],
                ["Treatment", 5, 20, "treatment"],
                ["Monitoring", 20, 25, "watching"],
                ["Turnover", 25, 30, "turnover"],
            ]
        },
        "visits": {
            visit.pk: {
                "patient": "Patient0, Ada",
                "label": "Visit 1",
                "type": visit.visit_type_id,
                "visit": "Visit",
                "protocol": visit.course.version.protocol.name,
                "state": "booked",
                "said": "Booked",
                "start": "2026-11-23T08:00",
                "end": "2026-11-23T08:25",
                "when": "Mon, Nov 23, 8:00 AM to 8:25 AM",
                "seen": NOW.isoformat(),
                "acts": ("arrived", "missed", "move", "cancel"),
                "course": visit.course_id,
            }
        },
        "blocks": [
            [visit.pk, device.pk, "2026-11-23T08:00", "2026-11-23T08:30"],
            [visit.pk, staff.pk, "2026-11-23T08:00", "2026-11-23T08:20"],
        ],
        "elsewhere": [],
        "shut": [],
    }


def test_visits_that_were_given_up_are_not_on_it_and_those_without_a_resource_are_named_apart(site, version, patient):
    course = factories.make_course(patient=patient, version=version)
    at_home = factories.make_session(course=course, start=at(site, 0, 9))
    for hour, status in ((10, "cancelled"), (11, "missed")):
        factories.make_session(course=course, start=at(site, 0, hour), status=status, missed_reason="no_show")
    board = read_board(site, [a_day()], now=NOW)
    assert (list(board["visits"]), board["elsewhere"], board["blocks"]) == ([at_home.pk], [at_home.pk], [])


def test_a_resource_that_went_out_of_service_keeps_its_column_while_it_is_booked(site, version, patient, chair):
    course = factories.make_course(patient=patient, version=version)
    factories.make_session(course=course, start=at(site, 0, 9), resources=(chair,))
    chair.active = False
    chair.save()
    names = [[c["name"] for c in read_board(site, [a_day(n)], now=NOW)["columns"]] for n in (0, 1)]
    assert names == [["Chair 1 (out of service)"], []]


def test_what_is_booked_before_opening_or_beyond_closing_is_shown(site, version, patient, chair):
    course = factories.make_course(patient=patient, version=version)
    factories.make_session(course=course, start=at(site, 0, 6, 30), resources=(chair,))
    factories.make_session(course=course, start=at(site, 0, 23, 45), resources=(chair,))
    board = read_board(site, [a_day()], now=NOW)
    assert (board["from"], board["to"]) == ("06:00", "24:00")


# Hatched


@pytest.fixture
def hours_of(site, chair):
    def read(*days):
        return list(BoardHours(site, [chair], [date.fromisoformat(day) for day in days]).shut(7 * 60, 19 * 60))

    return read


def shut(day, begin, end, chair, sort, title):
    return Shut(date.fromisoformat(day), (begin, end), (chair.pk,), sort, title)


def test_outside_the_hours_and_on_closed_days_all_is_hatched_but_for_an_extra_opening(site, chair, hours_of):
    Closure.objects.create(site=site, first_on=a_day(1), last_on=a_day(2), reason="Move")
    ExtraOpening.objects.create(site=site, date=a_day(2), opens_at=time(9), closes_at=time(11))
    assert hours_of("2026-11-23", "2026-11-24", "2026-11-25") == [
        shut("2026-11-23", 420, 480, chair, "closed", "Closed"),
        shut("2026-11-23", 1080, 1140, chair, "closed", "Closed"),
        shut("2026-11-24", 420, 1140, chair, "closed", "Closed: Move"),
        shut("2026-11-25", 420, 540, chair, "closed", "Closed: Move"),
        shut("2026-11-25", 660, 1140, chair, "closed", "Closed: Move"),
    ]


def test_a_resource_with_hours_of_its_own_is_away_at_others_and_works_at_an_extra_opening(site, chair, hours_of):
    ResourceHours.objects.create(resource=chair, weekday=0, opens_at=time(8), closes_at=time(12))
    ExtraOpening.objects.create(site=site, date=a_day(), opens_at=time(18), closes_at=time(19))
    away = [found for found in hours_of("2026-11-23", "2026-11-24") if found.sort == "away"]
    assert away == [
        shut("2026-11-23", 720, 1080, chair, "away", "Not working"),
        shut("2026-11-24", 480, 1080, chair, "away", "Not working"),
    ]


def test_an_outage_is_hatched_on_each_of_its_days_with_its_reason(site, chair, hours_of):
    Outage.objects.create(resource=chair, start=at(site, 0, 15), end=at(site, 2, 9, 30), reason="Repair")
    out = [found for found in hours_of("2026-11-23", "2026-11-24", "2026-11-25") if found.sort == "out"]
    assert out == [
        shut("2026-11-23", 900, 1140, chair, "out", "Out of use: Repair"),
        shut("2026-11-24", 420, 1140, chair, "out", "Out of use: Repair"),
        shut("2026-11-25", 420, 570, chair, "out", "Out of use: Repair"),
    ]


@pytest.mark.parametrize(("day", "offset"), [(date(2027, 3, 14), "-04:00"), (date(2026, 11, 1), "-05:00")])
def test_on_the_days_of_a_clock_change_all_times_are_the_sites_wall_clock(site, version, patient, chair, day, offset):
    course = factories.make_course(patient=patient, version=version)
    noon = at(site, (day - a_day()).days, 12)
    factories.make_session(course=course, start=noon, resources=(chair,))
    Outage.objects.create(resource=chair, start=noon, end=noon + timedelta(hours=2))
    board = read_board(site, [day], now=noon)
    assert board["offset"] == offset
    assert board["blocks"][0][2:] == [f"{day}T12:00", f"{day}T12:30"]
    assert [(s["start"], s["end"]) for s in board["shut"] if s["sort"] == "out"] == [(f"{day}T12:00", f"{day}T14:00")]


# The page


def test_today_is_shown_at_the_clinic_and_not_in_utc(at_desk, clerk, chair, clock):
    clock.move_to(at(chair.site, 0, 23, 30), tick=False)
    at_desk.force_login(clerk)
    assert open_board(at_desk).context["day"] == a_day()


def test_a_week_is_from_monday_on_without_the_days_that_are_never_worked(at_desk, chair):
    page = open_board(at_desk, view="week", day="2026-11-26")
    assert page.context["heading"] == "Week of November 23, 2026"
    assert page.context["data"]["days"] == [a_day(n).isoformat() for n in range(7)]
    assert page.context["data"]["hidden"] == [6, 0]


def test_at_first_the_places_are_shown_and_of_a_week_the_busiest_kind_of_them(at_desk, site):
    fill_day(site, places=2, slots=1)
    factories.make_resource(site=site, kind="chair")
    assert kinds(open_board(at_desk)) == {"chair": False, "device": True, "technician": False}
    assert kinds(open_board(at_desk, view="week")) == {"chair": False, "device": True, "technician": False}


def test_where_no_kind_is_a_place_all_are_shown_of_a_day(at_desk, site):
    for kind in ("chair", "lamp"):
        factories.make_resource(site=site, kind=kind)
    assert kinds(open_board(at_desk)) == {"chair": True, "lamp": True}


@pytest.mark.parametrize("day", ["", "soon", "2026-13-01"])
def test_a_day_that_is_none_is_today(at_desk, chair, day):
    assert open_board(at_desk, day=day).context["day"] == a_day()


@pytest.mark.parametrize(("day", "shown"), [("0001-01-01", -730), ("9999-12-31", 730)])
def test_the_board_ends_two_years_from_today(at_desk, chair, day, shown):
    assert open_board(at_desk, day=day).context["day"] == a_day(shown)


def test_an_empty_day_names_the_next_that_has_visits(at_desk, site, course, first):
    page = open_board(at_desk, day="2026-11-22")
    assert page.context["next_day"] == first.local_date
    assert "No visits are booked on this day." in page.content.decode()


def test_another_clinics_board_is_not_shown(at_desk, site, other_site, chair):
    page = open_board(at_desk, site=str(other_site.pk))
    assert page.context["site"] == site


def test_without_a_clinic_the_page_says_whom_to_ask(client, clock):
    client.force_login(factories.make_user())
    assert "Your account sees no clinic yet" in open_board(client).content.decode()


def test_no_name_and_no_code_stands_in_an_address_of_the_board(at_desk, site):
    fill_day(site, places=1, slots=2)
    page = open_board(at_desk)
    assert set(page.context["data"]["urls"]) == {"starts", "move", "book", "visit", "act", "course"}
    assert "Patient0" not in " ".join(page.context["data"]["urls"].values())


@pytest.mark.parametrize(("places", "slots"), [(1, 1), (10, 20)])
@pytest.mark.parametrize("view", ["day", "week"])
def test_twenty_resources_and_two_hundred_visits_cost_the_queries_of_one(
    at_desk, site, places, slots, view, django_assert_num_queries
):
    fill_day(site, places=places, slots=slots)
    open_board(at_desk, view=view)  # fills the caches of the session
    with django_assert_num_queries(QUERIES):
        page = open_board(at_desk, view=view)
    assert len(page.context["data"]["visits"]) == places * slots
