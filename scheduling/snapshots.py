"""Rows to a planning problem, in a fixed number of queries however full the calendar is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.contrib.postgres.fields import DateTimeRangeField
from django.db.models import Aggregate, Func, prefetch_related_objects

from clinic.models import (
    Closure,
    ExtraOpening,
    Outage,
    Patient,
    PatientAbsence,
    Resource,
    ResourceHours,
    Site,
    SiteHours,
)
from clinic.models.site import HoursTable
from clinic.weekly import WEEKDAYS
from protocols.models import ProtocolVersion
from scheduling import engine
from scheduling.departures import departures_of
from scheduling.engine import Interval
from scheduling.models import Course, CourseDecision, CourseStatus, Hold, Session, SessionStatus
from scheduling.models.course import DecisionOutcome
from scheduling.models.no_overlap import period
from scheduling.open_phase import fitting_periods
from scheduling.shapes import VERSION_LOOKUPS, last_day, shape_version

ONE_DAY = timedelta(days=1)
# The horizon lies so far behind the last window, or no later start could ever be proposed for what does not fit.
SLACK = timedelta(days=30)
# A visit lies within one date, and a turnover has at most 32767 minutes. The index is in the order in which holds end:
# bounded on both sides, it leaves the rest of a calendar of years unread.
LONGEST_HOLD = timedelta(days=31)
Numbered = dict[tuple[str, int], Session]


@dataclass(frozen=True)
class Lives:
    """What the rows say about courses, by course uuid: their sessions by track and number, and decisions to go on."""

    sessions: Mapping[str, Numbered]
    holds: Mapping[int, tuple[engine.PlacedHold, ...]]
    passed: Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class Busy:
    """When a patient cannot come: during other visits, and otherwise."""

    visits: list[Interval]
    absences: list[Interval]


def protocol_of(version: ProtocolVersion, *, course: Course | None = None) -> engine.Protocol:
    """The version as the engine reads it: whole, or as far as this course is booked."""
    prefetch_related_objects([version], *VERSION_LOOKUPS)
    if course is None:
        return shape_version(version)
    passed = _passed_points([course])[str(course.uuid)]
    return _shape_for(course, version, passed, course.open_periods)


def read_problem(
    *,
    site: Site,
    courses: Sequence[Course],
    now: datetime,
    horizon_end: date | None = None,
    replan: bool = False,
    passed: frozenset[int] = frozenset(),
) -> engine.Problem:
    """The problem of placing what these courses still lack at the site.

    Sessions given or booked are `locked`; with `replan` the booked ones to come are `current`, so that they may move.
    `passed` are decision points that are taken as decided, beside those that are.
    """
    lives = _read_lives(courses, passed)
    versions = _read_versions(courses)
    shapes = _read_shapes(site, courses, versions, lives, now)
    last = max(_last_date(site, course, shapes[str(course.uuid)], lives) for course in courses)
    end = horizon_end or last + SLACK
    ids, protocols = _named_shapes({str(c.uuid): str(versions[c.version_id].uuid) for c in courses}, shapes)
    until = _midnight(site, end + 2 * ONE_DAY)
    visits = (visit for protocol in protocols.values() for visit in protocol.visits.values())
    resources = _read_resources(site, visits, now, until)
    return engine.Problem(
        site=_read_site(site, now, end),
        resources=resources,
        protocols=protocols,
        courses=_pose_courses(site, courses, ids, lives, now=now, until=until, replan=replan),
        horizon_end=end,
        bookings=_read_bookings(resources, courses, now, until),
        now=now + timedelta(minutes=site.lead_minutes),
    )


def read_clinic(*, site: Site, visit: engine.Visit | None = None, now: datetime, last_on: date) -> engine.Problem:
    """The site as it stands up to a date, with the resources that a visit needs or all, and nobody to place."""
    until = _midnight(site, last_on + 2 * ONE_DAY)
    resources = _read_resources(site, None if visit is None else [visit], now, until)
    return engine.Problem(
        site=_read_site(site, now, last_on),
        resources=resources,
        protocols={},
        courses=(),
        horizon_end=last_on,
        bookings=_read_bookings(resources, [], now, until),
        now=now + timedelta(minutes=site.lead_minutes),
    )


def number_rows(rows: Iterable[Session]) -> Numbered:
    """By track and number the row that counts: the live one, else the last that was cancelled or missed.

    A number that was given up is posed as given, without seats: nothing is planned in its place unless it is let go.
    """
    found: Numbered = {}
    for row in rows:
        key = (row.track.name, row.number)
        if row.is_live or key not in found or not found[key].is_live:
            found[key] = row
    return found


# The site and its resources


def _read_site(site: Site, now: datetime, end: date) -> engine.Site:
    first = now.astimezone(site.zone).date()
    closures = Closure.objects.filter(site=site, last_on__gte=first, first_on__lte=end)
    closed = {
        max(closure.first_on, first) + timedelta(days=day)
        for closure in closures
        for day in range((min(closure.last_on, end) - max(closure.first_on, first)).days + 1)
    }
    extra = ExtraOpening.objects.filter(site=site, date__gte=first, date__lte=end)
    return engine.Site(
        timezone=site.timezone,
        grid_minutes=site.grid_minutes,
        opening_hours=_week(SiteHours.objects.filter(site=site)),
        closed_dates=tuple(sorted(closed)),
        extra_openings=tuple(
            engine.Opening(e.date, engine.minutes_of(e.opens_at), engine.minutes_of(e.closes_text)) for e in extra
        ),
    )


def _week(rows: Iterable[HoursTable]) -> engine.Week:
    table: dict[str, list[tuple[time, str]]] = defaultdict(list)
    for row in rows:
        table[WEEKDAYS[row.weekday]].append((row.opens_at, row.closes_text))
    return engine.Week.of(table)


def _read_resources(
    site: Site, visits: Iterable[engine.Visit] | None, now: datetime, until: datetime
) -> tuple[engine.Resource, ...]:
    """Those of the kinds that these visits need; all where no visits are given."""
    working = Resource.objects.working().filter(site=site).order_by("pk")
    if visits is not None:
        working = working.filter(kind__in={hold.kind for visit in visits for hold in visit.holds})
    rows = list(working)
    hours: dict[int, list[HoursTable]] = defaultdict(list)
    for row in ResourceHours.objects.filter(resource__in=rows):
        hours[row.resource_id].append(row)
    outages: dict[int, list[Interval]] = defaultdict(list)
    for outage in Outage.objects.filter(resource__in=rows, end__gt=now, start__lt=until):
        outages[outage.resource_id].append(_within(outage.start, outage.end, now, until))
    return tuple(
        engine.Resource(
            id=str(row.pk),
            kind=row.kind_id,
            seats=row.seats,
            skills=tuple(row.skills),
            hours=_week(hours[row.pk]) if row.pk in hours else None,
            unavailable=tuple(outages[row.pk]),
        )
        for row in rows
    )


def _read_bookings(
    resources: Sequence[engine.Resource], courses: Sequence[Course], now: datetime, until: datetime
) -> tuple[engine.Booking, ...]:
    """Time on seats that others hold; a vanished seat cannot be taken.

    PostgreSQL joins visits that touch, so that a full calendar is a few spans a day and seat, not thousands of rows.
    """
    seats = {int(resource.id): resource.seats for resource in resources}
    holds = (
        Hold.objects.filter(resource__in=seats, end__gt=now, end__lt=until + LONGEST_HOLD, start__lt=until)
        .exclude(session__course__in=[course.pk for course in courses if course.pk])
        .order_by()
        .values_list("resource_id", "seat")
        .annotate(span=Func(RangeAgg(period()[0]), function="unnest", output_field=DateTimeRangeField()))
    )
    found = sorted((resource, seat, span.lower, span.upper) for resource, seat, span in holds)
    return tuple(
        engine.Booking(str(resource), seat, start, end)
        for resource, seat, start, end in found
        if seat < seats[resource]
    )


class RangeAgg(Aggregate):
    """The union of ranges, as PostgreSQL's multirange."""

    function = "range_agg"
    output_field = DateTimeRangeField()


