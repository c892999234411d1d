"""The written rules, one function each, in their order. Shares nothing with the search but Interval.

`docs/planning-format.md` has the rules in words. Every function takes the view of one course and yields Violations;
`seats_shared` alone looks at all courses at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from .hours import Hours, is_within
from .intervals import Interval
from .occupancy import whole_seconds
from .problem import PlacedSession, Problem
from .protocol import Link
from .result import CoursePlan, Result, Violation
from .view import Key, View

Span = tuple[Interval, bool, str, str, Key | None]
"""Time on a seat: whether it is given (booked or locked), a name for people, the course, the session."""


def check(problem: Problem, result: Result) -> list[Violation]:
    """Every rule that a result breaks, course by course; an empty list for a result that keeps them all."""
    hours = Hours(problem)
    found = list(answers_given(problem, result))
    answers = {answer.id: answer for answer in result.courses}
    views: list[tuple[View, bool]] = []
    for course in problem.courses:
        answer = answers.get(course.id)
        if answer is None:
            continue
        if not answer.planned:
            views.append((View(problem, course, {s.key: s for s in course.locked}, hours), False))
            continue
        view = View(problem, course, {session.key: session for session in answer.sessions}, hours)
        broken = list(numbering(view, answer))
        found += broken
        if set(view.placed) == set(view.slots):
            found += course_violations(view)
            views.append((view, True))
    return found + list(seats_shared(problem, views))


def course_violations(view: View) -> list[Violation]:
    """What one whole course breaks, seats that others have apart."""
    rules = (course_start, window, order_and_gaps, links, opening, holds, one_body, locked_kept)
    return [violation for rule in rules for violation in rule(view)]


def broken(view: View, rule: int, key: Key | None, message: str, resource: str | None = None) -> Violation:
    track, number = key or (None, None)
    time = view.begin.get(key) if key else None
    who = f"{track} {number} " if key else ""
    return Violation(view.course.id, rule, f"{who}{message}", track, number, resource, time)


def when(view: View, key: Key) -> str:
    return view.hours.local(view.begin[key]).strftime("%Y-%m-%d %H:%M")


def answers_given(problem: Problem, result: Result) -> Iterator[Violation]:
    """The result answers each course of the problem once, and no other."""
    wanted, got = {course.id for course in problem.courses}, Counter(answer.id for answer in result.courses)
    for course in problem.courses:
        if got[course.id] != 1:
            yield Violation(course.id, 0, f"the course is answered {got[course.id]} times")
    for course_id in got:
        if course_id not in wanted:
            yield Violation(course_id, 0, "the problem has no such course")


def numbering(view: View, answer: CoursePlan) -> Iterator[Violation]:
    """Rule 1: each session of each track, once."""
    keys = [session.key for session in answer.sessions]
    for key in dict.fromkeys(keys):
        if key not in view.slots:
            yield broken(view, 1, key, "is no session of the protocol")
        elif keys.count(key) > 1:
            yield broken(view, 1, key, "is placed more than once")
    for key in view.slots:
        if key not in view.placed:
            yield broken(view, 1, key, "is missing")


def course_start(view: View) -> Iterator[Violation]:
    """Rule 2: the start day, and nothing free before it, before now or after the horizon."""
    course, start = view.course, view.start_day
    if view.first not in view.locked and not course.earliest_start <= start <= course.latest_start:
        yield broken(view, 2, view.first, f"starts the course on {start}, outside its start dates")
    for key in view.free():
        day = view.day[key]
        if day < start:
            yield broken(view, 2, key, f"lies on {day}, before the course starts")
        if day > view.problem.horizon_end:
            yield broken(view, 2, key, f"lies on {day}, after the horizon")
        if view.problem.now is not None and view.begin[key] < view.problem.now:
            yield broken(view, 2, key, f"starts in the past: {when(view, key)}")


def window(view: View) -> Iterator[Violation]:
    """Rule 3: a session lies in the dates of its period, slip and shift included."""
    for key in view.free():
        track, slot = view.slots[key]
        opens = view.start_day + timedelta(days=track.first_day + slot.offset + (view.course.shift_days or 0))
        closes = opens + timedelta(days=slot.days - 1)
        if not opens <= view.day[key] <= closes:
            yield broken(view, 3, key, f"lies on {view.day[key]}, outside its window {opens} to {closes}")


def order_and_gaps(view: View) -> Iterator[Violation]:
    """Rule 4: one session of a track on a date, in order; gaps in elapsed time; max_in on the local calendar."""
    for track in view.protocol.tracks:
        for slot in track.slots:
            key = (track.name, slot.number)
            if slot.number > 1:
                yield from _gap(view, (track.name, slot.number - 1), key)
            max_in = track.phases[slot.phase].max_in
            if max_in is not None and key not in view.locked and slot.number > max_in[0]:
                count, days = max_in
                if (view.day[key] - view.day[track.name, slot.number - count]).days < days:
                    yield broken(view, 4, key, f"is one of more than {count} sessions in {days} days")


def _gap(view: View, before: Key, key: Key) -> Iterator[Violation]:
    if before in view.locked and key in view.locked:
        return
    track, slot = view.slots[key]
    phase = track.phases[slot.phase]
    if view.day[key] <= view.day[before]:
        yield broken(view, 4, key, "is not on a later date than the session before it")
    gap = (view.treat[key] - view.treat[before]).total_seconds() / 3600
    if gap < phase.min_gap_hours:
        yield broken(view, 4, key, f"comes {gap:.2f} h after the session before it, less than {phase.min_gap_hours}")
    resumed = view.course.shift_days is not None and before in view.locked
    if phase.max_gap_hours is not None and gap > phase.max_gap_hours and not resumed:
        yield broken(view, 4, key, f"comes {gap:.2f} h after the session before it, more than {phase.max_gap_hours}")


def links(view: View) -> Iterator[Violation]:
    """Rule 5: each link by its type; pairs of locked sessions are not judged."""
    kinds = {"window": _window, "at_least": _at_least, "sequence": _sequence, "clear": _clear, "apart": _apart}
    for link in view.protocol.links:
        yield from kinds[link.type](view, link)


def _keys(view: View, track: str | None) -> list[Key]:
    return [key for key in view.slots if key[0] == track]


def _high(link: Link) -> float:
    return float("inf") if link.max_hours is None else link.max_hours


def _window(view: View, link: Link) -> Iterator[Violation]:
    for key in _keys(view, link.track):
        before = [k for k in _keys(view, link.after) if view.treated[k] <= view.treat[key]]
        if not before:
            if key not in view.locked:
                yield broken(view, 5, key, f"has no session of {link.after} before it")
            continue
        last = max(before, key=view.treated.__getitem__)
        gap = view.hours_between(key, last)
        if not (link.min_hours or 0) <= gap <= _high(link) and not (key in view.locked and last in view.locked):
            yield broken(view, 5, key, f"comes {gap:.2f} h after {link.after} {last[1]}")


def _at_least(view: View, link: Link) -> Iterator[Violation]:
    track, low = _keys(view, link.track), link.min_hours or 0
    for other in _keys(view, link.after):
        inside = sum(low <= view.hours_between(key, other) <= _high(link) for key in track)
        now = view.problem.now
        begun = now is not None and view.treated[other] + timedelta(hours=low) < now
        excused = other in view.locked and (begun or all(key in view.locked for key in track))
        if inside < (link.count or 0) and not excused:
            yield broken(view, 5, other, f"has {inside} of {link.count} sessions of {link.track} in its window")


def _sequence(view: View, link: Link) -> Iterator[Violation]:
    key, last = _keys(view, link.track)[0], _keys(view, link.after)[-1]
    gap = view.hours_between(key, last)
    if not (link.min_hours or 0) <= gap <= _high(link) and not (key in view.locked and last in view.locked):
        yield broken(view, 5, key, f"comes {gap:.2f} h after {link.after} {last[1]}")


def _clear(view: View, link: Link) -> Iterator[Violation]:
    for key in _keys(view, link.track):
        for other in _keys(view, link.after):
            gap = view.hours_between(key, other)
            if 0 <= gap < (link.hours or 0) and not (key in view.locked and other in view.locked):
                yield broken(view, 5, key, f"comes {gap:.2f} h after {link.after} {other[1]}")


def _apart(view: View, link: Link) -> Iterator[Violation]:
    one, two = link.tracks or ("", "")
    for key in _keys(view, one):
        for other in _keys(view, two):
            if view.day[key] == view.day[other] and not (key in view.locked and other in view.locked):
                yield broken(view, 5, key, f"lies on the date of {two} {other[1]}")


def opening(view: View) -> Iterator[Violation]:
    """Rule 6: on the grid, in one opening of the site and one interval in which the patient can come."""
    for key in view.free():
        local, day = view.hours.local(view.begin[key]), view.day[key]
        if (local.hour * 60 + local.minute) % view.problem.site.grid_minutes or local.second:
            yield broken(view, 6, key, f"starts off the grid: {when(view, key)}")
        if not is_within(view.span(key), view.hours.site_open(day)):
            yield broken(view, 6, key, f"lies outside the opening hours: {when(view, key)}")
        if not is_within(view.span(key), view.hours.patient_can_come(view.course, day)):
            yield broken(view, 6, key, f"lies when the patient cannot come: {when(view, key)}")


def holds(view: View) -> Iterator[Violation]:
    """Rule 7 for each session alone: a seat of the right kind and skill that works at that time."""
    resources = {resource.id: resource for resource in view.problem.resources}
    for key in view.free():
        needs, got = view.visits[key].holds, view.placed[key].holds
        if len(needs) != len(got):
            yield broken(view, 7, key, f"has {len(got)} holds instead of {len(needs)}")
            continue
        for need, hold in zip(needs, got, strict=True):
            twin = got[need.same_as] if need.same_as is not None else hold
            if (twin.resource, twin.seat) != (hold.resource, hold.seat):
                yield broken(view, 7, key, "has a hold that is not on the seat of the hold it shares", hold.resource)
            resource = resources.get(hold.resource)
            if resource is None or hold.seat >= resource.seats:
                yield broken(view, 7, key, f"holds no seat that there is: {hold.resource} {hold.seat}", hold.resource)
                continue
            skilled = need.skill is None or need.skill in resource.skills
            if hold.kind != need.kind or resource.kind != need.kind or not skilled:
                wanted = f"{need.kind} with {need.skill}" if need.skill else need.kind
                yield broken(view, 7, key, f"needs a {wanted}, which {resource.id} is not", resource.id)
            span = _hold_span(view.begin[key], need.begin, need.end)
            works = view.hours.resource_works(resource, view.hours.local(span.start).date())
            if not is_within(span, works) or any(span.overlaps(gap) for gap in resource.unavailable):
                yield broken(view, 7, key, f"needs {resource.id} when it is not there: {when(view, key)}", resource.id)


def _hold_span(start: datetime, begin: int, end: int) -> Interval:
    return Interval(start + timedelta(minutes=begin), start + timedelta(minutes=end))


def one_body(view: View) -> Iterator[Violation]:
    """Rule 8: two visits of one course do not overlap."""
    spans: list[Span] = [
        (view.span(key), key in view.locked, f"{key[0]} {key[1]}", view.course.id, key) for key in view.placed
    ]
    for one, other in clashing(spans):
        late = other if not other[1] else one
        yield broken(view, 8, late[4], f"overlaps {one[2] if late is other else other[2]}")


def locked_kept(view: View) -> Iterator[Violation]:
    """Rule 9: locked sessions appear as given."""
    for key, given in view.locked.items():
        got = view.placed[key]
        if got.start != given.start or seats_of(got) != seats_of(given):
            yield broken(view, 9, key, "is locked and was changed")


def seats_of(session: PlacedSession) -> list[tuple[str, int]]:
    return [(hold.resource, hold.seat) for hold in session.holds]


def seats_shared(problem: Problem, views: list[tuple[View, bool]]) -> Iterator[Violation]:
    """Rule 7 for all: a seat serves one hold at a time, whoever has it; two given ones are not judged."""
    there = {resource.id: resource.seats for resource in problem.resources}
    taken: dict[tuple[str, int], list[Span]] = {}
    for view, _ in views:
        for key, session in view.placed.items():
            needs, given = view.visits[key].holds, key in view.locked
            if len(needs) != len(session.holds):
                continue
            for need, hold in zip(needs, session.holds, strict=True):
                if hold.seat < there.get(hold.resource, 0):
                    span = _hold_span(session.start, need.begin, need.end)
                    name = f"{view.course.id} {key[0]} {key[1]}"
                    entry = (span, given, name, view.course.id, key)
                    taken.setdefault((hold.resource, hold.seat), []).append(entry)
    for seat, spans in taken.items():
        spans += [(booked, True, "a booking", "", None) for booked in _booked(problem, seat, spans)]
    by_course = {view.course.id: view for view, _ in views}
    for seat, spans in taken.items():
        for one, other in clashing(spans):
            late = other if not other[1] else one
            against = one[2] if late is other else other[2]
            text = f"has {seat[0]} seat {seat[1]} together with {against}"
            yield broken(by_course[late[3]], 7, late[4], text, seat[0])


def _booked(problem: Problem, seat: tuple[str, int], spans: list[Span]) -> list[Interval]:
    """The bookings of a seat that some of the spans meet; no other can break a rule."""
    met: set[tuple[int, int]] = set()
    for span, *_ in spans:
        met.update(problem.taken.between(seat, *whole_seconds(span.start, span.end)))
    return [Interval(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)) for begin, end in met]


def clashing(spans: Iterable[Span]) -> Iterator[tuple[Span, Span]]:
    """Pairs that overlap, unless both are given; for each span the latest ending one of each sort before it."""
    latest: dict[bool, Span] = {}
    for span in sorted(spans, key=lambda span: (span[0].start, span[0].end)):
        for given in (False,) if span[1] else (False, True):
            if given in latest and span[0].overlaps(latest[given][0]):
                yield latest[given], span
        if span[1] not in latest or span[0].end > latest[span[1]][0].end:
            latest[span[1]] = span
