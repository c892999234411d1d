"""What to know before booking: what must be in place, where a decision comes first, which courses go on already."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from clinic.models import Site
from protocols.models import DecisionPoint, Gate
from protocols.models.decision import DecisionMode, GateMoment
from scheduling.desk.course_page import course_gates
from scheduling.engine import CoursePlan
from scheduling.models import Course
from scheduling.words import label_session


def needed_before_booking(course: Course, *, today: date) -> list[str]:
    """The protocol's conditions for booking; of a course that waits, those that are not met yet."""
    if course.pk is None:
        gates = Gate.objects.filter(version_id=course.version_id, each_visit=False, moment=GateMoment.BOOKING)
        return [gate.name for gate in gates]
    found = [item for item in course_gates(course, today=today) if item["record"] is None or item["expired"]]
    return [item["gate"].name for item in found if item["gate"].moment == GateMoment.BOOKING]


def decisions_ahead(course: Course, plan: CoursePlan) -> list[str]:
    """Where the plan ends because a clinician is to decide before more is booked."""
    planned = {(session.track, session.number) for session in plan.sessions}
    several = course.version.tracks.count() > 1
    blocking = DecisionPoint.objects.filter(version_id=course.version_id, mode=DecisionMode.BLOCKING)
    sentences = []
    for point in blocking.select_related("track"):
        name, number = point.track.name, point.after_number
        if (name, number) in planned and (name, number + 1) not in planned:
            label = label_session(name, number, several=several)
            label = label if several else label.lower()
            sentences.append(f"Nothing beyond {label} is booked until a clinician decides: {point.question}")
    return sentences


def other_courses(course: Course, sites: Iterable[Site]) -> list[Course]:
    """The patient's other courses under way at these sites."""
    rows = Course.objects.live().filter(patient_id=course.patient_id, site__in=sites)
    return list(rows.exclude(pk=course.pk).select_related("version__protocol", "site").order_by("pk"))
