"""Plan a missed number again by the policy of its phase, and take that back when the mark was a wrong click."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from django.db.models import F

from clinic.models import User
from clinic.writing_rows import write_rows
from protocols.models import Phase
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
from scheduling.seating import claiming, free_seats, hold_rows, insert_sessions, lock_seats, refuse_session
from scheduling.shifting import move_rows
from scheduling.snapshots import Numbered, number_rows, protocol_of, read_problem

REACH = timedelta(days=90)
"""How far beyond the course's last session a missed one is looked for a place."""
TIME_LIMIT = 3.0
PARKED_NUMBERS = 10_000
"""Out of the way of every true number while rows trade places."""
JUDGED = {4, 5, 8}
"""Rules that sessions which keep their time may break by taking another number: gaps, links, overlaps."""


@dataclass(frozen=True)
class Replan:
    """The new session first, then those that moved for it; empty where nothing fits."""

    policy: str
    sessions: list[Session] = field(default_factory=list)


@dataclass(frozen=True)
class Attempt:
    """One way to plan a number again: the course posed for it, and which rows take which numbers.

    `loose` are given sessions that are judged as if they could move; `rows` to come that are not in the posed course
    take the places of the plan that suit them best.
    """

    posed: engine.Course
    rows: Mapping[Key, Session]
    free: Key | None = None
    loose: frozenset[Key] = frozenset()
    homeless: tuple[Session, ...] = ()


def replan_missed(course: Course, missed: Session, *, now: datetime, by: User | None) -> Replan:
    """The course and its patient are locked; the missed session has given up its seats."""
    policy = policy_of(missed)
    if course.status not in {CourseStatus.BOOKED, CourseStatus.RUNNING}:
        return Replan(policy)
    rows = number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))
    # Resources are locked only once there is a plan: nobody else waits while it is looked for.
    for _ in range(2):
        problem = _read(course, missed, rows, now)
        found = _first_solved(problem, missed, rows, policy, now)
        if found is None:
            break
        attempt, plan = found
        lock_seats(plan.sessions)
        if not _broken(_read(course, missed, rows, now), attempt.posed, plan):
            return Replan(policy, _write(course, problem, attempt, plan, now=now, by=by))
    return Replan(policy)


def _read(course: Course, missed: Session, rows: Numbered, now: datetime) -> engine.Problem:
    last_on = max(row.local_date for row in rows.values())
    problem = read_problem(site=course.site, courses=[course], now=now, horizon_end=last_on + REACH)
    return replace(problem, now=max(problem.now or now, _day_after(missed)))


def _first_solved(
    problem: engine.Problem, missed: Session, rows: Numbered, policy: str, now: datetime
) -> tuple[Attempt, engine.CoursePlan] | None:
    for attempt in _attempts(problem, missed, rows, policy, now):
        plan = _solve(problem, attempt)
        if plan is not None:
            return attempt, plan
    return None


def _day_after(session: Session) -> datetime:
    """Who missed a visit does not come on the same day after all: the next local midnight."""
    return datetime.combine(session.local_date + timedelta(days=1), time(0), session.site.zone)


def policy_of(session: Session) -> str:
    """The missed-session policy of the phase that the session's number belongs to."""
    return policy_at(Phase.objects.filter(track=session.track_id).order_by("position"), session.number)


def policy_at(phases: Iterable[Phase], number: int) -> str:
    """The same for a number, of the phases of its track in their order."""
    first = 1
    policy: str = MissedPolicy.APPEND
    for phase in phases:
        policy = phase.missed_policy
        first += phase.periods * phase.per_period
        if number < first or phase.open_ended:
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
        yield Attempt(replace(let_go(posed, {key}), shift_days=posed.shift_days or 0), kept, key)
    closed = close_up(posed, *key)
    last = (key[0], len(problem.protocol_of(posed).by_name[key[0]].slots))
    moved_up = {_moved_up(k, key): row for k, row in rows.items() if k != key}
    before = [local_date(problem, at) for at in closed.locked if at.key[0] == key[0]]
    late = shift_after(problem, closed, last, max([*before, missed.local_date]))
    to_come = {k for k, row in moved_up.items() if may_move(row, now)}
    if not any(_changes_visit(problem, posed, k, row) for k, row in moved_up.items()):
        yield Attempt(replace(closed, shift_days=late), moved_up, last, frozenset(to_come))
    current = unlock(closed, to_come)
    least = shift_into_windows(problem, closed, current.current)
    yield Attempt(replace(current, shift_days=least), moved_up)
    given = {k: row for k, row in moved_up.items() if k not in to_come}
    homeless = tuple(moved_up[k] for k in sorted(to_come))
    for shift in sorted({least, max(least, late)}):
        yield Attempt(replace(let_go(closed, to_come), shift_days=shift), given, homeless=homeless)


def _moved_up(key: Key, missed: Key) -> Key:
    return (key[0], key[1] - 1) if key[0] == missed[0] and key[1] > missed[1] else key


