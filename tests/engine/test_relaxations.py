"""Why not: every relaxation works when made alone, and the sentence names what is short, and when."""

from dataclasses import replace
from datetime import date

import pytest

from scheduling.engine import Relaxation, Resource, Week, check, plan, read_problem, relaxed

from .cast import NURSES, booking, broken, clinic, patient, phase, protocol, session, span, track
from .judging import example

SHORT = protocol(track("visit", "dose", (phase(1, 1, 1),)))
CHAIR = (Resource("chair-1", "chair"), *NURSES)
DAY = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
FULL = (booking("chair-1", "2026-12-07T00:00", "2026-12-10T00:00"),)


def refused(problem, time_limit=20):
    """The answer for the only course, once each of its relaxations has been made alone and planned."""
    (answer,) = plan(problem, time_limit=time_limit).courses
    assert answer.status == "infeasible"
    for relaxation in answer.relaxations:
        changed = relaxed(problem, "c1", relaxation)
        result = plan(changed, time_limit=20)
        assert [course.status for course in result.courses] == ["planned"], relaxation
        assert check(changed, result) == []
    return answer


def test_the_infeasible_example_is_refused_with_what_would_help():
    answer = refused(read_problem(example("tiny-infeasible")))
    assert {relaxation.type for relaxation in answer.relaxations} >= {
        "extend_latest_start",
        "slip",
        "open_site",
        "add_seat",
    }
    assert answer.message.startswith("The clinic is not open long enough for session 4 of dose on Sunday 20 December;")


def test_a_full_chair_is_named_with_its_dates():
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(**DAY), bookings=FULL))
    assert answer.message.startswith(
        "No chair is free for session 1 of visit on Monday 7 December; start up to 3 days later"
    )
    assert Relaxation("extend_latest_start", days=3) in answer.relaxations
    (seat,) = (r for r in answer.relaxations if r.type == "add_seat")
    assert (seat.kind, (seat.end - seat.start).total_seconds()) == ("chair", 70 * 60)


def test_a_patient_who_cannot_come_is_asked_for_one_visit():
    course = patient(availability=Week.of({"tue": [("08:00", "08:30")]}), **DAY)
    answer = refused(clinic(SHORT, resources=CHAIR, course=course))
    assert answer.message.startswith(
        "The patient cannot come for session 1 of visit on Monday 7 December; ask the patient"
    )
    (free,) = answer.relaxations
    assert (free.type, free.end - free.start) == (
        "free_patient",
        span("2026-12-07T09:00", "2026-12-07T10:00").end - free.start,
    )


def test_a_closed_site_is_opened_no_longer_than_the_visit_needs():
    closed = (date(2026, 12, 7),)
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(**DAY), closed_dates=closed))
    assert answer.message.startswith("The clinic is not open long enough for session 1 of visit on Monday 7 December")
    assert Relaxation("open_site", on=date(2026, 12, 7), begin=540, end_minute=610) in answer.relaxations


def test_a_window_is_slipped_by_the_fewest_days():
    shape = protocol(track("visit", "dose", (phase(2, 1, 1, name="daily", least=40),)))
    answer = refused(clinic(shape, resources=CHAIR, course=patient(**DAY)))
    assert Relaxation("slip", track="visit", phase="daily", days=1) in answer.relaxations


def test_what_no_single_change_helps_is_said_so():
    visit_too_long = protocol(
        track("visit", "bare", (phase(1, 1, 1),)), visits={"bare": replace(_bare(), minutes=1500)}
    )
    answer = refused(clinic(visit_too_long, course=patient(**DAY)))
    assert answer.relaxations == ()
    assert "would help by itself" in answer.message


def _bare():
    from .cast import BARE

    return BARE


def test_other_courses_keep_their_seats():
    first = patient(id="c0", **DAY)
    narrow = patient(
        unavailable=(span("2026-12-07T00:00", "2026-12-07T09:00"), span("2026-12-07T10:00", "2026-12-08T00:00")), **DAY
    )
    problem = clinic(
        SHORT, resources=CHAIR, course=narrow, bookings=(booking("chair-1", "2026-12-07T10:10", "2026-12-08T00:00"),)
    )
    other = replace(first, unavailable=(span("2026-12-07T00:00", "2026-12-07T08:30"),))
    problem = replace(problem, courses=(other, *problem.courses))
    result = plan(problem, time_limit=5)
    left_out = next(course for course in result.courses if not course.planned)
    assert left_out.status == "infeasible"
    kept = next(course for course in result.courses if course.planned)
    for relaxation in left_out.relaxations:
        changed = relaxed(problem, left_out.id, relaxation)
        courses = tuple(replace(c, locked=kept.sessions) if c.id == kept.id else c for c in changed.courses)
        again = plan(replace(changed, courses=courses), time_limit=5)
        assert {course.status for course in again.courses} == {"planned"}


@pytest.mark.parametrize(
    "relaxation",
    [
        Relaxation("extend_latest_start", days=2),
        Relaxation("slip", track="visit", phase="induction", days=1),
        Relaxation("open_site", on=date(2026, 12, 7), begin=0, end_minute=600),
    ],
)
def test_a_relaxation_changes_the_problem_and_leaves_it_legal(relaxation):
    problem = clinic(SHORT, resources=CHAIR, course=patient(**DAY))
    changed = relaxed(problem, "c1", relaxation)
    assert changed != problem
    holds = (("chair", "chair-1", 0), ("nurse", "nurse-1", 0))
    assert broken(changed, session(1, "2026-12-07T09:00", "visit", holds)) == []