# The shape of each course


def _read_versions(courses: Sequence[Course]) -> dict[int, ProtocolVersion]:
    """Versions by key; one that a course holds with its parts is not read again: published ones never change."""
    held = {course.version_id: course.version for course in courses if Course.version.is_cached(course)}
    unread = {course.version_id for course in courses} - set(held)
    if unread:
        held |= ProtocolVersion.objects.in_bulk(unread)
    prefetch_related_objects(list(held.values()), *VERSION_LOOKUPS)
    for course in courses:
        course.version = held[course.version_id]
    return held


def _read_shapes(
    site: Site, courses: Sequence[Course], versions: Mapping[int, ProtocolVersion], lives: Lives, now: datetime
) -> dict[str, engine.Protocol]:
    shapes = {}
    for course in courses:
        key, version = str(course.uuid), versions[course.version_id]
        begun_on = _begun_on(site, version, lives.sessions[key])
        periods = course.open_periods or wanted_periods(course, version, site=site, begun_on=begun_on, now=now)
        shapes[key] = _shape_for(course, version, lives.passed[key], periods)
    return shapes


def wanted_periods(
    course: Course, version: ProtocolVersion, *, site: Site, begun_on: date | None, now: datetime
) -> int:
    """Periods of the open phase that the site's rolling horizon reaches: from today, or from a start to come."""
    horizon, departures = timedelta(days=site.horizon_days), departures_of(course)
    if begun_on is None:
        start_on = course.earliest_start
        return fitting_periods(version, start_on=start_on, reach_on=start_on + horizon, departures=departures)
    today = max(now.astimezone(site.zone).date(), begun_on)
    start_on = begun_on + timedelta(days=course.shift_days or 0)
    return fitting_periods(version, start_on=start_on, reach_on=today + horizon, departures=departures)


