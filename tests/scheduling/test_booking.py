"""Courses are asked for, planned and booked whole, or refused with every problem."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from clinic.models import Closure, Outage, Patient, Resource, Site, User
from scheduling import booking
from scheduling.booking import book_course, plan_and_book, request_course, stop_course
from scheduling.engine import CoursePlan, PlacedHold, PlacedSession
from scheduling.models import Course, CourseStatus, Driver, Hold, Notice, Session, SessionStatus
from scheduling.moving import cancel_session, move_session
from scheduling.planning import propose_course
from scheduling.refusals import BookingRefused, Refusal
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, fill_seat, make_course, make_implant, make_tms, put_session

pytestmark = pytest.mark.django_db
ONE_VISIT = ({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


def plan_at(course: Course, *starts: datetime, chair: Resource) -> CoursePlan:
    """A plan by hand for a one-track course."""
    seat = (PlacedHold("chair", str(chair.pk), 0),)
    placed = (PlacedSession("main", number, start, seat) for number, start in enumerate(starts, start=1))
    return CoursePlan(str(course.uuid), "planned", tuple(placed))


def ask(patient: Patient, site: Site, **fields: Any) -> Course:
    values: dict[str, Any] = {
        "version": fields.pop("version", None) or factories.make_protocol(),
        "earliest_start": a_day(1),
        "latest_start": a_day(10),
        "preferred_time": time(9),
        "now": NOW,
    }
    return request_course(patient=patient, site=site, **{**values, **fields})


# Asking


def test_request_course_waits_to_be_planned(patient: Patient, site: Site, clerk: User) -> None:
    course = ask(patient, site, by=clerk, reference="R-7", availability={"mon": [["08:00", "12:00"]]})
    course.refresh_from_db()
    assert (course.status, course.requested_at, course.requested_by) == (CourseStatus.PLANNING, NOW, clerk)
    assert (course.reference, course.availability) == ("R-7", {"mon": [["08:00", "12:00"]]})


def test_request_course_with_a_reference_is_idempotent(patient: Patient, site: Site) -> None:
    version = factories.make_protocol()
    first = ask(patient, site, version=version, reference="R-7")
    assert ask(patient, site, version=version, reference="R-7") == first
    assert Course.objects.count() == 1


def test_request_course_names_each_field_at_fault(patient: Patient, site: Site, other_site: Site) -> None:
    with pytest.raises(ValidationError) as refused:
        ask(
            patient,
            site,
            version=factories.make_protocol(site=other_site),
            latest_start=a_day(0),
            availability={"someday": []},
            anchor_at=at(site, 3, 9),
        )
    assert set(refused.value.message_dict) == {"version", "latest_start", "availability", "anchor_at"}
    assert not Course.objects.exists()


@pytest.mark.parametrize("year", [1, 1950, 9999])
def test_an_operation_out_of_reach_is_refused(patient: Patient, site: Site, year: int) -> None:
    with pytest.raises(ValidationError) as refused:
        ask(patient, site, version=make_implant(), anchor_at=datetime(year, 12, 31, tzinfo=UTC))
    assert refused.value.message_dict == {"anchor_at": ["This day is more than two years away."]}


def test_request_course_refuses_drafts_past_dates_and_anothers_reference(patient: Patient, site: Site) -> None:
    ask(patient, site, reference="R-7")
    faulty: dict[str, dict[str, Any]] = {
        "version": {"version": factories.make_protocol(publish=False)},
        "latest_start": {"earliest_start": a_day(-9), "latest_start": a_day(-1)},
        "reference": {"reference": "R-7"},
    }
    for fault, fields in faulty.items():
        with pytest.raises(ValidationError) as refused:
            ask(patient, site, **fields)
        assert set(refused.value.message_dict) == {fault}
    assert Course.objects.count() == 1


def test_a_surgery_date_is_given_and_visits_are_planned_from_it(patient: Patient, site: Site, chair: Resource) -> None:
    version = make_implant()
    with pytest.raises(ValidationError, match="Give the date and time"):
        ask(patient, site, version=version)
    course = ask(patient, site, version=version, anchor_at=at(site, 4, 21))
    anchor = Session.objects.get()
    assert (anchor.track.name, anchor.start, anchor.holds.count()) == ("surgery", at(site, 4, 21), 0)
    plan_and_book(course.pk, now=NOW)
    days = [(s.track.name, s.number, s.local_date) for s in Session.objects.order_by("start")]
    assert days[0] == ("surgery", 1, a_day(4))
    assert [name for name, *_ in days[1:]] == ["follow-up", "follow-up"]
    assert a_day(18) <= days[1][2] < a_day(25) <= days[2][2] < a_day(32)


# One course of a protocol at a time


@pytest.mark.parametrize("status", ["planning", "booked", "running"])
def test_a_second_course_of_the_same_protocol_is_refused_at_every_site(
    patient: Patient, site: Site, other_site: Site, status: str
) -> None:
    version = factories.make_protocol(code="acute")
    ask(patient, other_site, version=version)
    Course.objects.update(status=status)
    adopted = factories.make_protocol(code="acute", site=site)
    for same in (version, adopted):
        with pytest.raises(ValidationError) as refused:
            ask(patient, site, version=same)
        assert refused.value.message_dict == {"version": ["The patient already has a course of this protocol."]}
    assert Course.objects.count() == 1
    assert ask(factories.make_patient(site=site), site, version=version).status == "planning"
    assert ask(patient, site, version=factories.make_protocol(code="maintenance")).status == "planning"


@pytest.mark.parametrize("status", ["infeasible", "finished", "stopped"])
def test_a_course_that_is_over_or_did_not_fit_makes_way_for_another(patient: Patient, site: Site, status: str) -> None:
    version = factories.make_protocol()
    ask(patient, site, version=version)
    Course.objects.update(status=status)
    assert ask(patient, site, version=version).status == "planning"


def test_a_course_beside_another_of_its_protocol_is_not_booked(patient: Patient, chair: Resource) -> None:
    version = factories.make_protocol()
    shown = [make_course(patient=patient, version=version, save=False) for _ in range(2)]
    plans = [propose_course(course, now=NOW).plan for course in shown]
    first = book_course(shown[0], plan=plans[0], now=NOW)
    with pytest.raises(BookingRefused) as refused:
        book_course(shown[1], plan=plans[1], now=NOW)
    assert refused.value.refusals == (Refusal("The patient already has a course of this protocol.", rule="course"),)
    assert book_course(shown[0], plan=plans[0], now=NOW) == first
    assert list(Course.objects.all()) == [first]


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_is_refused(patient: Patient, site: Site) -> None:
    version = factories.make_protocol()
    together = Barrier(2)

    def ask_at_once(_: int) -> str:
        try:
            together.wait(timeout=10)
            ask(patient, site, version=version)
        except ValidationError as refused:
            return refused.messages[0]
        finally:
            connection.close()
        return "asked"

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(ask_at_once, range(2)))
    assert found == ["The patient already has a course of this protocol.", "asked"]
    assert Course.objects.count() == 1


# Booking


def test_an_operation_is_moved_but_never_cancelled_alone(patient: Patient, site: Site, chair: Resource) -> None:
    course = ask(patient, site, version=make_implant(), anchor_at=at(site, 4, 21))
    anchor = course.sessions.get()
    with pytest.raises(BookingRefused, match="move it, or stop the course"):
        cancel_session(anchor, reason="Postponed", now=NOW)
    assert move_session(anchor, start=at(site, 9, 7), now=NOW).start == at(site, 9, 7)


def test_plan_and_book_writes_sessions_holds_and_drivers(patient: Patient, site: Site, chair: Resource) -> None:
    version = factories.make_protocol(minutes=45, sedating=True)
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    assert (course.status, course.booked_at, course.plan_message) == (CourseStatus.BOOKED, NOW, "")
    sessions = list(course.sessions.order_by("start"))
    assert [(s.number, s.status, s.sequence) for s in sessions] == [(n, "booked", 0) for n in (1, 2, 3, 4)]
    assert {s.end - s.start for s in sessions} == {timedelta(minutes=45)}
    assert len({s.uid for s in sessions}) == 4
    held = Hold.objects.order_by("start").values_list("resource", "seat", "start", "end")
    assert list(held) == [(chair.pk, 0, s.start, s.end) for s in sessions]
    assert Driver.objects.filter(status="needed").count() == 4
    assert set(course.plan_cost) == {"start", "length", "time", "spread", "continuity", "moved", "unplanned"}
    assert (course.plan_cost["start"], course.plan_cost["time"], course.plan_cost["unplanned"]) == (0, 0, 0)


def test_book_course_twice_returns_what_exists(patient: Patient, chair: Resource) -> None:
    course = make_course(patient=patient, version=factories.make_protocol())
    plan = propose_course(course, now=NOW).plan
    booked = book_course(course, plan=plan, now=NOW)
    sessions = list(booked.sessions.values())
    again = book_course(course, plan=plan, now=NOW + timedelta(hours=1))
    assert (again.pk, again.booked_at, list(again.sessions.values())) == (booked.pk, NOW, sessions)


def test_an_unsaved_course_is_saved_with_its_sessions(patient: Patient, chair: Resource) -> None:
    course = make_course(patient=patient, version=factories.make_protocol(), save=False)
    plan = propose_course(course, now=NOW).plan
    assert not Course.objects.exists()
    booked = book_course(course, plan=plan, now=NOW)
    assert (Course.objects.get(), booked.sessions.count()) == (booked, 4)


def test_a_refused_booking_lists_every_problem_and_writes_nothing(
    patient: Patient, site: Site, other_site: Site, chair: Resource
) -> None:
    version = factories.make_protocol(phases=({"periods": 1, "period_days": 7, "per_period": 3, "min_gap_hours": 20},))
    rival = make_course(patient=factories.make_patient(site=site, family_name="Secretive"), version=version)
    put_session(rival, number=1, start=at(site, 1, 9), seats=(chair,))
    elsewhere = make_course(patient=patient, version=factories.make_protocol(), site=other_site)
    put_session(elsewhere, number=1, start=at(site, 2, 9))
    Outage.objects.create(resource=chair, start=at(site, 3, 8), end=at(site, 3, 12))
    course = make_course(patient=patient, version=version, save=False)
    plan = plan_at(course, at(site, 1, 9), at(site, 2, 9), at(site, 3, 9), chair=chair)
    with pytest.raises(BookingRefused) as refused:
        book_course(course, plan=plan, now=NOW)
    assert set(refused.value.refusals) == {
        Refusal(
            "Chair 1 is taken on November 24 at 9:00 AM.", "main 1", "seat", "Chair 1", "2026-11-24T09:00:00-05:00"
        ),
        Refusal(
            "The patient is not free on November 25 at 9:00 AM.", "main 2", "patient", "", "2026-11-25T09:00:00-05:00"
        ),
        Refusal(
            "Chair 1 is not available on November 26 at 9:00 AM.",
            "main 3",
            "seat",
            "Chair 1",
            "2026-11-26T09:00:00-05:00",
        ),
    }
    text = str(refused.value)
    assert "Secretive" not in text and other_site.name not in text and str(elsewhere.uuid) not in text
    assert (Course.objects.count(), Session.objects.count(), Hold.objects.count()) == (2, 2, 1)


def test_what_cannot_be_planned_says_why_on_the_course(patient: Patient, site: Site, chair: Resource) -> None:
    Closure.objects.create(site=site, first_on=a_day(0), last_on=a_day(120))
    course = plan_and_book(make_course(patient=patient, version=factories.make_protocol()).pk, now=NOW)
    course.refresh_from_db()
    assert course.status == CourseStatus.INFEASIBLE
    assert course.plan_message
    assert not Session.objects.exists()
    Closure.objects.all().delete()
    assert plan_and_book(course.pk, now=NOW).status == CourseStatus.BOOKED


def test_plan_and_book_plans_again_after_a_lost_race(
    patient: Patient, site: Site, chair: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody books the very seat between the proposal and the booking."""
    course = make_course(patient=patient, version=factories.make_protocol(phases=ONE_VISIT))
    rival = make_course(patient=factories.make_patient(site=site), version=course.version)
    proposed: list[datetime] = []

    def propose_and_lose(course: Course, **fields: Any) -> Any:
        proposal = propose_course(course, **fields)
        if not proposed:
            put_session(rival, number=1, start=proposal.plan.sessions[0].start, seats=(chair,))
        proposed.append(proposal.plan.sessions[0].start)
        return proposal

    monkeypatch.setattr(booking, "propose_course", propose_and_lose)
    booked = plan_and_book(course.pk, now=NOW)
    assert booked.status == CourseStatus.BOOKED
    assert len(set(proposed)) == 2
    assert booked.sessions.get().start == proposed[1]


