"""Every act that changes visits is kept with the rows before and after it, and undone until patients have been told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.models import Closure, Outage, Resource, Site, User
from scheduling.engine import Interval
from scheduling.engine.intervals import merged, without
from scheduling.locking import booking_transaction, lock_courses, lock_resources, retried
from scheduling.messages.undoing import Heard, lock_notices, read_heard
from scheduling.models import Change, ChangedCourse, ChangedSession, Course, Hold, Session
from scheduling.refusals import refuse
from scheduling.restoring import Kept, find_obstacle, read_kept, restore
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
    into: Change | None = None,
) -> Iterator[Recording]:
    """Keep what the block does to these courses, which are locked, as one Change (`kind` is a ChangeKind).

    To be used inside a booking_transaction, with the writing to the outbox inside the block. Recordings do not nest.
    With `into` it is the second part of an act that needs two transactions.
    """
    courses = list(courses)
    before = _read(courses)
    current = Recording(kind, summary, list(outages), list(closures))
    yield current
    after = _read(courses)
    changed = {pk for pk, state in after.sessions.items() if before.sessions.get(pk) != state}
    touched = {after.course_of[pk] for pk in changed}
    touched |= {pk for pk, state in after.courses.items() if before.courses[pk] != state}
    if touched or current.outages or current.closures:
        site = courses[0].site if courses else _site_of(current)
        change = into or Change.objects.create(
            site=site, kind=current.kind, summary=current.summary[:200], made_at=now, made_by=by
        )
        _keep_courses(change, touched, before, after)
        _keep_sessions(change, changed, before, after)
        change.outages.add(*current.outages)
        change.closures.add(*current.closures)
        current.change = change


@dataclass(frozen=True)
class _Rows:
    courses: dict[int, State]
    sessions: dict[int, State]
    course_of: dict[int, int]


def _read(courses: Sequence[Course]) -> _Rows:
    ids = [course.pk for course in courses]
    rows = list(Session.objects.filter(course__in=ids))
    return _Rows(read_courses(ids), read_sessions(rows), {row.pk: row.course_id for row in rows})


def _keep_courses(change: Change, course_ids: Iterable[int], before: _Rows, after: _Rows) -> None:
    ChangedCourse.objects.bulk_create(
        [
            ChangedCourse(change=change, course_id=pk, before=before.courses[pk], after=after.courses[pk])
            for pk in sorted(course_ids)
        ],
        update_conflicts=True,
        unique_fields=["change", "course"],
        update_fields=["after"],
    )


def _keep_sessions(change: Change, session_ids: Iterable[int], before: _Rows, after: _Rows) -> None:
    """Of a session that the first part of an act had changed already, what was before that stays."""
    ChangedSession.objects.bulk_create(
        [
            ChangedSession(change=change, session_id=pk, before=before.sessions.get(pk), after=after.sessions[pk])
            for pk in sorted(session_ids)
        ],
        update_conflicts=True,
        unique_fields=["change", "session"],
        update_fields=["after"],
    )


def _site_of(current: Recording) -> Site:
    return current.outages[0].resource.site if current.outages else current.closures[0].site


def why_not_undo(change: Change, *, now: datetime) -> str:
    """Why a change cannot be undone, in a sentence; empty where it can, as far as it can be seen without trying."""
    return why_not_undo_each([change], now=now)[change.pk]


def why_not_undo_each(changes: Iterable[Change], *, now: datetime) -> dict[int, str]:
    """The same of several, by key, in a number of queries that does not grow with them."""
    kept = read_kept(changes)
    courses = {row.course_id for each in kept for row in each.courses}
    sessions = {row.session_id for each in kept for row in each.sessions}
    heard = read_heard(courses, sessions, since=min((each.change.made_at for each in kept), default=now))
    return {each.change.pk: _why_not(each, heard, now) for each in kept}


def _why_not(kept: Kept, heard: Heard, now: datetime) -> str:
    if kept.change.undone_at is not None:
        return UNDONE
    courses, sessions = {row.course_id for row in kept.courses}, {row.session_id for row in kept.sessions}
    obstacle = find_obstacle(kept, now=now)
    return obstacle or heard.why_told(courses, sessions, since=kept.change.made_at)


@retried
def undo_change(change: Change, *, now: datetime, by: User | None) -> Change:
    """Put every row back as it was before the change, or refuse and change nothing. Asked twice, return it.

    What the act made is deleted, also the outages and closures recorded with it. Who was told nothing is told nothing.
    """
    with booking_transaction():
        # Courses first, as every act does: of two undoings at once the second waits here, and finds what the first did.
        course_ids = list(change.courses.values_list("course", flat=True))
        lock_courses(course_ids)
        change = Change.objects.select_for_update(no_key=True, of=("self",)).select_related("site").get(pk=change.pk)
        if change.undone_at is not None:
            return change
        lock_resources(_seats_wanted(change))
        lock_notices(course_ids)
        if obstacle := why_not_undo(change, now=now):
            raise refuse(obstacle, rule="undo")
        restore(change, now=now, by=by)
        change.undone_at, change.undone_by = now, by
        change.save(update_fields=["undone_at", "undone_by"])
    return change


def _seats_wanted(change: Change) -> set[int]:
    return {held["resource_id"] for held in _held_before(change)}


def _held_before(change: Change) -> list[State]:
    states = change.sessions.exclude(before=None).values_list("before", flat=True)
    return [held for state in states if state for held in state["holds"]]


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
    for held in _held_before(change):
        start, end = datetime.fromisoformat(held["start"]), datetime.fromisoformat(held["end"])
        if end > now:
            freed[held["resource_id"], held["seat"]].append(Interval(max(start, now), end))
    until = max((span.end for spans in freed.values() for span in spans), default=now)
    taken = _taken_spans({resource for resource, _ in freed}, now=now, until=until)
    return sorted(
        (
            FreedSpan(*seat, span.start, span.end)
            for seat, spans in freed.items()
            for span in without(merged(spans), taken[seat[0], None] + taken[seat])
        ),
        key=lambda span: (span.start, span.resource_id, span.seat),
    )


def _taken_spans(
    resource_ids: set[int], *, now: datetime, until: datetime
) -> dict[tuple[int, int | None], list[Interval]]:
    """By resource and seat, between two times; under no seat what takes all: an outage, a closure of the site."""
    taken: dict[tuple[int, int | None], list[Interval]] = defaultdict(list)
    held = Hold.objects.filter(resource__in=resource_ids, end__gt=now)
    for resource_id, seat, start, end in held.values_list("resource", "seat", "start", "end"):
        taken[resource_id, seat].append(Interval(start, end))
    for outage in Outage.objects.filter(resource__in=resource_ids, end__gt=now, start__lt=until):
        taken[outage.resource_id, None].append(Interval(max(outage.start, now), min(outage.end, until)))
    resources = Resource.objects.filter(pk__in=resource_ids).select_related("site")
    for resource in resources.prefetch_related("site__closures"):
        spans = [_span_of(closure, resource.site.zone) for closure in resource.site.closures.all()]
        taken[resource.pk, None] += [Interval(max(b, now), min(e, until)) for b, e in spans if b < until and e > now]
    return taken


def _span_of(closure: Closure, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Whole days on the site's clock; "until further notice" is often written as the year 9999."""
    first = datetime.combine(closure.first_on, time(0), zone)
    last_on = min(closure.last_on, date.max - timedelta(days=2))
    return first, datetime.combine(last_on + timedelta(days=1), time(0), zone)
