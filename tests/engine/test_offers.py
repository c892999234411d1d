"""Times to choose from: legal starts of one session, and openings of a visit type."""

from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import check, legal_starts, openings, plan, read_problem, seats_on

from .cast import (
    BARE,
    DOSE,
    EVERY_DAY,
    answer,
    at,
    booking,
    clinic,
    link,
    patient,
    phase,
    protocol,
    session,
    track,
    two_tracks,
)
from .generate import LINKED, SINGLE, make

MONDAY, TUESDAY = date(2026, 12, 7), date(2026, 12, 8)


def clock(offers):
    return [offer.start.strftime("%d %H:%M") for offer in offers]


def test_openings_are_all_free_starts_of_a_visit_in_a_span_of_dates():
    taken = (
        booking("nurse-1", "2026-12-07T08:00", "2026-12-07T16:00"),
        booking("nurse-1", "2026-12-08T08:30", "2026-12-08T18:00"),
    )
    found = openings(clinic(grid=30, bookings=taken), DOSE, MONDAY, TUESDAY)
    assert clock(found) == ["07 16:00", "07 16:30", "08 08:00"]
    assert [(hold.kind, hold.resource, hold.seat) for hold in found[0].holds] == [
        ("chair", "chair-1", 0),
        ("nurse", "nurse-1", 0),
    ]


def test_openings_leave_out_what_is_past_and_what_courses_hold():
    held = patient(locked=(session(1, "2026-12-07T11:00"),), current=(session(2, "2026-12-07T13:00"),))
    problem = clinic(grid=60, course=held, now=at("2026-12-07T09:01"))
    assert clock(openings(problem, DOSE, MONDAY, MONDAY)) == [
        "07 10:00",
        "07 12:00",
        "07 14:00",
        "07 15:00",
        "07 16:00",
    ]


def test_openings_of_no_dates_are_none():
    assert openings(clinic(), BARE, TUESDAY, MONDAY) == []


def test_a_session_moves_within_its_window_and_gaps():
    shape = protocol(track(phases=(phase(1, 4, 3, least=20, slip_days=1),)))
    fixed = (session(1, "2026-12-07T09:00"), session(2, "2026-12-08T12:00"), session(3, "2026-12-10T12:00"))
    found = legal_starts(clinic(shape, grid=240, hours=EVERY_DAY), "c1", "dose", 2, fixed=fixed)
    assert clock(found) == ["08 08:00", "08 12:00", "08 16:00", "09 08:00", "09 12:00", "09 16:00"]


def test_a_move_keeps_the_links_of_other_tracks():
    """A later infusion on Tuesday would leave Wednesday's stimulation without its 24 hours."""
    shape = two_tracks(link("window", track="tms", after="ket", min_hours=24, max_hours=48), one=1, two=1)
    fixed = (session(1, "2026-12-08T09:00", "ket"), session(1, "2026-12-09T12:00", "tms"))
    problem = clinic(shape, grid=60, hours=EVERY_DAY, course=patient(current=fixed, latest_start=TUESDAY))
    found = legal_starts(problem, "c1", "ket", 1, from_date=TUESDAY)
    assert clock(found) == ["08 08:00", "08 09:00", "08 10:00", "08 11:00"]


def test_a_session_may_stay_on_its_own_seats_but_not_on_its_siblings():
    shape = protocol(track("a", "dose", (phase(1, 1, 1),)), track("b", "dose", (phase(1, 1, 1),)))
    holds = (("chair", "chair-1", 0), ("nurse", "nurse-1", 0))
    fixed = (session(1, "2026-12-07T09:00", "a", holds), session(1, "2026-12-07T12:00", "b", holds))
    found = legal_starts(clinic(shape, grid=60, course=patient(current=fixed)), "c1", "b", 1)
    assert clock(found) == [f"07 {hour:02d}:00" for hour in (8, 10, 11, 12, 13, 14, 15, 16)]


def test_a_session_that_is_unknown_or_siblings_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="course c1 has no session dose 3"):
        legal_starts(clinic(), "c1", "dose", 3)
    with pytest.raises(ValueError, match="fixed lacks the session dose 1 of course c1"):
        legal_starts(clinic(), "c1", "dose", 2)


def test_where_a_session_may_sit_is_said_by_resource_with_its_other_seats():
    """Chair 2 is taken until three, the one nurse at noon; windows and gaps are not asked."""
    taken = (
        booking("chair-2", "2026-12-07T08:00", "2026-12-07T15:00"),
        booking("nurse-1", "2026-12-07T12:00", "2026-12-07T13:00"),
    )
    problem = clinic(grid=60, bookings=taken, now=at("2026-12-07T10:01"))
    fixed = (session(1, "2026-12-01T09:00"),)
    found = seats_on(problem, "c1", "dose", 2, "chair", fixed=fixed, from_date=MONDAY, to_date=MONDAY)
    hours = {chair: clock(offers) for chair, offers in found.items()}
    assert hours == {
        "chair-1": ["07 11:00", "07 13:00", "07 14:00", "07 15:00", "07 16:00"],
        "chair-2": ["07 15:00", "07 16:00"],
    }
    assert [(hold.kind, hold.resource) for hold in found["chair-2"][0].holds] == [
        ("chair", "chair-2"),
        ("nurse", "nurse-1"),
    ]
    assert seats_on(problem, "c1", "dose", 2, "laser", fixed=fixed, from_date=MONDAY, to_date=MONDAY) == {}
    assert seats_on(problem, "c1", "dose", 2, "chair", fixed=fixed, from_date=TUESDAY, to_date=MONDAY) == {}


@pytest.mark.parametrize("family", SINGLE + LINKED)
def test_every_start_offered_makes_a_legal_plan_and_its_own_is_among_them(family):
    problem = read_problem(make(11, families=[family], load=0.3, long=False, zone="America/New_York"))
    (course,) = plan(problem, time_limit=10).courses
    if not course.planned:
        return
    for moved in (course.sessions[0], course.sessions[len(course.sessions) // 2], course.sessions[-1]):
        offers = legal_starts(problem, "c1", moved.track, moved.number, fixed=course.sessions)
        assert moved.start in [offer.start for offer in offers]
        for offer in offers[:: max(len(offers) // 8, 1)]:
            changed = replace(moved, start=offer.start, holds=offer.holds)
            sessions = [changed if s.key == moved.key else s for s in course.sessions]
            assert check(problem, answer(*sessions)) == []