def reach_horizon(course: Course, *, now: datetime) -> None:
    """Let a course that has reached its open phase ask, in memory, for the periods that the horizon reaches now."""
    if not course.open_periods:
        return
    prefetch_related_objects([course.version], *VERSION_LOOKUPS)
    numbered = number_rows(course.sessions.select_related("track").order_by("pk"))
    begun_on = _begun_on(course.site, course.version, numbered)
    wanted = wanted_periods(course, course.version, site=course.site, begun_on=begun_on, now=now)
    course.open_periods = max(course.open_periods, wanted)


def _shape_for(course: Course, version: ProtocolVersion, passed: frozenset[int], periods: int) -> engine.Protocol:
    undecided = [point for point in version.decision_points.all() if point.pk not in passed]
    return shape_version(version, open_periods=periods, undecided=undecided, departures=departures_of(course))


def _begun_on(site: Site, version: ProtocolVersion, numbered: Numbered) -> date | None:
    """The local date of session 1 of the first track, once it is booked."""
    row = numbered.get((version.tracks.all()[0].name, 1))
    return row.start.astimezone(site.zone).date() if row else None


def _last_date(site: Site, course: Course, shape: engine.Protocol, lives: Lives) -> date:
    first = lives.sessions[str(course.uuid)].get((shape.tracks[0].name, 1))
    start = first.start.astimezone(site.zone).date() if first else course.latest_start
    return start + timedelta(days=last_day(shape) + max(0, course.shift_days or 0))


def _named_shapes(
    uuids: Mapping[str, str], shapes: Mapping[str, engine.Protocol]
) -> tuple[dict[str, str], dict[str, engine.Protocol]]:
    """Protocols by id: the version's uuid, with a number where courses of one version are cut differently."""
    ids: dict[str, str] = {}
    named: dict[str, engine.Protocol] = {}
    for course, shape in shapes.items():
        name, number = uuids[course], 1
        while named.setdefault(name, shape) != shape:
            number += 1
            name = f"{uuids[course]}/{number}"
        ids[course] = name
    return ids, named


# The courses


def _read_lives(courses: Sequence[Course], passed: frozenset[int]) -> Lives:
    keys = {course.pk: str(course.uuid) for course in courses if course.pk}
    rows: dict[int, list[Session]] = defaultdict(list)
    for session in Session.objects.filter(course__in=keys).select_related("track", "visit_type").order_by("pk"):
        rows[session.course_id].append(session)
    holds: dict[int, list[engine.PlacedHold]] = defaultdict(list)
    kept = Hold.objects.filter(session__course__in=keys).order_by("session", "position")
    for session_id, kind, resource, seat in kept.values_list("session_id", "resource__kind", "resource_id", "seat"):
        holds[session_id].append(engine.PlacedHold(kind, str(resource), seat))
    return Lives(
        sessions={str(course.uuid): number_rows(rows[course.pk] if course.pk else ()) for course in courses},
        holds={session_id: tuple(found) for session_id, found in holds.items()},
        passed={key: points | passed for key, points in _passed_points(courses).items()},
    )


