"""Many due messages at once, written straight to the rows: patients, each with a course and one message that is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from clinic.models import Patient, Site
from protocols.models import Instruction, ProtocolVersion
from scheduling.messages.rows import new_notice
from scheduling.models import Course, CourseStatus, Notice, NoticeKind, Session
from tests.scheduling.messages import cast

VISITS = 12  # in a course calendar
# Of a hundred messages.
MIX = (
    [NoticeKind.CALENDAR] * 45
    + [NoticeKind.COURSE_SUMMARY] * 15
    + [NoticeKind.REMINDER] * 20
    + [NoticeKind.DRIVER_REMINDER] * 20
)


def fill(sites: Sequence[Site], count: int, *, now: datetime, visits: int = VISITS) -> None:
    """At any hour: the sites know no quiet ones."""
    for site in sites:
        site.quiet_from = site.quiet_until = time(0)
        site.save()
    versions = {False: cast.make_version(), True: make_sedating_version()}
    for begin in range(0, count, 1000):
        rows = range(begin, min(begin + 1000, count))
        fill_some([(n, MIX[n * 37 % 100], sites[n % len(sites)]) for n in rows], versions, now, visits)


def make_sedating_version() -> ProtocolVersion:
    version = cast.make_version(sedating=True, publish=False)
    visit = version.tracks.get().visit_type
    for kind, minutes, text in (
        ("no_food", 120, ""),
        ("no_drink", 60, ""),
        ("driver", None, "Someone you know drives you home."),
        ("bring", None, "A list of what you take"),
    ):
        Instruction.objects.create(visit_type=visit, kind=kind, minutes_before=minutes, text=text)
    return version


def fill_some(
    rows: Sequence[tuple[int, NoticeKind, Site]], versions: dict[bool, ProtocolVersion], now: datetime, visits: int
) -> None:
    patients = Patient.objects.bulk_create(
        Patient(home_site=site, given_name="Ada", family_name=f"Patient{n}", email=f"p{n}@mail.example")
        for n, _kind, site in rows
    )
    courses = Course.objects.bulk_create(
        Course(
            patient=patient,
            site=site,
            version=versions[kind == NoticeKind.DRIVER_REMINDER],
            status=CourseStatus.BOOKED,
            earliest_start=now.date(),
            latest_start=now.date(),
            preferred_time=now.time(),
            requested_at=now,
        )
        for patient, (_n, kind, site) in zip(patients, rows, strict=True)
    )
    first = (now + timedelta(days=3)).replace(hour=14, minute=0, second=0, microsecond=0)
    sessions = Session.objects.bulk_create(
        cast.new_session(course, first + timedelta(days=7 * week), number=week + 1, now=now)
        for course, (_n, kind, _site) in zip(courses, rows, strict=True)
        for week in range(visits if kind == NoticeKind.COURSE_SUMMARY else 1)
    )
    firsts = [session for session in sessions if session.number == 1]
    Notice.objects.bulk_create(
        due_notice(kind, course, session, now - timedelta(seconds=n % 600))
        for course, session, (n, kind, _site) in zip(courses, firsts, rows, strict=True)
    )


def due_notice(kind: NoticeKind, course: Course, session: Session, due_at: datetime) -> Notice:
    key = f"{kind}:{course.pk}"
    if kind == NoticeKind.COURSE_SUMMARY:
        return new_notice(course=course, kind=kind, key=key, due_at=due_at, now=due_at)
    return new_notice(
        course=course, kind=kind, key=key, due_at=due_at, now=due_at, session=session, sequence=session.sequence
    )
