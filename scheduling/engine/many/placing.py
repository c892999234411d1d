"""The first plan of every course: who is booked already stays, the others come in one after the other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from ..cost import sessions_cost
from ..options import INF
from ..problem import Course
from ..protocol import Protocol
from ..single import Draft, draft_course
from ..track.tables import LENGTH_POINTS
from .forced import Booked, forced_points
from .intake import EFFORT, NOTHING, Intake, Taken, worth
from .stay import LEAST_MOVE, draft_staying


def place_all(intake: Intake) -> None:
    """Place the courses that are booked now, then the others, those with the least room to move first."""
    booked = _hold_current(intake)
    left = []
    for course in intake.courses:
        if not (course.current and _stays(intake, course, booked)):
            left.append(course)
    for course in _in_order(intake, left):
        intake.board.give(booked.pop(course.id))
        intake.put(course, intake.draft(course))
    for course in intake.courses:
        if course.id not in intake.alone:
            intake.alone[course.id] = _alone(intake, course)
    intake.forced = _forced(intake)


def place_left(intake: Intake) -> None:
    """Look once more, without haste, for plans of the courses that have none."""
    intake.desk.effort, intake.desk.patient = EFFORT, True
    for course in intake.left():
        intake.remove(course)
        intake.put(course, intake.draft(course))


def _hold_current(intake: Intake) -> dict[str, Taken]:
    """Keep what is booked now for its own course until that course is placed."""
    held: dict[str, Taken] = {}
    for course in intake.courses:
        held[course.id] = []
        for entry in intake.seat_time(intake.board, course, course.current):
            if intake.board.is_free(entry[0], *entry[1]):
                held[course.id].append(entry)
                intake.board.take([entry])
    return held


def _stays(intake: Intake, course: Course, booked: dict[str, Taken]) -> bool:
    """Place a course as it is booked, where that is possible and no plan with a move is cheaper."""
    if intake.out_of_time():
        return False
    intake.board.give(booked[course.id])
    draft = draft_staying(intake.desk, course)
    if draft.is_optimal:
        booked.pop(course.id)
        intake.put(course, draft)
        return True
    intake.board.take(booked[course.id])
    return False


def _in_order(intake: Intake, courses: list[Course]) -> list[Course]:
    """Booked ones first, then those of several tracks, then by the number of sessions."""

    def rank(course: Course) -> tuple[bool, int, int]:
        tracks = intake.problem.protocol_of(course).tracks
        return not course.current, -len(tracks), -sum(len(track.slots) for track in tracks)

    return sorted(courses, key=rank)


def _alone(intake: Intake, course: Course) -> Draft:
    """What a course would have without the others; its own draft where that is as cheap."""
    draft = intake.drafts[course.id]
    if len(intake.courses) == 1:
        return draft
    if intake.out_of_time():
        return replace(NOTHING, bound=shortest(intake.problem.protocol_of(course), course))
    if course.current and draft.is_optimal and _changes_nothing(intake, course, draft):
        return draft
    staying = draft_staying(intake.bare, course) if course.current else NOTHING
    if staying.is_optimal:
        return staying
    found = draft_course(intake.bare, course, INF if draft.cost is None else worth(draft))
    if found.cost is None and draft.cost is not None:
        return replace(draft, bound=min(found.bound, draft.cost))
    return found


def shortest(protocol: Protocol, course: Course) -> int:
    """What the days and gaps of a protocol cost at least, whatever is free; nothing for a course that has begun."""
    if course.locked or course.current:
        return 0
    last, uneven = 0, 0
    for track in protocol.tracks:
        day = -1
        for slot in track.slots:
            day = max(day + 1, track.first_day + slot.offset + (course.shift_days or 0))
        for before, slot in pairwise(track.slots):
            phase = track.phases[slot.phase]
            if before.phase == slot.phase and phase.per_period in (1, 2, 3):
                rest = phase.period_days % phase.per_period
                uneven += 3 * min(rest, phase.per_period - rest)
        last = max(last, day)
    return LENGTH_POINTS * last + uneven


def _changes_nothing(intake: Intake, course: Course, draft: Draft) -> bool:
    """Whether all stays as it is booked, with no change of resource: nothing that the others could be the cause of."""
    if len(course.locked) + len(course.current) < len(draft.sessions):
        return False
    parts = sessions_cost(intake.problem, course, draft.sessions, intake.hours)
    return parts.moved == parts.continuity == 0 and parts.total <= LEAST_MOVE


def _forced(intake: Intake) -> int:
    """What courses that could stay as they are booked, each alone, must pay because they cannot all stay."""
    able = [c for c in intake.courses if c.current and c.id in intake.alone and intake.least(c) < LEAST_MOVE]
    if len(able) < 2 or intake.out_of_time():
        return 0
    sessions = [
        Booked(intake.problem.protocol_of(course).visit_of(*session.key), intake.line.floor(session.start))
        for course in able
        for session in course.current
    ]
    return forced_points(intake.bare.board, sessions, [intake.least(course) for course in able])
