"""What a decision would book or give up, shown to the clinician before it is made. Nothing here writes."""

from __future__ import annotations

from datetime import UTC, datetime

from protocols.models import DecisionPoint, Phase
from protocols.models.decision import DecisionMode
from scheduling.booking import propose_stop
from scheduling.course_change import CourseChange, VisitShift, order_shifts
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


def repeat_period(course: Course, point: DecisionPoint) -> None:
    """The last period before the point once more, as often as it is decided; not saved yet."""
    last = 0
    for phase in Phase.objects.filter(track=point.track_id, open_ended=False).order_by("position"):
        last += phase.periods * phase.per_period
        if point.after_number <= last:
            key = f"{point.track.name}/{point.after_number}"
            course.added_visits = {**course.added_visits, key: course.added_visits.get(key, 0) + phase.per_period}
            return
