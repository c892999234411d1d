"""Move one session to a start at which other sessions of its course must move too: propose, show, write.

`propose_move` only reads. What a person has seen of it comes back as its fingerprint: `rearrange` finds the same moves
once more under lock, or refuses. It serves the patient's page and the desk alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clinic.models import User
from protocols.models.visit import Place
from scheduling import engine
from scheduling.changes import recording
from scheduling.explaining import RAN_OUT
from scheduling.locking import booking_transaction, lock_course, lock_session, retried
from scheduling.messages import outbox
from scheduling.models import ChangeKind, Course, Session, SessionStatus
from scheduling.moving import legal_placement, refuse_unmovable
from scheduling.planning import alone
from scheduling.posing import Key, let_go, local_date, only_given, shift_before, shift_into_windows, unlock, with_course
from scheduling.refusals import BookingRefused, Refusal
from scheduling.replanning import REACH, may_move
from scheduling.seating import label, local_iso, lock_seats, refuse_session
from scheduling.shifting import move_rows
from scheduling.snapshots import Numbered, number_rows, read_problem
from scheduling.words import say_moved, say_reseated

TIME_LIMIT = 3.0
BETWEEN_VISITS = {"gap", "link", "overlap"}
"""Rules that another visit's move may satisfy."""
ELSEWHERE = "This date is not at the clinic: the front desk moves it, and the visits that are counted from it."
OTHERS_STAY = "The other visits of the course cannot move so that it fits."
TOO_MANY = "That no more than {most} other visits move is not enough for it to fit."
NOT_AS_SHOWN = "What would have to move is not what was shown any more. Nothing was changed; please look again."
NOT_THERE = "That place is not free for the whole visit at this time."
TAKEN = "Seats were taken while the visits were planned again. Nothing was changed; please look again."


@dataclass(frozen=True)
class Shift:
    """One session's old and new start."""

    session_id: int
    track: str
    number: int
    old_start: datetime
    new_start: datetime


