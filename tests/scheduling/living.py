"""What the tests of a course's life ask of it: where its visits are, and whether any rule is broken."""

from __future__ import annotations

from datetime import date, datetime

from protocols.models import Link, Phase, ProtocolVersion, Track
from scheduling import engine
from scheduling.models import Course, Session
from scheduling.planning import alone
from scheduling.posing import unlock, with_course
from scheduling.rearranging import read_course
from scheduling.replanning import may_move
from tests import factories
from tests.factories import NOW


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


def make_linked(*, weeks: int = 3, publish: bool = True) -> ProtocolVersion:
    """An infusion a week, and one visit of another track 24 to 72 hours after each."""
    weekly = {"periods": weeks, "period_days": 7, "per_period": 1, "min_gap_hours": 100, "slip_days": 3}
    version = factories.make_protocol(phases=(weekly,), publish=False)
    infusions = version.tracks.get()
    after = Track.objects.create(
        version=version, position=1, name="after", visit_type=infusions.visit_type, first_day=1
    )
    Phase.objects.create(track=after, position=0, name="weekly", **{**weekly, "min_gap_hours": 18})
    Link.objects.create(version=version, type="window", track=after, after=infusions, min_hours=24, max_hours=72)
    if publish:
        version.status, version.published_at = "published", NOW
        version.save()
    return version