def _passed_points(courses: Sequence[Course]) -> dict[str, frozenset[int]]:
    keys = {course.pk: str(course.uuid) for course in courses if course.pk}
    passed: dict[str, set[int]] = defaultdict(set)
    decisions = CourseDecision.objects.filter(course__in=keys, outcome=DecisionOutcome.CONTINUE)
    for course_id, point_id in decisions.values_list("course_id", "decision_point_id"):
        passed[keys[course_id]].add(point_id)
    return {str(course.uuid): frozenset(passed[str(course.uuid)]) for course in courses}


def _pose_courses(
    site: Site,
    courses: Sequence[Course],
    protocols: Mapping[str, str],
    lives: Lives,
    *,
    now: datetime,
    until: datetime,
    replan: bool,
) -> tuple[engine.Course, ...]:
    patients = Patient.objects.in_bulk({course.patient_id for course in courses})
    busy = _read_busy(courses, now, until)
    return tuple(
        _pose_course(
            course,
            patients[course.patient_id],
            protocol=protocols[str(course.uuid)],
            lives=lives,
            busy=busy[str(course.uuid)],
            pause=_read_pause(site, course, until),
            movable_after=now if replan else None,
        )
        for course in courses
    )


def _pose_course(
    course: Course,
    patient: Patient,
    *,
    protocol: str,
    lives: Lives,
    busy: Busy,
    pause: Sequence[Interval],
    movable_after: datetime | None,
) -> engine.Course:
    table = course.availability or patient.availability
    locked: list[engine.PlacedSession] = []
    current: list[engine.PlacedSession] = []
    for key, row in sorted(lives.sessions[str(course.uuid)].items()):
        placed = engine.PlacedSession(*key, row.start, lives.holds.get(row.pk, ()))
        movable = movable_after is not None and row.status == SessionStatus.BOOKED and row.start > movable_after
        (current if movable else locked).append(placed)
    return engine.Course(
        id=str(course.uuid),
        protocol=protocol,
        earliest_start=course.earliest_start,
        latest_start=course.latest_start,
        preferred_time=engine.minutes_of(course.preferred_time),
        availability=engine.Week.of(table) if table else None,
        unavailable=(*busy.visits, *busy.absences, *pause),
        engaged=tuple(busy.visits),
        locked=tuple(locked),
        current=tuple(current),
        shift_days=course.shift_days,
    )


def _read_pause(site: Site, course: Course, until: datetime) -> list[Interval]:
    """The days of a pause, into which nothing is planned; of one whose end is not known, all from its first day on."""
    if course.paused_on and course.paused_until:
        return [Interval(_midnight(site, course.paused_on), _midnight(site, course.paused_until + ONE_DAY))]
    if course.paused_on and course.status == CourseStatus.PAUSED and _midnight(site, course.paused_on) < until:
        return [Interval(_midnight(site, course.paused_on), until)]
    return []


def _read_busy(courses: Sequence[Course], now: datetime, until: datetime) -> dict[str, Busy]:
    """By course, when its patient cannot come: absences, and visits of their other courses at whatever site.

    Those that are posed along with it are among them: nobody is in two places at once.
    """
    patients = {course.patient_id for course in courses}
    sessions = Session.objects.live().filter(patient__in=patients, end__gt=now, start__lt=until)
    if len(courses) == len(patients):
        sessions = sessions.exclude(course__in=[course.pk for course in courses if course.pk])
    visits: dict[int, list[tuple[int, Interval]]] = defaultdict(list)
    for patient, owner, start, end in sessions.values_list("patient_id", "course_id", "start", "end"):
        visits[patient].append((owner, _within(start, end, now, until)))
    away: dict[int, list[Interval]] = defaultdict(list)
    absences = PatientAbsence.objects.filter(patient__in=patients, end__gt=now, start__lt=until)
    for patient, start, end in absences.values_list("patient_id", "start", "end"):
        away[patient].append(_within(start, end, now, until))
    return {
        str(course.uuid): Busy(
            [span for owner, span in visits[course.patient_id] if owner != course.pk], away[course.patient_id]
        )
        for course in courses
    }


def _within(start: datetime, end: datetime, now: datetime, until: datetime) -> Interval:
    """The part of a span that planning looks at: "until further notice" is often written as the year 9999."""
    return Interval(max(start, now), min(end, until))


def _midnight(site: Site, day: date) -> datetime:
    """The instant at which the local date begins."""
    return datetime.combine(day, time(0), site.zone).astimezone(UTC)
