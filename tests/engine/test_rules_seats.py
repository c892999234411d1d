"""Rules 7 and 8: seats, kinds, skills, hours of resources, one body."""

from dataclasses import replace
from datetime import date

from scheduling.engine import CoursePlan, HoldNeed, Opening, Resource, Result, Visit, Week

from .cast import (
    NURSES,
    answer,
    at,
    booking,
    broken,
    clinic,
    patient,
    phase,
    protocol,
    session,
    span,
    track,
    violations,
)

SINGLE = protocol(track(phases=(phase(per_period=1),)))
ONE = session(1, "2026-12-07T09:00")


def seated(chair="chair-1", nurse="nurse-1", seat=0, start="2026-12-07T09:00"):
    return session(1, start, holds=(("chair", chair, seat), ("nurse", nurse, 0)))


def found(placed=ONE, **more):
    return [(v.rule, v.resource) for v in violations(clinic(SINGLE, **more), answer(placed))]


def test_a_seat_of_the_kind_with_the_skill_will_do():
    assert found() == []


def test_a_resource_of_another_kind_will_not():
    assert found(seated(chair="nurse-1")) == [(7, "nurse-1"), (7, "nurse-1")]


def test_a_resource_without_the_skill_will_not():
    assert found(seated(nurse="nurse-2")) == [(7, "nurse-2")]


def test_a_seat_that_is_not_there_will_not():
    assert found(seated(seat=1)) == [(7, "chair-1")]
    assert found(seated(chair="chair-9")) == [(7, "chair-9")]


def test_the_number_of_holds_is_that_of_the_visit():
    assert broken(clinic(SINGLE), session(1, "2026-12-07T09:00", holds=(("chair", "chair-1", 0),))) == [(7, "dose", 1)]


def test_a_hold_lies_within_the_hours_of_its_resource():
    hours = Week.of({"mon": [("09:00", "10:10")]})
    chairs = (Resource("chair-1", "chair", hours=hours), *NURSES)
    assert found(resources=chairs) == []
    assert found(seated(start="2026-12-07T09:05"), resources=chairs) == [(7, "chair-1")]


def test_a_hold_beyond_the_visit_must_end_with_the_resource_too():
    assert found(seated(start="2026-12-07T16:50")) == []
    assert found(seated(start="2026-12-07T17:00")) == [(7, "chair-1")]


def test_an_extra_opening_brings_every_resource_but_not_one_that_is_out():
    opening = (Opening(date(2026, 12, 7), 540, 660),)
    never = (Resource("chair-1", "chair", hours=Week()), *NURSES)
    assert found(resources=never) == [(7, "chair-1")]
    assert found(resources=never, extra_openings=opening) == []
    out = (replace(never[0], unavailable=(span("2026-12-07T09:30", "2026-12-07T09:40"),)), *NURSES)
    assert found(resources=out, extra_openings=opening) == [(7, "chair-1")]


def test_an_outage_that_begins_when_the_hold_ends_does_not_matter():
    chairs = (Resource("chair-1", "chair", unavailable=(span("2026-12-07T10:10", "2026-12-07T11:00"),)), *NURSES)
    assert found(resources=chairs) == []
    assert found(seated(start="2026-12-07T09:05"), resources=chairs) == [(7, "chair-1")]


def test_a_booked_seat_is_taken_and_back_to_back_is_free():
    assert found(bookings=(booking("chair-1", "2026-12-07T10:05", "2026-12-07T11:00"),)) == [(7, "chair-1")]
    assert found(bookings=(booking("chair-1", "2026-12-07T10:10", "2026-12-07T11:00"),)) == []


def test_another_seat_of_the_same_resource_is_free():
    chairs = (Resource("chair-1", "chair", 2), *NURSES)
    taken = (booking("chair-1", "2026-12-07T09:00", "2026-12-07T11:00"),)
    assert found(resources=chairs, bookings=taken) == [(7, "chair-1")]
    assert found(seated(seat=1), resources=chairs, bookings=taken) == []


def test_holds_of_two_courses_do_not_share_a_seat():
    problem = clinic(SINGLE)
    problem = replace(problem, courses=(*problem.courses, patient(id="c2")))

    def both(second):
        return violations(
            problem, Result(tuple(CoursePlan(i, "planned", (s,), 0) for i, s in (("c1", ONE), ("c2", second))), 0)
        )

    assert [(v.rule, v.course, v.resource) for v in both(seated(start="2026-12-07T10:00"))] == [(7, "c2", "chair-1")]
    assert both(seated(start="2026-12-07T10:10")) == []


def test_a_hold_that_shares_is_on_the_seat_of_the_other():
    visit = Visit(60, (0, 60), (HoldNeed("chair", 0, 20), HoldNeed("chair", 40, 60, same_as=0)))
    shape = protocol(track("visit", "twice", (phase(per_period=1),)), visits={"twice": visit})

    def with_seats(one, other):
        holds = (("chair", one, 0), ("chair", other, 0))
        return broken(clinic(shape), session(1, "2026-12-07T09:00", "visit", holds))

    assert with_seats("chair-1", "chair-1") == []
    assert with_seats("chair-1", "chair-2") == [(7, "visit", 1)]


def test_two_holds_at_one_time_need_two_seats():
    visit = Visit(60, (0, 60), (HoldNeed("chair", 0, 60), HoldNeed("chair", 30, 60)))
    shape = protocol(track("visit", "two", (phase(per_period=1),)), visits={"two": visit})
    holds = (("chair", "chair-1", 0), ("chair", "chair-1", 0))
    assert broken(clinic(shape), session(1, "2026-12-07T09:00", "visit", holds)) == [(7, "visit", 1)]


def test_one_body_is_in_one_visit_at_a_time():
    tracks = (track("a", "bare", (phase(per_period=1),)), track("b", "bare", (phase(per_period=1),)))
    problem = clinic(protocol(*tracks))
    first = session(1, "2026-12-07T09:00", "a")
    assert broken(problem, first, session(1, "2026-12-07T09:25", "b")) == [(8, "b", 1)]
    assert broken(problem, first, session(1, "2026-12-07T09:30", "b")) == []


def test_a_locked_session_of_a_resource_that_is_gone_is_not_judged():
    gone = session(1, "2026-12-07T09:00", holds=(("chair", "chair-9", 4), ("nurse", "nurse-2", 0)))
    assert broken(clinic(SINGLE, course=patient(locked=(gone,))), gone) == []


def test_locked_holds_keep_others_off_their_seats_only_where_the_other_is_not_given():
    taken = (booking("chair-1", "2026-12-07T09:00", "2026-12-07T11:00"),)
    assert broken(clinic(SINGLE, course=patient(locked=(ONE,)), bookings=taken), ONE) == []


def test_a_hold_may_run_past_midnight_only_within_one_span_of_one_date():
    late = Visit(30, (0, 30), (HoldNeed("chair", 0, 60),))
    shape = protocol(track("visit", "late", (phase(per_period=1),)), visits={"late": late})
    always = Week((((0, 1440),),) * 7)
    placed = session(1, "2026-12-07T23:30", "visit", (("chair", "chair-1", 0),))
    assert broken(clinic(shape, hours=always), placed) == [(7, "visit", 1)]
    assert at("2026-12-07T23:30").utcoffset() is not None
