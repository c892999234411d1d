"""Each part of the cost, counted by hand and by the judge."""

from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import CostParts, CoursePlan, Result, cost, write_problem, write_result

from .cast import EVERY_DAY, answer, at, clinic, link, patient, phase, protocol, session, track, two_tracks
from .judging import judge

ONE, TWO = session(1, "2026-12-07T09:00"), session(2, "2026-12-09T09:00")


def parts(problem, *sessions):
    result = answer(*sessions)
    found = cost(problem, result)
    verdict = judge(write_problem(problem), write_result(result))
    assert verdict["parts"] == {name: getattr(found, name) for name in verdict["parts"]}
    assert verdict["cost"] == found.total
    return found


def test_length_and_spread_of_a_plain_course():
    assert parts(clinic(), ONE, TWO) == CostParts(length=8, spread=9)


def test_start_counts_days_after_the_earliest():
    later = (session(1, "2026-12-09T09:00"), session(2, "2026-12-11T09:00"))
    assert parts(clinic(), *later) == CostParts(start=20, length=8, spread=9)


def test_start_costs_nothing_before_the_earliest():
    given = session(1, "2026-12-03T09:00")
    assert parts(clinic(course=patient(locked=(given,))), given, TWO).start == 0


@pytest.mark.parametrize(("start", "points"), [("09:05", 1), ("08:55", 1), ("10:00", 12), ("08:00", 12)])
def test_time_counts_full_grid_steps_either_way(start, points):
    assert parts(clinic(), ONE, session(2, f"2026-12-09T{start}")).time == points


def test_time_rounds_a_step_down():
    assert parts(clinic(grid=30, course=patient(preferred_time=550)), ONE, TWO).time == 0


def test_time_is_free_for_locked_sessions():
    given = session(1, "2026-12-07T15:00")
    assert parts(clinic(course=patient(locked=(given,))), given, TWO).time == 0


@pytest.mark.parametrize(
    ("per_period", "gap", "points"), [(1, 7, 0), (1, 9, 6), (2, 3, 3), (2, 4, 3), (3, 2, 3), (4, 2, 0)]
)
def test_spread_asks_for_even_gaps_in_phases_of_one_to_three(per_period, gap, points):
    shape = protocol(track(phases=(phase(1, 7, per_period, slip_days=30),)))
    days = [7 + i * gap for i in range(per_period)]
    if per_period == 1:
        shape, days = protocol(track(phases=(phase(2, 7, 1, slip_days=30),))), [7, 7 + gap]
    placed = [session(i + 1, f"2026-12-{day:02d}T09:00") for i, day in enumerate(days)]
    assert parts(clinic(shape, hours=EVERY_DAY), *placed).spread == points * (len(placed) - 1)


def test_spread_is_not_counted_across_phases():
    shape = protocol(track(phases=(phase(1, 7, 1), phase(1, 7, 1, name="b"))))
    assert parts(clinic(shape), ONE, session(2, "2026-12-14T09:00")).spread == 0


def on(number, start, chair):
    return session(number, start, holds=(("chair", chair, 0), ("nurse", "nurse-1", 0)))


def test_continuity_counts_each_change_of_resource():
    shape = protocol(track(continuity="chair", phases=(phase(per_period=3),)))
    placed = [
        on(1, "2026-12-07T09:00", "chair-1"),
        on(2, "2026-12-09T09:00", "chair-2"),
        on(3, "2026-12-11T09:00", "chair-1"),
    ]
    assert parts(clinic(shape), *placed).continuity == 16


def test_continuity_skips_a_visit_without_such_a_hold():
    phases = (phase(1, 1, 1), phase(1, 1, 1, name="b", visit="bare"), phase(1, 1, 1, name="c"))
    shape = protocol(track(continuity="chair", phases=phases))
    placed = [
        on(1, "2026-12-07T09:00", "chair-1"),
        session(2, "2026-12-08T09:00", holds=()),
        on(3, "2026-12-09T09:00", "chair-2"),
    ]
    assert parts(clinic(shape), *placed).continuity == 0


def test_continuity_counts_pairs_of_locked_sessions_too():
    shape = protocol(track(continuity="chair"))
    placed = [on(1, "2026-12-07T09:00", "chair-1"), on(2, "2026-12-09T09:00", "chair-2")]
    assert parts(clinic(shape, course=patient(locked=tuple(placed))), *placed).continuity == 8


@pytest.mark.parametrize(
    ("was", "points"), [("2026-12-09T09:00", 0), ("2026-12-09T10:00", 1000), ("2026-12-10T09:00", 1200)]
)
def test_moved_costs_more_on_another_date(was, points):
    problem = clinic(course=patient(current=(session(2, was),)))
    assert parts(problem, ONE, TWO).moved == points


def test_a_session_that_only_changes_its_seat_has_not_moved():
    problem = clinic(course=patient(current=(on(2, "2026-12-09T09:00", "chair-2"),)))
    assert parts(problem, ONE, TWO).moved == 0


def test_length_counts_to_the_last_session_of_any_track():
    problem = clinic(two_tracks(link("apart", tracks=("ket", "tms")), one=1, two=1))
    placed = [session(1, "2026-12-07T09:00", "ket"), session(1, "2026-12-11T09:00", "tms")]
    assert parts(problem, *placed) == CostParts(length=16)


def test_a_course_without_a_plan_costs_a_million_and_nothing_else():
    problem = clinic()
    problem = replace(problem, courses=(*problem.courses, patient(id="c2", earliest_start=date(2026, 12, 1))))
    result = Result((CoursePlan("c1", "planned", (ONE, TWO), 17), CoursePlan("c2", "unknown")), 1_000_017)
    assert cost(problem, result) == CostParts(length=8, spread=9, unplanned=1_000_000)
    assert judge(write_problem(problem), write_result(result))["cost"] == 1_000_017


def test_days_are_counted_on_the_local_calendar_across_a_clock_change():
    """Saturday to Monday over 14 March 2027 is 47 hours, and two days."""
    shape = protocol(track(phases=(phase(1, 7, 2),)))
    course = patient(earliest_start=date(2027, 3, 13), latest_start=date(2027, 3, 13))
    placed = [session(1, "2027-03-13T09:00"), session(2, "2027-03-15T09:00")]
    assert (at("2027-03-15T09:00").timestamp() - at("2027-03-13T09:00").timestamp()) / 3600 == 47
    assert parts(clinic(shape, hours=EVERY_DAY, course=course), *placed) == CostParts(length=8, spread=9)
