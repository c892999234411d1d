"""A clinician decides at a decision point: go on, step back, or stop."""

from __future__ import annotations

from datetime import datetime

from clinic.models import User
from protocols.models import DecisionPoint
from protocols.models.decision import DecisionMode
from scheduling.booking import stop_locked
from scheduling.changes import recording
from scheduling.course_change import refuse_unless_shown
from scheduling.deciding_ahead import propose_decision, repeat_period
from scheduling.departures import decided_after
from scheduling.extension import book_beyond
from scheduling.locking import booking_transaction, lock_course, retried
from scheduling.models import Change, ChangeKind, Course, CourseDecision, CourseStatus
from scheduling.models.course import DecisionOutcome
from scheduling.refusals import refuse
from scheduling.snapshots import number_rows

UNDER_WAY = (CourseStatus.BOOKED, CourseStatus.RUNNING)


def decide(
    course: Course,
    decision_point: DecisionPoint,
    *,
    outcome: str,
    now: datetime,
    by: User,
    note: str = "",
    expected: str | None = None,
) -> CourseDecision:
    """Record the outcome (a DecisionOutcome), then book what lies beyond the point, or stop the course.

    After a step back at a point that blocks, the period before it is booked once more, and the point is due again after
    that. Where the visits cannot be booked, the decision stands, the course says why (`plan_message`), and the periodic
    extension tries again. With `expected`, the fingerprint of what was shown, it is refused where something else would
    be booked or given up by now.
    """
    decision, change = _record(course, decision_point, outcome=outcome, note=note, expected=expected, now=now, by=by)
    if outcome != DecisionOutcome.STOP and decision_point.mode == DecisionMode.BLOCKING:
        book_beyond(course.pk, now=now, by=by, into=change)
    return decision


@retried
def _record(
    course: Course,
    point: DecisionPoint,
    *,
    outcome: str,
    note: str,
    expected: str | None,
    now: datetime,
    by: User,
) -> tuple[CourseDecision, Change | None]:
    if outcome not in DecisionOutcome.values:
        raise refuse("Decide to continue, to step back or to stop.", rule="decision")
    with booking_transaction():
        course = lock_course(course.pk)
        if point.version_id != course.version_id:
            raise refuse("This decision does not belong to the course's protocol.", rule="decision")
        found = course.decisions.filter(decision_point=point).first()
        again = outcome == DecisionOutcome.STEP_BACK and point.mode == DecisionMode.BLOCKING
        if found and found.outcome == outcome and not (again and point in due_decisions(course, now=now)):
            return found, None
        if found and found.outcome != DecisionOutcome.STEP_BACK:
            raise refuse(f"This was decided before: {found.get_outcome_display().lower()}.", rule="decision")
        if course.status not in UNDER_WAY:
            raise refuse(f"The course is {course.get_status_display().lower()}.", rule="status")
        if expected is not None:
            refuse_unless_shown(propose_decision(course, point, outcome=outcome, now=now), expected)
        decision = found or CourseDecision(course=course, decision_point=point)
        kind = ChangeKind.STOPPED if outcome == DecisionOutcome.STOP else ChangeKind.ADDED
        summary = f"Decided: {DecisionOutcome(outcome).label.lower()}"
        with recording([course], kind=kind, summary=summary, now=now, by=by) as kept:
            decision.outcome, decision.decided_at, decision.decided_by = outcome, now, by
            decision.note = note or decision.note
            decision.save()
            if again:
                repeat_period(course, point)
                course.save(update_fields=["added_visits"])
            if outcome == DecisionOutcome.STOP:
                stop_locked(course, reason="Stopped at a decision point", now=now, by=by)
    return decision, kept.change


def due_decisions(course: Course, *, now: datetime) -> list[DecisionPoint]:
    """Points whose session has begun and that nobody has decided.

    One that blocks is due again after a step back, once the period that was repeated is over.
    """
    if course.status not in UNDER_WAY:
        return []
    decided = CourseDecision.objects.closing().filter(course=course).values_list("decision_point_id", flat=True)
    numbered = number_rows(course.sessions.select_related("track").order_by("pk"))
    points = (
        DecisionPoint.objects.filter(version=course.version_id).exclude(pk__in=list(decided)).select_related("track")
    )
    reached = (numbered.get((point.track.name, decided_after(course, point))) for point in points)
    return [point for point, row in zip(points, reached, strict=True) if row is not None and row.start <= now]
