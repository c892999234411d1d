"""Other times that a patient can choose for a visit on their own page, and what becomes of the choice.

Where the site moves visits at once the choice is the move. Where staff approve it first, it is a wish: no seat is held
for it meanwhile, and it is planned again when somebody approves.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from statistics import median_low
from zoneinfo import ZoneInfo

from clinic.models import User
from clinic.models.site import PatientMoves
from protocols.models.visit import Place
from scheduling import engine
from scheduling.answers import handle_answer, record_answer
from scheduling.locking import booking_transaction, lock_course, lock_session, retried
from scheduling.models import Answer, AnswerKind, AnswerSource, Course, Session, SessionStatus
from scheduling.planning import legal_starts_of
from scheduling.posing import Key, window
from scheduling.rearranging import (
    NOT_AS_SHOWN,
    Question,
    Rearrangement,
    Shift,
    all_judged,
    find_moves,
    move_as_shown,
    plan_around,
    pose_around,
    propose_move,
    read_course,
    show_moves,
    show_start,
)
from scheduling.refusals import BookingRefused, refuse
from scheduling.seating import refuse_session
from scheduling.snapshots import Numbered
from scheduling.words import label_session, say_short_day, say_time

MOST_MOVES = 3
"""How many other visits may move for one that a patient moves."""
ENOUGH = 6
"""With so many times that move nothing else, none are looked for that do."""
DAYS, TIMES_A_DAY = 12, 4
"""Of so many days, and so many times of each, a person can choose."""
TRIES = 10
"""How many times that move other visits are tried: each is planned."""
TIME_LIMIT = 3.0
"""Seconds. It only cuts what would take longer: the tries are counted, and each is bounded in steps."""
APART = 60
"""Minutes between two times of one part of the day."""
PARTS_OF_DAY = (12 * 60, 15 * 60)
"""Where the morning and the early afternoon end, in minutes past midnight."""

TOO_LATE = "This visit is too close to be moved here. Please call the clinic."
NOT_HERE = "Visits of this clinic are moved by phone."
NEEDS_STAFF = "Staff approve another time first."
CHANGED = "This visit has changed since you opened the page. Please look again."
CHANGED_SINCE = "The visit has changed since the patient asked."
SETTLED = "Somebody has acted on this wish already."
OTHER_MOVES = (
    "Other visits would have to move than the patient agreed to. Speak with the patient, then move it yourself."
)
NO_WISH = "This answer asks for no other time."


@dataclass(frozen=True)
class Offer:
    """A time for the visit; `moves` are the other visits that would have to move for it."""

    start: datetime
    moves: tuple[Shift, ...]
    expected: str
    """Fingerprint of all that moves, to be handed back when the patient takes it."""


def offer_times(session: Session, *, now: datetime, limit: int = 24) -> list[Offer]:
    """Times to choose from: in order of time those that move no other visit, then some that do where those are few."""
    course = Course.objects.select_related("site", "version").get(pk=session.course_id)
    if find_obstacle(session, now=now):
        return []
    rows, problem = read_course(course, now=now)
    key = (session.track.name, session.number)
    usual = usual_time(course, rows, key)
    legal = {at.start for at in legal_starts_of(all_judged(problem, rows), key, date.min, date.max)} - {session.start}
    chosen = spread(legal, near=session.local_start, usual=usual)[:limit]
    offers = [_offer(show_start(session, start)) for start in sorted(chosen)]
    if len(offers) < min(ENOUGH, limit):
        offers += _with_others(session, problem, rows, legal, usual)[: limit - len(offers)]
    return offers


def find_obstacle(session: Session, *, now: datetime) -> str:
    """Why the patient cannot move this visit on their page, whatever is free; empty where they can."""
    site = session.site
    if site.patient_moves == PatientMoves.NO or session.visit_type.place == Place.EXTERNAL:
        return NOT_HERE
    is_early = session.start >= now + timedelta(minutes=site.lead_minutes) and session.start > now
    return "" if session.status == SessionStatus.BOOKED and is_early else TOO_LATE


def usual_time(course: Course, rows: Numbered, key: Key) -> int:
    """When the patient comes as a rule, in minutes past midnight."""
    times = [row.local_time for (track, _), row in rows.items() if track == key[0] and row.is_live]
    return median_low(engine.minutes_of(time) for time in times or [course.preferred_time])


def spread(starts: Iterable[datetime], *, near: datetime, usual: int) -> list[datetime]:
    """A choice that a person can look through: the nearest days, on each a time of every part of the day."""
    days: dict[date, list[datetime]] = defaultdict(list)
    for start in starts:
        local = start.astimezone(near.tzinfo)
        days[local.date()].append(local)
    nearest = sorted(days, key=lambda day: (abs((day - near.date()).days), day))[:DAYS]
    by_day = [_spread_day(days[day], usual) for day in nearest]
    rounds = zip_longest(*by_day)
    return [start.astimezone(UTC) for of_round in rounds for start in of_round if start is not None]


def _spread_day(starts: Sequence[datetime], usual: int) -> list[datetime]:
    """The nearest to the usual time first, then another part of the day, then whatever is an hour away from these."""
    left = sorted(starts, key=lambda start: (abs(_minute(start) - usual), start))
    chosen: list[datetime] = []
    for is_other in (_is_other_part, _is_apart):
        for start in left:
            if len(chosen) < TIMES_A_DAY and all(is_other(start, other) for other in chosen):
                chosen.append(start)
    return chosen


def _is_other_part(one: datetime, other: datetime) -> bool:
    return bisect(PARTS_OF_DAY, _minute(one)) != bisect(PARTS_OF_DAY, _minute(other))


def _is_apart(one: datetime, other: datetime) -> bool:
    return abs(_minute(one) - _minute(other)) >= APART


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute


def _with_others(
    session: Session, problem: engine.Problem, rows: Numbered, legal: Collection[datetime], usual: int
) -> list[Offer]:
    """Times at which a few other visits move too, the fewest first."""
    key = (session.track.name, session.number)
    question = Question(session.start, MOST_MOVES)
    around = engine.Around(pose_around(problem, rows, key), time_limit=TIME_LIMIT)
    first, last = _dates_of(problem, key)
    open_starts = [start for start in around.open_starts(key) if first <= start.date() <= last]
    near = spread({*open_starts} - {*legal, session.start}, near=session.local_start, usual=usual)
    found: list[Rearrangement] = []
    for start in near[:TRIES]:
        plan = plan_around(around, key, replace(question, start=start))
        if plan.status == engine.UNKNOWN:
            break  # a course for which the search is long: the next time would be as long
        if plan.planned:
            found.append(show_moves(session, start, rows, plan))
    return [_offer(shown) for shown in sorted(found, key=lambda shown: (len(shown.shifts), shown.start))]


def _dates_of(problem: engine.Problem, key: Key) -> tuple[date, date]:
    """The visit's window."""
    course = problem.courses[0]
    if key == (problem.protocol_of(course).tracks[0].name, 1):
        return course.earliest_start, course.latest_start
    shift = timedelta(days=course.shift_days or 0)
    first, last = window(problem, course, key) or (course.earliest_start, problem.horizon_end)
    return first + shift, last + shift


