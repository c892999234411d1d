"""A day on which twenty resources are taken from the opening to the closing: two hundred visits, written in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from clinic.models import Patient, Resource, Site
from protocols.models import Need, ProtocolVersion, Stage, Track
from scheduling.models import Course, Hold, Session
from tests import factories
from tests.factories import NOW

PLACES, SLOTS, SLOT = 10, 20, timedelta(minutes=30)
STAGES: tuple[tuple[str, int, dict[str, bool], tuple[str, ...]], ...] = (
    ("Arrival", 5, {}, ("device", "technician")),
    ("Treatment", 15, {"is_treatment": True}, ("device", "technician")),
    ("Monitoring", 5, {"is_monitoring": True}, ("device",)),
    ("Turnover", 5, {"after_leaving": True}, ("device",)),
)


WEEKLY = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}


def make_staged(*, phase: dict[str, Any] = WEEKLY) -> ProtocolVersion:
    """Visits of four stages on a device, with a technician for the first two."""
    version = factories.make_protocol(publish=False, phases=(phase,))
    visit = version.visit_types.get()
    visit.stages.all().delete()
    for position, (name, minutes, flags, kinds) in enumerate(STAGES):
        stage = Stage.objects.create(visit_type=visit, position=position, name=name, minutes=minutes, **flags)
        Need.objects.bulk_create(Need(stage=stage, kind=factories.make_kind(kind)) for kind in kinds)
    version.status, version.published_at = "published", NOW
    version.save()
    return version


def fill_day(site: Site, *, places: int = PLACES, slots: int = SLOTS) -> None:
    """On the day of NOW: `places` devices and as many technicians, each with a visit in every half hour from eight."""
    version = make_staged()
    devices = [factories.make_resource(site=site, kind="device", name=f"Device {n:02d}") for n in range(places)]
    staff = [factories.make_resource(site=site, kind="technician", name=f"Technician {n:02d}") for n in range(places)]
    opens = datetime.combine(factories.a_day(), time(8), site.zone).astimezone(UTC)
    starts = [opens + SLOT * (number % slots) for number in range(places * slots)]
    patients = Patient.objects.bulk_create(
        Patient(home_site=site, given_name="Ada", family_name=f"Patient{number}", email=f"p{number}@mail.example")
        for number in range(len(starts))
    )
    courses = Course.objects.bulk_create(
        Course(
            patient=patient,
            site=site,
            version=version,
            status="booked",
            earliest_start=factories.a_day(),
            latest_start=factories.a_day(14),
            preferred_time=time(10),
            requested_at=NOW,
        )
        for patient in patients
    )
    track = version.tracks.select_related("visit_type").get()
    sessions = Session.objects.bulk_create(
        write_visit(course, track, start) for course, start in zip(courses, starts, strict=True)
    )
    pairs = [(devices[number // slots], staff[number // slots]) for number in range(len(sessions))]
    Hold.objects.bulk_create(
        hold for session, pair in zip(sessions, pairs, strict=True) for hold in write_holds(session, *pair)
    )


def write_visit(course: Course, track: Track, start: datetime) -> Session:
    local = start.astimezone(course.site.zone)
    return Session(
        course=course,
        patient=course.patient,
        site=course.site,
        track=track,
        visit_type=track.visit_type,
        number=1,
        start=start,
        end=start + timedelta(minutes=25),
        local_date=local.date(),
        local_time=local.time(),
        timezone=course.site.timezone,
        status_at=NOW,
        created_at=NOW,
        changed_at=NOW,
    )


def write_holds(session: Session, device: Resource, technician: Resource) -> list[Hold]:
    ends = ((device, 30), (technician, 20))
    return [
        Hold(
            session=session,
            position=position,
            resource=resource,
            start=session.start,
            end=session.start + timedelta(minutes=minutes),
        )
        for position, (resource, minutes) in enumerate(ends)
    ]