# The clock


@pytest.mark.parametrize(
    ("zone", "first", "changes_on", "offsets"),
    [
        ("America/New_York", date(2027, 3, 8), date(2027, 3, 14), {-5.0, -4.0}),
        ("America/New_York", date(2026, 10, 26), date(2026, 11, 1), {-4.0, -5.0}),
        ("Australia/Lord_Howe", date(2027, 3, 29), date(2027, 4, 4), {11.0, 10.5}),
    ],
)
def test_a_course_across_a_clock_change_keeps_its_wall_clock_time(
    zone: str, first: date, changes_on: date, offsets: set[float]
) -> None:
    site = factories.make_site(timezone=zone)
    factories.make_resource(site=site, kind="chair")
    now = datetime(2026, 10, 1, tzinfo=UTC)
    course = make_course(
        patient=factories.make_patient(site=site),
        version=factories.make_protocol(),
        earliest=first,
        latest=first + timedelta(days=2),
        preferred_time=time(10),
    )
    sessions = list(plan_and_book(course.pk, now=now).sessions.order_by("start"))
    assert sessions[0].local_date < changes_on < sessions[-1].local_date
    assert {s.local_time for s in sessions} == {time(10)}
    assert {s.timezone for s in sessions} == {zone}
    assert [s.start.astimezone(site.zone).time() for s in sessions] == [time(10)] * 4
    assert {s.local_start.utcoffset().total_seconds() / 3600 for s in sessions} == offsets  # type: ignore[union-attr]


