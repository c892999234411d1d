"""Days and time of reminders: by protocol, else by site; followed when they change; against an oracle in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic.models import Patient, Site
from protocols.models import ProtocolVersion, VisitType
from scheduling.messages.contacts import follow_contacts
from scheduling.messages.quiet_hours import QuietHours
from scheduling.messages.reminder_settings import follow_reminder_settings
from scheduling.messages.reminders import Timing, wish_singles
from scheduling.models import Course, Notice, Session
from tests import factories
from tests.scheduling import driving
from tests.scheduling.messages import cast, mailbox
from tests.scheduling.messages.test_reminders import MONDAY, local, reminders

BOOKED_AT = local(date(2026, 11, 10))


def version_with(**fields: Any) -> ProtocolVersion:
    version = cast.make_version(publish=False)
    ProtocolVersion.objects.filter(pk=version.pk).update(**fields)
    return version


def booked(patient: Patient, version: ProtocolVersion | None = None) -> Course:
    return cast.book(patient, [local(MONDAY)], now=BOOKED_AT, version=version or cast.make_version())


def test_days_and_time_are_those_of_the_site(patient: Patient) -> None:
    Site.objects.update(reminder_days=[7, 2], reminder_time=time(17, 30))
    patient.refresh_from_db()
    assert reminders(booked(patient)) == [("reminder", 1, "Mon 11-23 17:30"), ("reminder", 1, "Sat 11-28 17:30")]


def test_protocol_has_the_last_word(patient: Patient) -> None:
    Site.objects.update(reminder_days=[7, 2], reminder_time=time(17, 30))
    patient.refresh_from_db()
    version = version_with(reminder_days=[5], reminder_time=time(9))
    assert reminders(booked(patient, version)) == [("reminder", 1, "Wed 11-25 09:00")]


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"reminder_time": time(9)}, ["Fri 11-27 09:00", "Sun 11-29 09:00"]),
        ({"reminder_days": [2, 2]}, ["Sat 11-28 10:00"]),
    ],
)
def test_protocol_may_set_one_of_the_two(patient: Patient, fields: dict[str, Any], due: list[str]) -> None:
    assert [at for _kind, _number, at in reminders(booked(patient, version_with(**fields)))] == due


def test_time_in_the_quiet_hours_waits_or_comes_early(patient: Patient) -> None:
    Site.objects.update(reminder_time=time(22))
    patient.refresh_from_db()
    late = cast.book(patient, [local(MONDAY, 15)], now=BOOKED_AT)
    assert reminders(late) == [("reminder", 1, "Sat 11-28 08:00"), ("reminder", 1, "Mon 11-30 08:00")]
    early = cast.book(patient, [local(MONDAY, 9)], now=BOOKED_AT)  # at eight there would be an hour left
    assert reminders(early) == [("reminder", 1, "Sat 11-28 08:00"), ("reminder", 1, "Sun 11-29 20:30")]


def test_mail_that_comes_late_is_held_until_the_quiet_is_over(patient: Patient, now: datetime) -> None:
    cast.book(patient, [local(date(2026, 12, 15))], now=now)
    mailbox.deliver(local(date(2026, 12, 2)))
    at_night = local(date(2026, 12, 12), 22)  # the mail server was down all day
    assert mailbox.deliver(at_night) == []
    assert mailbox.deliver(local(date(2026, 12, 13), 7)) == []
    assert mailbox.deliver(local(date(2026, 12, 13), 8)) == [
        "Reminder: Appointment at Riverside riverside, Tue, Dec 15, 9:00 AM EST"
    ]


def test_invite_is_not_held(patient: Patient) -> None:
    cast.book(patient, [local(MONDAY)], now=local(date(2026, 11, 20), 23))
    assert len(mailbox.deliver(local(date(2026, 11, 20), 23) + timedelta(minutes=3))) == 2


# When a site changes its mind


def test_changed_site_moves_what_waits(patient: Patient) -> None:
    course = booked(patient)
    follow_reminder_settings(now=BOOKED_AT)
    Site.objects.update(reminder_days=[2], reminder_time=time(17))
    assert follow_reminder_settings(now=BOOKED_AT) == 1
    assert reminders(course) == [("reminder", 1, "Sat 11-28 17:00")]
    assert follow_reminder_settings(now=BOOKED_AT) == 0


@pytest.mark.parametrize("field", ["quiet_from", "quiet_until"])
def test_changed_quiet_hours_move_what_waits(patient: Patient, field: str) -> None:
    course = booked(patient)
    follow_reminder_settings(now=BOOKED_AT)
    Site.objects.update(**{field: {"quiet_from": time(9), "quiet_until": time(11)}[field]})
    follow_reminder_settings(now=BOOKED_AT)
    assert all(not row[2].endswith("10:00") for row in reminders(course))


def test_reminder_that_went_out_is_not_repeated(patient: Patient) -> None:
    course = booked(patient)
    follow_reminder_settings(now=BOOKED_AT)
    mailbox.deliver(local(date(2026, 11, 27), 10))
    Site.objects.update(reminder_time=time(17))
    follow_reminder_settings(now=local(date(2026, 11, 27), 11))
    assert reminders(course) == [("reminder", 1, "Fri 11-27 10:00"), ("reminder", 1, "Sun 11-29 17:00")]


def test_reminder_that_is_due_or_was_tried_keeps_its_time(patient: Patient) -> None:
    course = booked(patient)
    follow_reminder_settings(now=BOOKED_AT)
    Notice.objects.filter(kind="reminder", due_at=local(date(2026, 11, 29), 10)).update(attempts=1)
    Site.objects.update(reminder_time=time(17))
    follow_reminder_settings(now=local(date(2026, 11, 27), 10))
    assert reminders(course) == [("reminder", 1, "Fri 11-27 10:00"), ("reminder", 1, "Sun 11-29 10:00")]


def test_protocol_that_sets_both_does_not_follow_its_site(patient: Patient) -> None:
    course = booked(patient, version_with(reminder_days=[5], reminder_time=time(9)))
    follow_reminder_settings(now=BOOKED_AT)
    Site.objects.update(reminder_days=[2], reminder_time=time(17))
    follow_reminder_settings(now=BOOKED_AT)
    assert reminders(course) == [("reminder", 1, "Wed 11-25 09:00")]


def test_change_of_one_site_leaves_the_others_alone(
    patient: Patient, stranger: Patient, django_assert_num_queries: Any
) -> None:
    booked(patient)
    booked(stranger)
    follow_reminder_settings(now=BOOKED_AT)
    with django_assert_num_queries(2):
        assert follow_reminder_settings(now=BOOKED_AT) == 0
    Site.objects.filter(pk=patient.home_site_id).update(reminder_time=time(17))
    assert follow_reminder_settings(now=BOOKED_AT) == 1


# When a patient lives by another clock


def test_changed_time_zone_of_a_patient_moves_what_waits(patient: Patient) -> None:
    Patient.objects.update(timezone="America/Los_Angeles")
    patient.refresh_from_db()
    course = booked(patient)
    at_ten = [("reminder", 1, "Fri 11-27 10:00"), ("reminder", 1, "Sun 11-29 10:00")]
    assert (follow_contacts(now=BOOKED_AT), reminders(course)) == (0, at_ten)
    Patient.objects.update(timezone="Europe/Berlin")
    assert (follow_contacts(now=BOOKED_AT), follow_contacts(now=BOOKED_AT)) == (1, 0)
    assert reminders(Course.objects.get()) == at_ten


def test_other_name_of_the_same_clock_is_noted_once(patient: Patient) -> None:
    course = booked(patient)
    before = reminders(course)
    Patient.objects.update(timezone="America/Detroit")
    assert (follow_contacts(now=BOOKED_AT), follow_contacts(now=BOOKED_AT)) == (1, 0)
    assert reminders(course) == before


def test_call_about_a_driver_moves_with_the_time_zone(patient: Patient) -> None:
    driving.book_sedating(patient, [local(MONDAY)], now=BOOKED_AT)
    Notice.objects.exclude(kind="driver_call").delete()
    [before] = due_of_driver_calls()
    Patient.objects.update(timezone="America/Los_Angeles")
    assert (follow_contacts(now=BOOKED_AT), follow_contacts(now=BOOKED_AT)) == (1, 0)
    assert due_of_driver_calls() == [before + timedelta(hours=3)]


def due_of_driver_calls() -> list[datetime]:
    return list(Notice.objects.filter(kind="driver_call").values_list("due_at", flat=True))


def test_patients_who_stay_where_they_are_cost_no_query_each(
    patient: Patient, stranger: Patient, django_assert_num_queries: Any
) -> None:
    booked(patient)
    with CaptureQueriesContext(connection) as alone:
        assert follow_contacts(now=BOOKED_AT) == 0
    booked(stranger)
    for _ in range(3):
        booked(factories.make_patient(site=patient.home_site))
    with django_assert_num_queries(len(alone)):
        assert follow_contacts(now=BOOKED_AT) == 0


# The oracle: it walks the clock minute by minute, and knows nothing of wishes, holding or folds


ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Tokyo",
    "Africa/Casablanca",
]


def first_minute(zone: ZoneInfo, day: date, clock: time) -> datetime:
    """When the clock of that place first shows that time on that day, or has passed over it."""
    at = datetime.combine(day, time(0), tzinfo=UTC) - timedelta(hours=15)
    while (at.astimezone(zone).date(), at.astimezone(zone).time()) < (day, clock):
        at += timedelta(minutes=1)
    return at


@given(
    zone=st.sampled_from(ZONES),
    visit=st.integers(0, 2 * 365 * 24 * 4).map(lambda n: datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=15 * n)),
    days=st.lists(st.integers(1, 10), min_size=1, max_size=3, unique=True),
    clock=st.times(time(9), time(20)).map(lambda at: at.replace(second=0, microsecond=0)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_reminders_are_due_when_the_wall_clock_says_so(
    zone: str, visit: datetime, days: list[int], clock: time
) -> None:
    here = ZoneInfo(zone)
    quiet = QuietHours(time(21), time(8), here)
    session = Session(start=visit, sequence=0)
    session.visit_type = VisitType(sedating=False)
    found = list(wish_singles(session, tuple(sorted(days)), timing=Timing(tuple(sorted(days)), clock, quiet)))
    on = visit.astimezone(here).date()
    expected = [first_minute(here, on - timedelta(days=back), clock) for back in sorted(days)]
    assert [wish.due_at for wish in found] == expected
    ends = [visit - timedelta(hours=2), *expected[:-1]]
    assert [wish.useful_until for wish in found] == ends