def _offer(shown: Rearrangement) -> Offer:
    return Offer(shown.start, shown.others, shown.fingerprint)


@retried
def take_offer(
    session: Session, *, start: datetime, now: datetime, expected_sequence: int, expected: str
) -> list[Session]:
    """Move the visit, and those that were shown with it, at once. Asked twice, return what stands.

    `expected_sequence` is the session's SEQUENCE that the link was made for, `expected` the fingerprint of the offer.
    """
    with booking_transaction():
        course, session = lock_course(session.course_id), lock_session(session.pk, seen_at=None)
        if (session.sequence, session.start) == (expected_sequence + 1, start):
            return [session]
        if session.sequence != expected_sequence:
            raise refuse_session(session, CHANGED, rule="changed")
        _refuse_obstacle(session, now)
        if session.site.patient_moves != PatientMoves.DIRECT:
            raise refuse_session(session, NEEDS_STAFF, rule="approval")
        return move_as_shown(course, session, Question(start, MOST_MOVES), expected, now=now)


def ask_for_time(session: Session, *, start: datetime, now: datetime, key: str, expected: str) -> Answer:
    """The patient's wish, for staff to approve. No seat is held for it: by then the time may be gone.

    What else would have to move stands in the answer's comment: more than that the patient has not agreed to.
    `expected` is the fingerprint of what they were shown.
    """
    _refuse_obstacle(session, now)
    shown = propose_move(session, start=start, now=now, most=MOST_MOVES)
    if not shown.is_possible:
        raise BookingRefused(shown.refusals)
    if not shown.shifts or expected != shown.fingerprint:
        raise refuse_session(session, NOT_AS_SHOWN, rule="changed")
    return record_answer(
        patient=session.patient,
        session=session,
        kind=AnswerKind.MOVE_WANTED,
        source=AnswerSource.PAGE,
        key=key,
        now=now,
        sequence=session.sequence,
        wanted_start=shown.start,
        comment=say_moves(shown, session),
        needs_staff=True,
    )


