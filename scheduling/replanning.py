"""Plan a missed number again by the policy of its phase, and take that back when the mark was a wrong click."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from django.db.models import F

from clinic.models import User
from protocols.models import Need, Phase
from protocols.models.shape import MissedPolicy
from protocols.models.visit import Place
from scheduling import engine
from scheduling.booking import cancel_sessions
from scheduling.locking import lock_kinds
from scheduling.models import Course, CourseStatus, Hold, Session, SessionStatus
from scheduling.planning import alone, legal_starts_of
from scheduling.posing import (
    Key,
    close_up,
    let_go,
    local_date,
    shift_after,
    shift_into_windows,
    unlock,
    with_course,
)
from scheduling.seating import claiming, free_seats, hold_rows, insert_sessions, refuse_session, set_times
from scheduling.snapshots import Numbered, number_rows, protocol_of, read_problem

REACH = timedelta(days=90)
"""How far beyond the course's last session a missed one is looked for a place."""
TIME_LIMIT = 2.0
PARKED = timedelta(days=365 * 400)
JUDGED = {4, 5, 8}
"""Rules that sessions which keep their time may break by taking another number: gaps, links, overlaps."""


@dataclass(frozen=True)
class Replan:
    """The new session first, then those that moved for it; empty where nothing fits."""

    policy: str
    sessions: list[Session] = field(default_factory=list)


@dataclass(frozen=True)
class Attempt:
    """One way to plan a number again: the course posed for it, the number that is free, and which rows take which."""

    posed: engine.Course
    free: Key
    rows: Mapping[Key, Session]
    loose: frozenset[Key] = frozenset()


def replan_missed(course: Course, missed: Session, *, now: datetime, by: User | None) -> Replan:
    """The course and its patient are locked; the missed session has given up its seats."""
    policy = policy_of(missed)
    if course.status not in {CourseStatus.BOOKED, CourseStatus.RUNNING}:
        return Replan(policy)
    needed = Need.objects.filter(stage__visit_type__version=course.version_id).values_list("kind", flat=True)
    lock_kinds(course.site_id, set(needed))
    rows = number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))
    last_on = max(row.local_date for row in rows.values())
    problem = read_problem(site=course.site, courses=[course], now=now, horizon_end=last_on + REACH)
    problem = replace(problem, now=max(problem.now or now, _day_after(missed)))
    for attempt in _attempts(problem, missed, rows, policy, now):
        plan = _solve(problem, attempt)
        if plan is not None:
            return Replan(policy, _write(course, problem, attempt, plan, now=now, by=by))
    return Replan(policy)


def _day_after(session: Session) -> datetime:
    """Who missed a visit does not come on the same day after all: the next local midnight."""
    return datetime.combine(session.local_date + timedelta(days=1), time(0), session.site.zone)


def policy_of(session: Session) -> str:
    """The missed-session policy of the phase that the session's number belongs to."""
    first = 1
    policy: str = MissedPolicy.APPEND
    for phase in Phase.objects.filter(track=session.track_id).order_by("position"):
        policy = phase.missed_policy
        first += phase.periods * phase.per_period
        if session.number < first or phase.open_ended:
            break
    return policy


def _attempts(
    problem: engine.Problem, missed: Session, rows: Numbered, policy: str, now: datetime
) -> Iterator[Attempt]:
    """From the least disturbance to the most: in its period, at the end, at the end with others moving."""
    posed = problem.courses[0]
    key = (missed.track.name, missed.number)
    if policy != MissedPolicy.APPEND:
        kept = {k: row for k, row in rows.items() if k != key}
        # With a shift, even of 0 days, the longest gap is not asked across the miss.
        yield Attempt(replace(let_go(posed, {key}), shift_days=posed.shift_days or 0), key, kept)
    closed = close_up(posed, *key)
    free = (key[0], len(problem.protocol_of(posed).by_name[key[0]].slots))
    moved_up = {_moved_up(k, key): row for k, row in rows.items() if k != key}
    before = [local_date(problem, at) for at in closed.locked if at.key[0] == key[0]]
    late = shift_after(problem, closed, free, max([*before, missed.local_date]))
    to_come = {k for k, row in moved_up.items() if _may_move(row, now)}
    if not any(_changes_visit(problem, posed, k, row) for k, row in moved_up.items()):
        yield Attempt(replace(closed, shift_days=late), free, moved_up, frozenset(to_come))
    loose = unlock(closed, to_come)
    least = shift_into_windows(problem, closed, loose.current)
    for shift in sorted({least, max(least, late)}):
        yield Attempt(replace(loose, shift_days=shift), free, moved_up)


def _moved_up(key: Key, missed: Key) -> Key:
    return (key[0], key[1] - 1) if key[0] == missed[0] and key[1] > missed[1] else key


def _may_move(row: Session, now: datetime) -> bool:
    return row.status == SessionStatus.BOOKED and row.start > now and row.visit_type.place != Place.EXTERNAL


def _changes_visit(problem: engine.Problem, posed: engine.Course, key: Key, row: Session) -> bool:
    """A longer first visit, say, cannot be taken over by the session that came after it."""
    track = problem.protocol_of(posed).by_name[key[0]]
    return row.is_live and track.visit_of(track.slots[key[1] - 1]) != row.visit_type.code


