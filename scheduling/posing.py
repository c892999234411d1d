"""A posed course changed for one question: a session let go, a miss closed up, windows shifted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from scheduling.engine import Course, Interval, PlacedSession, Problem, without
from scheduling.shapes import links_among, shortened

Key = tuple[str, int]


def with_course(problem: Problem, course: Course) -> Problem:
    """The problem with this course in the place of the one of its id."""
    return replace(problem, courses=tuple(course if c.id == course.id else c for c in problem.courses))


def with_anchor(problem: Problem, course_id: str, anchor_at: datetime) -> Problem:
    """The problem with session 1 of the course's first track given: an operation that takes no seat of ours."""
    course = problem.course(course_id)
    first = problem.protocol_of(course).tracks[0].name
    anchor = PlacedSession(first, 1, anchor_at.replace(second=0, microsecond=0))
    return with_course(problem, replace(course, locked=(anchor,)))


def with_hours(problem: Problem, course_id: str, also_free: Interval) -> Problem:
    """The problem with a time at which the patient comes beside the usual hours, other visits apart."""
    course = problem.course(course_id)
    extra = (*course.extra_availability, *without([also_free], course.engaged))
    return with_course(problem, replace(course, extra_availability=extra))


def let_go(course: Course, keys: Collection[Key]) -> Course:
    """The course with these sessions free to be placed."""
    return replace(
        course,
        locked=tuple(at for at in course.locked if at.key not in keys),
        current=tuple(at for at in course.current if at.key not in keys),
    )


def close_up(course: Course, track: str, number: int) -> Course:
    """Every later session of the track takes the number before its own, so that the last number is free.

    Nobody's time changes: what was missed is planned again at the end.
    """

    def moved_up(sessions: Iterable[PlacedSession]) -> tuple[PlacedSession, ...]:
        kept = (at for at in sessions if at.key != (track, number))
        return tuple(
            replace(at, number=at.number - 1) if at.track == track and at.number > number else at for at in kept
        )

    return replace(course, locked=moved_up(course.locked), current=moved_up(course.current))


def only_given(problem: Problem) -> Problem:
    """The problem of one course with its protocol cut to the sessions that are booked: all of them are given."""
    course = problem.courses[0]
    protocol = problem.protocol_of(course)
    last: dict[str, int] = {}
    for at in (*course.locked, *course.current):
        last[at.track] = max(at.number, last.get(at.track, 0))
    tracks = tuple(shortened(track, last[track.name]) for track in protocol.tracks if track.name in last)
    cut = replace(protocol, tracks=tracks, links=links_among(protocol.links, tracks))
    return replace(problem, protocols={course.protocol: cut})


def unlock(course: Course, keys: Collection[Key]) -> Course:
    """The course with these locked sessions `current`: they may move, at a cost."""
    loose = tuple(at for at in course.locked if at.key in keys)
    kept = tuple(at for at in course.locked if at.key not in keys)
    return replace(course, locked=kept, current=course.current + loose)


def lock_beyond(problem: Problem, key: Key, day: date | None) -> Problem:
    """With the sessions on the other side of a day than this one given: nothing is asked of both across a pause."""
    course = problem.courses[0]
    dates = {at.key: local_date(problem, at) for at in (*course.locked, *course.current)}
    if day is None or key not in dates:
        return problem
    far = tuple(at for at in course.current if (dates[at.key] < day) != (dates[key] < day))
    near = tuple(at for at in course.current if at not in far)
    shift = shift_before(problem, course, near) if dates[key] < day else course.shift_days
    return with_course(problem, replace(course, locked=course.locked + far, current=near, shift_days=shift))


def shift_before(problem: Problem, course: Course, sessions: Iterable[PlacedSession]) -> int:
    """The windows of sessions before a pause lie no later than the sessions do: it is those behind it that are late."""
    found = ((local_date(problem, at), window(problem, course, at.key)) for at in sessions)
    return max(0, min([course.shift_days or 0, *((day - opens[0]).days for day, opens in found if opens)]))


def begins_on(problem: Problem, course: Course) -> date | None:
    """The local date of session 1 of the first track, where that is given."""
    first = (problem.protocol_of(course).tracks[0].name, 1)
    return next((local_date(problem, at) for at in (*course.locked, *course.current) if at.key == first), None)


def local_date(problem: Problem, at: PlacedSession) -> date:
    return at.start.astimezone(problem.site.zone).date()


def window(problem: Problem, course: Course, key: Key) -> tuple[date, date] | None:
    """First and last local date of a session's window, not shifted; None while the course has no start."""
    begun = begins_on(problem, course)
    if begun is None:
        return None
    track = problem.protocol_of(course).by_name[key[0]]
    slot = track.slots[key[1] - 1]
    first = begun + timedelta(days=track.first_day + slot.offset)
    return first, first + timedelta(days=slot.days - 1)


def shift_into_windows(problem: Problem, course: Course, sessions: Iterable[PlacedSession]) -> int:
    """The fewest days by which windows must lie later for none of the sessions to lie beyond its own."""
    least = course.shift_days or 0
    for at in sessions:
        found = window(problem, course, at.key)
        if found is not None:
            least = max(least, (local_date(problem, at) - found[1]).days)
    return least


def shift_after(problem: Problem, course: Course, key: Key, day: date) -> int:
    """The days by which windows must lie later for the whole window of a session to lie after a date."""
    found = window(problem, course, key)
    least = course.shift_days or 0
    return least if found is None else max(least, (day - found[0]).days + 1)
