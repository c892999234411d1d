"""A problem with one relaxation made, and the problem of one course with what the others hold as bookings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ..intervals import Interval
from ..problem import Booking, Course, Opening, PlacedSession, Problem, Resource, Week
from ..result import Relaxation

Other = tuple[Course, tuple[PlacedSession, ...]]


RANK = {"extend_latest_start": 0, "free_patient": 1, "open_site": 2, "add_seat": 3, "slip": 4}


def minutes_of_change(relaxation: Relaxation) -> int:
    """The size of a change: the minutes, or days of 1,440 minutes, by which it departs from what was asked."""
    if relaxation.days is not None:
        return relaxation.days * 1440
    if relaxation.on is not None:
        return (relaxation.end_minute or 0) - (relaxation.begin or 0)
    span = span_of(relaxation)
    return -(-int((span.end - span.start).total_seconds()) // 60)


def by_size(relaxation: Relaxation) -> tuple[int, int, str]:
    """Smallest first; of equals what the patient's calendar bears, then the clinic's day, a seat, the protocol."""
    when = relaxation.start.isoformat() if relaxation.start else f"{relaxation.on}"
    return minutes_of_change(relaxation), RANK[relaxation.type], when


def relaxed(problem: Problem, course_id: str, relaxation: Relaxation) -> Problem:
    """The problem with one relaxation made, for one course where it concerns a course."""
    if relaxation.type == "open_site" and relaxation.on is not None:
        opening = Opening(relaxation.on, relaxation.begin or 0, relaxation.end_minute or 0)
        site = replace(problem.site, extra_openings=(*problem.site.extra_openings, opening))
        return replace(problem, site=site)
    if relaxation.type == "add_seat":
        return replace(problem, resources=(*problem.resources, _extra_resource(problem, relaxation)))
    course = problem.course(course_id)
    if relaxation.type == "slip":
        return _slipped(problem, course, relaxation)
    if relaxation.type == "extend_latest_start":
        changed = replace(course, latest_start=course.latest_start + timedelta(days=relaxation.days or 0))
    else:
        changed = replace(course, extra_availability=(*course.extra_availability, span_of(relaxation)))
    courses = tuple(changed if one.id == course_id else one for one in problem.courses)
    return replace(problem, courses=courses)


def span_of(relaxation: Relaxation) -> Interval:
    if relaxation.start is None or relaxation.end is None:
        raise ValueError(f"a relaxation of type {relaxation.type} has a from and a to")
    return Interval(relaxation.start, relaxation.end)


def _extra_resource(problem: Problem, relaxation: Relaxation) -> Resource:
    """One more seat that works from the relaxation's start to its end, and at no other time."""
    span = span_of(relaxation)
    always = Week((((0, 1440),),) * 7)
    ends = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 12, 30, tzinfo=UTC)
    away = tuple(Interval(a, b) for a, b in ((ends[0], span.start), (span.end, ends[1])) if a < b)
    skills = (relaxation.skill,) if relaxation.skill else ()
    return Resource(extra_seat_of(problem), relaxation.kind or "", 1, skills, always, away)


def extra_seat_of(problem: Problem) -> str:
    """The id of the resource that an `add_seat` adds."""
    taken = {resource.id for resource in problem.resources}
    return next(name for name in (f"extra-{i}" for i in range(len(taken) + 1)) if name not in taken)


def _slipped(problem: Problem, course: Course, relaxation: Relaxation) -> Problem:
    """The course gets a protocol of its own, so that no other course's windows change."""
    protocol = problem.protocol_of(course)
    tracks = []
    for track in protocol.tracks:
        phases = tuple(
            replace(phase, slip_days=phase.slip_days + (relaxation.days or 0))
            if track.name == relaxation.track and phase.name == relaxation.phase
            else phase
            for phase in track.phases
        )
        tracks.append(replace(track, phases=phases))
    name = f"{course.protocol} for {course.id}"
    protocols = {**problem.protocols, name: replace(protocol, tracks=tuple(tracks))}
    courses = tuple(replace(one, protocol=name) if one.id == course.id else one for one in problem.courses)
    return replace(problem, protocols=protocols, courses=courses)


def alone_with(problem: Problem, course: Course, others: list[Other]) -> Problem:
    """The problem of one course, with what the other courses hold as bookings."""
    seats = {resource.id: resource.seats for resource in problem.resources}
    bookings = list(problem.bookings)
    for other, sessions in others:
        protocol = problem.protocol_of(other)
        for session in sessions:
            visit = protocol.visit_of(*session.key)
            if len(visit.holds) != len(session.holds):
                continue
            for need, hold in zip(visit.holds, session.holds, strict=True):
                if hold.seat < seats.get(hold.resource, 0):
                    start = session.start + timedelta(minutes=need.begin)
                    end = session.start + timedelta(minutes=need.end)
                    bookings.append(Booking(hold.resource, hold.seat, start, end))
    return replace(problem, courses=(course,), bookings=tuple(bookings))
