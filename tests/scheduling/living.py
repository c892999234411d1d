"""What the tests of a course's life ask of it: where its visits are, and whether any rule is broken."""

from __future__ import annotations

from datetime import date, datetime

from scheduling import engine
from scheduling.models import Course, Session
from scheduling.planning import alone
from scheduling.posing import unlock, with_course
from scheduling.rearranging import read_course
from scheduling.replanning import may_move


def broken_rules(course: Course, *, now: datetime, since: datetime | None = None) -> list[engine.Violation]:
    """What the visits to come break, those before `since` given as they are."""
    course = Course.objects.select_related("site", "version").get(pk=course.pk)
    rows, problem = read_course(course, now=now)
    judged = {key for key, row in rows.items() if may_move(row, now) and (since is None or row.start >= since)}
    posed = with_course(problem, unlock(problem.courses[0], judged))
    sessions = (*posed.courses[0].locked, *posed.courses[0].current)
    return engine.check(posed, alone(engine.CoursePlan(posed.courses[0].id, engine.PLANNED, sessions)))


def dates(course: Course, **filters: object) -> list[date]:
    """Of the visits that stand."""
    return list(course.sessions.live().filter(**filters).order_by("start").values_list("local_date", flat=True))


def numbers(course: Course) -> list[int]:
    return list(course.sessions.live().order_by("start").values_list("number", flat=True))


def starts(course: Course) -> dict[int, datetime]:
    """By key of the row."""
    return dict(Session.objects.live().filter(course=course).values_list("pk", "start"))
