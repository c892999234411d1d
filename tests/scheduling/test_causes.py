"""Why a course is impossible, and what makes it so on any calendar said before anything about the calendar as it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic.models import Patient, Resource, ResourceKind, Site
from protocols.models import Need, ProtocolVersion
from scheduling.booking import plan_and_book, request_course
from scheduling.planning import propose_course
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, make_implant

pytestmark = pytest.mark.django_db
ALL_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def chair(site: Site) -> Resource:
    found = factories.make_resource(site=site, kind="chair", name="Chair 1")
    ResourceKind.objects.filter(code="chair").update(name="Treatment chair")
    return found


def week(*days: str, hours: tuple[tuple[str, str], ...] = (("08:00", "18:00"),)) -> dict[str, Any]:
    return {day: [list(span) for span in hours] for day in days}


def why(patient: Patient, version: ProtocolVersion | None = None, **fields: Any) -> str:
    version = version or factories.make_protocol()
    return propose_course(make_course(patient=patient, version=version, save=False, **fields), now=NOW).message


def test_a_kind_or_skill_that_the_site_does_not_have_is_named(patient: Patient, site: Site, chair: Resource) -> None:
    pump = factories.make_kind("pump")
    ResourceKind.objects.filter(pk=pump.pk).update(name="IV pump")
    version = factories.make_protocol(needs=("chair", "pump"), publish=False)
    Need.objects.filter(stage__visit_type__version=version, kind="chair").update(skill="rems")
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=NOW)
    version.refresh_from_db()
    assert why(patient, version) == (
        f"{site} has no REMS treatment chair and no IV pump for visit 1; "
        "no single change helps, as each leaves something else in the way."
    )
    Resource.objects.update(active=False)
    assert why(patient).startswith(f"{site} has no treatment chair for visit 1; add one more treatment chair from ")


def test_a_visit_longer_than_all_hours_of_the_patient_is_told(patient: Patient, chair: Resource) -> None:
    version = factories.make_protocol(minutes=155)
    split = week(*ALL_DAYS, hours=(("08:00", "10:00"), ("12:00", "13:00"), ("13:00", "13:30")))
    said = "A visit takes 155 minutes; the patient's weekly hours leave at most 120."
    assert why(patient, version, availability=split) == said
    joined = week(*ALL_DAYS, hours=(("08:00", "10:00"), ("10:00", "11:00")))
    assert why(patient, version, availability=joined) == ""


def test_too_few_weekdays_for_the_visits_of_a_week_are_told(patient: Patient, chair: Resource) -> None:
    said = "Two visits a week are needed; the patient can come on one weekday (Monday)."
    assert why(patient, availability=week("mon")) == said
    daily = factories.make_protocol(
        phases=({"periods": 2, "period_days": 7, "per_period": 5, "min_gap_hours": 20, "slip_days": 3},)
    )
    said = "Five visits a week are needed; the patient can come on two weekdays (Monday and Friday)."
    assert why(patient, daily, availability=week("mon", "fri")) == said
    in_a_row = factories.make_protocol(
        phases=({"periods": 5, "period_days": 1, "per_period": 1, "min_gap_hours": 20, "slip_days": 1},)
    )
    said = "Three visits within 4 days are needed; the patient can come on two weekdays (Tuesday and Wednesday)."
    assert why(patient, in_a_row, availability=week("tue", "wed")) == said


def test_slack_that_makes_up_for_few_weekdays_is_no_cause(patient: Patient, chair: Resource) -> None:
    version = factories.make_protocol(
        phases=({"periods": 1, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 7},)
    )
    assert why(patient, version, availability=week("mon")) == ""


def test_an_operation_so_long_ago_that_its_visits_are_past_is_told(
    patient: Patient, site: Site, chair: Resource
) -> None:
    course = request_course(
        patient=patient,
        site=site,
        version=make_implant(),
        earliest_start=a_day(-30),
        latest_start=a_day(-30),
        anchor_at=at(site, -30, 9),
        now=NOW,
    )
    planned = plan_and_book(course.pk, now=NOW)
    said = "The time for follow up visit 1 is past: it was to be between Saturday, November 7 and Friday, November 13; "
    assert (planned.status, planned.plan_message[: len(said)]) == ("infeasible", said)


def test_a_first_day_that_has_passed_while_the_course_waited_is_told(patient: Patient, chair: Resource) -> None:
    said = "The time for visit 1 is past: it was to be between Saturday, November 14 and Friday, November 20; "
    assert why(patient, earliest=a_day(-9), latest=a_day(-3)) == f"{said}start on Monday, November 23."


def test_where_only_the_calendar_is_full_nothing_else_is_blamed(patient: Patient, site: Site, chair: Resource) -> None:
    chair.outages.create(start=at(site, 0, 0), end=at(site, 0, 0) + timedelta(days=90), reason="Repair")
    course = make_course(patient=patient, version=factories.make_protocol(), save=False)
    proposal = propose_course(course, now=NOW)
    assert proposal.message.startswith(
        "No treatment chair is free for visit 1 between Tuesday, November 24 and Tuesday, December 8; "
    )
