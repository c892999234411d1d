"""One session where a person wants it: the rest of its course is planned around it, with as few moves as can be."""

import itertools
import random
from datetime import datetime

import pytest

from scheduling.engine import INFEASIBLE, Around, Result, read_problem, write_result

from .exhaustive import TooLarge, Trial, best_plan
from .generate import replanned
from .judging import judge
from .replans import running
from .tiny import tiny


def asked(document, rng):
    """The document without one of its booked sessions, and that session."""
    (course,) = document["courses"]
    session = rng.choice(course["current"])
    left = [other for other in course["current"] if other is not session]
    return {**document, "courses": [{**course, "current": left}]}, session


def tiny_at_work(seed, tracks):
    """A tiny course that is booked, some of it past, of which one session is asked about; and all its legal plans."""
    rng = random.Random(seed)
    for attempt in itertools.count(70_000 + seed * 100):
        drawn = tiny(attempt, tracks=tracks)
        try:
            best = best_plan(drawn, most=200)
            document = best and replanned(drawn, {"courses": [best]}, seed, rng.choice([0, 0.3]))
            if document and document["courses"][0].get("current"):
                document, session = asked(document, rng)
                trial = Trial(document, document["courses"][0], only_best=False, most=500).run()
                if trial.found:
                    return document, (session["track"], session["number"]), trial.found
        except TooLarge:
            continue
    raise AssertionError("unreachable")


@pytest.mark.parametrize("tracks", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5, 6, 7, 8, 9, 10])
def test_each_start_costs_what_the_best_of_all_plans_with_it_costs(seed, tracks):
    document, key, plans = tiny_at_work(seed, tracks)
    best: dict[datetime, int] = {}
    for cost, spots in plans:
        start = next(spot.begin for spot in spots if spot.key == key)
        best[start] = min(cost, best.get(start, cost))
    around = Around(read_problem(document), time_limit=60)
    starts = around.open_starts(key)
    assert set(best) <= set(starts)
    for start in starts:
        plan = around.plan({key: start})
        if start not in best:
            assert plan.status == INFEASIBLE
            continue
        assert (plan.cost, plan.optimal) == (best[start], True)
        written = write_result(Result((plan,), best[start]))
        assert judge(document, written)["violations"] == []
        booked = {(s["track"], s["number"]): s["start"] for s in document["courses"][0]["current"]}
        moved = sum(datetime.fromisoformat(booked[at.key]) != at.start for at in plan.sessions if at.key in booked)
        assert around.plan({key: start}, most=moved) == plan


@pytest.mark.parametrize("family", ["tms", "spravato", "combined", "after_series"])
def test_the_judge_accepts_every_plan_and_the_session_starts_where_it_was_put(family):
    document, result = next(
        drawn for drawn in (running(n, [family]) for n in range(9)) if "sessions" in drawn[1]["courses"][0]
    )
    sessions = sorted(result["courses"][0]["sessions"], key=lambda session: session["start"])
    third = len(sessions) // 3
    (course,) = document["courses"]
    course["locked"], course["current"] = sessions[:third], sessions[third:]
    document, session = asked({**document, "now": sessions[third]["start"]}, random.Random(3))
    key, was = (session["track"], session["number"]), datetime.fromisoformat(session["start"])
    around = Around(read_problem(document), time_limit=60)
    near = [start for start in around.open_starts(key) if abs((start - was).days) <= 3]
    planned = 0
    for start in random.Random(family).sample(near, min(len(near), 30)):
        plan = around.plan({key: start})
        if plan.planned:
            planned += 1
            assert next(at.start for at in plan.sessions if at.key == key) == start
            assert judge(document, write_result(Result((plan,), plan.cost or 0)))["violations"] == []
    assert planned


def test_a_start_that_is_not_open_has_no_plan():
    document, key, plans = tiny_at_work(1, 1)
    start = plans[0][1][0].begin.replace(second=30)
    assert Around(read_problem(document), time_limit=60).plan({key: start}).status == INFEASIBLE


def test_a_plan_with_many_more_moves_than_wanted_is_not_looked_for():
    """A daily course of five in seven days: a day later for one is a day later for all after it."""
    document, result = running(0, ["tms"])
    sessions = sorted(result["courses"][0]["sessions"], key=lambda session: session["start"])
    third, asked_about = sessions[:3], sessions[3]
    (course,) = document["courses"]
    course["locked"], course["current"] = third, sessions[4:]
    around = Around(read_problem({**document, "now": asked_about["start"]}), time_limit=60)
    key = ("tms", 4)
    found = {}
    for start in around.open_starts(key)[::16]:
        plan = around.plan({key: start})
        if plan.planned:
            found[start] = sum(
                at.start != booked.start
                for at in plan.sessions
                for booked in around.course.current
                if at.key == booked.key
            )
    assert max(found.values()) > 4
    for start, moved in found.items():
        assert around.plan({key: start}, most=1).planned == (moved <= 1)
