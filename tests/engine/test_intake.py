"""Many courses on one board: none in another's seat, better than one after the other, the same again."""

import time
from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import Resource, Result, check, plan, read_problem, write_result
from scheduling.engine.many.improve import improve
from scheduling.engine.many.intake import Intake
from scheduling.engine.many.placing import place_all
from scheduling.engine.many.polish import Polisher

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


def test_a_locked_session_without_the_seat_that_is_kept_from_one_to_the_next_is_no_obstacle():
    """As before a change of the protocol: the visit asks for a nurse now, and the locked one had none."""
    shape = protocol(track(phases=(phase(1, 7, 2, slip_days=7),), continuity="nurse"))
    given = (session(1, "2026-12-07T08:00", holds=(("chair", "chair-1", 0),)),)
    problem = clinic(shape, course=patient(locked=given))
    result = plan(replace(problem, courses=(*problem.courses, patient(id="c2"))), time_limit=5)
    assert [answer.status for answer in result.courses] == ["planned", "planned"]


def test_polishing_keeps_every_date_and_makes_the_whole_cheaper():
    document = make(1, families=["tms", "spravato", "ketamine"], courses=8, load=0.4)
    intake = Intake(read_problem(document), time.monotonic() + 60)
    place_all(intake)
    before, dates = intake.total(), dates_of(intake)
    Polisher(intake).polish()
    assert intake.total() < before
    assert dates_of(intake) == dates
    answers = intake.answers()
    assert check(intake.problem, Result(answers, sum(answer.cost or 0 for answer in answers))) == []


def dates_of(intake):
    zone = intake.problem.site.zone
    return {
        (course_id, session.key): session.start.astimezone(zone).date()
        for course_id, draft in intake.drafts.items()
        for session in draft.sessions
    }


def test_improving_an_intake_makes_it_cheaper_and_never_takes_a_plan_away():
    problem = read_problem(make(1, families=["tms", "spravato", "ketamine"], courses=8, load=0.4))
    intake = Intake(problem, time.monotonic() + 60)
    place_all(intake)
    before, planned_before = intake.total(), {c for c, draft in intake.drafts.items() if draft.cost is not None}
    improve(intake, 0, 600)
    assert intake.total() < 0.99 * before
    assert {c for c, draft in intake.drafts.items() if draft.cost is not None} >= planned_before
    assert intake.bound() <= intake.total()


def test_a_course_makes_room_on_one_date_and_keeps_what_another_needs_on_the_next():
    """c1 could be at any time, and c2 is booked at 09:00 on both days: only one of the two has to move."""
    twice = protocol(track("visit", "dose", (phase(1, 2, 2, least=20),)))
    day = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
    seats = (("chair", "chair-1", 0), ("nurse", "nurse-1", 0))
    booked = tuple(session(n, f"2026-12-{6 + n:02d}T09:00", "visit", seats) for n in (1, 2))
    narrow = patient(
        id="c1",
        unavailable=(span("2026-12-08T00:00", "2026-12-08T09:00"), span("2026-12-08T10:00", "2026-12-09T00:00")),
        **day,
    )
    problem = clinic(twice, resources=ONE_CHAIR, course=narrow)
    problem = replace(problem, courses=(*problem.courses, patient(id="c2", current=booked, **day)))
    result = plan(problem, time_limit=10)
    assert [course.status for course in result.courses] == ["planned", "planned"]
    assert 1000 <= result.cost < 2000


def test_more_courses_than_there_is_time_for_are_unknown_and_end_on_time():
    document = make(3, families=["tms", "spravato"], courses=1, load=0.2)
    course = document["courses"][0]
    document["courses"] = [{**course, "id": f"c{i}"} for i in range(10_000)]
    problem = read_problem(document)
    began = time.process_time()
    result = plan(problem, time_limit=3)  # long enough for some of them on a busy machine as well
    assert time.process_time() - began < 5
    assert len(result.courses) == 10_000
    assert {course.status for course in result.courses} == {"planned", "unknown"}
    assert result.bound is not None
    assert result.bound <= result.cost