def _solve(problem: engine.Problem, attempt: Attempt) -> engine.CoursePlan | None:
    """A plan for the attempt, None where there is none or where sessions that stay would break a rule."""
    posed = with_course(problem, attempt.posed)
    if not attempt.posed.current:
        # Asked first, because the engine's full answer to an impossible course takes its time.
        first_on, last_on = problem.now or attempt.posed.earliest_start, problem.horizon_end
        first_on = first_on.astimezone(problem.site.zone).date() if isinstance(first_on, datetime) else first_on
        if not legal_starts_of(posed, attempt.free, first_on, last_on):
            return None
    plan = engine.plan(posed, time_limit=TIME_LIMIT).courses[0]
    if not plan.planned:
        return None
    judged = with_course(problem, unlock(attempt.posed, attempt.loose))
    broken = [v for v in engine.check(judged, alone(plan)) if v.rule in JUDGED]
    return None if broken else plan


def _write(
    course: Course,
    problem: engine.Problem,
    attempt: Attempt,
    plan: engine.CoursePlan,
    *,
    now: datetime,
    by: User | None,
) -> list[Session]:
    protocol = problem.protocol_of(attempt.posed)
    placed = {at.key: at for at in plan.sessions}
    _renumber(attempt.rows, now=now)
    movable = {at.key for at in attempt.posed.current}
    moved = _move_rows(course, protocol, {k: (attempt.rows[k], placed[k]) for k in movable}, now=now)
    new = insert_sessions(course, protocol, [placed[attempt.free]], now=now, by=by)
    inside = [at for key, at in placed.items() if key[0] == attempt.free[0]]
    course.shift_days = shift_into_windows(problem, replace(attempt.posed, shift_days=course.shift_days), inside)
    course.save(update_fields=["shift_days"])
    return [*new, *moved]


def _renumber(rows: Mapping[Key, Session], *, now: datetime) -> None:
    """One by one, upwards: each takes a number that the one before has just left."""
    for (_, number), row in sorted(rows.items()):
        if row.number != number:
            row.number, row.changed_at = number, now
            row.save(update_fields=["number", "changed_at"])


def _move_rows(
    course: Course,
    protocol: engine.Protocol,
    rows: Mapping[Key, tuple[Session, engine.PlacedSession]],
    *,
    now: datetime,
) -> list[Session]:
    """Write new times and seats of sessions that moved; those that only changed seats are told to nobody."""
    changed: list[tuple[Session, engine.Visit, engine.PlacedSession]] = []
    for key, (row, at) in rows.items():
        visit = protocol.visit_of(*key)
        held = [engine.PlacedHold(h.resource.kind_id, str(h.resource_id), h.seat) for h in row.holds.all()]
        if at.start != row.start or list(at.holds) != held or row.end - row.start != timedelta(minutes=visit.minutes):
            changed.append((row, visit, at))
    ids = [row.pk for row, _, _ in changed]
    Hold.objects.filter(session__in=ids).delete()
    # Out of each other's way first: two sessions of one patient may trade places.
    Session.objects.filter(pk__in=ids).update(start=F("start") + PARKED, end=F("end") + PARKED)
    told = []
    for row, visit, at in changed:
        was = (row.start, row.end)
        set_times(row, at.start, site=course.site, minutes=visit.minutes)
        if (row.start, row.end) != was:
            row.sequence += 1
            told.append(row)
        row.changed_at = now
        holds = hold_rows(row, visit.holds, at.holds)
        with claiming([row], holds):
            row.save(update_fields=["start", "end", "local_date", "local_time", "timezone", "sequence", "changed_at"])
            Hold.objects.bulk_create(holds)
    return told


def take_back_replan(course: Course, missed: Session, *, now: datetime, by: User | None) -> list[Session]:
    """Cancel what was planned in place of a missed session and give the session its number and seats again."""
    if course.status in {CourseStatus.STOPPED, CourseStatus.INFEASIBLE}:
        raise refuse_session(missed, "The course has been stopped.", rule="status")
    replaced = course.sessions.filter(track=missed.track_id, created_at=missed.status_at).exclude(pk=missed.pk)
    replacement = replaced.select_related("track").first()
    if replacement is not None:
        if replacement.status != SessionStatus.BOOKED or replacement.start <= now:
            raise refuse_session(missed, "The visit planned in its place has begun.", rule="status")
        cancel_sessions([replacement], reason="Planned by mistake", now=now, by=by)
        missed.number = _reopen_number(course, missed, replacement, now=now)
    missed.save(update_fields=["number"])
    _reseat(course, missed)
    return [replacement] if replacement else []


def _reopen_number(course: Course, missed: Session, replacement: Session, *, now: datetime) -> int:
    """Sessions after the missed one take back the number they had; the one that becomes free is returned."""
    numbered = number_rows(course.sessions.filter(track=missed.track_id).select_related("track").order_by("pk"))
    later = [
        row
        for (_, number), row in sorted(numbered.items(), reverse=True)
        if row.pk not in {missed.pk, replacement.pk} and number < replacement.number and row.start > missed.start
    ]
    free = replacement.number
    for row in later:
        free = row.number
        row.number, row.changed_at = row.number + 1, now
        row.save(update_fields=["number", "changed_at"])
    return free


def _reseat(course: Course, session: Session) -> None:
    visit = protocol_of(course.version).visits[session.visit_type.code]
    lock_kinds(course.site_id, {need.kind for need in visit.holds})
    holds = hold_rows(session, visit.holds, free_seats(session, visit.holds))
    session.status = SessionStatus.BOOKED
    with claiming([session], holds):
        session.save(update_fields=["status"])
        Hold.objects.bulk_create(holds)
