"""Tiny random problems, searched exhaustively: the plan costs what the best of all legal plans costs."""

import itertools
import random
from datetime import date, timedelta

import pytest

from .exhaustive import (
    TooLarge,
    all_plans,
    best_plan,
    best_together,
    clash,
    every_combination,
    seat_time,
)
from .generate import replanned
from .judging import judge, planned
from .tiny import LINKS, tiny


def drawn(seed, *, tracks=1, given=False, links=None):
    """A problem and its best plan: the first of four problems that is tiny and has one, else one that has none."""
    without = tiny(seed, given=given)
    for attempt in range(seed * 4, seed * 4 + 4):
        document = tiny(attempt, tracks=tracks, given=given, links=links)
        try:
            best = best_plan(document, most=1_000)
        except TooLarge:
            continue
        if best is not None:
            return document, best
        without = document
    return without, best_plan(without)


def cost_of(best):
    return best and best["cost"]


def found_by_plan(document):
    """The cost that `plan` proves, None where it proves that there is no plan; judge and `check` agree with it."""
    written = planned(document)
    (answer,) = written["courses"]
    if answer["status"] == "infeasible":
        assert written["bound"] == written["cost"]
        return None
    assert answer["status"] == "planned"
    assert (answer["optimal"], written["bound"]) == (True, answer["cost"])
    return answer["cost"]


@pytest.mark.parametrize("seed", range(200))
def test_one_track_costs_what_the_best_of_all_plans_costs(seed):
    document, best = drawn(seed)
    assert found_by_plan(document) == cost_of(best)


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("seed", range(30))
def test_a_link_of_each_type_costs_what_the_best_of_all_plans_costs(kind, seed):
    document, best = drawn(10_000 + seed, tracks=2, links=[kind])
    assert found_by_plan(document) == cost_of(best)


@pytest.mark.parametrize("seed", range(100))
def test_three_tracks_with_mixed_links_cost_what_the_best_of_all_plans_costs(seed):
    document, best = drawn(20_000 + seed, tracks=3)
    assert found_by_plan(document) == cost_of(best)


@pytest.mark.parametrize("tracks", [1, 2, 3])
@pytest.mark.parametrize("seed", range(60))
def test_sessions_given_anywhere_cost_what_the_best_of_all_plans_costs(seed, tracks):
    """Locked and current sessions out of order, out of their windows, at odd minutes, on seats that are gone."""
    document, best = drawn(30_000 + seed, tracks=tracks, given=True)
    assert found_by_plan(document) == cost_of(best)


@pytest.mark.parametrize("tracks", [1, 2, 3])
@pytest.mark.parametrize("seed", range(60))
def test_replanning_costs_what_the_best_of_all_plans_costs(seed, tracks):
    """What is past stays, one session may have been missed, the rest is booked now, and one resource goes out."""
    document, best = drawn(40_000 + seed, tracks=tracks)
    if best is not None:
        done = random.Random(seed).choice([0, 0.3, 0.5, 0.8])
        document = replanned(document, {"courses": [best]}, seed, done)
    assert found_by_plan(document) == cost_of(best_plan(document))


@pytest.mark.parametrize("seed", range(120))
def test_several_courses_claim_only_what_is_true(seed):
    """The bound lies below the best of all joint plans; `optimal` and `infeasible` hold beside the other courses."""
    rng = random.Random(seed)
    document = tiny(50_000 + seed, courses=rng.choice([2, 3]), tracks=rng.choice([1, 1, 2]), given=rng.random() < 0.3)
    ways = [all_plans(document, course) for course in document["courses"]]
    written = planned(document)
    assert written["bound"] <= best_together(ways) <= written["cost"]
    for own, answer in zip(ways, written["courses"], strict=True):
        held = [entry for other in written["courses"] if other is not answer for entry in seat_time(document, other)]
        beside = [cost for cost, spots in own if not clash([t for s in spots for t in s.taken], held)]
        assert answer["status"] == ("planned" if beside else "infeasible")
        if answer["status"] == "planned" and answer["optimal"]:
            assert answer["cost"] == beside[0]


@pytest.mark.parametrize("seed", range(30))
def test_the_exhaustive_search_misses_no_plan_that_the_judge_would_accept(seed):
    """All starts on all seats, whole plans only: here the judge alone says which of them are legal."""
    document = untried(seed)
    legal = []
    for written in every_combination(document):
        verdict = judge(document, written)
        legal += [] if verdict["violations"] else [verdict["cost"]]
    assert cost_of(best_plan(document)) == min(legal, default=None)


def untried(seed):
    """A problem of few starts and one or two free sessions."""
    for attempt in itertools.count(60_000 + seed * 1_000):
        document = tiny(attempt, tracks=1 + attempt % 2, given=attempt % 3 > 0)
        document["site"]["grid_minutes"] = 240
        (course,) = document["courses"]
        first = date.fromisoformat(course["earliest_start"])
        document["horizon_end"] = (first + timedelta(days=2)).isoformat()
        try:
            next(every_combination(document))
        except TooLarge:
            continue
        if best_plan(document) is not None or seed % 4 == 0:
            return document
    raise AssertionError
