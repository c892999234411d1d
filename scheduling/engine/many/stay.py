"""A course that is booked already: the best plan in which nothing booked moves, which is often the best of all."""

from __future__ import annotations

from dataclasses import replace

from ..cost import sessions_cost
from ..options import INF, Chain, Offers, Step, chains_of
from ..problem import Course
from ..single import Desk, Draft, seat, solve

LEAST_MOVE = 1000
"""What any plan costs at least in which a session moves."""

CANNOT_STAY = Draft((), None, 0)


def draft_staying(desk: Desk, course: Course) -> Draft:
    """The cheapest plan that leaves every booked session at its time; without a cost where there is none.

    Its bound is proven for the course as a whole: a plan of 1000 points or less cannot be beaten by moving.
    """
    if not _seats_are_free(desk, course):
        return replace(CANNOT_STAY, bound=LEAST_MOVE)
    chains = chains_of(desk.problem, course, desk.board)
    for chain in chains:
        if not _pin(chain):
            return replace(CANNOT_STAY, bound=LEAST_MOVE)
    cost, bound, plan = solve(desk, course, chains, INF)
    if cost is None:
        return replace(CANNOT_STAY, bound=min(bound, LEAST_MOVE))
    sessions, taken, clash = seat(desk, course, chains, plan)
    if clash is not None:
        return CANNOT_STAY
    exact = sessions_cost(desk.problem, course, tuple(sessions), desk.hours).total
    return Draft(tuple(sessions), exact, min(bound, exact, LEAST_MOVE), tuple(taken))


def _seats_are_free(desk: Desk, course: Course) -> bool:
    """Whether every booked session finds seats at its time: a quick look, before the starts of all dates are found."""
    board, protocol = desk.board, desk.problem.protocol_of(course)
    for session in course.current:
        index = board.line.floor(session.start)
        if index < 0 or board.assign(protocol.visit_of(*session.key), index, None, None) is None:
            return False
    return True


def _pin(chain: Chain) -> bool:
    """Leave the booked sessions of a track no start but their own; False where that one is not open."""
    for step in chain.steps:
        if step.given is None and step.current is not None:
            offers = _only(step, step.current)
            if not offers.by_resource:
                return False
            step.offers = offers
    return True


def _only(step: Step, second: int) -> Offers:
    """The offers of a session at one start."""
    all_of = step.offers
    index, rest = divmod(second, 60)
    bit = 1 << index if not rest and index >= 0 else 0
    sets = {resource: starts & bit for resource, starts in all_of.by_resource.items() if starts & bit}
    return Offers(all_of.line, all_of.grid, all_of.want, sets, all_of.width)
