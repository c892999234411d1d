"""Nothing that is held goes out in the quiet hours, in any zone and on any night."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.messages.quiet_hours import QuietHours

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = QuietHours(time(21), time(8), NEW_YORK)
CLOCKS = st.times(min_value=time(0), max_value=time(23, 59)).map(lambda clock: clock.replace(second=0, microsecond=0))
ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
INSTANTS = st.integers(0, 25 * 365 * 24 * 60).map(lambda at: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=at))


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def seen(at: datetime) -> str:
    return f"{at.astimezone(NEW_YORK):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("due", "held"),
    [
        ("2026-12-01T20:59", "12-01 20:59"),
        ("2026-12-01T21:00", "12-02 08:00"),
        ("2026-12-02T07:59", "12-02 08:00"),
        ("2026-12-02T08:00", "12-02 08:00"),
        ("2026-10-31T23:00", "11-01 08:00"),  # clocks go back in the night: ten hours on
        ("2027-03-13T23:00", "03-14 08:00"),  # and forward: eight
    ],
)
def test_what_falls_into_the_night_waits_for_the_morning(due: str, held: str) -> None:
    assert seen(NIGHT.hold(new_york(due))) == held


def test_what_would_be_too_late_in_the_morning_goes_out_before_the_night() -> None:
    visit = new_york("2026-12-02T09:00")
    assert seen(NIGHT.hold(new_york("2026-12-01T22:00"), useful_until=visit - timedelta(hours=2))) == "12-01 20:30"
    assert seen(NIGHT.hold(new_york("2026-12-01T22:00"), useful_until=visit)) == "12-02 08:00"
    assert seen(NIGHT.hold(new_york("2026-12-02T06:00"), useful_until=visit - timedelta(hours=1))) == "12-01 20:30"


def test_quiet_may_lie_within_a_day() -> None:
    noon = QuietHours(time(12), time(14), NEW_YORK)
    assert [seen(noon.hold(new_york(f"2026-12-01T{hour}:00"))) for hour in (11, 12, 13, 14)] == [
        "12-01 11:00",
        "12-01 14:00",
        "12-01 14:00",
        "12-01 14:00",
    ]


def test_equal_times_are_no_quiet_at_all() -> None:
    never = QuietHours(time(8), time(8), NEW_YORK)
    assert not any(never.holds(new_york("2026-12-01T00:00") + timedelta(hours=hour)) for hour in range(24))


@given(start=CLOCKS, end=CLOCKS, zone=ZONES, at=INSTANTS, useful=st.none() | st.integers(0, 48 * 60))
@settings(max_examples=1500, deadline=None)
def test_nothing_held_goes_out_inside(start: time, end: time, zone: ZoneInfo, at: datetime, useful: int | None) -> None:
    quiet = QuietHours(start, end, zone)
    useful_until = None if useful is None else at + timedelta(minutes=useful)
    held = quiet.hold(at, useful_until=useful_until)
    assert not quiet.holds(held)
    assert abs(held - at) <= timedelta(hours=26)
    assert quiet.holds(at) or held == at
    assert held <= at or useful_until is None or held < useful_until


CHANGES = [
    (zone, datetime(year, month, 1, tzinfo=UTC) + timedelta(hours=hour))
    for zone in ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca")
    for year, month, hour in ((2026, 3, 0), (2026, 9, 0), (2026, 10, 0), (2026, 11, 0), (2027, 3, 0), (2027, 4, 0))
]


@pytest.mark.parametrize(("zone", "month"), CHANGES)
def test_every_quarter_of_an_hour_of_the_months_of_clock_changes(zone: str, month: datetime) -> None:
    quiets = [QuietHours(time(21), time(8), ZoneInfo(zone)), QuietHours(time(1, 30), time(2, 30), ZoneInfo(zone))]
    for quarter in range(31 * 96):
        at = month + timedelta(minutes=15 * quarter)
        for quiet in quiets:
            opening, early = quiet.hold(at), quiet.hold(at, useful_until=at)
            assert not quiet.holds(opening) and not quiet.holds(early) and early <= at <= opening
