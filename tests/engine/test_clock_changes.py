"""Both clock changes, and Lord Howe's half hour: dates by the calendar, gaps by elapsed time, tables with fold 0."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from scheduling.engine import Resource, Week, legal_starts, openings, plan

from .cast import BARE, HoldNeed, Visit, broken, clinic, patient, phase, protocol, session, track, violations

NIGHT = Week((((0, 300),),) * 7)
SPRING, AUTUMN = date(2027, 3, 14), date(2026, 11, 1)
LORD_HOWE = "Australia/Lord_Howe"


def weekly(least, **more):
    return protocol(track("visit", "bare", (phase(2, 7, 1, least=least, slip_days=6, **more),)))


def around(day, zone="America/New_York", shape=None, hours=None, **more):
    course = patient(earliest_start=day, latest_start=day, **more)
    return clinic(shape or weekly(0), zone=zone, hours=hours or Week((((480, 1080),),) * 7), course=course)


def visit(number, start, zone="America/New_York"):
    return session(number, start, "visit", zone=zone)


@pytest.mark.parametrize(
    ("zone", "first", "second", "hours"),
    [
        ("America/New_York", "2027-03-10T09:00", "2027-03-17T09:00", 167),
        ("America/New_York", "2026-10-28T09:00", "2026-11-04T09:00", 169),
        (LORD_HOWE, "2026-09-30T09:00", "2026-10-07T09:00", 167.5),
        (LORD_HOWE, "2027-04-01T09:00", "2027-04-08T09:00", 168.5),
    ],
)
def test_a_week_at_the_same_hour_is_not_always_168_hours(zone, first, second, hours):
    placed = visit(1, first, zone), visit(2, second, zone)
    day = date.fromisoformat(first[:10])
    assert broken(around(day, zone, weekly(hours)), *placed) == []
    assert broken(around(day, zone, weekly(hours + 0.25)), *placed) == [(4, "visit", 2)]
    assert broken(around(day, zone, weekly(0, max_gap_hours=hours)), *placed) == []
    assert broken(around(day, zone, weekly(0, max_gap_hours=hours - 0.25)), *placed) == [(4, "visit", 2)]


def test_the_plan_waits_an_hour_where_the_week_is_an_hour_short():
    problem = replace(around(date(2027, 3, 10), shape=weekly(168)), horizon_end=date(2027, 3, 17))
    (answer,) = plan(problem, time_limit=5).courses
    assert [s.start.isoformat() for s in answer.sessions] == ["2027-03-10T09:00:00-05:00", "2027-03-17T10:00:00-04:00"]
    assert answer.optimal


def test_a_visit_may_start_in_either_of_two_equal_times():
    one = protocol(track("visit", "bare", (phase(1, 1, 1),)))
    problem = around(AUTUMN, shape=one, hours=NIGHT, preferred_time=90)
    found = [
        offer.start.astimezone(UTC).hour
        for offer in openings(problem, BARE, AUTUMN, AUTUMN)
        if offer.start.minute == 30
    ]
    assert found == [4, 5, 6, 7, 8, 9]
    for start in ("2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"):
        placed = visit(1, start)
        assert broken(problem, placed) == []


def test_no_visit_starts_in_the_hour_that_the_clock_skips():
    found = [offer.start.strftime("%H:%M%z") for offer in openings(around(SPRING, hours=NIGHT), BARE, SPRING, SPRING)]
    assert [start for start in found if start.startswith(("01:5", "02", "03:0"))] == [
        "01:50-0500",
        "01:55-0500",
        "03:00-0400",
        "03:05-0400",
    ]


def test_a_table_end_that_the_clock_skips_is_read_with_fold_0():
    """02:30 does not exist on 14 March 2027: with fold 0 it is 03:30 EDT, so the span is an hour and a half long."""
    hours = Week((((120, 150),),) * 7)
    late = Week((((90, 150),),) * 7)
    one = protocol(track("visit", "bare", (phase(1, 1, 1),)))
    assert broken(around(SPRING, shape=one, hours=late), visit(1, "2027-03-14T03:00:00-04:00")) == []
    assert broken(around(SPRING, shape=one, hours=late), visit(1, "2027-03-14T03:05:00-04:00")) == [(6, "visit", 1)]
    assert broken(around(SPRING, shape=one, hours=hours), visit(1, "2027-03-14T03:00:00-04:00")) == []


def test_a_table_end_that_the_clock_repeats_is_read_with_fold_0():
    hours = Week((((30, 90),),) * 7)
    one = protocol(track("visit", "bare", (phase(1, 1, 1),)))
    assert broken(around(AUTUMN, shape=one, hours=hours), visit(1, "2026-11-01T01:00:00-04:00")) == []
    assert broken(around(AUTUMN, shape=one, hours=hours), visit(1, "2026-11-01T01:00:00-05:00")) == [(6, "visit", 1)]


def test_lord_howe_skips_half_an_hour_and_repeats_it():
    spring, autumn = date(2026, 10, 4), date(2027, 4, 4)
    problem = around(spring, LORD_HOWE, hours=NIGHT)
    found = [offer.start.strftime("%H:%M%z") for offer in openings(problem, BARE, spring, spring)]
    assert [start for start in found if "01:50" <= start[:5] <= "02:35"] == [
        "01:50+1030",
        "01:55+1030",
        "02:30+1100",
        "02:35+1100",
    ]
    problem = around(autumn, LORD_HOWE, hours=NIGHT)
    found = [offer.start.strftime("%H:%M%z") for offer in openings(problem, BARE, autumn, autumn)]
    assert [start for start in found if start.startswith(("01:30", "01:55", "02:00"))] == [
        "01:30+1100",
        "01:55+1100",
        "01:30+1030",
        "01:55+1030",
        "02:00+1030",
    ]


def test_the_preferred_time_is_a_wall_clock_time_on_both_sides_of_a_change():
    (answer,) = plan(around(date(2027, 3, 10), shape=weekly(100)), time_limit=5).courses
    assert [s.start.strftime("%H:%M%z") for s in answer.sessions] == ["09:00-0500", "09:00-0400"]


def test_a_hold_over_a_clock_change_lasts_its_minutes():
    stay = Visit(120, (0, 60), (HoldNeed("chair", 0, 120),))
    one = protocol(track("visit", "stay", (phase(1, 1, 1),)), visits={"stay": stay})
    problem = clinic(
        one,
        hours=NIGHT,
        resources=(Resource("chair-1", "chair"),),
        course=patient(earliest_start=SPRING, latest_start=SPRING),
    )
    starts = [offer.start for offer in openings(problem, stay, SPRING, SPRING)]
    # 00:00 to 05:00 is four hours long that night.
    assert (starts[0].strftime("%H:%M"), starts[-1].strftime("%H:%M")) == ("00:00", "03:00")


def test_datetimes_of_one_zone_are_compared_as_instants():
    """Two datetimes of one ZoneInfo would compare by the wall clock; 01:30 comes twice on 1 November 2026."""
    early, late = (visit(1, f"2026-11-01T01:30:00{offset}").start for offset in ("-04:00", "-05:00"))
    assert (late - early).total_seconds() == 3600
    problem = around(AUTUMN, hours=NIGHT)
    assert violations(problem, _answer(problem)) == []


def _answer(problem):
    return plan(problem, time_limit=5)


def test_a_moved_session_is_offered_by_elapsed_time_over_a_change():
    problem = around(date(2027, 3, 10), shape=weekly(168))
    fixed = (visit(1, "2027-03-10T09:00"), visit(2, "2027-03-17T12:00"))
    found = legal_starts(problem, "c1", "visit", 2, fixed=fixed, to_date=date(2027, 3, 17))
    assert found[0].start == datetime(2027, 3, 17, 14, 0, tzinfo=UTC)
