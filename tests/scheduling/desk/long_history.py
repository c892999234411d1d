"""A busy clinic with a long past: thousands of visits written by the database itself, past acts and audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from clinic.models import Patient, Resource, Site, User
from protocols.models import ProtocolVersion
from scheduling.models import Course, Session
from tests import factories
from tests.scheduling.watched import make_watched

CHAIRS = 20
VISITS_OF_A_COURSE = 40
# Twelve times of 45 minutes a day, in every chair; a negative day lies ahead.
VISITS = """
INSERT INTO scheduling_session (uuid, uid, course_id, patient_id, site_id, track_id, visit_type_id, number, start,
    "end", local_date, local_time, timezone, status, sequence, missed_reason, cancel_reason, set_aside, override_reason,
    status_at, created_at, changed_at)
SELECT gen_random_uuid(), gen_random_uuid(), course.id, course.patient_id, course.site_id, track.id,
    track.visit_type_id, 1 + n / %(courses)s, t, t + interval '35 minutes', (t AT TIME ZONE %(zone)s)::date,
    (t AT TIME ZONE %(zone)s)::time, %(zone)s, %(status)s, 0, '', '', false, '', t, t, t
FROM generate_series(0, %(count)s - 1) AS n
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM scheduling_course WHERE reference LIKE %(prefix)s)
    AS course ON course.place = n %% %(courses)s
JOIN protocols_track AS track ON track.version_id = course.version_id,
LATERAL (SELECT %(day)s::timestamptz + (n / %(chairs)s / 12) * %(step)s * interval '1 day'
    + (n / %(chairs)s %% 12) * interval '45 minutes' AS t) AS times
"""
SEATS = """
INSERT INTO scheduling_hold (session_id, position, resource_id, seat, start, "end")
SELECT id, 0, (%(chairs)s::int[])[1 + (place - 1) %% array_length(%(chairs)s::int[], 1)], 0, start, "end"
FROM (SELECT id, start, "end", row_number() OVER (PARTITION BY start ORDER BY id) AS place FROM scheduling_session
    WHERE site_id = %(site)s) AS visits
"""
DRIVERS = """
INSERT INTO scheduling_driver (session_id, status, kind, name, phone, email, agreed_start, changed_at)
SELECT s.id, 'seen', 'person', 'Sam', '+1 555 0142', '', s.start, s.start
FROM scheduling_session AS s JOIN protocols_visittype AS v ON v.id = s.visit_type_id AND v.sedating
WHERE s.status = 'completed'
"""
FORMS = """
INSERT INTO scheduling_gaterecord (course_id, gate_id, session_id, met_on, recorded_by_id)
SELECT s.course_id, g.id, s.id, s.local_date + 2, %s
FROM scheduling_session AS s JOIN scheduling_course AS c ON c.id = s.course_id
JOIN protocols_gate AS g ON g.version_id = c.version_id AND g.moment = 'after'
WHERE s.status = 'completed' AND s.local_date < %s
"""
MESSAGES = """
INSERT INTO scheduling_notice (uuid, patient_id, course_id, session_id, kind, channel, key, message_id, recipient,
    provider_id, zone, status, due_at, attempts, uncertain, content_hash, outcome, created_at, sent_at)
SELECT gen_random_uuid(), patient_id, course_id, id, kind, 'email', kind || ':' || id, kind || ':' || id, '', '', '',
    'sent', start - interval '1 day', 1, false, '', 'sent', start - interval '7 days', start - interval '1 day'
FROM scheduling_session, (VALUES ('calendar'), ('reminder')) AS kinds (kind) WHERE status = 'completed'
"""


def fill_history(site: Site, *, past: int, ahead: int, now: datetime, clerk: User) -> None:
    """`past` completed visits up to yesterday, with seats, drivers, forms and messages; `ahead` of running courses."""
    chairs = [factories.make_resource(site=site, kind="chair", name=f"Chair {n + 1}") for n in range(CHAIRS)]
    versions = factories.make_protocol(), make_watched(form=True, minutes=5)
    morning = now.astimezone(site.zone).replace(hour=8, minute=0, second=0, microsecond=0)
    with transaction.atomic(), connection.cursor() as cursor:
        # Neither audit rows nor foreign keys are written and looked at; exclusion constraints are.
        cursor.execute("SET LOCAL session_replication_role = replica")
        done = make_courses(site, versions, count=max(past // VISITS_OF_A_COURSE, 2 * CHAIRS), prefix="past-")
        live = make_courses(site, versions, count=60, prefix="live-", status="running")
        for prefix, number, count, day, step, status in (
            ("past-%", done, past, morning - timedelta(days=1), -1, "completed"),
            ("live-%", live, ahead, morning + timedelta(days=1), 1, "booked"),
        ):
            asked: dict[str, Any] = {
                "prefix": prefix,
                "courses": number,
                "count": count,
                "day": day,
                "step": step,
                "status": status,
            }
            cursor.execute(VISITS, {**asked, "zone": site.timezone, "chairs": CHAIRS})
        cursor.execute(SEATS, {"site": site.pk, "chairs": [chair.pk for chair in chairs]})
        cursor.execute(DRIVERS)
        cursor.execute(FORMS, [clerk.pk, morning.date() - timedelta(days=3)])
        cursor.execute(MESSAGES)


def make_courses(
    site: Site, versions: tuple[ProtocolVersion, ...], *, count: int, prefix: str, status: str = "finished"
) -> int:
    patients = Patient.objects.bulk_create(
        Patient(home_site=site, given_name="Ada", family_name=f"{prefix}{n}") for n in range(count)
    )
    Course.objects.bulk_create(
        Course(
            patient=patient,
            site=site,
            version=versions[n % len(versions)],
            reference=f"{prefix}{n}",
            status=status,
            earliest_start=factories.a_day(),
            latest_start=factories.a_day(14),
            preferred_time="10:00",
            requested_at=factories.NOW,
        )
        for n, patient in enumerate(patients)
    )
    return count


def fill_today(site: Site, *, now: datetime, visits: int = 40) -> list[Session]:
    """A full day in its middle: a third is over, a few are here, the rest is expected."""
    version = make_watched(form=True)
    chairs = list(Resource.objects.filter(site=site, kind="chair").order_by("pk"))
    found = []
    for n in range(visits):
        start = now + timedelta(minutes=15) * (n - visits // 2)
        over = start + timedelta(minutes=155) < now
        status = "completed" if over else "arrived" if start < now else "booked"
        course = factories.make_course(patient=factories.make_patient(site=site), version=version, status="running")
        session = factories.make_session(course=course, start=start, minutes=155, status=status)
        session.holds.create(position=0, resource=chairs[n % len(chairs)], start=start, end=session.end)
        found.append(session)
    return found
