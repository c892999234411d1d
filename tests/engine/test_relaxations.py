"""Why not: every relaxation works when made alone, is the smallest of its type, and is told in words to read aloud."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta

import pytest

from scheduling.engine import (
    Names,
    Obstacle,
    Relaxation,
    Resource,
    Week,
    check,
    in_words,
    minutes_of_change,
    near_hours,
    plan,
    read_problem,
    relaxed,
    worth_saying,
    write_problem,
    write_result,
)

from .cast import (
    BARE,
    CHAIRS,
    NURSES,
    booking,
    broken,
    clinic,
    link,
    patient,
    phase,
    protocol,
    session,
    span,
    track,
    two_tracks,
)
from .generate import make
from .judging import example, judge
from .relaxing import relaxed_document

SHORT = protocol(track("visit", "dose", (phase(1, 1, 1),)))
CHAIR = (Resource("chair-1", "chair"), *NURSES)
DAY = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 7)}
FULL = (booking("chair-1", "2026-12-07T00:00", "2026-12-10T00:00"),)

ONE_TRACK = [(5, "paired", 0.85), (15, "ketamine", 0.75), (33, "ketamine", 0.95), (4, "saint", 0.85)]
LINKED = [(5014, "alternating", 0.9), (5023, "after_series", 0.95), (5035, "after_series", 0.85)]
SLOW = [(14, "spravato", 0.75), (53, "paired", 0.85), (5021, "primed", 0.95), (5029, "primed", 0.9)]


def drawn(seed, family, load):
    return read_problem(make(seed, [family], True, 1, load))


def works(problem, relaxation, course_id="c1"):
    result = plan(relaxed(problem, course_id, relaxation), time_limit=20)
    return result.course(course_id).planned


def refused(problem, time_limit=20):
    """The answer for the only course, once each of its relaxations has been made alone, here and in the document."""
    (answer,) = (result := plan(problem, time_limit=time_limit)).courses
    assert answer.status == "infeasible"
    assert list(answer.relaxations) == sorted(answer.relaxations, key=minutes_of_change)
    document = write_problem(problem)
    for relaxation, way in zip(answer.relaxations, write_result(result)["courses"][0]["relaxations"], strict=True):
        changed = relaxed(problem, "c1", relaxation)
        found = plan(changed, time_limit=20)
        assert [course.status for course in found.courses] == ["planned"], relaxation
        assert check(changed, found) == []
        again = relaxed_document(document, "c1", way)
        verdict = judge(again, write_result(plan(read_problem(again), time_limit=20)))
        assert (verdict["violations"], verdict["unplanned"]) == ([], []), way
    return answer


# The sentence


def test_the_sentence_names_resource_session_dates_and_what_would_help():
    closed = (date(2027, 3, 6),)
    coil = (
        Resource("tms-1", "tms_device", skills=("h7",), unavailable=(span("2027-03-03T00:00", "2027-03-10T00:00"),)),
    )
    shape = protocol(
        track("tms", "pulse", (phase(1, 7, 1),)),
        visits={"pulse": replace(BARE, holds=(_hold("tms_device", 30, "h7"),))},
    )
    days = {"earliest_start": date(2027, 3, 3), "latest_start": date(2027, 3, 9)}
    answer = refused(clinic(shape, resources=coil, course=patient(**days), closed_dates=closed))
    assert answer.message == (
        "No H7 TMS device is free for session 1 between Wednesday, March 3 and Tuesday, March 9; "
        "add one more H7 TMS device on Wednesday, March 3 from 9:00 AM to 9:30 AM or start 1 day later."
    )
    assert answer.obstacle == Obstacle(
        "resource",
        date(2027, 3, 3),
        date(2027, 3, 9),
        track="tms",
        number=1,
        minutes=30,
        kind="tms_device",
        skills=("h7",),
    )


def _hold(kind, minutes, skill=None):
    from scheduling.engine import HoldNeed

    return HoldNeed(kind, 0, minutes, skill)


def test_a_full_chair_is_told_in_words():
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(**DAY), bookings=FULL))
    assert answer.message == (
        "No chair is free for session 1 on Monday, December 7; add one more chair on Monday, December 7 "
        "from 9:00 AM to 10:10 AM or start 3 days later."
    )
    assert [(r.type, r.days, r.kind) for r in answer.relaxations] == [
        ("add_seat", None, "chair"),
        ("extend_latest_start", 3, None),
    ]


def test_a_patient_who_cannot_come_is_asked_for_what_one_visit_lacks():
    course = patient(availability=Week.of({"mon": [("08:00", "08:30")], "tue": [("08:00", "08:30")]}), **DAY)
    answer = refused(clinic(SHORT, resources=CHAIR, course=course))
    free = span("2026-12-07T08:30", "2026-12-07T09:00")
    assert answer.message == (
        "The patient cannot come for session 1 on Monday, December 7; "
        "have the patient come on Monday, December 7 from 8:30 AM to 9:00 AM."
    )
    assert answer.relaxations == (Relaxation("free_patient", start=free.start, end=free.end),)


def test_a_closed_site_is_opened_no_longer_than_the_visit_and_its_turnover_need():
    closed = (date(2026, 12, 7),)
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(**DAY), closed_dates=closed))
    assert answer.message == (
        "The clinic is closed on Monday, December 7, the only day for session 1; "
        "open the clinic on Monday, December 7 from 9:00 AM to 10:10 AM or start 1 day later."
    )
    assert answer.relaxations[0] == Relaxation("open_site", on=date(2026, 12, 7), begin=540, end_minute=610)


def test_days_on_end_on_which_the_site_is_closed_are_told():
    weekend = {"earliest_start": date(2026, 12, 12), "latest_start": date(2026, 12, 13)}
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(**weekend)))
    assert answer.obstacle == Obstacle(
        "closed", weekend["earliest_start"], weekend["latest_start"], track="visit", number=1, minutes=60
    )
    assert answer.message.startswith(
        "The clinic is closed from Saturday, December 12 to Sunday, December 13, the only days for session 1; open "
    )


def test_an_opening_at_night_is_found_but_not_suggested_where_anything_else_helps():
    taken = (booking("chair-1", "2026-12-07T06:00", "2026-12-07T20:00"),)
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(**DAY), bookings=taken))
    assert Relaxation("open_site", on=date(2026, 12, 7), begin=290, end_minute=360) in answer.relaxations
    assert answer.message == (
        "No chair is free for session 1 on Monday, December 7; add one more chair on Monday, December 7 "
        "from 9:00 AM to 10:10 AM or start 1 day later."
    )
    (night,) = (way for way in answer.relaxations if way.type == "open_site")
    assert worth_saying([night], hours=(420, 1140)) == [night]


def test_an_hour_beside_the_usual_opening_is_suggested_before_the_night():
    shape = protocol(track("visit", "bare", (phase(1, 1, 1),)))
    away = (span("2026-12-07T08:00", "2026-12-07T18:00"),)
    answer = refused(clinic(shape, course=patient(unavailable=away, **DAY)))
    (opening,) = (way for way in answer.relaxations if way.type == "open_site")
    assert 420 <= opening.begin < opening.end_minute <= 1140


@pytest.mark.parametrize(
    ("hours", "near"),
    [
        ({"mon": [("08:00", "12:00")], "tue": [("07:30", "18:00")]}, (390, 1140)),
        ({"mon": [("00:30", "23:30")]}, (0, 1440)),
        ({}, (420, 1140)),
    ],
)
def test_openings_are_asked_for_up_to_an_hour_beside_the_usual_hours(hours, near):
    assert near_hours(Week.of(hours)) == near


def test_an_opening_only_adds_what_the_day_lacks():
    hours = Week.of({"mon": [("08:00", "09:00"), ("09:15", "10:10")]})
    answer = refused(clinic(SHORT, hours=hours, resources=CHAIR, course=patient(**DAY)))
    assert answer.relaxations[0] == Relaxation("open_site", on=date(2026, 12, 7), begin=540, end_minute=550)


def test_one_sentence_names_each_type_once_and_the_sooner_arranged_ones():
    found = Obstacle("site", date(2027, 3, 3), date(2027, 3, 9), "tms", 14)
    ways = [
        Relaxation("open_site", on=date(2027, 3, 6), begin=540, end_minute=720),
        Relaxation("open_site", on=date(2027, 3, 7), begin=540, end_minute=720),
        Relaxation("slip", track="tms", phase="acute", days=1),
        Relaxation("extend_latest_start", days=3),
    ]
    assert in_words(found, ways[:2] + ways[3:]) == (
        "The clinic is not open long enough for session 14 between Wednesday, March 3 and Tuesday, March 9; "
        "open the clinic on Saturday, March 6 from 9:00 AM to 12:00 PM or start 3 days later."
    )
    assert in_words(found, ways).endswith(
        "from 9:00 AM to 12:00 PM, give the acute part 1 day more or start 3 days later."
    )


def test_what_is_free_only_at_different_times_is_listed():
    mornings, afternoons = (Week.of({"mon": [span_]}) for span_ in (("08:00", "12:00"), ("12:00", "18:00")))
    resources = (Resource("chair-1", "chair", hours=mornings), Resource("nurse-1", "nurse", 1, ("rems",), afternoons))
    answer = refused(clinic(SHORT, resources=resources, course=patient(**DAY)))
    assert answer.message == (
        "The patient, chair and REMS nurse are never free at one time for session 1 on Monday, December 7; "
        "open the clinic on Monday, December 7 from 9:00 AM to 9:20 AM or "
        "add one more REMS nurse on Monday, December 7 from 9:00 AM to 9:20 AM."
    )


# Smallest


def test_the_infeasible_example_is_refused_with_what_would_help():
    answer = refused(read_problem(example("tiny-infeasible")))
    assert {r.type for r in answer.relaxations} == {"extend_latest_start", "slip", "open_site", "add_seat"}
    assert answer.message.startswith("The clinic is closed on Sunday, December 20, the only day for session 4; ")


@pytest.mark.parametrize("case", ONE_TRACK + LINKED)
def test_every_relaxation_of_a_drawn_problem_works_and_a_day_less_does_not(case):
    problem = drawn(*case)
    for relaxation in refused(problem).relaxations:
        if (relaxation.days or 1) > 1:
            assert not works(problem, replace(relaxation, days=relaxation.days - 1)), relaxation
        elif relaxation.on is not None:
            later = replace(relaxation, begin=relaxation.begin + 5)
            assert relaxation.end_minute - relaxation.begin <= 5 or not works(problem, later), relaxation


def test_the_days_named_are_the_fewest_that_work():
    problem = drawn(5, "paired", 0.85)
    named = {(r.type, r.phase): r for r in refused(problem).relaxations if r.days}
    for relaxation in named.values():
        tried = [replace(relaxation, days=days) for days in range(1, relaxation.days + 1)]
        assert [works(problem, one) for one in tried] == [False] * (len(tried) - 1) + [True]
    assert {key: r.days for key, r in named.items()} == {("extend_latest_start", None): 6, ("slip", "series"): 2}


def test_no_shorter_opening_works_on_any_date():
    hours = Week.of({"mon": [("08:00", "09:00")], "wed": [("08:00", "08:50")], "fri": [("08:00", "09:05")]})
    dates = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 11)}
    problem = clinic(SHORT, hours=hours, resources=CHAIR, course=patient(**dates), grid=5)
    best = next(r for r in refused(problem).relaxations if r.type == "open_site")
    assert (best.on, best.begin, best.end_minute) == (date(2026, 12, 11), 545, 550)
    for day in (7, 9, 11):
        for begin in range(520, 560):
            one = Relaxation("open_site", on=date(2026, 12, day), begin=begin, end_minute=begin + 4)
            assert not works(problem, one)


def test_several_dates_are_named_where_several_help():
    answer = refused(clinic(SHORT, resources=CHAIR, course=patient(), bookings=_full_until("2026-12-12")))
    seats = [r for r in answer.relaxations if r.type == "add_seat"]
    assert [(r.start.day, minutes_of_change(r)) for r in seats] == [(7, 70), (8, 70), (9, 70)]


def _full_until(day):
    return (booking("chair-1", "2026-12-07T00:00", f"{day}T00:00"),)


def test_a_seat_that_is_short_for_weeks_is_asked_for_no_longer_than_needed():
    shape = protocol(track("visit", "dose", (phase(3, 1, 1, name="daily"),)))
    problem = clinic(shape, resources=CHAIR, course=patient(**DAY), bookings=_full_until("2026-12-09"))
    (seat, later) = refused(problem).relaxations
    assert (seat.type, seat.start, seat.end) == (
        "add_seat",
        span("2026-12-07T09:00", "2026-12-08T10:10").start,
        span("2026-12-07T09:00", "2026-12-08T10:10").end,
    )
    assert later == Relaxation("extend_latest_start", days=2)


# Several courses, several tracks


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
    assert left_out.relaxations
    kept = next(course for course in result.courses if course.planned)
    for relaxation in left_out.relaxations:
        changed = relaxed(problem, left_out.id, relaxation)
        courses = tuple(replace(c, locked=kept.sessions) if c.id == kept.id else c for c in changed.courses)
        again = plan(replace(changed, courses=courses), time_limit=5)
        assert {course.status for course in again.courses} == {"planned"}


def test_tracks_that_only_fail_together_are_told_so():
    shape = two_tracks(link("window", track="tms", after="ket", min_hours=300, max_hours=301), one=1, two=1, days=7)
    answer = refused(clinic(shape, course=patient(**DAY)))
    assert answer.obstacle.lack == "links"
    assert answer.message.startswith("No time for TMS session 1 ")
    assert " fits the ket sessions; " in answer.message
    assert in_words(
        Obstacle("links", DAY["earliest_start"], DAY["latest_start"]), names=Names(parts=("tms", "ket"))
    ).startswith("The TMS and ket sessions cannot be fitted to each other for any start on Monday, December 7; ")


# What nobody may be asked for


def test_a_patient_is_not_asked_to_come_while_in_another_visit():
    visit = span("2026-12-07T09:00", "2026-12-07T11:00")
    away = span("2026-12-07T08:00", "2026-12-07T18:00")
    absent = patient(unavailable=(away,), **DAY)
    problem = clinic(SHORT, resources=CHAIR, course=absent)
    (asked,) = (r for r in refused(problem).relaxations if r.type == "free_patient")
    assert (asked.start, asked.end) == (visit.start, visit.start + timedelta(minutes=60))
    engaged = replace(problem, courses=(replace(absent, engaged=(visit,)),))
    (asked,) = (r for r in refused(engaged).relaxations if r.type == "free_patient")
    assert (asked.start, asked.end) == (visit.start - timedelta(minutes=60), visit.start)
    whole_day = replace(problem, courses=(replace(absent, engaged=(away,)),))
    assert "free_patient" not in {r.type for r in refused(whole_day).relaxations}


# What nothing helps


def test_a_visit_longer_than_a_day_is_refused_in_one_sentence():
    shape = protocol(track("visit", "bare", (phase(1, 1, 1),)), visits={"bare": replace(BARE, minutes=1500)})
    answer = refused(clinic(shape, course=patient(**DAY)))
    assert answer.message == (
        "Session 1 takes 1500 minutes, longer than a day; no opening, no time of the patient and no seat can hold it, "
        "so no change but a shorter visit helps."
    )


def test_a_kind_that_the_site_does_not_have_is_named_and_may_be_added():
    answer = refused(clinic(SHORT, resources=NURSES, course=patient(**DAY)))
    assert answer.message == (
        "The clinic has no chair for session 1; add one more chair on Monday, December 7 from 9:00 AM to 10:10 AM."
    )


def test_a_skill_that_nobody_has_is_named_and_may_be_added():
    answer = refused(clinic(SHORT, resources=(*CHAIRS, NURSES[1]), course=patient(**DAY)))
    assert answer.message == (
        "The clinic has no REMS nurse for session 1; "
        "add one more REMS nurse on Monday, December 7 from 9:00 AM to 9:20 AM."
    )


def test_visits_that_no_opening_hours_hold_are_told():
    hours = Week.of({"mon": [("08:00", "08:30")]})
    answer = refused(clinic(SHORT, hours=hours, course=patient()))
    assert answer.message.startswith(
        "The clinic is not open long enough for session 1 between Monday, December 7 and Friday, December 11; open "
    )


def test_a_horizon_before_the_start_is_told():
    answer = refused(clinic(SHORT, course=patient(), horizon_end=date(2026, 11, 30)))
    assert answer.message.startswith(
        "Session 1 would lie after Monday, November 30, 2026, the last day that is planned; no single change helps"
    )


def test_dates_that_are_past_are_told():
    now = span("2026-12-20T09:00", "2026-12-20T10:00").start
    answer = refused(clinic(SHORT, course=patient(), now=now))
    assert answer.message == (
        "The time for session 1 is past: it was to be between Monday, December 7 and Friday, December 11; "
        "start 10 days later."
    )


def test_windows_that_a_shift_moves_away_from_the_first_session_are_told():
    answer = refused(clinic(SHORT, course=patient(shift_days=400)))
    assert answer.message.startswith("The protocol leaves no day for session 1; no single change helps")


def test_years_are_said_where_the_dates_would_not_be_clear_without():
    years = {"earliest_start": date(2026, 12, 7), "latest_start": date(2027, 12, 7)}
    closed = clinic(SHORT, hours=Week.of({}), course=patient(**years), horizon_end=date(2028, 1, 1))
    assert refused(closed).message.startswith(
        "The clinic is closed from Monday, December 7, 2026 to Tuesday, December 7, 2027, "
        "the only days for session 1; open "
    )


@pytest.mark.parametrize(
    "locked",
    [
        (session(1, "2026-12-07T09:00"), session(2, "2026-12-07T09:00")),
        (session(1, "2026-12-10T09:00"), session(2, "2026-12-08T09:00")),
        (session(1, "2027-12-30T03:00"), session(2, "2028-01-20T03:00")),
        (session(2, "2024-01-01T09:00"),),
        (session(1, "2030-01-01T09:00"),),
        (session(4, "2026-12-08T09:00"),),
    ],
)
def test_locked_sessions_that_contradict_each_other_get_an_answer(locked):
    shape = protocol(track("dose", "dose", (phase(2, 7, 2, 20),)))
    course = patient(locked=locked)
    (answer,) = plan(clinic(shape, course=course), time_limit=10).courses
    if not answer.planned:
        refused(clinic(shape, course=course))
        assert answer.message.endswith(".")


# Time


@pytest.mark.parametrize(("case", "most"), [(case, 2.0 if case[0] > 5000 else 1.0) for case in SLOW])
def test_a_refusal_with_its_changes_takes_a_second_or_two(case, most):
    problem = drawn(*case)
    began = time.process_time()
    (answer,) = plan(problem, time_limit=20).courses
    assert answer.relaxations
    assert time.process_time() - began < 2 * most  # as measured on a quiet machine, doubled for a busy one


def test_a_refusal_ends_with_the_time_limit_and_says_what_was_left():
    problem = drawn(5021, "primed", 0.95)
    began = time.process_time()
    (answer,) = plan(problem, time_limit=0.3).courses
    assert time.process_time() - began < 1.5
    assert answer.relaxations or "not every change that may help could be tried" in answer.message


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
