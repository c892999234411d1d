"""Every act that changes visits is kept with the rows before and after it, and undone until patients have been told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.models import Closure, Outage, Resource, Site, User
from scheduling.engine import Interval
from scheduling.engine.intervals import merged, without
from scheduling.locking import booking_transaction, lock_courses, lock_resources, retried
from scheduling.messages.undoing import lock_notices, why_told
from scheduling.models import Change, ChangedCourse, ChangedSession, Course, Hold, Session
from scheduling.refusals import refuse
from scheduling.restoring import find_obstacle, restore
from scheduling.row_states import State, read_courses, read_sessions

UNDONE = "This was undone already."


@dataclass
class Recording:
    """What an act may still add to its change; `change` is there once the block has ended, None where nothing did."""

    kind: str
    summary: str
    outages: list[Outage] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)
    change: Change | None = None


@contextmanager
def recording(
    courses: Iterable[Course],
    *,
    kind: str,
    summary: str,
    now: datetime,
    by: User | None,
    outages: Iterable[Outage] = (),
    closures: Iterable[Closure] = (),
) -> Iterator[Recording]:
    """Keep what the block does to these courses, which are locked, as one Change (`kind` is a ChangeKind).

    To be used inside a booking_transaction, with the writing to the outbox inside the block. Recordings do not nest.
    """
    ids = sorted({course.pk for course in courses})
    courses_before, sessions_before = read_courses(ids), read_sessions(Session.objects.filter(course__in=ids))
    current = Recording(kind, summary, list(outages), list(closures))
    yield current
    courses_after, sessions_after = read_courses(ids), read_sessions(Session.objects.filter(course__in=ids))
    changed_courses = _differing(courses_before, courses_after)
    changed_sessions = _differing(sessions_before, sessions_after)
    if changed_courses or changed_sessions or current.outages or current.closures:
        change = Change.objects.create(
            site=_site_of(ids, current), kind=current.kind, summary=current.summary[:200], made_at=now, made_by=by
        )
        change.outages.set(current.outages)
        change.closures.set(current.closures)
        touched = Session.objects.filter(pk__in=changed_sessions).values_list("course", flat=True).order_by().distinct()
        kept = {*changed_courses, *touched}
        ChangedCourse.objects.bulk_create(
            ChangedCourse(change=change, course_id=pk, before=courses_before[pk], after=courses_after[pk])
            for pk in sorted(kept)
        )
        ChangedSession.objects.bulk_create(
            ChangedSession(change=change, session_id=pk, before=sessions_before.get(pk), after=sessions_after[pk])
            for pk in changed_sessions
        )
        current.change = change


def _differing(before: dict[int, State], after: dict[int, State]) -> list[int]:
    return sorted(key for key, state in after.items() if before.get(key) != state)


def _site_of(course_ids: list[int], current: Recording) -> Site:
    if course_ids:
        return Site.objects.get(pk=Course.objects.values_list("site", flat=True).get(pk=course_ids[0]))
    if current.outages:
        return current.outages[0].resource.site
    return current.closures[0].site


def why_not_undo(change: Change, *, now: datetime) -> str:
    """Why a change cannot be undone, in a sentence; empty where it can, as far as it can be seen without trying."""
    if change.undone_at is not None:
        return UNDONE
    if obstacle := find_obstacle(change, now=now):
        return obstacle
    courses = list(change.courses.values_list("course", flat=True))
    return why_told(courses, list(change.sessions.values_list("session", flat=True)), since=change.made_at)


@retried
def undo_change(change: Change, *, now: datetime, by: User | None) -> Change:
    """Put every row back as it was before the change, or refuse and change nothing. Asked twice, return it.

    What the act made is deleted, also the outages and closures recorded with it. Who was told nothing is told nothing.
    """
    with booking_transaction():
        change = Change.objects.select_for_update(no_key=True, of=("self",)).select_related("site").get(pk=change.pk)
        if change.undone_at is not None:
            return change
        course_ids = list(change.courses.values_list("course", flat=True))
        lock_courses(course_ids)
        lock_resources(_seats_wanted(change))
        lock_notices(course_ids)
        if obstacle := why_not_undo(change, now=now):
            raise refuse(obstacle, rule="undo")
        restore(change, now=now, by=by)
        change.undone_at, change.undone_by = now, by
        change.save(update_fields=["undone_at", "undone_by"])
    return change


def _seats_wanted(change: Change) -> set[int]:
    states = change.sessions.exclude(before=None).values_list("before", flat=True)
    return {held["resource_id"] for state in states for held in state["holds"]}


@dataclass(frozen=True)
class FreedSpan:
    """Time of one seat that a change set free."""

    resource_id: int
    seat: int
    start: datetime
    end: datetime


def freed_spans(change: Change, *, now: datetime) -> list[FreedSpan]:
    """Seats set free by it that are free still, and lie ahead, in order of time."""
    freed: dict[tuple[int, int], list[Interval]] = defaultdict(list)
    for state in change.sessions.exclude(before=None).values_list("before", flat=True):
        for held in state["holds"]:
            start, end = datetime.fromisoformat(held["start"]), datetime.fromisoformat(held["end"])
            if end > now:
                freed[held["resource_id"], held["seat"]].append(Interval(max(start, now), end))
    taken = _taken_spans({resource for resource, _ in freed}, now=now)
    return sorted(
        (
            FreedSpan(*seat, span.start, span.end)
            for seat, spans in freed.items()
            for span in without(merged(spans), taken[seat[0], None] + taken[seat])
        ),
        key=lambda span: (span.start, span.resource_id, span.seat),
    )


def _taken_spans(resource_ids: set[int], *, now: datetime) -> dict[tuple[int, int | None], list[Interval]]:
    """By resource and seat; under no seat what takes all of them: an outage of it, a closure of its site."""
    taken: dict[tuple[int, int | None], list[Interval]] = defaultdict(list)
    held = Hold.objects.filter(resource__in=resource_ids, end__gt=now)
    for resource, seat, start, end in held.values_list("resource", "seat", "start", "end"):
        taken[resource, seat].append(Interval(start, end))
    for outage in Outage.objects.filter(resource__in=resource_ids, end__gt=now):
        taken[outage.resource_id, None].append(Interval(outage.start, outage.end))
    for resource in Resource.objects.filter(pk__in=resource_ids).select_related("site"):
        for closure in resource.site.closures.filter(last_on__gte=(now - timedelta(days=1)).date()):
            taken[resource.pk, None].append(_span_of(closure, resource.site.zone))
    return taken


def _span_of(closure: Closure, zone: ZoneInfo) -> Interval:
    """Whole days on the site's clock."""
    first = datetime.combine(closure.first_on, time(0), zone)
    return Interval(first, datetime.combine(closure.last_on + timedelta(days=1), time(0), zone))
