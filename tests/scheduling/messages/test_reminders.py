"""When reminders are due, against an oracle that counts on the calendar; across both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.models import Channel, Patient
from scheduling.messages.call_list import call_instead
from scheduling.models import Course, Notice, NoticeStatus
from tests.scheduling.messages import cast

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = date(2026, 11, 30)


def local(day: date, hour: int = 9, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)


def reminders(course: Course) -> list[tuple[str, int | None, str]]:
    """Kind, session number and due time on the patient's clock."""
    zone = course.patient.zone
    rows = Notice.objects.filter(course=course, kind__in=["reminder", "driver_reminder", "digest"])
    return [
        (row.kind, row.session.number if row.session else None, f"{row.due_at.astimezone(zone):%a %m-%d %H:%M}")
        for row in rows.select_related("session").order_by("due_at", "kind", "session__number")
    ]


@pytest.mark.parametrize(
    ("visit_on", "utc_hours"),
    [
        (date(2026, 11, 2), (14, 15)),  # clocks go back on November 1: three days before is still summer time
        (date(2027, 3, 15), (15, 14)),  # clocks go forward on March 14
        (date(2027, 6, 15), (14, 14)),
    ],
)
def test_reminders_go_out_at_ten_local_three_days_and_one_day_before(
    patient: Patient, visit_on: date, utc_hours: tuple[int, int]
) -> None:
    course = cast.book(patient, [local(visit_on)], now=local(visit_on - timedelta(days=20)))
    due = Notice.objects.filter(course=course, kind="reminder").order_by("due_at").values_list("due_at", flat=True)
    days = (visit_on - timedelta(days=3), visit_on - timedelta(days=1))
    assert list(due) == [
        datetime.combine(day, time(hour), tzinfo=UTC) for day, hour in zip(days, utc_hours, strict=True)
    ]


def test_days_count_on_the_calendar_of_the_patient(patient: Patient) -> None:
    patient.timezone = "Asia/Tokyo"  # nine in New York is eleven at night there, or the next day
    patient.save()
    course = cast.book(
        patient, [local(MONDAY, 9), local(MONDAY + timedelta(days=7), 11)], now=local(date(2026, 11, 10))
    )
    assert reminders(course) == [
        ("reminder", 1, "Fri 11-27 10:00"),
        ("reminder", 1, "Sun 11-29 10:00"),
        ("reminder", 2, "Sat 12-05 10:00"),
        ("reminder", 2, "Mon 12-07 10:00"),
    ]


def test_reminders_past_at_booking_are_left_out(patient: Patient) -> None:
    booked_at = local(date(2026, 11, 28), 11)
    course = cast.book(patient, [local(MONDAY)], now=booked_at)
    assert reminders(course) == [("reminder", 1, "Sun 11-29 10:00")]


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PRINT])
def test_reminder_that_is_due_stays_when_another_visit_changes(patient: Patient, channel: Channel) -> None:
    patient.channel = channel
    patient.save()
    starts = [local(MONDAY + timedelta(days=1)), local(date(2026, 12, 15))]
    course = cast.book(patient, starts, now=local(date(2026, 11, 10)))
    cast.move(course.sessions.get(number=2), local(date(2026, 12, 16)), now=local(MONDAY, 11))
    assert [row for row in reminders(course) if row[1] == 1] == [("reminder", 1, "Mon 11-30 10:00")]


def test_call_in_place_of_a_mail_stays_when_another_visit_changes(patient: Patient) -> None:
    starts = [local(MONDAY + timedelta(days=1)), local(date(2026, 12, 15))]
    course = cast.book(patient, starts, now=local(date(2026, 11, 10)))
    refused = course.notices.get(session__number=1, due_at=local(MONDAY, 10))
    Notice.objects.filter(pk=refused.pk).update(status=NoticeStatus.FAILED)
    call_instead(refused, now=local(MONDAY, 10))
    cast.move(course.sessions.get(number=2), local(date(2026, 12, 16)), now=local(MONDAY, 11))
    waiting = course.notices.filter(session__number=1, kind="reminder", status=NoticeStatus.DUE)
    assert list(waiting.values_list("key", flat=True)) == [f"{refused.key}:call"]


def test_sedating_visits_have_the_driver_reminder(patient: Patient) -> None:
    version = cast.make_version(sedating=True)
    course = cast.book(patient, [local(MONDAY)], now=local(date(2026, 11, 10)), version=version)
    assert reminders(course) == [
        ("driver_reminder", 1, "Fri 11-27 10:00"),
        ("driver_reminder", 1, "Sun 11-29 10:00"),
    ]


def daily(first: date, days: tuple[int, ...]) -> list[datetime]:
    return [local(first + timedelta(days=day)) for day in days]


