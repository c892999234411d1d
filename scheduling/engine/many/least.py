"""How many booked sessions must move at least, whatever plan is found: a number to hold a plan against."""

from __future__ import annotations

import math

from ..problem import Problem
from .forced import Booked, forced_moves
from .intake import Intake


def least_moves(problem: Problem) -> int:
    """Of the current sessions of a problem those that must move: proven, and never too many.

    Those are the ones that have no seats at their time though nobody else moved there, and of the others those that are
    too many for the seats. What patients, gaps and windows ask for is left out.
    """
    intake = Intake(problem, math.inf)
    board, gone, rest = intake.board, 0, []
    for course in intake.courses:
        protocol = problem.protocol_of(course)
        for session in course.current:
            visit, index = protocol.visit_of(*session.key), intake.line.floor(session.start)
            if index < 0 or board.assign(visit, index, None, None) is None:
                gone += 1
            else:
                rest.append(Booked(visit, index))
    return gone + forced_moves(board, rest)