@dataclass(frozen=True)
class Rearrangement:
    """The sessions that move so that one starts at `start`, that one first; or why it cannot."""

    session_id: int
    start: datetime
    shifts: tuple[Shift, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_possible(self) -> bool:
        return not self.refusals

    @property
    def others(self) -> tuple[Shift, ...]:
        """What moves beside the session itself, in the order of the new times."""
        return tuple(shift for shift in self.shifts if shift.session_id != self.session_id)

    @property
    def fingerprint(self) -> str:
        """Names exactly these moves, from these times."""
        moves = sorted((s.session_id, s.old_start.timestamp(), s.new_start.timestamp()) for s in self.shifts)
        return hashlib.sha256(repr(moves).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Question:
    """Where a session shall go, and what may move for it.

    At `most` so many other visits move, whatever their number where it is None. With `following` those after it move
    along with their windows, as after a pause, and those before it stay. `on` is the resource it shall sit on.
    """

    start: datetime
    most: int | None = None
    following: bool = False
    on: int | None = None


@dataclass(frozen=True)
class Found:
    """A plan that answers a question: every session of the course, those that stay on their seats."""

    rows: Numbered
    posed: engine.Problem
    plan: engine.CoursePlan
    shown: Rearrangement


def propose_move(
    session: Session,
    *,
    start: datetime,
    now: datetime,
    most: int | None = None,
    following: bool = False,
    on: int | None = None,
) -> Rearrangement:
    """What has to move with a session that starts at `start`: nothing else if that can be, else as few as can be.

    Sessions that have begun or were recorded, dates elsewhere, and what staff have set by an override never move along.
    """
    course = Course.objects.select_related("site", "version").get(pk=session.course_id)
    question = _ask(start, most, following, on)
    try:
        return find_moves(course, session, question, now=now).shown
    except BookingRefused as refused:
        return Rearrangement(session.pk, question.start, refusals=refused.refusals)


@retried
def rearrange(
    session: Session,
    *,
    start: datetime,
    expected: str,
    now: datetime,
    by: User | None = None,
    seen_at: datetime | None = None,
    most: int | None = None,
    following: bool = False,
    on: int | None = None,
) -> list[Session]:
    """Move the session and what must move with it, all or nothing; those that moved, in the order of their times.

    `expected` is the fingerprint of what was shown, asked for with the same `most`, `following` and `on`. UIDs stay.
    """
    question = _ask(start, most, following, on)
    with booking_transaction():
        course = lock_course(session.course_id)
        session = lock_session(session.pk, seen_at=seen_at)
        return move_as_shown(course, session, question, expected, now=now, by=by)


def move_as_shown(
    course: Course, session: Session, question: Question, expected: str, *, now: datetime, by: User | None = None
) -> list[Session]:
    """As `rearrange`, of a course that is locked already."""
    # Seats are locked only once there is a plan: nobody else waits while it is looked for.
    found = _find_as_shown(course, session, question, expected, now)
    for _ in range(2):
        lock_seats(found.plan.sessions)
        before, found = found, _find_as_shown(course, session, question, expected, now)
        if found.plan.sessions == before.plan.sessions:
            with recording([course], kind=ChangeKind.MOVED, summary="", now=now, by=by) as kept:
                moved = _write(course, found, now=now)
                at = next((row for row in moved if row.pk == session.pk), session)
                kept.summary = say_moved(at, len(moved) - 1) if moved else say_reseated(at)
            return moved
    raise refuse_session(session, TAKEN, rule="seat")


def _ask(start: datetime, most: int | None, following: bool, on: int | None) -> Question:
    return Question(start.replace(second=0, microsecond=0), most, following, on)


def _find_as_shown(course: Course, session: Session, question: Question, expected: str, now: datetime) -> Found:
    found = find_moves(course, session, question, now=now)
    if found.shown.fingerprint != expected:
        raise refuse_session(session, NOT_AS_SHOWN, rule="changed")
    return found


def _write(course: Course, found: Found, *, now: datetime) -> list[Session]:
    posed = found.posed.courses[0]
    given = {at.key for at in posed.locked}
    free = {at.key: (found.rows[at.key], at) for at in found.plan.sessions if at.key not in given}
    moved = move_rows(course, found.posed.protocol_of(posed), free, now=now)
    if (posed.shift_days or 0) > (course.shift_days or 0):
        course.shift_days = posed.shift_days
        course.save(update_fields=["shift_days"])
    if moved:
        outbox.sessions_changed(course, moved, now=now)
    return sorted(moved, key=lambda row: row.start)


def find_moves(course: Course, session: Session, question: Question, *, now: datetime) -> Found:
    """The moves, or BookingRefused with every reason against them."""
    found = _find_moves(course, session, question, now=now)
    return found if question.on is None else _sit_on(found, session, question.on)


def _sit_on(found: Found, session: Session, resource_id: int) -> Found:
    """The same moves, the session on the resource that it was asked for; the visit's other seats follow."""
    key, course = (session.track.name, session.number), found.posed.courses[0]
    kind = next((resource.kind for resource in found.posed.resources if resource.id == str(resource_id)), "")
    at = next(at for at in found.plan.sessions if at.key == key)
    day = local_date(found.posed, at)
    offers = engine.seats_on(
        found.posed, course.id, *key, kind, fixed=found.plan.sessions, from_date=day, to_date=day
    ).get(str(resource_id), [])
    seats = next((offer.holds for offer in offers if offer.start == at.start), None)
    if seats is None:
        raise refuse_session(session, NOT_THERE, rule="seat")
    there = tuple(replace(other, holds=seats) if other.key == key else other for other in found.plan.sessions)
    return replace(found, plan=replace(found.plan, sessions=there))


def _find_moves(course: Course, session: Session, question: Question, *, now: datetime) -> Found:
    refuse_unmovable(session, question.start, now)
    if session.visit_type.place == Place.EXTERNAL:
        raise refuse_session(session, ELSEWHERE, rule="status")
    rows, problem = read_course(course, now=now)
    key = (session.track.name, session.number)
    if question.following:
        return _plan(problem, session, rows, question)
    try:
        placed = legal_placement(all_judged(problem, rows), session, question.start)
    except BookingRefused as refused:
        reasons = refused.refusals
    else:
        posed = with_course(problem, let_go(problem.courses[0], {key}))
        plan = engine.CoursePlan(posed.courses[0].id, engine.PLANNED, (*posed.courses[0].locked, placed))
        return Found(rows, posed, plan, show_moves(session, question.start, rows, plan))
    return _plan(problem, session, rows, question, reasons)


def read_course(course: Course, *, now: datetime) -> tuple[Numbered, engine.Problem]:
    """The course's sessions, and its problem with all of them given."""
    rows = number_rows(course.sessions.select_related("track", "visit_type", "site").order_by("pk"))
    horizon_end = max(row.local_date for row in rows.values()) + REACH
    return rows, only_given(read_problem(site=course.site, courses=[course], now=now, horizon_end=horizon_end))


def _plan(
    problem: engine.Problem,
    session: Session,
    rows: Numbered,
    question: Question,
    reasons: tuple[Refusal, ...] = (),
) -> Found:
    key = (session.track.name, session.number)
    for posed in _pose(problem, rows, key, question):
        answer = plan_around(engine.Around(posed, time_limit=TIME_LIMIT), key, question)
        if answer.planned:
            break
    else:
        raise BookingRefused(_why_not(session, answer, question, reasons))
    return Found(rows, posed, answer, show_moves(session, question.start, rows, answer))


def _pose(problem: engine.Problem, rows: Numbered, key: Key, question: Question) -> Iterator[engine.Problem]:
    """With the windows where they are; for the following visits later by as little as can be, else by as much."""
    if not question.following:
        yield pose_around(problem, rows, key)
        return
    course, at = problem.courses[0], engine.PlacedSession(*key, question.start)
    least = shift_into_windows(problem, course, [at])
    days = (local_date(problem, at) - rows[key].local_date).days
    for shift in sorted({least, max(least, (course.shift_days or 0) + days)}):
        shifted = course if shift == (course.shift_days or 0) else replace(course, shift_days=shift)
        yield pose_around(with_course(problem, shifted), rows, key, since=rows[key].start)


def pose_around(problem: engine.Problem, rows: Numbered, key: Key, *, since: datetime | None = None) -> engine.Problem:
    """The course with one session let go, and those that may move for it, from a time on or all, `current`."""
    course, now = problem.courses[0], problem.now or rows[key].start
    loose = {k for k, row in rows.items() if k != key and may_move(row, now) and not row.override_reason}
    if since is not None:
        loose = {k for k in loose if rows[k].start > since}
    if pause_on := rows[key].course.known_pause_on:
        before = rows[key].local_date < pause_on
        loose = {k for k in loose if (rows[k].local_date < pause_on) == before}  # gaps are not asked across a pause
        if before:
            near = [at for at in course.locked if at.key in {*loose, key}]
            course = replace(course, shift_days=shift_before(problem, course, near))
    return with_course(problem, let_go(unlock(course, loose), {key}))


def plan_around(around: engine.Around, key: Key, question: Question) -> engine.CoursePlan:
    """With the fewest moves; whoever does not move keeps their seats where that is legal."""
    plan = around.plan({key: question.start}, most=question.most)
    current = {at.key: at for at in around.course.current}
    moved = [at for at in plan.sessions if at.key in current and at.start != current[at.key].start]
    if question.most is not None and len(moved) > question.most:
        return engine.CoursePlan(plan.id, engine.INFEASIBLE)
    kept = tuple(at if at.key not in current or at in moved else current[at.key] for at in plan.sessions)
    as_kept = replace(plan, sessions=kept)
    return plan if engine.check(around.problem, alone(as_kept)) else as_kept


def show_moves(session: Session, start: datetime, rows: Numbered, plan: engine.CoursePlan) -> Rearrangement:
    """What of a plan moves: the session first, then by the new times."""
    moved = [(rows[at.key], at.start) for at in plan.sessions if at.start != rows[at.key].start]
    moved.sort(key=lambda pair: (pair[0].pk != session.pk, pair[1]))
    shifts = (Shift(row.pk, row.track.name, row.number, row.start, new.astimezone(UTC)) for row, new in moved)
    return Rearrangement(session.pk, start, tuple(shifts))


def all_judged(problem: engine.Problem, rows: Numbered) -> engine.Problem:
    """With the visits to come `current`, which are held to every rule."""
    now = problem.now
    to_come = {key for key, row in rows.items() if row.status == SessionStatus.BOOKED and now and row.start > now}
    return with_course(problem, unlock(problem.courses[0], to_come))


def show_start(session: Session, start: datetime) -> Rearrangement:
    """The session alone at another start."""
    shift = Shift(session.pk, session.track.name, session.number, session.start, start.astimezone(UTC))
    return Rearrangement(session.pk, start, (shift,))


def _why_not(
    session: Session, answer: engine.CoursePlan, question: Question, reasons: tuple[Refusal, ...]
) -> list[Refusal]:
    """What speaks against the start itself; only where nothing does, what the other visits have to do with it."""
    own = [r for r in reasons if r.rule not in BETWEEN_VISITS and r.session in {"", label(session)}]
    if own:
        return own
    message = OTHERS_STAY if question.most is None else TOO_MANY.format(most=question.most)
    if answer.status == engine.UNKNOWN:
        message = RAN_OUT
    first = Refusal(message, session=label(session), rule="plan", time=local_iso(question.start, session.site))
    return [first, *reasons]