def test_daily_track_has_digests_and_reminders_only_at_a_beginning(patient: Patient) -> None:
    version = cast.make_version(phases=cast.DAILY)
    starts = daily(MONDAY, (0, 1, 2, 3, 4, 8, 9, 15))  # Monday to Friday; Tuesday, Wednesday; Tuesday
    course = cast.book(patient, starts, now=local(date(2026, 11, 10)), version=version)
    assert reminders(course) == [
        ("reminder", 1, "Fri 11-27 10:00"),
        ("digest", None, "Sun 11-29 10:00"),
        ("reminder", 1, "Sun 11-29 10:00"),
        ("reminder", 6, "Sat 12-05 10:00"),  # Friday to Tuesday is a break of four days
        ("digest", None, "Sun 12-06 10:00"),
        ("reminder", 6, "Mon 12-07 10:00"),
        ("reminder", 8, "Sat 12-12 10:00"),
        ("digest", None, "Sun 12-13 10:00"),
        ("reminder", 8, "Mon 12-14 10:00"),
    ]


def test_a_weekend_is_no_break(patient: Patient) -> None:
    version = cast.make_version(phases=cast.DAILY)
    course = cast.book(patient, daily(MONDAY, (4, 7)), now=local(date(2026, 11, 10)), version=version)
    assert [number for kind, number, _ in reminders(course) if kind == "reminder"] == [1, 1]


def test_frequent_sedating_visits_keep_the_reminder_of_the_day_before(patient: Patient) -> None:
    thrice = ({"periods": 2, "period_days": 7, "per_period": 3, "min_gap_hours": 40},)
    version = cast.make_version(phases=thrice, sedating=True)
    course = cast.book(patient, daily(MONDAY, (0, 2, 4)), now=local(date(2026, 11, 10)), version=version)
    assert reminders(course) == [
        ("driver_reminder", 1, "Fri 11-27 10:00"),
        ("digest", None, "Sun 11-29 10:00"),
        ("driver_reminder", 1, "Sun 11-29 10:00"),
        ("driver_reminder", 2, "Tue 12-01 10:00"),
        ("driver_reminder", 3, "Thu 12-03 10:00"),
    ]


def test_frequency_is_that_of_the_phase(patient: Patient) -> None:
    phases = (
        {"periods": 1, "period_days": 7, "per_period": 3, "min_gap_hours": 40},
        {"periods": 4, "period_days": 7, "per_period": 1, "min_gap_hours": 100},
    )
    version = cast.make_version(phases=phases)
    course = cast.book(patient, daily(MONDAY, (0, 2, 4, 7)), now=local(date(2026, 11, 10)), version=version)
    assert [(kind, number) for kind, number, _ in reminders(course)] == [
        ("reminder", 1),
        ("digest", None),
        ("reminder", 1),
        ("reminder", 4),
        ("reminder", 4),
    ]


def test_single_visit_with_a_period_of_a_day_is_not_daily(patient: Patient) -> None:
    once = ({"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 0},)
    course = cast.book(patient, [local(MONDAY)], now=local(date(2026, 11, 10)), version=cast.make_version(phases=once))
    assert reminders(course) == [("reminder", 1, "Fri 11-27 10:00"), ("reminder", 1, "Sun 11-29 10:00")]


def test_cancelled_visit_makes_the_next_one_a_beginning(patient: Patient) -> None:
    version = cast.make_version(phases=cast.DAILY)
    course = cast.book(patient, daily(MONDAY, (0, 1, 2, 3, 4)), now=local(date(2026, 11, 10)), version=version)
    cast.cancel(*course.sessions.filter(number__in=[2, 3, 4]), now=local(date(2026, 11, 12)))
    assert [row for row in reminders(course) if row[1] == 5] == [
        ("reminder", 5, "Tue 12-01 10:00"),
        ("reminder", 5, "Thu 12-03 10:00"),
    ]


def test_calls_fall_on_days_the_front_desk_works(patient: Patient) -> None:
    patient.channel = Channel.PRINT
    patient.save()
    patient.home_site.closures.create(first_on=date(2026, 11, 26), last_on=date(2026, 11, 27))
    version = cast.make_version(phases=cast.DAILY)
    course = cast.book(patient, daily(MONDAY, (0, 1)), now=local(date(2026, 11, 10)), version=version)
    assert reminders(course) == [
        ("digest", None, "Wed 11-25 10:00"),
        ("reminder", 1, "Wed 11-25 10:00"),
    ]


def test_two_reminders_that_fall_on_one_day_are_one_call_until_the_visit(patient: Patient) -> None:
    patient.channel = Channel.PRINT
    patient.save()
    starts = [local(MONDAY), local(MONDAY + timedelta(days=8))]  # a Monday, and a Tuesday with Friday and Monday before
    course = cast.book(patient, starts, now=local(date(2026, 11, 10)))
    assert reminders(course) == [
        ("reminder", 1, "Fri 11-27 10:00"),
        ("reminder", 2, "Fri 12-04 10:00"),
        ("reminder", 2, "Mon 12-07 10:00"),
    ]
    assert course.notices.get(session__number=1).useful_until == local(MONDAY, 7)
