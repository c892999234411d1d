"""Dates alone: what `reach` rules out has no plan, and what has a plan is never ruled out."""

from __future__ import annotations

import pytest

from scheduling.engine import plan, read_problem
from scheduling.engine.options import chains_of
from scheduling.engine.reach import Reach, dates_in
from scheduling.engine.seats import Board
from scheduling.engine.timeline import Timeline, reach_of

from .generate import LINKED, SINGLE, make


def reaches(problem):
    first, last, tail = reach_of(problem)
    board = Board(problem, Timeline(problem, first, last, tail))
    horizon = problem.horizon_end.toordinal()
    return [Reach(chain, horizon) for chain in chains_of(problem, problem.courses[0], board)]


@pytest.mark.parametrize("seed", range(24))
def test_every_date_of_a_plan_is_within_reach_from_both_ends(seed):
    families = [family for family in SINGLE + LINKED if family != "saint"]
    problem = read_problem(make(31000 + seed, [families[seed % len(families)]], False, 1, (0.1, 0.2, 0.4)[seed % 3]))
    (answer,) = plan(problem, time_limit=10).courses
    assert answer.planned
    found = reaches(problem)
    zone = problem.site.zone
    day = {session.key: session.start.astimezone(zone).date().toordinal() for session in answer.sessions}
    start = day[problem.protocol_of(problem.courses[0]).tracks[0].name, 1]
    for reach in found:
        forwards, backwards = reach.forwards(start), reach.backwards(start)
        assert reach.is_possible(start)
        for step, ahead, behind in zip(reach.chain.steps, forwards, backwards, strict=True):
            at = day[reach.chain.track.name, step.number] - reach.base
            assert ahead >> at & 1
            assert behind >> at & 1


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
