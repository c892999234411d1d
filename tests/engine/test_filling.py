"""How many courses fit by when, and the seat time that they and the bookings take."""

from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import (
    UNKNOWN,
    Booking,
    CoursePlan,
    Opening,
    Resource,
    Result,
    SeatMinutes,
    SeatTime,
    Week,
    closed_windows,
    fill,
    read_problem,
    write_problem,
    write_result,
)

from .cast import ALWAYS, DOSE, answer, at, clinic, patient, phase, protocol, session, span, track
from .generate import make
from .judging import judge

ONE_CHAIR = (Resource("chair-1", "chair"), Resource("nurse-1", "nurse", 1, ("rems",)))
ONCE = protocol(track(phases=(phase(1, 7, 1),)))
MORNINGS = Week.of({day: [("08:00", "10:20")] for day in ("mon", "tue", "wed")})
FIRST, SECOND = (date(2026, 12, 7), date(2026, 12, 13)), (date(2026, 12, 14), date(2026, 12, 20))


def never():
    return False


def referrals(count, **more):
    return tuple(patient(id=f"c{number}", latest_start=date(2026, 12, 31), **more) for number in range(1, count + 1))


def crowd(count, shape=ONCE, **more):
    return replace(clinic(shape, hours=MORNINGS, resources=ONE_CHAIR, **more), courses=referrals(count))


def answered(problem, filling):
    answers = [
        CoursePlan(course.id, "planned", filling.sessions[course.id], 0)
        if course.id in filling.sessions
        else CoursePlan(course.id, UNKNOWN)
        for course in problem.courses
    ]
    return write_result(Result(tuple(answers), 0))


def test_courses_start_in_the_earliest_window_that_has_room():
    """Two doses of 70 minutes a morning, three mornings a week."""
    problem = crowd(8)
    filling = fill(problem, [FIRST, SECOND], never)
    assert judge(write_problem(problem), answered(problem, filling))["violations"] == []
    weeks = {course_id: int(sessions[0].start.date() > FIRST[1]) for course_id, sessions in filling.sessions.items()}
    assert list(weeks.values()) == [0] * 6 + [1] * 2
    assert (filling.windows, filling.cut_short) == (weeks, False)


def test_courses_have_their_wished_hours_where_that_leaves_nobody_out():
    filling = fill(crowd(3), [FIRST], never)
    assert [sessions[0].start.hour for sessions in filling.sessions.values()] == [9, 9, 9]


def test_a_window_that_is_full_leaves_the_rest_out():
    filling = fill(crowd(8), [FIRST], never)
    assert list(filling.sessions) == ["c1", "c2", "c3", "c4", "c5", "c6"]


def test_a_course_of_another_kind_is_tried_though_the_window_is_full_for_one():
    problem = crowd(8)
    short = replace(DOSE, minutes=10, treatment=(0, 5), holds=())
    shapes = {**problem.protocols, "q": protocol(track(phases=(phase(1, 7, 1),)), visits={"dose": short})}
    problem = replace(problem, protocols=shapes, courses=(*problem.courses, replace(patient(id="last"), protocol="q")))
    assert list(fill(problem, [FIRST], never).sessions)[-1] == "last"


def test_bookings_are_not_moved():
    morning = Booking("chair-1", 0, at("2026-12-07T09:00"), at("2026-12-07T09:30"))
    assert len(fill(crowd(8, bookings=(morning,)), [FIRST], never).sessions) == 4


def test_whoever_has_no_time_is_told():
    filling = fill(crowd(2), [FIRST], lambda: True)
    assert (filling.sessions, filling.cut_short) == ({}, True)


