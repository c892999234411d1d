"""Courses that are booked already: as few sessions move as possible, and nothing moves without a reason."""

from dataclasses import replace
from datetime import date, datetime
from functools import cache

import pytest

from scheduling.engine import Resource, least_moves, plan, read_problem

from .cast import clinic, patient, phase, protocol, session, span, track
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


@pytest.mark.parametrize("seed", range(6))
def test_the_fewest_moves_are_never_counted_too_high(seed):
    document, result = clinic_at_work()
    kind = ("clinician", "chair", "monitor")[seed % 3]
    later = disturbed(document, result, seed, kind=kind, days=1 + seed % 3)
    problem = read_problem(later)
    answer = plan(problem, time_limit=30, seed=seed, reasons=False)
    starts = {(course.id, at.key): at.start for course in problem.courses for at in course.current}
    placed = {(course.id, at.key): at.start for course in answer.courses for at in course.sessions}
    assert all(course.planned for course in answer.courses)
    assert least_moves(problem) <= sum(placed[key] != start for key, start in starts.items())


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


def test_what_cannot_all_stay_is_in_the_bound():
    """Three are booked at 09:00 on three chairs, and one chair goes out: one of them must move, whoever it is."""
    day = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
    once = protocol(track("visit", "dose", (phase(1, 1, 1),)))
    chairs = tuple(Resource(f"chair-{i}", "chair") for i in (1, 2, 3))
    nurses = tuple(Resource(f"nurse-{i}", "nurse", 1, ("rems",)) for i in (1, 2, 3))
    out = replace(chairs[2], unavailable=(span("2026-12-07T00:00", "2026-12-08T00:00"),))
    courses = tuple(
        patient(
            id=f"c{i}",
            current=(
                session(1, "2026-12-07T09:00", "visit", (("chair", f"chair-{i}", 0), ("nurse", f"nurse-{i}", 0))),
            ),
            **day,
        )
        for i in (1, 2, 3)
    )
    problem = replace(clinic(once, resources=(*chairs[:2], out, *nurses), course=courses[0]), courses=courses)
    result = plan(problem, time_limit=10)
    assert sorted(course.cost or 0 for course in result.courses)[:2] == [0, 0]
    assert result.bound == 1000
    assert 1000 < result.cost < 1200
    assert least_moves(problem) == 1
    none_left = replace(problem, resources=tuple(replace(chair, unavailable=out.unavailable) for chair in chairs))
    assert least_moves(replace(none_left, resources=(*none_left.resources, *nurses))) == 3


def test_a_third_course_moves_so_that_all_have_a_place():
    """c3 can come at one time only, c1 has it and could have the time of c2, which could have another one."""
    day = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
    once = protocol(track("visit", "dose", (phase(1, 1, 1),)))
    seats = (("chair", "chair-1", 0), ("nurse", "nurse-1", 0))

    def coming(course_id, begin, end, at=None):
        away = span("2026-12-07T00:00", f"2026-12-07T{begin}"), span(f"2026-12-07T{end}", "2026-12-08T00:00")
        booked = (session(1, f"2026-12-07T{at}", "visit", seats),) if at else ()
        return patient(id=course_id, unavailable=away, current=booked, **day)

    courses = (
        coming("c1", "09:00", "12:00", "09:00"),
        coming("c2", "11:00", "14:00", "11:00"),
        coming("c3", "09:00", "10:00"),
    )
    chair = Resource("chair-1", "chair"), Resource("nurse-1", "nurse", 1, ("rems",))
    problem = replace(clinic(once, resources=chair, course=courses[0]), courses=courses)
    result = plan(problem, time_limit=10)
    assert [course.status for course in result.courses] == ["planned"] * 3
