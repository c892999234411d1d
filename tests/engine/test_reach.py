"""Dates alone: what `reach` rules out has no plan, and what has a plan is never ruled out."""

from __future__ import annotations

from scheduling.engine import plan, read_problem
from scheduling.engine.options import chains_of
from scheduling.engine.refusal.reach import Reach, dates_in
from scheduling.engine.seats import Board
from scheduling.engine.timeline import Timeline, reach_of

from .generate import LINKED, SINGLE, make


def reaches(problem):
    first, last, tail = reach_of(problem)
    board = Board(problem, Timeline(problem, first, last, tail))
    horizon = problem.horizon_end.toordinal()
    return [Reach(chain, horizon) for chain in chains_of(problem, problem.courses[0], board)]


def test_every_date_of_a_plan_is_within_reach_from_both_ends():
    planned = 0
    for seed in range(24):
        problem = read_problem(make(31000 + seed, [(SINGLE + LINKED)[seed % 10]], False, 1, (0.1, 0.2, 0.4)[seed % 3]))
        (answer,) = plan(problem, time_limit=10).courses
        if answer.planned:
            planned += 1
            check_reach(problem, answer)
    assert planned >= 18


def check_reach(problem, answer):
    zone = problem.site.zone
    day = {session.key: session.start.astimezone(zone).date().toordinal() for session in answer.sessions}
    start = day[problem.protocol_of(problem.courses[0]).tracks[0].name, 1]
    for reach in reaches(problem):
        assert reach.is_possible(start)
        both = zip(reach.chain.steps, reach.forwards(start), reach.backwards(start), strict=True)
        for step, ahead, behind in both:
            at = day[reach.chain.track.name, step.number] - reach.base
            assert (ahead >> at & 1, behind >> at & 1) == (1, 1)


def test_courses_that_dates_alone_rule_out_are_refused():
    ruled_out = []
    for seed in range(24):
        problem = read_problem(make(32000 + seed, [SINGLE[seed % 6]], False, 1, 0.95))
        course, found = problem.courses[0], reaches(problem)
        starts = range(course.earliest_start.toordinal(), course.latest_start.toordinal() + 1)
        if not any(reach.is_possible(start) for start in starts for reach in found):
            ruled_out.append(plan(problem, time_limit=10).courses[0].status)
    assert set(ruled_out) == {"infeasible"}
    assert len(ruled_out) >= 5


def test_a_set_of_dates_is_read_from_its_bits():
    assert list(dates_in(0b101001)) == [0, 3, 5]
