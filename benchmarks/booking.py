"""How long it takes to plan, book and announce a 36-session TMS course, in an empty and in a full calendar.

    .venv/bin/python benchmarks/booking.py

Runs on throw-away servers of its own. The time ends when the transaction that holds sessions, seats and messages is
committed; nothing is sent.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.servers import start_servers

start_servers()
import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_databases, setup_test_environment  # noqa: E402

from clinic.models import Resource, Site  # noqa: E402
from protocols.library import load_library  # noqa: E402
from protocols.models import ProtocolVersion  # noqa: E402
from scheduling.booking import plan_and_book  # noqa: E402
from scheduling.demo.site import make_site  # noqa: E402
from scheduling.models import Course, CourseStatus, Hold, Notice  # noqa: E402
from tests.factories import NOW, make_patient  # noqa: E402
from tests.scheduling.calendar import at, make_course, put_session  # noqa: E402

ROUNDS = 15
QUARTER = timedelta(minutes=15)


def fill(site: Site, *, first_day: int, days: int) -> None:
    """Two of three chairs, rooms, devices and people taken in quarters of an hour all day long."""
    version = ProtocolVersion.objects.get(protocol__code="tms-migraine")
    course = make_course(patient=make_patient(site=site), version=version, status=CourseStatus.STOPPED)
    taken = [resource for index, resource in enumerate(Resource.objects.filter(site=site)) if index % 3]
    for day in range(first_day, first_day + days):
        anchor = put_session(course, number=1, start=at(site, day, 6), status="cancelled")
        spans = [(resource, quarter) for resource in taken for quarter in quarters(at(site, day, 8))]
        Hold.objects.bulk_create(
            Hold(session=anchor, position=index, resource=resource, start=begin, end=begin + QUARTER)
            for index, (resource, begin) in enumerate(spans)
        )


def quarters(begin: datetime) -> list[datetime]:
    return [begin + index * QUARTER for index in range(40)]


def measure(site: Site, version: ProtocolVersion) -> None:
    seconds = []
    for _ in range(ROUNDS):
        course = make_course(patient=make_patient(site=site), version=version)
        begin = time.perf_counter()
        booked = plan_and_book(course.pk, now=NOW)
        seconds.append(time.perf_counter() - begin)
        assert booked.sessions.count() == 36, booked.plan_message
        Course.objects.filter(pk=course.pk).delete()
    course = make_course(patient=make_patient(site=site), version=version)
    with CaptureQueriesContext(connection) as context:
        plan_and_book(course.pk, now=NOW)
    written = Notice.objects.filter(course=course).count()
    print(
        f"{Hold.objects.count():>7} holds: median {statistics.median(seconds):.3f} s, "
        f"slowest {max(seconds):.3f} s, {len(context)} queries, {written} messages queued"
    )


def main() -> None:
    setup_test_environment()
    setup_databases(verbosity=0, interactive=False)
    load_library(now=NOW)
    version = ProtocolVersion.objects.published().get(protocol__code="tms-10hz")
    site = make_site(now=NOW)
    Resource.objects.filter(site=site, kind="tms_device").update(seats=2)
    Resource.objects.filter(site=site, kind="tms_operator").update(seats=2)
    measure(site, version)
    fill(site, first_day=1, days=80)
    measure(site, version)


main()