@retried
def approve_wish(answer: Answer, *, now: datetime, by: User | None) -> list[Session]:
    """Move the visit as the patient asked, with no other moves than they agreed to; or refuse with every reason."""
    with booking_transaction():
        session = _session_of(answer)
        course, session = lock_course(session.course_id), lock_session(session.pk, seen_at=None)
        answer = Answer.objects.select_for_update().get(pk=answer.pk)
        if answer.handled_at is not None:
            raise refuse_session(session, SETTLED, rule="changed")
        if session.sequence != answer.sequence:
            raise refuse_session(session, CHANGED_SINCE, rule="changed")
        question = Question(answer.wanted_start or session.start, MOST_MOVES)
        shown = find_moves(course, session, question, now=now).shown
        if say_moves(shown, session) != answer.comment:
            raise refuse_session(session, OTHER_MOVES, rule="changed")
        moved = move_as_shown(course, session, question, shown.fingerprint, now=now, by=by)
        handle_answer(answer, how="Moved as asked", now=now, by=by)
    return moved


def decline_wish(answer: Answer, *, how: str, now: datetime, by: User | None) -> None:
    """The visit stays where it is. `how` says what was agreed with the patient instead."""
    session = _session_of(answer)
    if session.status != SessionStatus.BOOKED or session.sequence != answer.sequence:
        raise refuse_session(session, CHANGED_SINCE, rule="changed")
    if not handle_answer(answer, how=how, now=now, by=by):
        raise refuse_session(session, SETTLED, rule="changed")


def say_moves(shown: Rearrangement, session: Session) -> str:
    """The other visits that move, in a sentence for staff; empty where none does."""
    zone = session.site.zone
    said = (
        f"{label_session(s.track, s.number, several=True)} from {_say(s.old_start, zone)} to {_say(s.new_start, zone)}"
        for s in shown.others
    )
    text = "; ".join(said)
    return f"Also moves: {text}." if text else ""


def _say(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{say_short_day(local.date())} at {say_time(local)}"


def _session_of(answer: Answer) -> Session:
    if answer.kind != AnswerKind.MOVE_WANTED or answer.session is None:
        raise refuse(NO_WISH, rule="status")
    return answer.session


def _refuse_obstacle(session: Session, now: datetime) -> None:
    if message := find_obstacle(session, now=now):
        raise refuse_session(session, message, rule="late")
