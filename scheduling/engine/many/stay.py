"""A course that is booked already: the best plan in which nothing booked moves, which is often the best of all."""

from __future__ import annotations

from dataclasses import replace

from ..cost import sessions_cost
from ..options import INF, chains_of
from ..pins import pin
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
    if not pin(chains, {session.key: desk.board.line.second(session.start) for session in course.current}):
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
