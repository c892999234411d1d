"""Which rows a booking and its changes leave in the outbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clinic.models import Channel, Patient, Site
from scheduling.messages import outbox
from scheduling.models import Course, Notice, NoticeStatus
from tests import factories
from tests.scheduling.messages import cast


def nine(day: int) -> datetime:
    """09:00 in New York, so many days after Monday, November 23."""
    return datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=day)


def rows(course: Course) -> list[tuple[str, str, int | None, datetime]]:
    found = Notice.objects.filter(course=course).select_related("session").order_by("due_at", "kind", "session__number")
    return [(row.kind, row.channel, row.session.number if row.session else None, row.due_at) for row in found]


def test_booked_course_queues_summary_invites_and_reminders(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(1), nine(22)], now=now)
    soon = now + timedelta(seconds=120)
    assert rows(course) == [
        ("calendar", "email", 1, soon),
        ("course_summary", "email", None, soon),
        ("reminder", "email", 1, datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("calendar", "email", 2, nine(22) - timedelta(days=14)),
        ("reminder", "email", 2, datetime(2026, 12, 12, 15, tzinfo=UTC)),
        ("reminder", "email", 2, datetime(2026, 12, 14, 15, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PRINT])
def test_outbox_asks_as_many_queries_for_36_sessions_as_for_one(site: Site, now: datetime, channel: str) -> None:
    counts = []
    for starts in ([nine(1)], [nine(1 + day) for day in range(36)]):
        patient = factories.make_patient(site=site, channel=channel)
        course = cast.make_course(patient, starts, now=now, version=cast.make_version(phases=cast.DAILY))
        sessions = list(course.sessions.all())
        for act in (outbox.course_booked, outbox.sessions_changed):
            with CaptureQueriesContext(connection) as queries:
                act(course, sessions, now=now)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]


def test_outbox_asks_as_many_queries_for_5_courses_as_for_one(site: Site, now: datetime) -> None:
    counts = []
    version = cast.make_version(phases=cast.DAILY)
    for size in (1, 5):
        patients = [factories.make_patient(site=site, channel=Channel.PRINT) for _ in range(size)]
        courses = [cast.make_course(patient, [nine(1), nine(2)], now=now, version=version) for patient in patients]
        with CaptureQueriesContext(connection) as queries:
            outbox.courses_changed([(course, course.sessions.all()[:1]) for course in courses], now=now)
        counts.append(len(queries) - size)  # each course's sessions, read by this test
        assert [len(rows(course)) for course in courses] == [len(rows(courses[0]))] * size
    assert counts[0] == counts[1]


def test_booking_asked_twice_queues_once(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(1), nine(22)], now=now)
    before = rows(course)
    outbox.course_booked(course, course.sessions.all(), now=now)
    assert rows(course) == before
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.DUE}
