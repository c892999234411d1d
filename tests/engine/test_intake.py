"""Many courses on one board: none in another's seat, better than one after the other, the same again."""

from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import Resource, plan, read_problem, write_result

from .cast import at, booking, clinic, patient, phase, protocol, session, span, track
from .generate import make
from .judging import planned

SHORT = protocol(track("visit", "dose", (phase(1, 1, 1),)))
ONE_CHAIR = (Resource("chair-1", "chair"), Resource("nurse-1", "nurse", 1, ("rems",)))


@pytest.mark.parametrize("seed", range(3))
def test_an_intake_is_planned_whole(seed):
    document = make(seed, families=["tms", "spravato", "ketamine"], courses=6, load=0.3, long=False)
    written = planned(document, time_limit=3)
    for course, answer in zip(document["courses"], written["courses"], strict=True):
        alone = planned({**document, "courses": [course]})["courses"][0]
        assert (answer["status"], answer["id"]) == (alone["status"], course["id"])


def test_two_courses_share_a_day_at_the_least_cost():
    """Both want 09:00 on the only chair: one has 09:00, the other begins when the turnover is over."""
    day = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
    problem = clinic(SHORT, resources=ONE_CHAIR, course=patient(**day))
    problem = replace(problem, courses=(*problem.courses, patient(id="c2", **day)))
    result = plan(problem, time_limit=2)
    assert sorted(course.cost or 0 for course in result.courses) == [0, 14]
    assert result.bound == 0


def test_a_course_gives_way_where_that_lets_another_be_planned():
    """The first could have any time; the second can only come at 09:00, which the first would like best."""
    day = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
    narrow = patient(
        id="c2",
        unavailable=(span("2026-12-07T00:00", "2026-12-07T09:00"), span("2026-12-07T10:00", "2026-12-08T00:00")),
        **day,
    )
    problem = clinic(SHORT, resources=ONE_CHAIR, course=patient(**day))
    result = plan(replace(problem, courses=(*problem.courses, narrow)), time_limit=2)
    assert [course.status for course in result.courses] == ["planned", "planned"]
    assert result.cost == 14


def test_what_is_booked_now_is_kept_for_its_course():
    """The second course is booked at the time that the first would like: a move would cost 1000."""
    day = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
    booked = session(1, "2026-12-07T09:00", "visit", (("chair", "chair-1", 0), ("nurse", "nurse-1", 0)))
    problem = clinic(SHORT, resources=ONE_CHAIR, course=patient(**day))
    result = plan(
        replace(problem, courses=(*problem.courses, patient(id="c2", current=(booked,), **day))), time_limit=2
    )
    assert result.course("c2").sessions == (booked,)
    assert result.cost == 14


def test_the_same_problem_and_seed_give_the_same_answer():
    problem = read_problem(make(5, families=["tms", "combined"], courses=4, load=0.4, long=False))
    one, two = (write_result(plan(problem, time_limit=60, seed=3)) for _ in range(2))
    assert {**one, "seconds": 0} == {**two, "seconds": 0}


def test_a_time_limit_that_is_too_short_says_unknown_and_not_infeasible():
    problem = read_problem(make(5, families=["tms"], courses=3, load=0.4, long=False))
    result = plan(problem, time_limit=0)
    assert {course.status for course in result.courses} == {"unknown"}
    assert result.cost == 3_000_000


def test_an_empty_intake_has_an_empty_answer():
    result = plan(replace(clinic(), courses=()), time_limit=1)
    assert (result.courses, result.cost, result.bound) == ((), 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"horizon_end": date(2026, 11, 1)},
        {"resources": ()},
        {"now": at("2027-06-01T09:00")},
        {"bookings": tuple(booking("chair-1", "2026-12-01T00:00", "2027-12-31T00:00") for _ in range(2))},
    ],
)
def test_what_cannot_be_planned_is_said_clearly(changes):
    given = {"resources": ONE_CHAIR, **changes}
    (answer,) = plan(clinic(SHORT, **given), time_limit=5).courses
    assert answer.status == "infeasible"
    assert answer.message.endswith(".")
    assert "\n" not in answer.message


def test_locked_sessions_that_contradict_each_other_are_kept_as_they_are():
    shape = protocol(track(phases=(phase(1, 7, 3, least=40, slip_days=7),)))
    given = session(1, "2026-12-09T09:00"), session(2, "2026-12-08T09:00")
    (answer,) = plan(clinic(shape, course=patient(locked=given)), time_limit=5).courses
    assert answer.status == "planned"
    assert answer.sessions[:2] == given
