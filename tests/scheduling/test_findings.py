"""What the engine finds and answers, in the words of staff: no code of a track or kind, and a twelve-hour clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from clinic.models import Closure, Patient, Resource, Site
from protocols.models import Track
from scheduling import engine
from scheduling.booking import plan_and_book
from scheduling.explaining import NOTHING_FITS, RAN_OUT, say_ways, say_why, write_relaxations
from scheduling.findings import refusals_of
from scheduling.planning import Proposal, propose_course
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, put_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def chair(site: Site) -> Resource:
    factories.make_kind("chair").__class__.objects.filter(code="chair").update(name="Treatment chair")
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def proposal(patient: Patient, chair: Resource) -> Proposal:
    """Four visits, twice a week, on the 24th, 26th, and a week later."""
    return propose_course(make_course(patient=patient, version=factories.make_protocol()), now=NOW)


def move(proposal: Proposal, number: int, start: datetime) -> list[str]:
    """The refusals when one visit lies at another time than was proposed."""
    sessions = tuple(replace(s, start=start) if s.number == number else s for s in proposal.plan.sessions)
    return say(proposal, sessions)


def say(proposal: Proposal, sessions: tuple[engine.PlacedSession, ...]) -> list[str]:
    found = refusals_of(proposal.problem, replace(proposal.plan, sessions=sessions), site=proposal.course.site)
    return [refusal.message for refusal in found]


def test_a_plan_that_keeps_the_rules_is_not_refused(proposal: Proposal) -> None:
    assert say(proposal, proposal.plan.sessions) == []


def test_every_broken_rule_is_a_sentence_about_the_visit(proposal: Proposal, site: Site) -> None:
    second = at(site, 2, 9)
    moves = {
        "early": move(proposal, 2, second - timedelta(days=1)),
        "late in the day": move(proposal, 2, second + timedelta(hours=10)),
        "off the grid": move(proposal, 2, second + timedelta(minutes=1)),
        "after its window": move(proposal, 4, at(site, 30, 9)),
        "past": move(proposal, 1, NOW - timedelta(days=1)),
        "far": move(proposal, 4, at(site, 800, 9)),
        "missing": say(proposal, proposal.plan.sessions[:3]),
    }
    gap = "does not keep its distance to the visit before it: the protocol asks for at least 44 hours."
    assert moves == {
        "early": [
            f"Visit 2 on November 24 at 9:00 AM {gap}",
            "Visit 2 on November 24 at 9:00 AM overlaps another visit of the course.",
            "Chair 1 is taken on November 24 at 9:00 AM.",
        ],
        "late in the day": [
            f"Visit 2 on November 25 at 7:00 PM {gap}",
            "Visit 2 on November 25 at 7:00 PM lies outside the opening hours.",
            "Chair 1 is not available on November 25 at 7:00 PM.",
        ],
        "off the grid": [
            f"Visit 2 on November 25 at 9:01 AM {gap}",
            "Visit 2 on November 25 at 9:01 AM does not start on a full step of 15 minutes.",
        ],
        "after its window": [
            "Visit 4 on December 23 at 9:00 AM lies outside the days that the protocol gives this visit."
        ],
        "past": [
            "Visit 1 on November 22 at 8:00 AM lies in the past.",
            "Visit 1 on November 22 at 8:00 AM lies outside the opening hours.",
            "Chair 1 is not available on November 22 at 8:00 AM.",
        ],
        "far": [
            "Visit 4 on January 31 at 9:00 AM lies further ahead than is planned.",
            "Visit 4 on January 31 at 9:00 AM lies outside the days that the protocol gives this visit.",
        ],
        "missing": ["Visit 4 is not placed exactly once."],
    }


def test_a_gap_is_told_with_all_that_the_protocol_asks_for(patient: Patient, site: Site, chair: Resource) -> None:
    close = {"periods": 1, "period_days": 7, "per_period": 3, "min_gap_hours": 20, "max_gap_hours": 60}
    phase = {**close, "max_in_count": 2, "max_in_days": 3}
    found = propose_course(make_course(patient=patient, version=factories.make_protocol(phases=(phase,))), now=NOW)
    third = next(session for session in found.plan.sessions if session.number == 3)
    assert move(found, 3, third.start - timedelta(days=1))[0].partition(": ")[2] == (
        "the protocol asks for at least 20 and at most 60 hours, and for no more than 2 visits in 3 days."
    )


def test_a_course_of_several_tracks_names_the_track(patient: Patient, site: Site, chair: Resource) -> None:
    version = factories.make_protocol(publish=False)
    Track.objects.filter(version=version).update(name="tms")
    other = Track.objects.create(version=version, position=1, name="ketamine_iv", visit_type=version.visit_types.get())
    other.phases.create(position=0, name="once", periods=1, period_days=7, per_period=1, min_gap_hours=0)
    found = propose_course(make_course(patient=patient, version=version), now=NOW)
    late = tuple(replace(s, start=at(site, 2, 20)) if s.key == ("ketamine_iv", 1) else s for s in found.plan.sessions)
    assert say(found, late) == [
        "Ketamine IV 1 on November 25 at 8:00 PM lies outside the opening hours.",
        "Chair 1 is not available on November 25 at 8:00 PM.",
    ]


def test_what_would_help_is_told_by_the_names_of_kinds_and_the_clock_of_the_clinic(
    patient: Patient, site: Site, chair: Resource
) -> None:
    Closure.objects.create(site=site, first_on=a_day(0), last_on=a_day(5))
    once = ({"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 0},)
    asked = make_course(patient=patient, version=factories.make_protocol(phases=once), latest=a_day(2))
    course = plan_and_book(asked.pk, now=NOW)
    assert course.plan_message == (
        "Clinic riverside is closed from Tuesday, November 24 to Wednesday, November 25, the only days for visit 1; "
        "open Clinic riverside on Tuesday, November 24 from 9:00 AM to 9:30 AM or start on Monday, November 30."
    )
    assert say_ways(course.relaxations, site=site) == (
        "Any one of these would help: "
        "open Clinic riverside on Tuesday, November 24 from 9:00 AM to 9:30 AM; "
        "start 5 days later."
    )


def test_a_kind_that_is_short_is_called_by_its_name(patient: Patient, site: Site) -> None:
    factories.make_kind("tms_device").__class__.objects.filter(code="tms_device").update(name="TMS machine")
    device = factories.make_resource(site=site, kind="tms_device")
    device.outages.create(start=at(site, 0, 0), end=at(site, 2, 0), reason="Repair")
    once = ({"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 0},)
    version = factories.make_protocol(phases=once, needs=("tms_device",))
    proposal = propose_course(make_course(patient=patient, version=version, latest=a_day(1), save=False), now=NOW)
    assert proposal.message == (
        "No TMS machine is free for visit 1 on Tuesday, November 24; "
        "add one more TMS machine on Tuesday, November 24 from 9:00 AM to 9:30 AM or start on Wednesday, November 25."
    )
    assert proposal.plan.obstacle == engine.Obstacle(
        "resource", a_day(1), a_day(1), track="main", number=1, minutes=30, kind="tms_device"
    )


def test_a_patient_is_not_asked_to_come_during_another_visit(
    patient: Patient, site: Site, chair: Resource, other_site: Site
) -> None:
    """Away on Tuesday, and from 8:00 to 9:45 of it at another clinic: asked for only beside that visit."""
    theirs = make_course(patient=patient, version=factories.make_protocol(code="theirs"), site=other_site)
    put_session(theirs, number=1, start=at(site, 1, 8), minutes=105)
    patient.absences.create(start=at(site, 1, 0), end=at(site, 2, 0))
    once = ({"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 0},)
    version = factories.make_protocol(phases=once)
    proposal = propose_course(make_course(patient=patient, version=version, latest=a_day(1), save=False), now=NOW)
    assert proposal.message == (
        "The patient cannot come for visit 1 on Tuesday, November 24; "
        "have the patient come on Tuesday, November 24 from 9:45 AM to 10:15 AM or start on Wednesday, November 25."
    )


def test_where_no_reason_is_known_and_where_time_ran_out_it_says_so(proposal: Proposal, site: Site) -> None:
    nothing = engine.CoursePlan(proposal.plan.id, engine.INFEASIBLE, message="session 1 of tms")
    unknown = engine.CoursePlan(proposal.plan.id, engine.UNKNOWN, message="no plan after 5 s")
    assert say_why(nothing, proposal.problem, site=site) == NOTHING_FITS
    assert say_why(unknown, proposal.problem, site=site) == RAN_OUT
    assert say_why(proposal.plan, proposal.problem, site=site) == ""
    assert say_ways(write_relaxations(nothing), site=site) == ""


def test_a_course_whose_planning_ran_out_of_time_waits_for_staff_to_plan_it_again(
    patient: Patient, chair: Resource
) -> None:
    asked = make_course(patient=patient, version=factories.make_protocol())
    course = plan_and_book(asked.pk, now=NOW, time_limit=0.0)
    assert (course.status, course.plan_message, course.relaxations) == ("infeasible", RAN_OUT, [])
    assert plan_and_book(course.pk, now=NOW).status == "booked"
