"""How many courses fit by when: each in turn takes the earliest window that still has room for all of its sessions.

Unlike `plan`, which may let a patient wait for a wished hour, this asks what the seats could do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ..hours import Hours
from ..problem import Course, PlacedSession, Problem
from ..seats import Board
from ..single import Desk, draft_course
from ..timeline import Timeline, reach_of

Window = tuple[date, date]
Out = Callable[[], bool]
Sessions = tuple[PlacedSession, ...]
EFFORT = 0.25
"""A course need not have its cheapest place, only one: a part of the steps that a single course may take."""


@dataclass(frozen=True)
class Filling:
    """The sessions of the courses that fit and the number of the window that each starts in, by course id.

    `cut_short` where the time ran out before all were tried.
    """

    sessions: dict[str, Sessions]
    windows: dict[str, int]
    cut_short: bool = False


def fill(problem: Problem, windows: Sequence[Window], out_of_time: Out) -> Filling:
    """Place the problem's courses, in their order, so that as many as are found start within each window.

    A window is the first and last start day. The courses are placed at their wished hours, and, where that leaves one
    out of the first window, from the opening on without gaps; the better of the two counts. What fits is a lower
    bound: another order might bring in one more.
    """
    wished = _fill(problem, windows, out_of_time)
    if all(number == 0 for number in wished.windows.values()) and len(wished.windows) == len(problem.courses):
        return wished
    early = tuple(replace(course, preferred_time=0) for course in problem.courses)
    packed = _fill(replace(problem, courses=early), windows, out_of_time)
    best = max(wished, packed, key=lambda found: (len(found.windows), -sum(found.windows.values())))
    return replace(best, cut_short=wished.cut_short or packed.cut_short)


def _fill(problem: Problem, windows: Sequence[Window], out_of_time: Out) -> Filling:
    desk = _desk(problem, out_of_time)
    placed: dict[str, Sessions] = {}
    numbers: dict[str, int] = {}
    for number, window in enumerate(windows):
        full: set[Course] = set()
        for course in problem.courses:
            if course.id in placed or _kind_of(course) in full:
                continue
            if out_of_time():
                return Filling(placed, numbers, cut_short=True)
            draft = draft_course(desk, replace(course, earliest_start=window[0], latest_start=window[1]))
            if draft.cost is None:
                full.add(_kind_of(course))
            else:
                desk.board.take(draft.taken)
                placed[course.id], numbers[course.id] = draft.sessions, number
    return Filling(placed, numbers)


def closed_windows(problem: Problem, course: Course, windows: Sequence[Window], out_of_time: Out) -> list[Window]:
    """The windows in which the course could not start even if nobody else were in the clinic."""
    desk = _desk(replace(problem, bookings=(), courses=(course,)), out_of_time)
    found = []
    for window in windows:
        if out_of_time():
            break
        if draft_course(desk, replace(course, earliest_start=window[0], latest_start=window[1])).is_impossible:
            found.append(window)
    return found


def _desk(problem: Problem, out_of_time: Out) -> Desk:
    first, last, tail = reach_of(problem)
    board = Board(problem, Timeline(problem, first, last, tail))
    return Desk(problem, board, Hours(problem), out_of_time, EFFORT, patient=False)


def _kind_of(course: Course) -> Course:
    """What decides whether a course fits at all: everything but whose it is and the hour it wishes."""
    return replace(course, id="any", preferred_time=0)
