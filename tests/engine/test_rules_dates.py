"""Rules 1, 2, 3 and 9: numbers, the start, windows, locked sessions."""

from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import CoursePlan, Result

from .cast import answer, at, broken, clinic, patient, phase, protocol, session, track, violations, with_course

ONE, TWO = session(1, "2026-12-07T09:00"), session(2, "2026-12-09T09:00")


def test_a_plan_that_keeps_every_rule_has_no_violation():
    assert broken(clinic(), ONE, TWO) == []


def test_a_missing_session_breaks_rule_1():
    assert broken(clinic(), ONE) == [(1, "dose", 2)]


def test_a_session_that_the_protocol_does_not_have_breaks_rule_1():
    assert broken(clinic(), ONE, TWO, session(3, "2026-12-10T09:00")) == [(1, "dose", 3)]


def test_a_session_placed_twice_breaks_rule_1():
    assert broken(clinic(), ONE, TWO, session(2, "2026-12-10T09:00")) == [(1, "dose", 2)]


def test_numbers_run_on_through_phases_and_waiting_phases_only_take_time():
    shape = track(phases=(phase(2, 7, 2), phase(1, 10, 0), phase(1, 7, 1, name="last", slip_days=2)))
    assert [(s.number, s.phase, s.offset, s.days) for s in shape.slots] == [
        (1, 0, 0, 7),
        (2, 0, 0, 7),
        (3, 0, 7, 7),
        (4, 0, 7, 7),
        (5, 2, 24, 9),
    ]


def test_a_result_that_leaves_a_course_out_or_adds_one_is_named():
    result = Result((CoursePlan("c2", "unknown"),), 0)
    assert [(v.rule, v.course) for v in violations(clinic(), result)] == [(0, "c1"), (0, "c2")]


@pytest.mark.parametrize("start", ["2026-12-04", "2026-12-14"])
def test_a_start_outside_its_dates_breaks_rule_2(start):
    assert (2, "dose", 1) in broken(clinic(), session(1, f"{start}T09:00"), session(2, "2026-12-16T09:00"))


def test_a_locked_first_session_sets_the_start_whatever_the_dates_say():
    given = session(1, "2026-12-01T09:00")
    problem = clinic(course=patient(locked=(given,)))
    assert broken(problem, given, session(2, "2026-12-04T09:00")) == []


def test_a_session_before_the_start_day_breaks_rules_2_and_3():
    shape = protocol(track(phases=(phase(per_period=1),)), track("more", "bare", (phase(per_period=1),)))
    early = session(1, "2026-12-07T12:00", "more")
    assert broken(clinic(shape), session(1, "2026-12-08T09:00"), early) == [(2, "more", 1), (3, "more", 1)]


def test_the_horizon_is_the_last_date():
    assert broken(clinic(horizon_end=date(2026, 12, 9)), ONE, TWO) == []
    assert broken(clinic(horizon_end=date(2026, 12, 8)), ONE, TWO) == [(2, "dose", 2)]


def test_now_itself_is_not_past():
    assert broken(clinic(now=at("2026-12-07T09:00")), ONE, TWO) == []
    assert broken(clinic(now=at("2026-12-07T09:01")), ONE, TWO) == [(2, "dose", 1)]


def test_a_window_ends_with_its_period_and_slip():
    late = session(2, "2026-12-15T09:00")
    assert broken(clinic(), ONE, late) == [(3, "dose", 2)]
    assert broken(clinic(protocol(track(phases=(phase(slip_days=2),)))), ONE, late) == []


def test_a_window_begins_with_its_period():
    shape = protocol(track(phases=(phase(2, 7, 1),)))
    assert broken(clinic(shape), ONE, session(2, "2026-12-11T09:00")) == [(3, "dose", 2)]
    assert broken(clinic(shape), ONE, session(2, "2026-12-14T09:00")) == []


def test_first_day_moves_a_track_later():
    shape = protocol(track(phases=(phase(per_period=1),)), track("more", "bare", (phase(1, 1, 1),), first_day=2))
    assert broken(clinic(shape), ONE, session(1, "2026-12-09T12:00", "more")) == []
    assert broken(clinic(shape), ONE, session(1, "2026-12-08T12:00", "more")) == [(3, "more", 1)]


def test_shift_days_move_both_ends_of_a_window():
    problem = clinic(course=patient(locked=(ONE,), shift_days=3))
    assert broken(problem, ONE, session(2, "2026-12-16T09:00")) == []
    assert broken(problem, ONE, session(2, "2026-12-09T09:00")) == [(3, "dose", 2)]


def test_locked_sessions_are_not_judged_but_must_stay():
    given = replace(ONE, start=at("2026-12-05T03:07"))
    problem = clinic(course=patient(locked=(given,), shift_days=5))
    assert broken(problem, given, session(2, "2026-12-11T09:00")) == []
    moved = replace(given, start=at("2026-12-05T03:12"))
    assert (9, "dose", 1) in broken(problem, moved, session(2, "2026-12-11T09:00"))


def test_a_locked_session_on_another_seat_breaks_rule_9():
    problem = clinic(course=patient(locked=(ONE,)))
    other = session(1, "2026-12-07T09:00", holds=(("chair", "chair-2", 0), ("nurse", "nurse-1", 0)))
    assert broken(problem, other, TWO) == [(9, "dose", 1)]


def test_a_locked_session_keeps_seats_where_its_course_stays_unplanned():
    problem = clinic(course=patient(locked=(ONE,)))
    free = patient(id="c2", earliest_start=date(2026, 12, 7))
    problem = replace(problem, courses=(*problem.courses, free))
    theirs = CoursePlan("c2", "planned", (ONE, TWO), 0)
    result = Result((CoursePlan("c1", "infeasible"), theirs), 0)
    found = [(v.course, v.rule, v.number, v.resource) for v in violations(problem, result)]
    assert found == [("c2", 7, 1, "chair-1"), ("c2", 7, 1, "nurse-1")]


def test_current_sessions_of_an_unplanned_course_hold_nothing():
    problem = with_course(clinic(), current=(ONE,))
    problem = replace(problem, courses=(*problem.courses, patient(id="c2")))
    result = Result((CoursePlan("c1", "unknown"), CoursePlan("c2", "planned", (ONE, TWO), 0)), 0)
    assert violations(problem, result) == []


def test_a_violation_names_course_session_rule_and_time():
    (found,) = violations(clinic(horizon_end=date(2026, 12, 8)), answer(ONE, TWO))
    assert (found.course, found.track, found.number, found.rule) == ("c1", "dose", 2, 2)
    assert (found.time, found.message) == (TWO.start, "dose 2 lies on 2026-12-09, after the horizon")
