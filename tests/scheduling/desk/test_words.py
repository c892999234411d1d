"""What the desk says: costs, ways out and months, without a database where none is needed."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clinic.models import Site
from scheduling.desk.find_patients import read_date
from scheduling.desk.month_calendar import Chip, lay_out_months
from scheduling.desk.wording import describe_relaxations, say_availability
from scheduling.engine.result import RELAXATION_FIELDS
from scheduling.models import Course
from scheduling.words import name_code, say_moment, say_time
from tests import factories

NEW_YORK = ZoneInfo("America/New_York")


def test_codes_become_names():
    codes = ["tms", "first-week", "ketamine_iv", "to-decision"]
    assert [name_code(code) for code in codes] == ["TMS", "First week", "Ketamine IV", "To decision"]
    assert [name_code(code) for code in ("h4", "figure8", "mri_guided")] == ["H4", "Figure-8", "MRI guided"]


def test_times_are_told_as_people_say_them():
    assert [say_time(time(9, 5)), say_time(time(0, 0)), say_time(time(12, 30))] == ["9:05 AM", "12:00 AM", "12:30 PM"]
    assert say_moment(datetime(2026, 12, 1, 9, tzinfo=NEW_YORK)) == "Tuesday, December 1, 2026 at 9:00 AM"


def test_the_hours_at_which_a_patient_can_come_are_told_as_a_phrase():
    table = {"fri": [["00:00", "24:00"]], "mon": [["08:00", "12:00"], ["18:00", "24:00"]], "tue": []}
    assert say_availability(table) == "Mon 8:00 AM to 12:00 PM and 6:00 PM to midnight, Fri any time"
    assert say_availability({}) == ""


WAYS_OUT: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "extend_latest_start", "days": 1}, "Start 1 day later.", "later:1"),
    (
        {"type": "slip", "track": "tms", "phase": "taper-1", "days": 2},
        "Give the taper 1 part of TMS 2 days more.",
        "",
    ),
    (
        {
            "type": "add_seat",
            "kind": "tms_device",
            "skill": "h7",
            "from": "2026-12-01T14:00:00+00:00",
            "to": "2026-12-01T15:00:00+00:00",
        },
        "Add one more H7 TMS machine on Tuesday, December 1 from 9:00 AM to 10:00 AM.",
        "",
    ),
    (
        {"type": "free_patient", "from": "2026-12-01T14:00:00+00:00", "to": "2026-12-02T15:00:00+00:00"},
        "Have the patient come at any time from Tuesday, December 1 at 9:00 AM to Wednesday, December 2 at 10:00 AM.",
        "free:2026-12-01T09.00:2026-12-02T10.00",
    ),
    (
        {"type": "open_site", "date": "2026-12-05", "from": "09:00", "to": "24:00"},
        "Open Clinic riverside on Saturday, December 5 from 9:00 AM to midnight.",
        "",
    ),
]


def test_every_type_of_relaxation_has_its_sentence():
    assert {item["type"] for item, _, _ in WAYS_OUT} == set(RELAXATION_FIELDS)


@pytest.mark.django_db
@pytest.mark.parametrize(("item", "text", "trial"), WAYS_OUT)
def test_a_way_out_is_told_on_the_clock_of_the_clinic_and_tried_where_the_wishes_allow(item, text, trial):
    factories.make_kind("tms_device").__class__.objects.update(name="TMS machine")
    site = Site(name="Clinic riverside", timezone="America/New_York")
    course = Course(site=site, availability={"mon": [["08:00", "12:00"]]})
    (way,) = describe_relaxations([item], course=course)
    assert (way["text"], way["try"]) == (text, trial)


@pytest.mark.django_db
def test_hours_are_not_added_to_a_patient_who_can_always_come():
    course = Course(site=Site(timezone="America/New_York"), availability=None)
    (way,) = describe_relaxations([WAYS_OUT[3][0]], course=course)
    assert (way["try"], way["who"]) == ("", "the patient has to agree; then correct the absences")


@pytest.mark.django_db
def test_hours_for_more_than_a_week_are_a_matter_of_the_wishes():
    course = Course(site=Site(timezone="America/New_York"), availability={"mon": [["08:00", "12:00"]]})
    item = {"type": "free_patient", "from": "2026-12-01T14:00:00+00:00", "to": "2027-01-12T15:00:00+00:00"}
    (way,) = describe_relaxations([item], course=course)
    assert (way["try"], way["who"]) == ("", "the patient has to agree; then change the wishes")


def test_months_begin_on_sunday_and_show_each_chip_once():
    chips = [
        Chip(datetime(2026, 12, 31, 23, 30, tzinfo=NEW_YORK), "Visit 1", "booked", "Booked"),
        Chip(datetime(2027, 2, 1, 9, tzinfo=NEW_YORK), "Visit 2", "booked", "Booked"),
    ]
    closed = {date(2027, 1, 1): "New Year's Day"}
    months = lay_out_months(chips, today=date(2026, 12, 30), closed=closed)
    assert [month.first for month in months] == [date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)]
    assert {month.weeks[0][0].on.weekday() for month in months} == {6}
    days = [day for month in months for week in month.weeks for day in week]
    assert [chip for day in days for chip in day.chips] == chips
    assert [day.on for day in days if day.is_today] == [date(2026, 12, 30)]
    assert [(day.on, day.closed) for day in days if day.closed] == [(date(2027, 1, 1), "New Year's Day")]


def test_no_chip_no_month():
    assert lay_out_months([], today=date(2026, 12, 1)) == []


def test_birth_dates_are_read_as_they_are_said():
    found = [read_date(text) for text in ("1980-05-31", "05/31/1980", "5-31-1980", "31.5.1980", "abbott")]
    assert found == [date(1980, 5, 31)] * 3 + [None, None]