# Figures


@pytest.mark.parametrize("others", [0, 4000])
def test_a_tms_course_is_planned_booked_and_announced_in_a_fixed_number_of_queries(
    site: Site, others: int, django_assert_num_queries: Any
) -> None:
    version = make_tms()
    for kind in ("tms_device", "tms_operator"):
        fill_seat(factories.make_resource(site=site, kind=kind, seats=3), seat=1, count=others)
    course = make_course(patient=factories.make_patient(site=site), version=version)
    with django_assert_num_queries(55):
        booked = plan_and_book(course.pk, now=NOW)
    assert (booked.sessions.count(), Hold.objects.filter(session__course=booked).count()) == (36, 72)
    assert Notice.objects.filter(course=booked).exists()


# Stopping


def test_stop_course_cancels_what_is_to_come(patient: Patient, site: Site, chair: Resource) -> None:
    course = plan_and_book(make_course(patient=patient, version=factories.make_protocol()).pk, now=NOW)
    first, *rest = course.sessions.order_by("start")
    later = first.end + timedelta(minutes=5)
    stopped = stop_course(course, reason="Moved away", now=later)
    assert (stopped.status, stopped.ended_at, stopped.end_reason) == (CourseStatus.STOPPED, later, "Moved away")
    rows = course.sessions.order_by("start").values_list("status", "sequence", "cancel_reason")
    assert list(rows) == [("booked", 0, "")] + [("cancelled", 1, "Moved away")] * len(rest)
    assert list(Hold.objects.values_list("session", flat=True)) == [first.pk]
    assert stop_course(course, reason="Again", now=later + timedelta(hours=1)).ended_at == later


def test_a_course_that_waits_can_be_stopped(patient: Patient) -> None:
    course = make_course(patient=patient, version=factories.make_protocol())
    assert stop_course(course, reason="Withdrawn", now=NOW).status == CourseStatus.STOPPED
    assert plan_and_book(course.pk, now=NOW).status == CourseStatus.STOPPED
    assert not Session.objects.filter(status=SessionStatus.BOOKED).exists()
