"""A site with many running courses: TMS every weekday beside esketamine, infusions and both linked."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import cycle, islice

from clinic.models import Resource, Site
from protocols.library import load_library
from protocols.models import Protocol, ProtocolVersion
from scheduling.booking import plan_and_book
from scheduling.demo.site import make_site
from scheduling.models import Course, CourseStatus, Session, SessionStatus
from tests import factories
from tests.scheduling.calendar import make_course

MIX = ("tms-10hz", "tms-10hz", "spravato-trd", "tms-10hz", "tms-itbs", "tms-10hz")
TIMES = (time(8), time(9), time(10), time(11), time(13), time(14), time(15), time(16))


def fill_site(*, courses: int, now: datetime) -> Site:
    """So many courses, begun in the last five weeks or about to begin, with what lies behind them recorded."""
    if not Protocol.objects.library().exists():
        load_library(now=now)
    site = make_site(now=now)
    more: tuple[tuple[str, int, list[str]], ...] = (
        ("tms_device", 3, ["figure8"]),
        ("tms_operator", 3, []),
        ("chair", 1, []),
    )
    Resource.objects.bulk_create(
        Resource(site=site, kind_id=kind, name=f"Extra {kind} {number}", skills=skills)
        for kind, count, skills in more
        for number in range(count)
    )
    published = ProtocolVersion.objects.published().filter(protocol__site=None)
    for number, code in enumerate(islice(cycle(MIX), courses)):
        begun = now - timedelta(days=33 - number * 38 // courses)
        first_on = begun.date()
        course = make_course(
            patient=factories.make_patient(site=site),
            version=published.get(protocol__code=code),
            site=site,
            earliest=first_on,
            latest=first_on + timedelta(days=14),
            preferred_time=TIMES[number * 5 % len(TIMES)],
        )
        plan_and_book(course.pk, now=begun - timedelta(days=3), time_limit=60)
    record_past(site, now=now)
    return site


def record_past(site: Site, *, now: datetime) -> None:
    """Who came was treated: written past the acts, which would take their time for each visit."""
    Session.objects.filter(site=site, end__lte=now).update(status=SessionStatus.COMPLETED)
    begun = Session.objects.filter(site=site, status=SessionStatus.COMPLETED).values("course")
    Course.objects.filter(pk__in=begun).update(status=CourseStatus.RUNNING)