@pytest.mark.parametrize("family", ["tms", "spravato", "primed"])
def test_what_fits_keeps_every_rule(family):
    document = make(1, families=[family], courses=4, load=0.4, long=False)
    problem = read_problem(document)
    windows = [(min(c.earliest_start for c in problem.courses), max(c.latest_start for c in problem.courses))]
    courses = tuple(replace(c, earliest_start=windows[0][0], latest_start=windows[0][1]) for c in problem.courses)
    problem = replace(problem, courses=courses)
    filling = fill(problem, windows, never)
    verdict = judge(write_problem(problem), answered(problem, filling))
    assert verdict["violations"] == []
    assert filling.sessions


def test_a_window_is_closed_where_even_an_empty_clinic_has_no_place():
    booked = Booking("chair-1", 0, at("2026-12-07T00:00"), at("2026-12-20T00:00"))
    days = tuple(date(2026, 12, day) for day in (14, 15, 16))
    problem = crowd(1, bookings=(booked,), closed_dates=days)
    assert closed_windows(problem, problem.courses[0], [FIRST, SECOND], never) == [SECOND]


# Seat time


def seats(problem, *placed):
    return SeatTime(problem, placed)


MONDAY = date(2026, 12, 7)


def test_a_seat_is_open_where_it_works_and_the_site_is_open():
    late = Week.of({"mon": [("16:00", "20:00")]})
    chair = Resource("chair-1", "chair", 2, hours=late, unavailable=(span("2026-12-07T17:00", "2026-12-07T17:30"),))
    problem = clinic(resources=(chair,))
    assert seats(problem).minutes(chair, MONDAY) == SeatMinutes(0, 2 * 90)
    assert seats(problem).minutes(chair, date(2026, 12, 8)) == SeatMinutes()


def test_closed_days_are_not_open_and_extra_openings_are():
    problem = clinic(closed_dates=(MONDAY, date(2026, 12, 8)), extra_openings=(Opening(MONDAY, 540, 600),))
    chair = problem.resources[0]
    assert seats(problem).minutes(chair, MONDAY) == SeatMinutes(0, 60)
    assert seats(problem).minutes(chair, date(2026, 12, 8)) == SeatMinutes()


def test_time_is_held_by_bookings_and_by_sessions_with_their_turnover():
    """A dose holds its chair for 70 minutes, its nurse for 20; what overlaps counts once."""
    booking = Booking("chair-1", 0, at("2026-12-07T09:30"), at("2026-12-07T10:30"))
    problem = clinic(bookings=(booking,))
    placed = (patient(), answer(session(1, "2026-12-07T09:00")).courses[0].sessions)
    chair, other, nurse = problem.resources[:3]
    found = seats(problem, placed)
    assert found.minutes(chair, MONDAY) == SeatMinutes(90, 600)
    assert found.minutes(nurse, MONDAY) == SeatMinutes(20, 600)
    assert found.minutes(other, MONDAY) == SeatMinutes(0, 600)
    assert found.minutes(chair, MONDAY, ((1 << 60) - 1) << 540) == SeatMinutes(60, 60)


def test_time_held_outside_the_open_hours_does_not_count():
    booking = Booking("chair-1", 0, at("2026-12-06T12:00"), at("2026-12-08T09:00"))
    problem = clinic(bookings=(booking,))
    chair = problem.resources[0]
    days = [date(2026, 12, day) for day in (6, 7, 8)]
    assert [seats(problem).minutes(chair, day) for day in days] == [
        SeatMinutes(),
        SeatMinutes(600, 600),
        SeatMinutes(60, 600),
    ]


@pytest.mark.parametrize(("day", "minutes"), [(date(2027, 3, 14), 23 * 60), (date(2027, 11, 7), 25 * 60)])
def test_a_day_on_which_the_clocks_change_has_the_minutes_it_has(day, minutes):
    problem = clinic(hours=ALWAYS)
    assert seats(problem).minutes(problem.resources[0], day) == SeatMinutes(0, minutes)


def test_the_share_of_nothing_is_nothing():
    assert (SeatMinutes().share, SeatMinutes(30, 60).plus(SeatMinutes(0, 60)).share) == (0.0, 0.25)
