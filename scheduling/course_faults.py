"""Which rules between its visits a course breaks as it stands: their windows, gaps and links."""

from __future__ import annotations

from datetime import datetime, timedelta

from protocols.models.visit import Place
from scheduling import engine
from scheduling.models import Course, Session, SessionStatus
from scheduling.planning import alone
from scheduling.posing import only_given, unlock, with_course
from scheduling.snapshots import number_rows, read_problem

BETWEEN = {3, 4, 5, 8}
"""The rules of docs/planning-format.md about windows, gaps, links and overlaps."""
Fault = tuple[int, str | None, int | None]


def find_faults(course_id: int, *, now: datetime) -> set[Fault]:
    """By rule, track and number, of the visits to come; those that an override has set are taken as they are."""
    course = Course.objects.select_related("site", "version").get(pk=course_id)
    rows = number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))
    if not rows:
        return set()
    reach = max(row.local_date for row in rows.values()) + timedelta(days=1)
    problem = only_given(read_problem(site=course.site, courses=[course], now=now, horizon_end=reach))
    judged = {key for key, row in rows.items() if _is_judged(row, now)}
    posed = with_course(problem, unlock(problem.courses[0], judged))
    placed = (*posed.courses[0].locked, *posed.courses[0].current)
    plan = engine.CoursePlan(posed.courses[0].id, engine.PLANNED, placed)
    return {(v.rule, v.track, v.number) for v in engine.check(posed, alone(plan)) if v.rule in BETWEEN}


def _is_judged(row: Session, now: datetime) -> bool:
    is_here = row.visit_type.place != Place.EXTERNAL
    return row.status == SessionStatus.BOOKED and row.start > now and is_here and not row.override_reason
