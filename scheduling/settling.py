"""Where a course stands, read from its sessions: booked, running or finished."""

from __future__ import annotations

from datetime import datetime

from protocols.models import DecisionPoint, Phase
from protocols.models.decision import DecisionMode
from protocols.models.visit import Place
from scheduling.models import Course, CourseStatus, SessionStatus
from scheduling.models.course import DecisionOutcome

SETTLED = (CourseStatus.BOOKED, CourseStatus.RUNNING, CourseStatus.FINISHED)
CAME = (SessionStatus.ARRIVED, SessionStatus.COMPLETED)
WAITING = (SessionStatus.BOOKED, SessionStatus.ARRIVED, SessionStatus.UNRECORDED)


def settle_course(course: Course, *, now: datetime) -> None:
    """Write the status of a locked course anew, where its sessions say another one."""
    if course.status not in SETTLED:
        return
    status = _status_of(course)
    if status != course.status:
        course.status = status
        course.ended_at = now if status == CourseStatus.FINISHED else None
        course.save(update_fields=["status", "ended_at"])


def _status_of(course: Course) -> CourseStatus:
    sessions = set(course.sessions.exclude(visit_type__place=Place.EXTERNAL).values_list("status", flat=True))
    if sessions.isdisjoint(WAITING) and not _goes_on(course):
        return CourseStatus.FINISHED
    return CourseStatus.BOOKED if sessions.isdisjoint(CAME) else CourseStatus.RUNNING


def _goes_on(course: Course) -> bool:
    """More is to be booked: an open-ended phase, or what lies beyond a point that nobody has passed."""
    if Phase.objects.filter(track__version=course.version_id, open_ended=True).exists():
        return True
    passed = course.decisions.filter(outcome=DecisionOutcome.CONTINUE).values("decision_point")
    points = DecisionPoint.objects.filter(version=course.version_id, mode=DecisionMode.BLOCKING)
    return points.exclude(pk__in=passed).exists()
