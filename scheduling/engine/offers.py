"""Times to choose from: where one session of a course may move to, and when a visit type has a free start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from .hours import Hours
from .options import body_set, members
from .problem import Course, PlacedHold, PlacedSession, Problem
from .protocol import Phase, Protocol, Track, Visit
from .rules import course_start, links, one_body, order_and_gaps, window
from .seats import Board, Seat, spans_of
from .timeline import Span, Timeline, ones
from .view import Key, View

Fault = tuple[int, str | None, int | None]


@dataclass(frozen=True, slots=True)
class Offer:
    """A legal start, in the site's zone, with free seats in the order of the visit's holds."""

    start: datetime
    holds: tuple[PlacedHold, ...]


def openings(problem: Problem, visit: Visit, from_date: date, to_date: date) -> list[Offer]:
    """All starts of a visit for anybody from `from_date` to `to_date`, both included: site open, seats free, not past.

    The problem's bookings hold their seats, and so do the locked and current sessions of its courses. The starts are on
    the site's grid, in order of time. `horizon_end` is not asked.
    """
    if from_date > to_date:
        return []
    line = Timeline(problem, from_date.toordinal(), to_date.toordinal(), _tail([visit]))
    board = Board(problem, line)
    for course in problem.courses:
        board.take(_seat_time(problem, board, course, [*course.locked, *course.current]))
    open_problem, nobody = _for_anybody(problem, visit, from_date, to_date)
    starts = body_set(open_problem, nobody, line)[visit.minutes]
    return _offers(board, visit, board.seatable(visit, starts, None).get(None, 0), ())


def legal_starts(
    problem: Problem,
    course_id: str,
    track: str,
    number: int,
    *,
    fixed: Sequence[PlacedSession] | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
) -> list[Offer]:
    """All starts that session `number` of `track` may have while the course's other sessions stay where they are.

    `fixed` are those other sessions (default: the course's `locked` and `current` ones); every session of the protocol
    but the one asked about must be among them, and the bookings must not hold their seats. A start is legal when the
    session itself breaks no rule there, and no other session breaks a rule that it keeps, or no session can keep, now:
    so a start that would leave another track's session without its link is not offered. The dates default to the
    session's whole window. In order of time, with seats like those of the sessions around it where they are free.
    """
    course, protocol = problem.course(course_id), problem.protocol_of(problem.course(course_id))
    key: Key = (track, number)
    others = _others(problem, course, key, fixed)
    missing = {(t.name, s.number) for t in protocol.tracks for s in t.slots} - set(others) - {key}
    if missing:
        raise ValueError(f"fixed lacks the session {min(missing)[0]} {min(missing)[1]} of course {course_id}")
    hours = Hours(problem)
    first, last = _dates(problem, course, key, others, hours, from_date, to_date)
    if first > last:
        return []
    visit = protocol.visit_of(*key)
    board = _board_beside(problem, course, others, first, last)
    starts = body_set(problem, course, board.line)[visit.minutes]
    found = board.seatable(visit, starts, None).get(None, 0)
    judge = _Judge(problem, course, key, others, hours)
    return [offer for offer in _offers(board, visit, found, _likes(key, others)) if judge.allows(offer.start)]


def seats_on(
    problem: Problem,
    course_id: str,
    track: str,
    number: int,
    kind: str,
    *,
    fixed: Sequence[PlacedSession] | None = None,
    from_date: date,
    to_date: date,
) -> dict[str, list[Offer]]:
    """By resource of a kind: where the session could begin on it, open, all seats free, the patient can come, not past.

    Asked of one who would have the visit on a certain device. `fixed` as in `legal_starts`; gaps, links and windows are
    not asked. The visit's first hold of the kind is the one on the resource; a visit without one has no such starts.
    """
    course, protocol = problem.course(course_id), problem.protocol_of(problem.course(course_id))
    key: Key = (track, number)
    others = _others(problem, course, key, fixed)
    if from_date > to_date:
        return {}
    visit = protocol.visit_of(*key)
    board = _board_beside(problem, course, others, from_date, to_date)
    found = board.seatable(visit, body_set(problem, course, board.line)[visit.minutes], kind)
    likes = _likes(key, others)
    return {
        resource: _offers(board, visit, starts, likes, kind, resource)
        for resource, starts in found.items()
        if resource is not None
    }


def _others(
    problem: Problem, course: Course, key: Key, fixed: Sequence[PlacedSession] | None
) -> dict[Key, PlacedSession]:
    track, number = key
    by_name = problem.protocol_of(course).by_name
    if track not in by_name or not 1 <= number <= len(by_name[track].slots):
        raise ValueError(f"course {course.id} has no session {track} {number}")
    return {s.key: s for s in (fixed if fixed is not None else (*course.locked, *course.current)) if s.key != key}


def _likes(key: Key, others: dict[Key, PlacedSession]) -> list[Seat]:
    """The seats of the sessions around one."""
    near = [others[k] for k in ((key[0], key[1] - 1), (key[0], key[1] + 1)) if k in others]
    return [(hold.resource, hold.seat) for session in near for hold in session.holds]


def _board_beside(problem: Problem, course: Course, others: dict[Key, PlacedSession], first: date, last: date) -> Board:
    """The seats of some dates, with everybody on them but the session that is asked about."""
    tail = _tail(problem.protocol_of(course).visits.values())
    board = Board(problem, Timeline(problem, first.toordinal(), last.toordinal(), tail))
    for other in problem.courses:
        mine = list(others.values()) if other.id == course.id else [*other.locked, *other.current]
        board.take(_seat_time(problem, board, other, mine))
    return board


class _Judge:
    """Whether the course keeps the rules with one session at another start."""

    def __init__(
        self, problem: Problem, course: Course, key: Key, others: dict[Key, PlacedSession], hours: Hours
    ) -> None:
        self.problem, self.key, self.others, self.hours = problem, key, others, hours
        self.course = replace(course, locked=tuple(s for s in course.locked if s.key != key))
        was = {session.key: session for session in (*course.current, *course.locked)}.get(key)
        self.known = self._faults(was.start) if was is not None else set()

    def _faults(self, start: datetime) -> set[Fault]:
        placed = {**self.others, self.key: PlacedSession(*self.key, start)}
        view = View(self.problem, self.course, placed, self.hours)
        rules = (course_start, window, order_and_gaps, links, one_body)
        return {(v.rule, v.track, v.number) for rule in rules for v in rule(view)}

    def allows(self, start: datetime) -> bool:
        faults = self._faults(start)
        return not any(fault[1:] == self.key for fault in faults) and faults <= self.known


def _dates(
    problem: Problem,
    course: Course,
    key: Key,
    others: dict[Key, PlacedSession],
    hours: Hours,
    from_date: date | None,
    to_date: date | None,
) -> tuple[date, date]:
    """The dates between the sessions around it, inside the window, the horizon and what was asked for."""
    protocol = problem.protocol_of(course)
    track = protocol.by_name[key[0]]
    slot = track.slots[key[1] - 1]
    first_key = (protocol.tracks[0].name, 1)
    shift = track.first_day + slot.offset + (course.shift_days or 0)
    if key == first_key:
        low, high = course.earliest_start.toordinal(), course.latest_start.toordinal()
    else:
        start = hours.local(others[first_key].start).date().toordinal()
        low, high = max(start, start + shift), start + shift + slot.days - 1
    high = min(high, problem.horizon_end.toordinal())
    for near, step in ((key[1] - 1, 1), (key[1] + 1, -1)):
        if (key[0], near) in others:
            day = hours.local(others[key[0], near].start).date().toordinal() + step
            low, high = (max(low, day), high) if step > 0 else (low, min(high, day))
    if from_date is not None:
        low = max(low, from_date.toordinal())
    if to_date is not None:
        high = min(high, to_date.toordinal())
    return date.fromordinal(max(low, 1)), date.fromordinal(max(high, 1))


def _tail(visits: Iterable[Visit]) -> int:
    return 1440 + max(max([visit.minutes, *(hold.end for hold in visit.holds)]) for visit in visits)


def _for_anybody(problem: Problem, visit: Visit, first: date, last: date) -> tuple[Problem, Course]:
    """The problem with one course of that visit alone, of somebody who can always come."""
    phase = Phase("visit", 1, 1, 1, 0)
    protocol = Protocol({"visit": visit}, (Track("visit", "visit", (phase,)),))
    course = Course("anybody", "visit", first, last, 0)
    return replace(problem, protocols={"visit": protocol}, courses=(course,), horizon_end=last), course


def _seat_time(
    problem: Problem, board: Board, course: Course, sessions: Iterable[PlacedSession]
) -> list[tuple[Seat, Span]]:
    out = []
    for session in sessions:
        visit = problem.protocol_of(course).visit_of(*session.key)
        if len(visit.holds) != len(session.holds):
            continue
        begin, late = board.line.floor(session.start), board.line.ceil(session.start) - board.line.floor(session.start)
        for seat, (low, high) in spans_of(visit, begin, session.holds):
            if seat in board.busy and high + late > 0 and low < board.line.size:
                out.append((seat, (low, high + late)))
    return out


def _offers(
    board: Board,
    visit: Visit,
    starts: int,
    likes: Iterable[Seat],
    kind: str | None = None,
    resource: str | None = None,
) -> list[Offer]:
    likes, line = list(likes), board.line
    out = []
    for day in range(line.first, line.last + 1):
        begin, end = line.midnight(day), line.midnight(day + 1)
        for index in members(starts >> begin & ones(0, end - begin), begin):
            holds = board.assign(visit, index, kind, resource, likes)
            if holds is not None:
                out.append(Offer(line.instant(index), holds))
    return out
