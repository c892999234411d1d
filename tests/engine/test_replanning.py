"""Courses that are booked already: as few sessions move as possible, and nothing moves without a reason."""

from datetime import datetime
from functools import cache

import pytest

from scheduling.engine import plan, read_problem

from .judging import planned
from .replans import disturbed, running


@cache
def clinic_at_work():
    return running(8, ("spravato", "ketamine"), courses=16, rooms=2, load=0.1, long=False)


def moves(document, written):
    """By course, the booked sessions that start at another time."""
    answers = {answer["id"]: answer for answer in written["courses"]}
    out = {}
    for course in document["courses"]:
        starts = {(s["track"], s["number"]): s["start"] for s in answers[course["id"]]["sessions"]}
        booked = {(s["track"], s["number"]): s["start"] for s in course.get("current", [])}
        out[course["id"]] = [key for key, start in booked.items() if instant(start) != instant(starts[key])]
    return out


def instant(text):
    return datetime.fromisoformat(text)


def test_nothing_moves_where_nothing_has_to():
    document, result = clinic_at_work()
    later = {**disturbed(document, result), "resources": document["resources"]}
    written = planned(later, time_limit=30)
    assert not any(moves(later, written).values())
    assert written["cost"] == written["bound"]
    assert all(answer["optimal"] for answer in written["courses"])


@pytest.mark.parametrize("kind", ["clinician", "chair", "monitor"])
def test_after_an_outage_no_more_sessions_move_than_it_hits(kind):
    document, result = clinic_at_work()
    later = disturbed(document, result, 3, kind=kind, days=3)
    hit = outage_hits(document, later)
    moved = moves(later, planned(later, time_limit=30))
    assert sum(map(len, moved.values())) <= len(hit)


def outage_hits(document, later):
    """The booked sessions that hold the resource which is out, while it is out."""
    (out,) = [r for r, old in zip(later["resources"], document["resources"], strict=True) if r != old]
    begin, end = map(instant, out["unavailable"][-1])
    return [
        (course["id"], session["number"])
        for course in later["courses"]
        for session in course.get("current", [])
        if begin.date() <= instant(session["start"]).date() <= end.date()
        and any(hold["resource"] == out["id"] for hold in session["holds"])
    ]


@pytest.mark.parametrize("seed", [1, 3, 4, 5])
def test_a_missed_session_of_a_daily_course_is_planned_again_and_proven(seed):
    """Five a week and the next week full: many sessions move up, and no plan moves fewer."""
    document, result = running(seed, ("tms",), load=0.3)
    later = disturbed(document, result, seed, missed=1.0)
    answer = planned(later, time_limit=20)
    assert [course["status"] for course in answer["courses"]] == ["planned"]
    assert answer["cost"] == answer["bound"]


def test_an_outage_and_missed_sessions_of_many_courses_are_planned_together():
    document, result = clinic_at_work()
    later = disturbed(document, result, 5, kind="clinician", missed=0.3)
    written = planned(later, time_limit=30)
    assert [answer["status"] for answer in written["courses"]] == ["planned"] * len(later["courses"])
    assert written["bound"] <= written["cost"]


def test_replanning_gives_the_same_answer_again():
    document, result = clinic_at_work()
    problem = read_problem(disturbed(document, result, 7, missed=0.3))
    one, two = (plan(problem, time_limit=60, seed=1) for _ in range(2))
    assert (one.courses, one.cost, one.bound) == (two.courses, two.cost, two.bound)
