"""Further plans of a course: each legal in the plan's place, none a near-duplicate, each with its own cost."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from statistics import median_low
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduling.engine import (
    FormatError,
    Outline,
    Resource,
    Result,
    check,
    cost,
    outline,
    plan,
    read_problem,
    read_result,
    write_problem,
    write_result,
)
from scheduling.engine.choice.alternatives import with_alternatives

from .cast import clinic, patient, phase, protocol, session, track
from .generate import LINKED, SINGLE, make
from .judging import example, judge, planned

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUICK = settings(deadline=None, max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
TWICE = protocol(track("tms", "bare", (phase(3, 7, 2, 24),)))
DAILY = protocol(track("tms", "bare", (phase(2, 7, 5, 12),)))


def offered(document, count=2, time_limit=20):
    """The result with alternatives as a document, once each of them is judged in the place of the plan."""
    problem = read_problem(document)
    result = plan(problem, time_limit=time_limit, alternatives=count)
    written = write_result(result)
    assert judge(document, written)["violations"] == []
    assert read_result(json.dumps(written)) == result
    for index, course in enumerate(result.courses):
        for other in course.alternatives or ():
            instead = replace(course, sessions=other.sessions, cost=other.cost.total, alternatives=None)
            courses = (*result.courses[:index], instead, *result.courses[index + 1 :])
            one = replace(
                result, courses=courses, cost=result.cost - (course.cost or 0) + (instead.cost or 0), bound=None
            )
            verdict = judge(document, write_result(one))
            assert (verdict["violations"], verdict["cost"]) == ([], one.cost)
            assert check(problem, one) == []
            alone = replace(problem, courses=(problem.courses[index],))
            assert cost(alone, replace(one, courses=(instead,))) == other.cost
    return written


def facts(document, course, sessions):
    """Start day, median start and weekdays as the format defines them, taken from the written plan alone."""
    given = next(one for one in document["courses"] if one["id"] == course["id"])
    locked = {(one["track"], one["number"]) for one in given.get("locked", [])}
    zone = ZoneInfo(document["site"]["timezone"])
    first = document["protocols"][given["protocol"]]["tracks"][0]["name"]
    starts = {(s["track"], s["number"]): datetime.fromisoformat(s["start"]).astimezone(zone) for s in sessions}
    free = [start for key, start in starts.items() if key not in locked]
    days = Counter(WEEKDAYS[start.weekday()] for start in free)
    middle = median_low(start.hour * 60 + start.minute for start in free)
    return starts[first, 1].date().isoformat(), middle, days


def usual(days):
    return [name for name in WEEKDAYS if days[name] and days[name] * 8 >= days.total()]


def differences(one, other):
    found = ["start"] if one[0] != other[0] else []
    found += ["time"] if abs(one[1] - other[1]) >= 120 else []
    moved = (one[2] - other[2]).total()
    return found + (
        ["weekdays"] if one[2].total() > 1 and moved * 3 >= one[2].total() and usual(one[2]) != usual(other[2]) else []
    )


def assert_a_choice(document, written):
    """The alternatives say rightly what they are, come cheapest first, and are no near-duplicates."""
    for course in written["courses"]:
        if course["status"] != "planned":
            assert "alternatives" not in course
            continue
        seen = [facts(document, course, course["sessions"])]
        for other in course["alternatives"]:
            here = facts(document, course, other["sessions"])
            assert other["start_on"] == here[0]
            assert other["time"] == f"{here[1] // 60:02d}:{here[1] % 60:02d}"
            assert other["weekdays"] == usual(here[2])
            assert other["differs"] == differences(here, seen[0])
            assert all(differences(here, before) for before in seen)
            assert other["cost"] == sum(other["parts"].values())
            seen.append(here)
        costs = [other["cost"] for other in course["alternatives"]]
        assert costs == sorted(costs)
        assert not costs or costs[0] >= course["cost"]


@pytest.mark.parametrize("name", ["tiny", "spravato", "ketamine"])
def test_each_example_has_three_plans_to_choose_from(name):
    document = example(name)
    written = offered(document)
    (course,) = written["courses"]
    assert len(course["alternatives"]) == 2
    assert_a_choice(document, written)


@QUICK
@given(seed=st.integers(0, 10_000), family=st.sampled_from(SINGLE), load=st.sampled_from([0.2, 0.5, 0.8]))
def test_alternatives_are_legal_and_differ_whatever_the_clinic(seed, family, load):
    document = make(seed, families=[family], load=load, long=False)
    assert_a_choice(document, offered(document, 4))


@settings(QUICK, max_examples=5)
@given(seed=st.integers(0, 10_000), family=st.sampled_from(LINKED))
def test_alternatives_of_linked_tracks_are_legal_and_differ(seed, family):
    document = make(seed, families=[family], load=0.3, long=False)
    assert_a_choice(document, offered(document, 2))


def test_several_courses_have_alternatives_beside_what_the_others_hold():
    document = make(1, families=["spravato"], courses=3, load=0.3, long=False)
    written = offered(document, 2, time_limit=6)
    assert [len(course["alternatives"]) for course in written["courses"]] == [2, 2, 2]
    assert_a_choice(document, written)


def test_only_who_asks_is_given_alternatives():
    document = example("tiny")
    plain, asked = planned(document), offered(document, 3)
    assert "alternatives" not in plain["courses"][0]
    for written in (plain, asked):
        del written["seconds"]
    del asked["courses"][0]["alternatives"]
    assert plain == asked


def test_the_same_question_has_the_same_alternatives():
    first, second = (offered(example("spravato"), 4) for _ in range(2))
    assert first["courses"] == second["courses"]


def test_another_start_is_the_cheapest_of_all_other_start_days():
    """Against a plan of each start day by itself."""
    problem = clinic(TWICE, course=patient(latest_start=date(2026, 12, 16)))
    (answer,) = plan(problem, time_limit=9, alternatives=1).courses
    costs = {}
    for offset in range(10):
        day = date(2026, 12, 7) + timedelta(days=offset)
        one = replace(problem, courses=(replace(problem.courses[0], earliest_start=day, latest_start=day),))
        (found,) = plan(one, time_limit=9).courses
        if found.planned:
            costs[day] = cost(problem, replace(plan(one, time_limit=9))).total
    best = min(costs, key=lambda day: costs[day])
    seen = outline(problem, problem.courses[0], answer.sessions)
    assert (seen.start_on, answer.cost) == (best, costs.pop(best))
    assert (answer.alternatives or ())[0].cost.total == min(costs.values())
    assert (answer.alternatives or ())[0].start_on in costs


def test_the_three_ways_take_turns():
    """Daily at nine from Monday: another start day, midday, another start day; other weekdays there are none."""
    problem = clinic(DAILY, course=patient(latest_start=date(2026, 12, 9)))
    (answer,) = plan(problem, time_limit=9, alternatives=4).courses
    assert [(a.differs, a.start_on.day, a.time) for a in answer.alternatives or ()] == [
        (("start",), 8, 540),
        (("start",), 9, 540),
        (("time",), 7, 720),
        (("time",), 7, 900),
    ]


def test_other_weekdays_keep_off_the_usual_ones():
    problem = clinic(TWICE, course=patient(latest_start=date(2026, 12, 8)))
    (answer,) = plan(problem, time_limit=9, alternatives=3).courses
    assert outline(problem, problem.courses[0], answer.sessions).usual_days == ("mon", "thu")
    assert [(a.differs, a.weekdays) for a in answer.alternatives or ()] == [
        (("weekdays",), ("mon", "wed", "fri")),
        (("start", "weekdays"), ("tue", "fri")),
        (("time",), ("mon", "thu")),
    ]


def test_what_is_given_already_is_no_choice():
    """Session 1 has taken place: the start is no longer open, and its hour does not count."""
    given = session(1, "2026-12-07T17:00", track="tms")
    document = write_problem(clinic(TWICE, course=patient(locked=(given,))))
    (course,) = offered(document, 3)["courses"]
    assert [one["differs"] for one in course["alternatives"]] == [["weekdays"], ["time"], ["time"]]
    assert {one["start_on"] for one in course["alternatives"]} == {"2026-12-07"}
    assert_a_choice(document, offered(document, 3))


def test_a_course_that_is_given_whole_has_no_alternatives():
    shape = protocol(track("tms", "bare", (phase(1, 7, 1),)))
    problem = clinic(shape, course=patient(locked=(session(1, "2026-12-07T09:00", track="tms"),)))
    (answer,) = plan(problem, time_limit=9, alternatives=3).courses
    assert answer.alternatives == ()
    whole = outline(problem, problem.courses[0], answer.sessions)
    assert whole == Outline(date(2026, 12, 7), 540, (1, 0, 0, 0, 0, 0, 0))


def test_a_course_with_one_way_only_has_no_alternatives():
    """One day, and a patient who comes at one hour."""
    hour = patient(
        latest_start=date(2026, 12, 7),
        availability=replace(clinic().site.opening_hours, days=(((540, 570),),) + ((),) * 6),
    )
    shape = protocol(track("tms", "bare", (phase(1, 7, 1),)))
    (answer,) = plan(clinic(shape, course=hour), time_limit=9, alternatives=3).courses
    assert (answer.status, answer.alternatives) == ("planned", ())


def test_a_course_without_a_plan_has_no_alternatives():
    problem = clinic(protocol(), resources=(Resource("chair-1", "chair"),))
    (answer,) = plan(problem, time_limit=9, alternatives=3).courses
    assert (answer.status, answer.alternatives) == ("infeasible", None)


def late_plan():
    """A plan that nobody proved: from the second day on, with a cheaper one left."""
    problem = clinic(TWICE, course=patient(latest_start=date(2026, 12, 8)))
    one = replace(problem, courses=(replace(problem.courses[0], earliest_start=date(2026, 12, 8)),))
    (found,) = plan(one, time_limit=9).courses
    dear = replace(found, cost=cost(problem, Result((found,), 0)).total, optimal=False)
    return problem, Result((dear,), dear.cost or 0)


def test_a_cheaper_plan_that_is_found_on_the_way_becomes_the_plan():
    problem, late = late_plan()
    better = with_alternatives(problem, late, 2, lambda: False)
    (answer,) = better.courses
    assert check(problem, better) == []
    assert (better.cost, answer.cost, answer.optimal) == (83, 83, False)
    assert late.courses[0].sessions in [other.sessions for other in answer.alternatives or ()]
    assert min(other.cost.total for other in answer.alternatives or ()) >= 83


def test_whoever_has_no_time_left_has_no_alternatives():
    problem, late = late_plan()
    assert with_alternatives(problem, late, 2, lambda: True).courses == (replace(late.courses[0], alternatives=()),)


# What counts as different


def seen(start=date(2026, 12, 7), time=540, days=(4, 0, 0, 4, 0, 0, 0)):
    return Outline(start, time, days)


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (seen(), ()),
        (seen(start=date(2026, 12, 8)), ("start",)),
        (seen(time=540 + 119), ()),
        (seen(time=540 + 120), ("time",)),
        (seen(time=540 - 120), ("time",)),
        (seen(days=(4, 0, 0, 2, 2, 0, 0)), ()),  # a quarter of the visits: the usual days are others, but few moved
        (seen(days=(4, 0, 0, 1, 3, 0, 0)), ("weekdays",)),
        (seen(days=(7, 0, 0, 1, 0, 0, 0)), ()),  # Mondays and Thursdays still
        (seen(days=(0, 4, 0, 0, 4, 0, 0), time=840), ("time", "weekdays")),
    ],
)
def test_two_plans_differ_in_start_day_time_of_day_or_weekdays(other, differs):
    assert seen().differs(other) == differs
    assert other.differs(seen()) == differs


def test_the_one_visit_of_a_course_has_no_weekdays_to_choose():
    one, other = seen(days=(1,) + (0,) * 6), seen(start=date(2026, 12, 8), days=(0, 1) + (0,) * 5)
    assert one.differs(other) == ("start",)


# As a document


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"differs": ["mood"]}, "differs[0]: must be one of start, time, weekdays, not 'mood'"),
        ({"weekdays": ["monday"]}, "weekdays[0]: must be one of mon, tue, wed, thu, fri, sat, sun, not 'monday'"),
        ({"cost": 1}, "cost: must be the sum of its parts (83), not 1"),
        ({"start_on": "soon"}, "start_on: must be a date as YYYY-MM-DD, not 'soon'"),
        ({"extra": 1}, "extra: is not a field of the format"),
        ({"parts": {"start": 0}}, "parts.continuity: is missing"),
    ],
)
def test_a_wrong_alternative_is_refused_by_its_path(change, fault):
    written = offered(example("tiny"), 1)
    written["courses"][0]["alternatives"][0] |= change
    with pytest.raises(FormatError) as refused:
        read_result(written)
    assert str(refused.value) == f"courses[0].alternatives[0].{fault}"


def test_the_parts_of_an_alternative_have_names():
    (course,) = offered(example("tiny"), 1)["courses"]
    parts = {"start": 30, "length": 44, "time": 0, "spread": 9, "continuity": 0, "moved": 0}
    assert (course["alternatives"][0]["parts"], course["alternatives"][0]["cost"]) == (parts, 83)
