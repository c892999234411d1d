"""Rows for tests, built through the models: one function per noun, keyword arguments only where a test cares."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from clinic.models import Patient, Resource, ResourceKind, Role, Site, SiteHours, User
from protocols.models import Need, Phase, Protocol, ProtocolVersion, Stage, Track, VisitType
from scheduling.models import Course, Hold, Session

NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)  # Monday 08:00 in New York
numbers = count(1)


def make_site(*, code: str = "", hours: tuple[time, time] = (time(8), time(18)), days: int = 5, **fields: Any) -> Site:
    """A site that is open on the first `days` weekdays."""
    code = code or f"site-{next(numbers)}"
    values = {
        "name": f"Clinic {code}",
        "public_name": f"Riverside {code}",
        "timezone": "America/New_York",
        "address": "1 Main Street, Springfield",
        "phone": "+1 555 0100",
        "email": f"{code}@clinic.example",
    }
    site = Site.objects.create(code=code, **{**values, **fields})
    SiteHours.objects.bulk_create(
        SiteHours(site=site, weekday=day, opens_at=hours[0], closes_at=hours[1]) for day in range(days)
    )
    return site


def make_kind(code: str) -> ResourceKind:
    return ResourceKind.objects.get_or_create(code=code, defaults={"name": code.replace("_", " ")})[0]


def make_resource(*, site: Site, kind: str, name: str = "", **fields: Any) -> Resource:
    return Resource.objects.create(site=site, kind=make_kind(kind), name=name or f"{kind} {next(numbers)}", **fields)


def make_user(*, role: str = Role.FRONT_DESK, sites: tuple[Site, ...] = (), **fields: Any) -> User:
    number = next(numbers)
    user = User.objects.create_user(
        username=f"user{number}", password="correct horse", role=role, is_staff=True, **fields
    )
    user.sites.set(sites)
    return user


def make_patient(*, site: Site, **fields: Any) -> Patient:
    number = next(numbers)
    values: dict[str, Any] = {
        "given_name": "Ada",
        "family_name": f"Patient{number}",
        "email": f"p{number}@mail.example",
    }
    return Patient.objects.create(home_site=site, **{**values, **fields})


def make_protocol(
    *,
    code: str = "",
    site: Site | None = None,
    publish: bool = True,
    needs: tuple[str, ...] = ("chair",),
    minutes: int = 30,
    sedating: bool = False,
    phases: tuple[dict[str, Any], ...] = ({"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44},),
) -> ProtocolVersion:
    """A one-track protocol: one visit of one treatment stage that needs one seat of each kind."""
    code = code or f"protocol-{next(numbers)}"
    protocol = Protocol.objects.create(site=site, code=code, name=f"Protocol {code}", family="other")
    version = ProtocolVersion.objects.create(protocol=protocol, number=1)
    visit = VisitType.objects.create(version=version, code="visit", name="Visit", sedating=sedating)
    stage = Stage.objects.create(visit_type=visit, position=0, name="Treatment", minutes=minutes, is_treatment=True)
    Need.objects.bulk_create(Need(stage=stage, kind=make_kind(kind)) for kind in needs)
    track = Track.objects.create(version=version, position=0, name="main", visit_type=visit)
    Phase.objects.bulk_create(
        Phase(track=track, position=position, name=f"phase-{position}", **phase)
        for position, phase in enumerate(phases)
    )
    if publish:
        version.status = "published"
        version.published_at = NOW
        version.save(update_fields=["status", "published_at"])
    return version


def make_course(*, patient: Patient, site: Site | None = None, version: ProtocolVersion, **fields: Any) -> Course:
    values: dict[str, Any] = {
        "status": "booked",
        "earliest_start": a_day(),
        "latest_start": a_day(14),
        "preferred_time": time(10),
        "requested_at": NOW,
    }
    return Course.objects.create(
        patient=patient, site=site or patient.home_site, version=version, **{**values, **fields}
    )


def make_session(
    *, course: Course, start: datetime, minutes: int = 30, resources: tuple[Resource, ...] = (), **fields: Any
) -> Session:
    """A session as the booking module would have written it; each resource is held for the whole of it."""
    zone = course.site.zone
    track = course.version.tracks.get(position=0)
    end = start + timedelta(minutes=minutes)
    values: dict[str, Any] = {
        "number": course.sessions.count() + 1,
        "local_date": start.astimezone(zone).date(),
        "local_time": start.astimezone(zone).time(),
        "timezone": course.site.timezone,
        "status_at": NOW,
        "created_at": NOW,
        "changed_at": NOW,
    }
    session = Session.objects.create(
        course=course,
        patient=course.patient,
        site=course.site,
        track=track,
        visit_type=track.visit_type,
        start=start,
        end=end,
        **{**values, **fields},
    )
    Hold.objects.bulk_create(
        Hold(session=session, position=position, resource=resource, start=start, end=end)
        for position, resource in enumerate(resources)
    )
    return session


def a_day(offset: int = 0) -> date:
    return date.fromordinal(date(2026, 11, 23).toordinal() + offset)
