"""Book and stop courses. With moving, attendance, decisions and extension the only writers of sessions and holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import prefetch_related_objects

from clinic.models import Patient, Site, User
from clinic.weekly import validate_weekly_table
from protocols.models import Protocol, ProtocolVersion, VisitType
from protocols.models.protocol import VersionStatus
from protocols.models.visit import Place
from scheduling import engine
from scheduling.answers import settle_answers
from scheduling.changes import recording
from scheduling.course_change import CourseChange, VisitShift, refuse_unless_shown
from scheduling.departures import departures_of
from scheduling.engine import CoursePlan, Interval
from scheduling.findings import refusals_of
from scheduling.locking import booking_transaction, lock_course, lock_patient, retried
from scheduling.messages import outbox
from scheduling.models import ChangeKind, Course, CourseStatus, Hold, Session, SessionStatus
from scheduling.open_phase import periods_of
from scheduling.planning import FURTHEST, Proposal, cost_parts, propose_course
from scheduling.posing import with_hours
from scheduling.refusals import BookingRefused, refuse
from scheduling.seating import insert_sessions, lock_seats
from scheduling.snapshots import protocol_of, read_problem

TO_BOOK = (CourseStatus.PLANNING, CourseStatus.INFEASIBLE)
ANOTHER = "The patient already has a course of this protocol."
"""No more is said: it may be at a site that the reader does not see."""


def request_course(
    *, now: datetime, by: User | None = None, anchor_at: datetime | None = None, **wishes: Any
) -> Course:
    """Ask for a course, which then waits to be planned; asked twice with one reference, return what exists.

    `wishes` are those of `draft_course`. Raises django's ValidationError with the faults by field.
    """
    if found := _same_request(wishes["site"], wishes.get("reference", ""), wishes["patient"], wishes["version"]):
        return found
    course = draft_course(now=now, by=by, anchor_at=anchor_at, **wishes)
    try:
        with booking_transaction():
            lock_patient(course.patient_id)
            same = Course.objects.filter(uuid=course.uuid).first()
            if found := same or _same_request(course.site, course.reference, course.patient, course.version):
                return found  # of two requests at once the second has waited for the first
            if has_another(course):
                raise ValidationError({"version": ANOTHER})
            course.save(force_insert=True)
            if anchor_at is not None:
                _insert_anchor(course, anchor_at, now=now, by=by)
    except IntegrityError:
        if found := _same_request(course.site, course.reference, course.patient, course.version):
            return found
        raise
    except BookingRefused as refused:
        raise ValidationError({"anchor_at": str(refused)}) from None
    return course


def draft_course(
    *,
    patient: Patient,
    site: Site,
    version: ProtocolVersion,
    earliest_start: date,
    latest_start: date,
    preferred_time: time | None = None,
    now: datetime,
    by: User | None = None,
    reference: str = "",
    availability: dict[str, Any] | None = None,
    anchor_at: datetime | None = None,
    uuid: UUID | None = None,
) -> Course:
    """A course that could be asked for, not saved. Raises django's ValidationError with the faults by field.

    `anchor_at` is the date we only know of (an operation) of a protocol that is counted from one.
    """
    course = Course(
        uuid=uuid or uuid4(),
        patient=patient,
        site=site,
        version=version,
        reference=reference,
        earliest_start=earliest_start,
        latest_start=latest_start,
        preferred_time=preferred_time or patient.preferred_time or time(9),
        availability=availability or None,
        requested_at=now,
        requested_by=by,
    )
    _validate_request(course, _anchor_visit(version), anchor_at, now)
    return course


def preview_course(
    *,
    now: datetime,
    by: User | None = None,
    anchor_at: datetime | None = None,
    alternatives: int = 0,
    **wishes: Any,
) -> Proposal:
    """What would be booked, for the `wishes` of `draft_course`, and `alternatives` to it. Nothing is written."""
    course = draft_course(now=now, by=by, anchor_at=anchor_at, **wishes)
    return propose_course(course, now=now, anchor_at=anchor_at, alternatives=alternatives)


def _same_request(site: Site, reference: str, patient: Patient, version: ProtocolVersion) -> Course | None:
    found = Course.objects.filter(site=site, reference=reference).first() if reference else None
    if found and (found.patient_id, found.version_id) != (patient.pk, version.pk):
        raise ValidationError({"reference": "This referral number already belongs to another course."})
    return found


def has_another(course: Course) -> bool:
    """Whether the patient is on this treatment already, at whatever site; a site's copy keeps the library's code."""
    others = Course.objects.live().filter(patient=course.patient_id).exclude(uuid=course.uuid)
    code = Protocol.objects.filter(versions=course.version_id).values("code")
    return others.filter(version__protocol__code__in=code).exists()


def _validate_request(course: Course, anchor: VisitType | None, anchor_at: datetime | None, now: datetime) -> None:
    faults: dict[str, str] = {}
    version, site = course.version, course.site
    if version.status != VersionStatus.PUBLISHED:
        faults["version"] = "Only a published version of a protocol can be planned."
    elif version.protocol.site_id not in {None, site.pk}:
        faults["version"] = "This protocol belongs to another site."
    elif has_another(course):
        faults["version"] = ANOTHER
    if course.latest_start < course.earliest_start:
        faults["latest_start"] = "The latest start lies before the earliest."
    elif course.latest_start < now.astimezone(site.zone).date() and anchor is None:
        faults["latest_start"] = "The latest start lies in the past."
    for field in ("earliest_start", "latest_start"):
        if abs(getattr(course, field) - now.astimezone(site.zone).date()) > FURTHEST:
            faults[field] = "This day is more than two years away."
    if len(course.reference) > 60:
        faults["reference"] = "A referral number has at most 60 characters."
    try:
        validate_weekly_table(course.availability or {})
    except ValidationError as error:
        faults["availability"] = error.messages[0]
    if anchor is not None and anchor_at is None:
        faults["anchor_at"] = f"Give the date and time of: {anchor.name}."
    if anchor is None and anchor_at is not None:
        faults["anchor_at"] = "This protocol is not counted from a date of its own."
    elif anchor_at is not None and abs(anchor_at - now) > FURTHEST:
        faults["anchor_at"] = "This day is more than two years away."
    if faults:
        raise ValidationError(faults)


def _anchor_visit(version: ProtocolVersion) -> VisitType | None:
    """The external visit that a protocol is counted from: that of its first track."""
    first = version.tracks.select_related("visit_type").order_by("position").first()
    return first.visit_type if first and first.visit_type.place == Place.EXTERNAL else None


def _insert_anchor(course: Course, anchor_at: datetime, *, now: datetime, by: User | None) -> None:
    protocol = protocol_of(course.version, course=course)
    placed = engine.PlacedSession(protocol.tracks[0].name, 1, anchor_at.replace(second=0, microsecond=0))
    insert_sessions(course, protocol, [placed], now=now, by=by)


@retried
def book_course(
    course: Course, *, plan: CoursePlan, now: datetime, by: User | None = None, also_free: Interval | None = None
) -> Course:
    """Book the plan whole, or raise BookingRefused with every problem; asked twice, return what exists.

    A course that was never saved is saved with its sessions, or not at all. `also_free` is a time at which the patient
    has agreed to come beside the usual hours, which stay as they are.
    """
    with booking_transaction():
        course = _lock_or_insert(course)
        if course.status not in TO_BOOK:
            return course
        if has_another(course):
            raise refuse(ANOTHER, rule="course")
        sessions = book_plan(course, plan, now=now, by=by, also_free=also_free)
        course.status, course.booked_at = CourseStatus.BOOKED, now
        course.plan_message, course.relaxations = "", []
        course.save(update_fields=["status", "booked_at", "plan_message", "relaxations"])
        outbox.course_booked(course, sessions, now=now)
    return course


def _lock_or_insert(course: Course) -> Course:
    version = course.version
    # A copy: the caller's course must not look saved when the booking fails. Of two clicks at once the second waits
    # here for the first, and finds what that has booked.
    fields = {field.attname: getattr(course, field.attname) for field in course._meta.concrete_fields}
    found, _ = Course.objects.get_or_create(uuid=course.uuid, defaults=fields)
    locked = lock_course(found.pk)
    if locked.version_id == version.pk:
        locked.version = version  # read with its parts already, outside the lock
    return locked


def book_plan(
    course: Course, plan: CoursePlan, *, now: datetime, by: User | None, also_free: Interval | None = None
) -> list[Session]:
    """Check the plan again under lock and write what of it is new. The course and its patient are locked already."""
    lock_seats(plan.sessions)
    prefetch_related_objects([course.version], "tracks__phases")
    course.open_periods = periods_of(course.version, (at.key for at in plan.sessions), departures_of(course))
    problem = read_problem(site=course.site, courses=[course], now=now)
    if also_free is not None:
        problem = with_hours(problem, plan.id, also_free)
    refusals = refusals_of(problem, plan, site=course.site)
    if refusals:
        raise BookingRefused(refusals)
    posed = problem.course(plan.id)
    given = {at.key for at in posed.locked}
    new = [at for at in plan.sessions if at.key not in given]
    sessions = insert_sessions(course, problem.protocol_of(posed), new, now=now, by=by)
    course.plan_cost = cost_parts(problem, plan)
    course.save(update_fields=["open_periods", "plan_cost"])
    return sessions


def plan_and_book(course_id: int, *, now: datetime, time_limit: float = 5.0, by: User | None = None) -> Course:
    """Plan and book, planning once more after a lost race; what cannot be planned is recorded on the course."""
    for last_try in (False, True):
        course = Course.objects.select_related("site", "patient", "version").get(pk=course_id)
        if course.status not in TO_BOOK:
            return course
        proposal = propose_course(course, now=now, time_limit=time_limit)
        if not proposal.is_planned:
            return record_infeasible(course_id, proposal)
        try:
            return book_course(course, plan=proposal.plan, now=now, by=by)
        except BookingRefused:
            if last_try:
                raise
    raise AssertionError("unreachable")


def record_infeasible(course_id: int, proposal: Proposal) -> Course:
    """Why nothing fits, and what would help, kept on the course that waits to be planned."""
    with transaction.atomic():
        course = lock_course(course_id)
        if course.status in TO_BOOK:
            course.status = CourseStatus.INFEASIBLE
            course.plan_message, course.relaxations = proposal.message, proposal.relaxations
            course.save(update_fields=["status", "plan_message", "relaxations"])
    return course


def propose_stop(course: Course, *, now: datetime) -> CourseChange:
    """The visits to come that a stop gives up. Only reads."""
    to_come = course.sessions.to_come(now=now).select_related("track")
    return CourseChange(
        course, tuple(VisitShift(row.track.name, row.number, row.start, None, row.pk) for row in to_come)
    )


@retried
def stop_course(
    course: Course, *, reason: str, now: datetime, by: User | None = None, expected: str | None = None
) -> Course:
    """End the course and cancel what is to come; asked twice, return it as it is.

    With `expected`, the fingerprint of what was shown, exactly that is given up, or nothing is changed.
    """
    with booking_transaction():
        course = lock_course(course.pk)
        if course.status not in {CourseStatus.STOPPED, CourseStatus.FINISHED}:
            if expected is not None:
                refuse_unless_shown(propose_stop(course, now=now), expected)
            with recording([course], kind=ChangeKind.STOPPED, summary="Course stopped", now=now, by=by):
                stop_locked(course, reason=reason, now=now, by=by)
    return course


def stop_locked(course: Course, *, reason: str, now: datetime, by: User | None) -> None:
    """As `stop_course`, of a live course that is locked already, and inside a recording."""
    to_come = list(course.sessions.to_come(now=now).select_related("track"))
    cancelled = cancel_sessions(to_come, reason=reason, now=now, by=by)
    course.sessions.filter(set_aside=True).update(set_aside=False)  # nobody plans them again
    course.status, course.ended_at, course.end_reason = CourseStatus.STOPPED, now, reason[:200]
    course.save(update_fields=["status", "ended_at", "end_reason"])
    if cancelled:
        outbox.sessions_changed(course, cancelled, now=now)


def cancel_sessions(sessions: Sequence[Session], *, reason: str, now: datetime, by: User | None) -> list[Session]:
    """Cancel booked sessions of a locked course and free their seats."""
    for session in sessions:
        session.status, session.cancel_reason = SessionStatus.CANCELLED, reason[:200]
        session.sequence += 1
        session.status_at, session.status_by, session.changed_at = now, by, now
    fields = ["status", "cancel_reason", "sequence", "status_at", "status_by", "changed_at"]
    Session.objects.bulk_update(sessions, fields)
    Hold.objects.filter(session__in=sessions).delete()
    settle_answers(sessions, how="The visit was cancelled", now=now, by=by)
    return list(sessions)
