"""Which kind of resource is short: what one more seat of each would let in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from scheduling import engine
from scheduling.engine import SeatMinutes, SeatTime
from scheduling.posing import local_date
from scheduling.whatif.figures import Need, Placed, needs_of, seats_of
from scheduling.whatif.question import Question, start_windows


@dataclass(frozen=True)
class Bottleneck:
    """What is short: `further` courses would fit with one more seat; 0 where all fit, or none alone would help.

    `share` is the part of its seats that is held at the hours that the referrals wish.
    """

    need: Need
    further: int
    share: float


def find_bottleneck(
    question: Question, problem: engine.Problem, placed: Placed, out_of_time: Callable[[], bool]
) -> tuple[Bottleneck | None, bool]:
    """The need of which one more seat lets most further courses fit; else the most used one. Whether time ran out."""
    shares = _shares_at_wished_hours(problem, placed)
    if not shares:
        return None, False
    further: Counter[Need] = Counter()
    done = {course.id for course, _ in placed}
    left = tuple(course for course in problem.courses if course.id not in done)
    is_cut = False
    if left:
        beside = replace(problem, courses=left, bookings=(*problem.bookings, *_bookings(problem, placed)))
        for need in needs_of(beside):
            trial = engine.fill(_with_seat(beside, need), list(start_windows(question)), out_of_time)
            further[need] = len(trial.sessions)
            is_cut = is_cut or trial.cut_short
    short = max(shares, key=lambda need: (further[need], shares[need]))
    return Bottleneck(short, further[short], round(shares[short], 4)), is_cut


def _with_seat(problem: engine.Problem, need: Need) -> engine.Problem:
    skills = (need.skill,) if need.skill else ()
    return replace(problem, resources=(*problem.resources, engine.Resource("one-more", need.kind, 1, skills)))


def _bookings(problem: engine.Problem, placed: Placed) -> Iterator[engine.Booking]:
    for course, sessions in placed:
        protocol = problem.protocol_of(course)
        for session in sessions:
            for need, hold in zip(protocol.visit_of(*session.key).holds, session.holds, strict=True):
                start = session.start + timedelta(minutes=need.begin)
                yield engine.Booking(hold.resource, hold.seat, start, session.start + timedelta(minutes=need.end))


def _shares_at_wished_hours(problem: engine.Problem, placed: Placed) -> dict[Need, float]:
    """For each need, the part of its seats that is held where the visits would lie at their wished hour.

    Looked at on the dates of the visits that were placed; the seats are those that have the skill.
    """
    seats = SeatTime(problem, placed)
    found = dict.fromkeys(needs_of(problem), SeatMinutes())
    for day, wishes in _wished(problem, placed).items():
        for need, times in wishes.items():
            for minutes, count in times.items():
                total = seats_of(seats, need, day, minutes)
                found[need] = found[need].plus(SeatMinutes(total.held * count, total.open * count))
    return {need: total.share for need, total in found.items()}


def _wished(problem: engine.Problem, placed: Placed) -> dict[date, dict[Need, Counter[int]]]:
    """By date and need, the sets of minutes in which a visit at its wished hour would hold a seat, with how many."""
    found: dict[date, dict[Need, Counter[int]]] = {}
    for course, sessions in placed:
        protocol = problem.protocol_of(course)
        for session in sessions:
            day = found.setdefault(local_date(problem, session), {})
            for hold in protocol.visit_of(*session.key).holds:
                begin = course.preferred_time + hold.begin
                minutes = ((1 << (hold.end - hold.begin)) - 1) << begin
                day.setdefault(Need(hold.kind, hold.skill), Counter())[minutes] += 1
    return found
