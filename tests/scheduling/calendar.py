"""A small clinic's calendar for tests: courses asked for, and sessions put where a test wants them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from clinic.models import Patient, Resource, Site
from protocols.models import Need, Phase, ProtocolVersion, Stage, Track, VisitType
from scheduling.models import Course, CourseStatus, Hold, Session
from tests import factories
from tests.factories import NOW

DAILY = {"periods": 6, "period_days": 7, "per_period": 5, "min_gap_hours": 20, "slip_days": 3}
TAPER = (
    {"periods": 1, "period_days": 7, "per_period": 3, "min_gap_hours": 44},
    {"periods": 1, "period_days": 7, "per_period": 2, "min_gap_hours": 44},
    {"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 44},
)


def make_tms(*, needs: tuple[str, ...] = ("tms_device", "tms_operator"), **fields: Any) -> ProtocolVersion:
    """36 sessions: five a week for six weeks, then three, two, one."""
    return factories.make_protocol(needs=needs, phases=(DAILY, *TAPER), **fields)


def make_implant(*, weeks: int = 2, sedating: bool = False) -> ProtocolVersion:
    """An operation elsewhere, then, two weeks after it, one visit a week."""
    one = {"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0}
    version = factories.make_protocol(phases=(one,), needs=(), publish=False)
    surgery = version.visit_types.get()
    surgery.place, surgery.code = "external", "surgery"
    surgery.save()
    track = version.tracks.get()
    track.name = "surgery"
    track.save()
    visit = VisitType.objects.create(version=version, code="visit", name="Visit", sedating=sedating)
    stage = Stage.objects.create(visit_type=visit, position=0, name="Programming", minutes=30, is_treatment=True)
    Need.objects.create(stage=stage, kind=factories.make_kind("chair"))
    follow = Track.objects.create(version=version, position=1, name="follow-up", visit_type=visit, first_day=14)
    Phase.objects.create(
        track=follow, position=0, name="weekly", periods=weeks, period_days=7, per_period=1, min_gap_hours=44
    )
    version.status, version.published_at = "published", NOW
    version.save()
    return version


def make_course(
    *,
    patient: Patient,
    version: ProtocolVersion,
    site: Site | None = None,
    earliest: date | None = None,
    latest: date | None = None,
    save: bool = True,
    **fields: Any,
) -> Course:
    """A course that waits to be planned, from tomorrow on."""
    values: dict[str, Any] = {
        "site": site or patient.home_site,
        "earliest_start": earliest or factories.a_day(1),
        "latest_start": latest or factories.a_day(15),
        "preferred_time": time(9),
        "requested_at": NOW,
    }
    course = Course(patient=patient, version=version, **{**values, **fields})
    if save:
        course.save()
    return course


def at(site: Site, day: int, hour: int, minute: int = 0) -> datetime:
    """The instant of a wall-clock time at the site, `day` days after the tests' Monday."""
    local = datetime.combine(factories.a_day(day), time(hour, minute), site.zone)
    return local.astimezone(UTC)


def put_session(
    course: Course, *, number: int, start: datetime, minutes: int = 30, seats: tuple[Resource, ...] = (), **fields: Any
) -> Session:
    """A session written past the booking functions."""
    local = start.astimezone(course.site.zone)
    track = course.version.tracks.get()
    session = Session.objects.create(
        course=course,
        patient=course.patient,
        site=course.site,
        track=track,
        visit_type=track.visit_type,
        number=number,
        start=start,
        end=start + timedelta(minutes=minutes),
        local_date=local.date(),
        local_time=local.time(),
        timezone=course.site.timezone,
        status_at=NOW,
        created_at=NOW,
        changed_at=NOW,
        **fields,
    )
    for position, resource in enumerate(seats):
        Hold.objects.create(
            session=session, position=position, resource=resource, seat=0, start=session.start, end=session.end
        )
    return session


def mark_booked(course: Course) -> Course:
    course.status, course.booked_at = CourseStatus.BOOKED, NOW
    course.save(update_fields=["status", "booked_at"])
    return course


def fill_seat(resource: Resource, *, seat: int, count: int) -> None:
    """Holds of ten minutes one after another, from tomorrow's midnight on, by somebody who is long gone."""
    site = resource.site
    course = make_course(patient=factories.make_patient(site=site), version=factories.make_protocol())
    anchor = put_session(course, number=1, start=at(site, -30, 9), status="completed")
    ten = timedelta(minutes=10)
    begin = at(site, 1, 0)
    Hold.objects.bulk_create(
        Hold(
            session=anchor,
            position=index,
            resource=resource,
            seat=seat,
            start=begin + index * ten,
            end=begin + (index + 1) * ten,
        )
        for index in range(count)
    )
