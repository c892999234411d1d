"""Rows to a problem: everything that is there, nothing that is not, in a fixed number of queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clinic.models import Closure, ExtraOpening, Outage, Patient, PatientAbsence, Resource, ResourceHours, Site
from protocols.models import DecisionPoint
from scheduling import engine
from scheduling.engine import Interval, PlacedHold, PlacedSession, Week
from scheduling.models import Course, CourseDecision, Hold, SessionStatus
from scheduling.snapshots import protocol_of, read_problem
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, fill_seat, make_course, make_tms, mark_booked, put_session

pytestmark = pytest.mark.django_db
QUERIES = 21
ONE_HOUR = timedelta(hours=1)


def read_one(course: Course) -> engine.Problem:
    return read_problem(site=course.site, courses=[course], now=NOW)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1", seats=2, skills=["recliner"])


def test_read_problem_poses_the_whole_clinic(site: Site, patient: Patient, chair: Resource) -> None:
    version = factories.make_protocol(minutes=45)
    course = make_course(patient=patient, version=version, save=False)
    problem = read_problem(site=site, courses=[course], now=NOW)
    assert problem == engine.Problem(
        site=engine.Site(
            timezone="America/New_York",
            grid_minutes=15,
            opening_hours=Week.of({day: [("08:00", "18:00")] for day in ("mon", "tue", "wed", "thu", "fri")}),
        ),
        resources=(engine.Resource(str(chair.pk), "chair", 2, ("recliner",)),),
        protocols={
            str(version.uuid): engine.Protocol(
                visits={"visit": engine.Visit(45, (0, 45), (engine.HoldNeed("chair", 0, 45),))},
                tracks=(engine.Track("main", "visit", (engine.Phase("phase-0", 2, 7, 2, 44),)),),
            )
        },
        courses=(engine.Course(str(course.uuid), str(version.uuid), a_day(1), a_day(15), 9 * 60),),
        horizon_end=a_day(15 + 13 + 30),
        now=NOW + timedelta(minutes=120),
    )


def test_closures_extra_openings_outages_and_hours_inside_the_horizon_are_posed(
    site: Site, patient: Patient, chair: Resource
) -> None:
    Closure.objects.create(site=site, first_on=a_day(-3), last_on=a_day(0))
    Closure.objects.create(site=site, first_on=a_day(3), last_on=a_day(4))
    Closure.objects.create(site=site, first_on=a_day(300), last_on=a_day(300))
    ExtraOpening.objects.create(site=site, date=a_day(5), opens_at=time(20), closes_at=time(0))
    ResourceHours.objects.create(resource=chair, weekday=0, opens_at=time(9), closes_at=time(0))
    Outage.objects.create(resource=chair, start=at(site, 2, 8), end=at(site, 2, 12))
    Outage.objects.create(resource=chair, start=at(site, -5, 8), end=at(site, -5, 12))
    problem = read_problem(
        site=site, courses=[make_course(patient=patient, version=factories.make_protocol())], now=NOW
    )
    assert problem.site.closed_dates == (a_day(0), a_day(3), a_day(4))
    assert problem.site.extra_openings == (engine.Opening(a_day(5), 20 * 60, 24 * 60),)
    assert problem.resources[0].hours == Week.of({"mon": [("09:00", "24:00")]})
    assert problem.resources[0].unavailable == (Interval(at(site, 2, 8), at(site, 2, 12)),)


def test_spans_without_an_end_in_sight_are_posed_as_far_as_planning_looks(
    site: Site, patient: Patient, chair: Resource
) -> None:
    ever = {"start": datetime(1900, 1, 1, tzinfo=UTC), "end": datetime(9999, 12, 31, tzinfo=UTC)}
    Outage.objects.create(resource=chair, **ever)
    PatientAbsence.objects.create(patient=patient, **ever)
    problem = read_problem(
        site=site,
        courses=[make_course(patient=patient, version=factories.make_protocol())],
        now=NOW,
        horizon_end=a_day(30),
    )
    whole = (Interval(NOW, at(site, 32, 0)),)
    assert (problem.resources[0].unavailable, problem.courses[0].unavailable) == (whole, whole)


def test_resources_of_other_kinds_other_sites_and_out_of_service_are_left_out(
    site: Site, other_site: Site, patient: Patient, chair: Resource
) -> None:
    factories.make_resource(site=site, kind="tms_device")
    factories.make_resource(site=other_site, kind="chair")
    factories.make_resource(site=site, kind="chair", active=False)
    problem = read_problem(
        site=site, courses=[make_course(patient=patient, version=factories.make_protocol())], now=NOW
    )
    assert [resource.id for resource in problem.resources] == [str(chair.pk)]


def test_holds_of_others_are_bookings_and_those_of_vanished_seats_are_not(
    site: Site, patient: Patient, chair: Resource
) -> None:
    version = factories.make_protocol()
    other = make_course(patient=factories.make_patient(site=site), version=version)
    put_session(other, number=1, start=at(site, 1, 9), seats=(chair,))
    late = put_session(other, number=2, start=at(site, 3, 9), seats=(chair,))
    Hold.objects.filter(session=late).update(seat=5)
    problem = read_problem(site=site, courses=[make_course(patient=patient, version=version)], now=NOW)
    assert problem.bookings == (engine.Booking(str(chair.pk), 0, at(site, 1, 9), at(site, 1, 9, 30)),)


def test_the_patients_own_visits_at_every_site_and_absences_make_them_unavailable(
    site: Site, other_site: Site, patient: Patient
) -> None:
    elsewhere = make_course(patient=patient, version=factories.make_protocol(), site=other_site)
    put_session(elsewhere, number=1, start=at(site, 1, 9))
    put_session(elsewhere, number=2, start=at(site, 3, 9), status=SessionStatus.CANCELLED)
    PatientAbsence.objects.create(patient=patient, start=at(site, 5, 0), end=at(site, 6, 0))
    problem = read_problem(
        site=site, courses=[make_course(patient=patient, version=factories.make_protocol())], now=NOW
    )
    assert problem.courses[0].unavailable == (
        Interval(at(site, 1, 9), at(site, 1, 9, 30)),
        Interval(at(site, 5, 0), at(site, 6, 0)),
    )


@pytest.mark.parametrize(
    ("of_patient", "of_course", "posed"),
    [
        (None, None, None),
        ({"mon": [["08:00", "12:00"]]}, None, Week.of({"mon": [("08:00", "12:00")]})),
        ({"mon": [["08:00", "12:00"]]}, {"tue": [["13:00", "24:00"]]}, Week.of({"tue": [("13:00", "24:00")]})),
    ],
)
def test_the_courses_availability_comes_before_the_patients(
    site: Site, patient: Patient, of_patient: Any, of_course: Any, posed: Week | None
) -> None:
    patient.availability = of_patient
    patient.save()
    course = make_course(patient=patient, version=factories.make_protocol(), availability=of_course)
    assert read_problem(site=site, courses=[course], now=NOW).courses[0].availability == posed


def test_a_begun_course_is_posed_with_what_is_given_and_what_may_move(
    site: Site, patient: Patient, chair: Resource
) -> None:
    course = mark_booked(make_course(patient=patient, version=factories.make_protocol(), shift_days=2))
    put_session(course, number=1, start=at(site, -7, 9), seats=(chair,), status=SessionStatus.COMPLETED)
    put_session(course, number=2, start=at(site, -4, 9), status=SessionStatus.MISSED, missed_reason="no_show")
    put_session(course, number=2, start=at(site, 1, 9), seats=(chair,))
    put_session(course, number=3, start=at(site, 3, 9), status=SessionStatus.CANCELLED)
    seat = (PlacedHold("chair", str(chair.pk), 0),)
    first = PlacedSession("main", 1, at(site, -7, 9), seat)
    second = PlacedSession("main", 2, at(site, 1, 9), seat)
    given_up = PlacedSession("main", 3, at(site, 3, 9))
    posed = read_problem(site=site, courses=[course], now=NOW).courses[0]
    assert (posed.locked, posed.current, posed.shift_days) == ((first, second, given_up), (), 2)
    posed = read_problem(site=site, courses=[course], now=NOW, replan=True).courses[0]
    assert (posed.locked, posed.current) == ((first, given_up), (second,))


OPEN_ENDED: tuple[dict[str, Any], ...] = (
    {"periods": 4, "period_days": 7, "per_period": 2, "min_gap_hours": 44},
    {"periods": 4, "period_days": 7, "per_period": 1, "min_gap_hours": 100},
    {"periods": 2, "period_days": 14, "per_period": 1, "min_gap_hours": 160, "open_ended": True},
)


def test_an_open_phase_is_posed_as_far_as_the_horizon_reaches_and_no_less_than_written(
    site: Site, patient: Patient
) -> None:
    version = factories.make_protocol(phases=OPEN_ENDED)
    course = make_course(patient=patient, version=version)
    site.horizon_days = 28 + 28 + 14 * 5 + 13
    site.save()
    shape = next(iter(read_problem(site=site, courses=[course], now=NOW).protocols.values()))
    assert [phase.periods for phase in shape.tracks[0].phases] == [4, 4, 5]
    site.horizon_days = 7
    site.save()
    shape = next(iter(read_problem(site=site, courses=[course], now=NOW).protocols.values()))
    assert [phase.periods for phase in shape.tracks[0].phases] == [4, 4, 2]


def test_nothing_beyond_an_undecided_blocking_point_is_posed(site: Site, patient: Patient, clinician: Any) -> None:
    version = factories.make_protocol(phases=OPEN_ENDED, publish=False)
    track = version.tracks.get()
    point = DecisionPoint.objects.create(
        version=version, track=track, after_number=9, mode="blocking", question="Go on?"
    )
    DecisionPoint.objects.create(version=version, track=track, after_number=3, mode="review", question="How is it?")
    course = make_course(patient=patient, version=version)
    names = [(p.name, p.periods, p.per_period) for p in protocol_of(version, course=course).tracks[0].phases]
    assert names == [("phase-0", 4, 2), ("phase-1", 1, 1)]
    CourseDecision.objects.create(
        course=course, decision_point=point, outcome="continue", decided_at=NOW, decided_by=clinician
    )
    names = [(p.name, p.periods, p.per_period) for p in protocol_of(version, course=course).tracks[0].phases]
    assert names == [("phase-0", 4, 2), ("phase-1", 4, 1), ("phase-2", 2, 1)]


def test_a_period_cut_by_a_point_keeps_its_days(patient: Patient) -> None:
    version = make_tms(publish=False)
    DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=8, mode="blocking", question="Go on?"
    )
    shape = protocol_of(version, course=make_course(patient=patient, version=version))
    assert [(p.name, p.periods, p.per_period) for p in shape.tracks[0].phases] == [
        ("phase-0", 1, 5),
        ("phase-0 (to decision)", 1, 3),
    ]
    assert [(slot.offset, slot.days) for slot in shape.tracks[0].slots[5:]] == [(7, 10)] * 3


def test_courses_of_one_version_cut_differently_have_protocols_of_their_own(site: Site, patient: Patient) -> None:
    version = factories.make_protocol(phases=OPEN_ENDED)
    one = make_course(patient=patient, version=version, open_periods=2)
    two = make_course(patient=patient, version=version, open_periods=3)
    problem = read_problem(site=site, courses=[one, two], now=NOW)
    assert [course.protocol for course in problem.courses] == [str(version.uuid), f"{version.uuid}/2"]


def test_hours_of_a_clock_change_are_posed_as_wall_clock_times(patient: Patient) -> None:
    lord_howe = factories.make_site(timezone="Australia/Lord_Howe")
    course = make_course(
        patient=patient,
        version=factories.make_protocol(),
        site=lord_howe,
        earliest=date(2027, 4, 1),
        latest=date(2027, 4, 5),
    )
    problem = read_problem(site=lord_howe, courses=[course], now=NOW)
    assert problem.site.timezone == "Australia/Lord_Howe"
    assert problem.site.opening_hours.days[0] == ((480, 1080),)


def test_holds_that_touch_are_posed_as_one_booking(site: Site, patient: Patient, chair: Resource) -> None:
    fill_seat(chair, seat=1, count=7)
    version = factories.make_protocol()
    problem = read_one(make_course(patient=patient, version=version))
    assert problem.bookings == (engine.Booking(str(chair.pk), 1, at(site, 1, 0), at(site, 1, 1, 10)),)


MANY = 1500
"""Holds on either side of the horizon: enough that an index is worth more than a look at the whole table."""


def test_only_the_holds_inside_the_horizon_are_read_by_their_index(
    site: Site, patient: Patient, chair: Resource
) -> None:
    fill_seat(chair, seat=1, count=3)
    first = Hold.objects.earliest("start")
    ten_years = timedelta(days=3650)
    far = [first.start + sign * ten_years + n * ONE_HOUR for sign in (-1, 1) for n in range(MANY)]
    Hold.objects.bulk_create(
        Hold(session=first.session, position=100 + n, resource=chair, seat=1, start=start, end=start + ONE_HOUR)
        for n, start in enumerate([NOW - ONE_HOUR, *far])
    )
    course = make_course(patient=patient, version=factories.make_protocol())
    with CaptureQueriesContext(connection) as queries:
        problem = read_one(course)
    assert problem.bookings == (engine.Booking(str(chair.pk), 1, at(site, 1, 0), at(site, 1, 0, 30)),)
    (asked,) = [query["sql"] for query in queries if "range_agg" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE scheduling_hold")
        cursor.execute(f"EXPLAIN {asked}")
        lines = [line for (line,) in cursor.fetchall()]
    bounded = [line for line in lines if "Index Cond" in line and '"end" >' in line and '"end" <' in line]
    assert len(bounded) == 1


@pytest.mark.parametrize("others", [0, 1500])
def test_the_number_of_queries_does_not_grow_with_the_calendar(
    site: Site, patient: Patient, chair: Resource, others: int, django_assert_num_queries: Any
) -> None:
    course = make_course(patient=patient, version=factories.make_protocol())
    fill_seat(chair, seat=1, count=others)
    course = Course.objects.select_related("site").get(pk=course.pk)
    with django_assert_num_queries(QUERIES):
        read_problem(site=site, courses=[course], now=NOW)


def test_many_courses_are_read_in_as_many_queries_as_one(
    site: Site, chair: Resource, django_assert_num_queries: Any
) -> None:
    versions = [factories.make_protocol() for _ in range(3)]
    for index in range(12):
        course = make_course(patient=factories.make_patient(site=site), version=versions[index % 3])
        put_session(course, number=1, start=at(site, -7, 9))
    courses = list(Course.objects.all())
    with django_assert_num_queries(QUERIES):
        problem = read_problem(site=site, courses=courses, now=NOW)
    assert [len(course.locked) for course in problem.courses] == [1] * 12
