"""Add one visit at the end of a track, beyond what the protocol has."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from clinic.models import User
from protocols.models.decision import DecisionMode
from scheduling.changes import recording
from scheduling.course_change import CourseChange
from scheduling.departures import departures_of
from scheduling.extension import missing_sessions
from scheduling.locking import booking_transaction, lock_course, retried
from scheduling.models import Change, Course, CourseStatus
from scheduling.models.change import ChangeKind
from scheduling.models.course import DecisionOutcome
from scheduling.open_phase import open_phase
from scheduling.posing import with_course
from scheduling.refusals import BookingRefused, refuse
from scheduling.revising import (
    Attempt,
    Revision,
    find_as_shown,
    first_solved,
    propose,
    read_course,
    read_rows,
    ways_later,
    write_revision,
)
from scheduling.settling import settle_course
from scheduling.words import name_code

MAY_GROW = (CourseStatus.BOOKED, CourseStatus.RUNNING, CourseStatus.FINISHED)
INCOMPLETE = "Some visits of this course have no time yet. Plan these first."


def propose_added(course: Course, *, track: str, now: datetime) -> CourseChange:
    """Where one more visit of a track would lie; of an open-ended one, its next period."""
    return propose(course, partial(_find_added, track=track, now=now))


@retried
def add_visit(course: Course, *, track: str, expected: str, now: datetime, by: User | None) -> Change | None:
    """Add it as it was shown (`expected` is the fingerprint), or change nothing. A course that was over goes on."""
    with booking_transaction():
        course = lock_course(course.pk)
        found = find_as_shown(course, partial(_find_added, track=track, now=now), expected)
        summary = f"{name_code(track)}: one visit more"
        with recording([course], kind=ChangeKind.ADDED, summary=summary, now=now, by=by) as kept:
            write_revision(course, found, why_gone="", now=now, by=by)
            settle_course(course, now=now)
    return kept.change


def _find_added(course: Course, *, track: str, now: datetime) -> Revision:
    if course.status not in MAY_GROW:
        raise refuse(f"The course is {course.get_status_display().lower()}.", rule="status")
    if not course.version.tracks.filter(name=track).exists():
        raise refuse("The protocol has no such visits.", rule="track")
    grown = _grow(course, track)
    rows = read_rows(course)
    problem = read_course(course, rows, now=now)
    missing = missing_sessions(problem)
    if not any(name == track for name, _ in missing):
        raise _undecided(course)
    if len(missing) > 1 and "added_visits" in grown:
        raise refuse(INCOMPLETE, rule="plan")
    today = now.astimezone(course.site.zone).date()
    ways = ways_later(problem, problem.courses[0], missing, today)
    found = first_solved(course, [Attempt(with_course(problem, way), rows) for way in ways])
    return replace(found, fields={**found.fields, **grown})


def _grow(course: Course, track: str) -> dict[str, object]:
    """Let the course in memory ask for one more; the fields that say so."""
    found = open_phase(course.version, departures_of(course))
    if found is not None and found.track.name == track:
        course.open_periods += 1 if course.open_periods else 0
        return {"open_periods": course.open_periods}
    course.added_visits = {**course.added_visits, track: course.added_visits.get(track, 0) + 1}
    return {"added_visits": course.added_visits}


def _undecided(course: Course) -> BookingRefused:
    """Nothing is booked beyond a point that blocks, added visits neither."""
    passed = course.decisions.filter(outcome=DecisionOutcome.CONTINUE).values("decision_point")
    points = course.version.decision_points.filter(mode=DecisionMode.BLOCKING).exclude(pk__in=passed)
    question = points.values_list("question", flat=True).first() or ""
    return refuse(f"A clinician decides first: {question}", rule="decision")
