"""Which visits hang on others: those that break a link to another track where some were never there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q

from scheduling import engine
from scheduling.models import Course, Session
from scheduling.planning import alone
from scheduling.posing import Key, close_up, only_given, unlock, with_course
from scheduling.refusals import refuse
from scheduling.replanning import may_move
from scheduling.snapshots import Numbered, number_rows, read_problem

LINK = 5
"""The rule about visits of other tracks."""
ONLY_ONE = "This is the only visit of its kind that is left: stop the course instead."


def find_hanging(course: Course, session: Session, *, now: datetime) -> list[Key]:
    """Visits to come that cannot stand without this one, which is not given up yet."""
    links = course.version.links.filter(Q(after=session.track_id) | Q(track=session.track_id))
    if not links:
        return []
    rows = number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))
    key, given_up = (session.track.name, session.number), {k for k, row in rows.items() if not row.is_live}
    left = {track for track, number in set(rows) - given_up - {key}}
    if left != {track for track, _ in rows}:
        tied = {link.track.name for link in links if link.after_id == session.track_id} - {key[0]}
        return [] if key[0] in left else sorted(k for k, row in rows.items() if k[0] in tied and may_move(row, now))
    last_on = max(row.local_date for row in rows.values()) + timedelta(days=1)
    problem = only_given(read_problem(site=course.site, courses=[course], now=now, horizon_end=last_on))
    lost = find_broken_links(problem, rows, {*given_up, key}, now) - find_broken_links(problem, rows, given_up, now)
    return sorted(lost)


def find_broken_links(problem: engine.Problem, rows: Numbered, without: Collection[Key], now: datetime) -> set[Key]:
    """Sessions that break a link where some were never there; the others keep their times."""
    kept = {track: sorted(n for name, n in rows if name == track and (name, n) not in without) for track, _ in rows}
    if not all(kept.values()):
        raise refuse(ONLY_ONE, rule="status")  # a course of which a whole track is gone is another treatment
    posed = problem.courses[0]
    for track, number in sorted(without, reverse=True):
        posed = close_up(posed, track, number)
    to_come = {(t, kept[t].index(n) + 1) for (t, n), row in rows.items() if n in kept[t] and may_move(row, now)}
    judged = with_course(problem, unlock(posed, to_come))
    judged = only_given(judged)
    course = judged.courses[0]
    plan = engine.CoursePlan(course.id, engine.PLANNED, (*course.locked, *course.current))
    broken = [violation for violation in engine.check(judged, alone(plan)) if violation.rule == LINK]
    return {(v.track, kept[v.track][v.number - 1]) for v in broken if v.track and v.number}
