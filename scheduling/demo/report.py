"""What stands in the demonstration's calendar, counted in the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from clinic.models import Patient, Site
from protocols.models.visit import Place
from scheduling.models import Course, CourseStatus, Hold, Notice, NoticeStatus, Session, SessionStatus
from scheduling.models.session import GONE

CONFLICTS = """
    select (
        select count(*) from scheduling_hold a join scheduling_hold b
        on a.resource_id = b.resource_id and a.seat = b.seat and a.id < b.id and a.start < b.end and b.start < a.end
    ) + (
        select count(*) from scheduling_session a join scheduling_session b
        on a.patient_id = b.patient_id and a.id < b.id and a.start < b.end and b.start < a.end
        where a.status not in ('missed', 'cancelled') and b.status not in ('missed', 'cancelled')
    )
"""


def count_conflicts() -> int:
    """Pairs of visits that want one seat, or one patient, at the same time; not by way of the constraints."""
    with connection.cursor() as cursor:
        cursor.execute(CONFLICTS)
        return int(cursor.fetchone()[0])


def describe(site: Site, *, now: datetime) -> Iterator[str]:
    """The counts, a line each, as `./cadence run` prints them."""
    courses = Course.objects.filter(site=site)
    booked = courses.filter(status__in=[CourseStatus.BOOKED, CourseStatus.RUNNING, CourseStatus.FINISHED])
    yield f"Patients: {Patient.objects.filter(home_site=site).count()}"
    yield f"Courses booked: {booked.count()} of {courses.count()}"
    for course in courses.filter(status=CourseStatus.INFEASIBLE):
        yield f"  could not be planned: {course.reference}: {course.plan_message}"
    if waiting := courses.filter(status=CourseStatus.PLANNING).count():
        yield f"  still to be planned: {waiting}"
    yield from _describe_sessions(site, now=now)
    notices = Notice.objects.filter(course__site=site)
    sent = notices.filter(status=NoticeStatus.SENT).count()
    due = notices.filter(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING])
    yield (
        f"Notices: {notices.count()}: {sent} sent, {due.filter(due_at__lte=now).count()} going out, "
        f"{due.filter(due_at__gt=now).count()} for later"
    )
    yield f"Conflicts: {count_conflicts()}"


def _describe_sessions(site: Site, *, now: datetime) -> Iterator[str]:
    sessions = Session.objects.filter(site=site).exclude(visit_type__place=Place.EXTERNAL)
    past = sessions.filter(start__lt=now)
    outcomes = ", ".join(
        f"{number} {label.lower()}"
        for status, label in SessionStatus.choices
        if (number := past.filter(status=status).count())
    )
    to_come = sessions.filter(start__gte=now).exclude(status__in=GONE).count()
    yield f"Sessions in the past: {past.count()} ({outcomes or 'none'})"
    yield f"Sessions to come: {to_come}"
    yield f"Seats held for them, past and to come: {Hold.objects.filter(session__site=site).count()}"