def may_move(row: Session, now: datetime) -> bool:
    """Neither begun, recorded nor given up, and no date elsewhere, which others set."""
    return row.status == SessionStatus.BOOKED and row.start > now and row.visit_type.place != Place.EXTERNAL


def _changes_visit(problem: engine.Problem, posed: engine.Course, key: Key, row: Session) -> bool:
    """A longer first visit, say, cannot be taken over by the session that came after it."""
    track = problem.protocol_of(posed).by_name[key[0]]
    return row.is_live and track.visit_of(track.slots[key[1] - 1]) != row.visit_type.code


def _solve(problem: engine.Problem, attempt: Attempt) -> engine.CoursePlan | None:
    """A plan for the attempt, None where there is none or where sessions that stay would break a rule."""
    posed = with_course(problem, attempt.posed)
    if attempt.free is not None:
        # Asked first, because the engine's full answer to an impossible course takes its time.
        first_on = (problem.now or attempt.rows[min(attempt.rows)].start).astimezone(problem.site.zone).date()
        if not legal_starts_of(posed, attempt.free, first_on, problem.horizon_end):
            return None
    plan = engine.plan(posed, time_limit=TIME_LIMIT).courses[0]
    if not plan.planned:
        return None
    loose = _broken(problem, unlock(attempt.posed, attempt.loose), plan)
    return None if any(violation.rule in JUDGED for violation in loose) else plan


def _broken(problem: engine.Problem, posed: engine.Course, plan: engine.CoursePlan) -> list[engine.Violation]:
    return engine.check(with_course(problem, posed), alone(plan))


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
    given = {at.key for at in attempt.posed.locked}
    placed = {at.key: at for at in plan.sessions if at.key not in given}
    rows = {**attempt.rows, **find_homes(attempt.homeless, placed.values())}
    renumber(rows, now=now)
    moved = move_rows(course, protocol, {k: (rows[k], at) for k, at in placed.items() if k in rows}, now=now)
    new = [at for key, at in placed.items() if key not in rows]
    inserted = insert_sessions(course, protocol, new, now=now, by=by)
    course.shift_days = shift_into_windows(problem, replace(attempt.posed, shift_days=course.shift_days), plan.sessions)
    course.save(update_fields=["shift_days"])
    return [*inserted, *moved]


def find_homes(rows: Sequence[Session], placed: Collection[engine.PlacedSession]) -> dict[Key, Session]:
    """Which row takes which place: first those whose own time is among them, then the others in their order."""
    homes: dict[Key, Session] = {}
    for track in {row.track.name for row in rows}:
        places = sorted((at for at in placed if at.track == track), key=lambda at: at.start)
        waiting = {row.start: row for row in sorted(rows, key=lambda row: row.start) if row.track.name == track}
        homes |= {at.key: waiting.pop(at.start) for at in places if at.start in waiting}
        left = [at for at in places if at.key not in homes]
        homes |= {at.key: row for at, row in zip(left, waiting.values(), strict=False)}
    return homes


def renumber(rows: Mapping[Key, Session], *, now: datetime) -> None:
    """Each row takes the number of its key."""
    renumber_together([rows], now=now)


def renumber_together(courses: Iterable[Mapping[Key, Session]], *, now: datetime) -> None:
    """The same of several courses. Upwards one by one, each takes a number that the one before has just left.

    Where one rises, all of its course go out of the way first, and then take their numbers at once.
    """
    parked: list[Session] = []
    for rows in courses:
        changed = [(number, row) for (_, number), row in sorted(rows.items()) if row.number != number]
        rises = any(number > row.number for number, row in changed)
        for number, row in changed:
            row.number, row.changed_at = number, now
            if not rises:
                row.save(update_fields=["number", "changed_at"])
        parked += [row for _, row in changed if rises]
    if parked:
        aside = Session.objects.filter(pk__in=[row.pk for row in parked])
        aside.update(number=F("number") + PARKED_NUMBERS)
        write_rows(parked, ["number", "changed_at"])


def take_back_replan(course: Course, missed: Session, *, now: datetime, by: User | None) -> list[Session]:
    """Cancel what was planned in place of a missed session and give the session its number and seats again."""
    if course.status in {CourseStatus.STOPPED, CourseStatus.INFEASIBLE}:
        raise refuse_session(missed, "The course has been stopped.", rule="status")
    replaced = course.sessions.filter(track=missed.track_id, created_at=missed.status_at).exclude(pk=missed.pk)
    replacement = replaced.select_related("track").first()
    cancelled: list[Session] = []
    if replacement is not None:
        # Staff may have cancelled it themselves, seeing that it stood there by mistake.
        if replacement.status != SessionStatus.CANCELLED:
            if replacement.status != SessionStatus.BOOKED or replacement.start <= now:
                raise refuse_session(missed, "The visit planned in its place has begun.", rule="status")
            cancelled = cancel_sessions([replacement], reason="Planned by mistake", now=now, by=by)
        missed.number = _reopen_number(course, missed, replacement, now=now)
    missed.save(update_fields=["number"])
    _reseat(course, missed)
    return cancelled


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
