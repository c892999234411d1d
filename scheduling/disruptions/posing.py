"""The courses that are hit, posed so that what has to go may move and all else stays where it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduling import engine
from scheduling.models import Course, Session
from scheduling.posing import Key, begins_on
from scheduling.replanning import REACH, may_move
from scheduling.shapes import links_among, shortened
from scheduling.snapshots import Numbered, number_rows, read_problem

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """One course that is hit: its visits by track and number, and those of them that have to go."""

    course: Course
    rows: Numbered
    hit: frozenset[Key]

    @property
    def id(self) -> str:
        return str(self.course.uuid)

    def to_come(self, now: datetime) -> set[Key]:
        return {key for key, row in self.rows.items() if may_move(row, now)}


def read_cases(hit: Iterable[Session], *, now: datetime) -> list[Case]:
    """The courses of these visits, without those that have begun or cannot move at all."""
    movable = {session.pk for session in hit if may_move(session, now)}
    ids = sorted({session.course_id for session in hit if session.pk in movable})
    courses = Course.objects.filter(pk__in=ids).select_related("site", "patient", "version").order_by("pk")
    return [
        replace(case, hit=frozenset(key for key, row in case.rows.items() if row.pk in movable))
        for case in cases_of(list(courses))
    ]


def cases_of(courses: Sequence[Course]) -> list[Case]:
    """These courses with all their visits, none of which has to go; in one query."""
    rows: dict[int, list[Session]] = defaultdict(list)
    found = Session.objects.filter(course__in=courses).select_related("track", "visit_type", "site").order_by("pk")
    for row in found:
        rows[row.course_id].append(row)
    return [Case(course, number_rows(rows[course.pk]), frozenset()) for course in courses]


def read_given(cases: Sequence[Case], *, now: datetime) -> engine.Problem:
    """All that is booked of these courses, every visit given."""
    courses = [case.course for case in cases]
    last_on = max(row.local_date for case in cases for row in case.rows.values())
    problem = read_problem(site=courses[0].site, courses=courses, now=now, horizon_end=last_on + REACH)
    return cut_to_given(problem)


def cut_to_given(problem: engine.Problem) -> engine.Problem:
    """Each course with its protocol cut to the sessions that are booked; equal shapes are one protocol."""
    protocols: dict[str, engine.Protocol] = {}
    courses = []
    for course in problem.courses:
        shape = cut_shape(problem.protocol_of(course), course)
        course = _begun_as_asked(replace(problem, protocols={course.protocol: shape}, courses=(course,)), course)
        name, number = course.protocol, 1
        while protocols.setdefault(name, shape) != shape:
            number += 1
            name = f"{course.protocol}#{number}"
        courses.append(replace(course, protocol=name))
    return replace(problem, protocols=protocols, courses=tuple(courses))


def _begun_as_asked(problem: engine.Problem, course: engine.Course) -> engine.Course:
    """Staff may have put the first visit outside the days that were asked for: there it may stay."""
    begun = begins_on(problem, course)
    if begun is None:
        return course
    earliest, latest = min(course.earliest_start, begun), max(course.latest_start, begun)
    return replace(course, earliest_start=earliest, latest_start=latest)


def cut_shape(protocol: engine.Protocol, course: engine.Course) -> engine.Protocol:
    last: dict[str, int] = {}
    for at in (*course.locked, *course.current):
        last[at.track] = max(at.number, last.get(at.track, 0))
    tracks = tuple(shortened(track, last[track.name]) for track in protocol.tracks if track.name in last)
    return replace(protocol, tracks=tracks, links=links_among(protocol.links, tracks))


def one_for_each(cases: Iterable[Case]) -> list[Case]:
    """The first course of each patient: those of one patient are planned one after the other, never side by side."""
    first: dict[int, Case] = {}
    for case in cases:
        first.setdefault(case.course.patient_id, case)
    return list(first.values())


class Others:
    """What every course of a problem has on the seats, kept as bookings for the sake of the one that is planned.

    Of the other courses of the same patient the time of every visit is kept too.
    """

    def __init__(self, problem: engine.Problem, cases: Iterable[Case], *, now: datetime) -> None:
        self.problem, self.now = problem, now
        self.patients = {case.id: case.course.patient_id for case in cases}
        self.taken: dict[str, list[engine.Booking]] = {}
        self.spans: dict[str, list[engine.Interval]] = {}
        for course in problem.courses:
            self.keep(course, course.locked)

    def keep(self, course: engine.Course, sessions: Iterable[engine.PlacedSession]) -> None:
        """This is what the course has from now on."""
        ahead = [at for at in sessions if at.start > self.now - ONE_DAY]
        self.taken[course.id] = bookings_of(self.problem, course, ahead)
        # A number that was given up is posed without the seats that its visit needs: nobody comes then.
        visits = ((at, self.problem.protocol_of(course).visit_of(*at.key)) for at in ahead)
        self.spans[course.id] = [
            engine.Interval(at.start, at.start + timedelta(minutes=visit.minutes))
            for at, visit in visits
            if at.holds or not visit.holds
        ]

    def leave(self, course_id: str) -> engine.Problem:
        """The problem of one course as it is posed, beside all others."""
        course = self.problem.course(course_id)
        others = (booking for key, taken in self.taken.items() if key != course_id for booking in taken)
        same = [key for key, patient in self.patients.items() if patient == self.patients[course_id]]
        elsewhere = tuple(span for key in same if key != course_id for span in self.spans[key])
        busy = replace(course, unavailable=(*course.unavailable, *elsewhere), engaged=(*course.engaged, *elsewhere))
        return replace(
            self.problem,
            courses=(busy,),
            protocols={course.protocol: self.problem.protocol_of(course)},
            bookings=(*self.problem.bookings, *others),
        )


def bookings_of(
    problem: engine.Problem, course: engine.Course, sessions: Iterable[engine.PlacedSession]
) -> list[engine.Booking]:
    """The seat time of placed sessions, as far as the seats still exist."""
    protocol, seats = problem.protocol_of(course), {resource.id: resource.seats for resource in problem.resources}
    found = []
    for at in sessions:
        for need, hold in zip(protocol.visit_of(*at.key).holds, at.holds, strict=False):
            if hold.seat < seats.get(hold.resource, 0):
                begin, end = (at.start + timedelta(minutes=minutes) for minutes in (need.begin, need.end))
                found.append(engine.Booking(hold.resource, hold.seat, begin, end))
    return found


def cut_again(problem: engine.Problem, course: engine.Course) -> engine.Problem:
    """The problem of one course, cut to what is given of it now."""
    shape = cut_shape(problem.protocol_of(course), course)
    return replace(problem, courses=(course,), protocols={course.protocol: shape})
