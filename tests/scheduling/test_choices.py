"""Further plans of a course: proposed beside the first, bookable, and told apart in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from clinic.models import Patient, Resource, Site
from protocols.models import Track
from scheduling.booking import book_course
from scheduling.choices import outline_of, say_costs, say_differences
from scheduling.engine import CoursePlan, PlacedHold, PlacedSession
from scheduling.models import Course, Hold, Session
from scheduling.planning import Proposal, propose_course
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import make_course

pytestmark = pytest.mark.django_db
KINDS = {"chair": "Chair"}


@pytest.fixture
def chairs(site: Site) -> list[Resource]:
    return [factories.make_resource(site=site, kind="chair", name=f"Chair {number}") for number in (1, 2)]


@pytest.fixture
def course(patient: Patient, site: Site, chairs: list[Resource]) -> Course:
    """Twice weekly for two weeks, at nine; not saved."""
    version = factories.make_protocol(code="short", publish=False)
    Track.objects.filter(version=version).update(continuity="chair")
    version.status, version.published_at = "published", NOW
    version.save()
    return make_course(patient=patient, version=version, earliest=a_day(1), latest=a_day(8), save=False)


def test_propose_course_has_further_plans_to_choose_from(course: Course) -> None:
    proposal = propose_course(course, now=NOW, alternatives=3)
    assert [outline_of(other).differs(outline_of(proposal)) for other in proposal.alternatives] == [
        ("start", "weekdays"),
        ("start", "weekdays"),
        ("time",),
    ]
    costs = [sum(other.cost_parts.values()) for other in proposal.alternatives]
    assert costs == [other.plan.cost for other in proposal.alternatives] == sorted(costs)
    assert propose_course(course, now=NOW).plan == proposal.plan
    assert not Course.objects.exists()


def test_an_alternative_is_booked_as_it_was_shown(course: Course) -> None:
    chosen = propose_course(course, now=NOW, alternatives=3).alternatives[-1]
    booked = book_course(course, plan=chosen.plan, now=NOW)
    starts = list(booked.sessions.order_by("number").values_list("start", flat=True))
    assert starts == [session.start for session in chosen.plan.sessions]
    assert (booked.status, booked.plan_cost) == ("booked", chosen.cost_parts)
    assert Hold.objects.count() == Session.objects.count() == 4


def test_the_differences_of_each_alternative_are_said(course: Course) -> None:
    proposal = propose_course(course, now=NOW, alternatives=3)
    assert [say_differences(proposal, other) for other in proposal.alternatives] == [
        [
            "Starts Wednesday, November 25, 2026, 1 day later.",
            "Wednesdays and Fridays instead of Tuesdays and Fridays.",
        ],
        [
            "Starts Thursday, November 26, 2026, 2 days later.",
            "Mondays and Thursdays instead of Tuesdays and Fridays.",
        ],
        ["Usually around 12:00 PM instead of 9:00 AM."],
    ]


def at(text: str, site: Site) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=site.zone)


def put(course: Course, *starts: str, chairs: tuple[Resource, ...], **wishes: Any) -> Proposal:
    """The proposal of a plan by hand, one visit at each start in the chair given for it."""
    proposal = propose_course(course, now=NOW)
    placed = tuple(
        PlacedSession("main", number, at(start, course.site), (PlacedHold("chair", str(chair.pk), 0),))
        for number, (start, chair) in enumerate(zip(starts, chairs, strict=True), start=1)
    )
    posed = replace(proposal.problem.courses[0], **wishes)
    problem = replace(proposal.problem, courses=(posed,))
    return Proposal(course, problem, proposal.result, CoursePlan(posed.id, "planned", placed, 0))


NINE = ("2026-11-24T09:00", "2026-11-27T09:00", "2026-12-01T09:00", "2026-12-04T09:00")


def test_a_plan_as_it_was_wished_says_so(course: Course, chairs: list[Resource]) -> None:
    proposal = put(course, *NINE, chairs=(chairs[0],) * 4)
    assert say_costs(proposal, kinds=KINDS) == [
        "Starts on the first day asked for.",
        "10 days from the first visit to the last.",
        "Every visit at the preferred time, 9:00 AM.",
        "The same Chair throughout.",
    ]


def test_what_a_plan_costs_is_said_by_its_parts(course: Course, chairs: list[Resource]) -> None:
    one, two = chairs
    starts = ("2026-11-26T10:15", "2026-11-30T07:45", "2026-12-01T09:00", "2026-12-07T09:15")
    proposal = put(course, *starts, chairs=(one, two, two, one))
    assert say_costs(proposal, kinds=KINDS) == [
        "Starts 2 days later than asked.",
        "11 days from the first visit to the last.",
        "2 visits more than an hour off the preferred time, 9:00 AM.",
        "2 changes of Chair.",
        "2 gaps between visits off the protocol's even rhythm.",
    ]


@pytest.mark.parametrize(
    ("clock", "line"),
    [
        ("09:00", "Every visit at the preferred time, 9:00 AM."),
        ("09:15", "Every visit within 15 minutes of the preferred time, 9:00 AM."),
        ("10:00", "Every visit within 60 minutes of the preferred time, 9:00 AM."),
        ("10:05", "All 4 visits more than an hour off the preferred time, 9:00 AM."),
    ],
)
def test_how_far_off_the_wished_time_a_plan_lies(course: Course, chairs: list[Resource], clock: str, line: str) -> None:
    starts = (start.replace("09:00", clock) for start in NINE)
    assert say_costs(put(course, *starts, chairs=(chairs[0],) * 4), kinds=KINDS)[2] == line


def test_visits_that_are_given_have_no_wished_time(course: Course, chairs: list[Resource]) -> None:
    proposal = put(course, *NINE, chairs=(chairs[0],) * 4)
    late = replace(proposal.plan.sessions[0], start=at("2026-11-24T16:00", course.site))
    plan = replace(proposal.plan, sessions=(late, *proposal.plan.sessions[1:]))
    posed = replace(proposal.problem.courses[0], locked=(late,))
    given = replace(proposal, plan=plan, problem=replace(proposal.problem, courses=(posed,)))
    assert say_costs(given, kinds=KINDS)[2] == "Every visit at the preferred time, 9:00 AM."


def test_every_booked_visit_that_would_move_is_counted(course: Course, chairs: list[Resource]) -> None:
    """Each costs 1,000 or 1,200 points: the points alone do not say how many they are."""
    later = ("2026-11-25T09:00", "2026-11-28T09:00", "2026-12-02T09:00", "2026-12-04T09:00")
    current = put(course, *NINE, chairs=(chairs[0],) * 4).plan.sessions
    proposal = put(course, *later, chairs=(chairs[0],) * 4, current=current)
    assert say_costs(proposal, kinds=KINDS)[-1] == "3 booked visits would move."


def test_a_protocol_that_watches_no_resource_says_nothing_of_changes(patient: Patient, site: Site) -> None:
    chair = factories.make_resource(site=site, kind="chair")
    once = ({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},)
    version = factories.make_protocol(phases=once)
    course = make_course(patient=patient, version=version, earliest=a_day(1), latest=a_day(8), save=False)
    assert say_costs(put(course, NINE[0], chairs=(chair,)), kinds=KINDS) == [
        "Starts on the first day asked for.",
        "Every visit at the preferred time, 9:00 AM.",
    ]
