"""What a decision would book or give up, shown to the clinician before it is made. Nothing here writes."""

from __future__ import annotations

from datetime import UTC, datetime

from protocols.models import DecisionPoint
from protocols.models.decision import DecisionMode
from scheduling.course_change import CourseChange, VisitShift, order_shifts
from scheduling.decisions import repeat_period
from scheduling.extension import propose_beyond
from scheduling.models import Course
from scheduling.models.course import DecisionOutcome

AS_BOOKED = "The visits stay as they are booked."
NOTHING_FITS = "The decision stands, but nothing can be booked for it yet: {why}"


def propose_decision(course: Course, point: DecisionPoint, *, outcome: str, now: datetime) -> CourseChange:
    """What deciding so would change. It can be decided also where nothing fits: the notes say why."""
    course = Course.objects.select_related("site", "version", "patient").get(pk=course.pk)
    if outcome == DecisionOutcome.STOP:
        return propose_stop(course, now=now)
    if point.mode != DecisionMode.BLOCKING:
        return CourseChange(course, notes=(AS_BOOKED,))
    if outcome == DecisionOutcome.STEP_BACK:
        repeat_period(course, point)
    passed = frozenset({point.pk} if outcome == DecisionOutcome.CONTINUE else ())
    proposal, missing = propose_beyond(course, now=now, passed=passed)
    if proposal is None:
        return CourseChange(course, notes=(AS_BOOKED,))
    if not proposal.is_planned:
        return CourseChange(course, notes=(NOTHING_FITS.format(why=proposal.message),))
    new = [at for at in proposal.plan.sessions if at.key in missing]
    shifts = [VisitShift(at.track, at.number, None, at.start.astimezone(UTC)) for at in new]
    return CourseChange(course, order_shifts(shifts))


def propose_stop(course: Course, *, now: datetime) -> CourseChange:
    """The visits to come that a stop gives up."""
    to_come = course.sessions.to_come(now=now).select_related("track")
    return CourseChange(
        course, tuple(VisitShift(row.track.name, row.number, row.start, None, row.pk) for row in to_come)
    )
