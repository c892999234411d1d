"""Why a course cannot be planned, and which one change would let it be: each is tried before it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from .hours import Hours
from .intervals import Interval
from .obstacle import Obstacle, find_obstacle
from .options import INF
from .problem import Booking, Course, Opening, PlacedSession, Problem, Resource, Week
from .protocol import Protocol
from .result import Relaxation
from .seats import Board
from .single import Desk, Draft, draft_course
from .timeline import Timeline, reach_of
from .view import View

Other = tuple[Course, tuple[PlacedSession, ...]]

LONGEST_WAIT = 60
SLIPS = (1, 2, 3, 5, 7, 10, 14, 21, 28)
MAX_DATES = 12
"""How many single dates are tried for an opening, a seat or a free patient."""


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
        changed = replace(course, extra_availability=(*course.extra_availability, _span(relaxation)))
    courses = tuple(changed if one.id == course_id else one for one in problem.courses)
    return replace(problem, courses=courses)


def _span(relaxation: Relaxation) -> Interval:
    if relaxation.start is None or relaxation.end is None:
        raise ValueError(f"a relaxation of type {relaxation.type} has a from and a to")
    return Interval(relaxation.start, relaxation.end)


def _extra_resource(problem: Problem, relaxation: Relaxation) -> Resource:
    """One more seat that works from the relaxation's start to its end, and at no other time."""
    taken = {resource.id for resource in problem.resources}
    name = next(n for n in (f"extra-{i}" for i in range(len(taken) + 1)) if n not in taken)
    span = _span(relaxation)
    always = Week((((0, 1440),),) * 7)
    away = (
        Interval(datetime(1970, 1, 2, tzinfo=UTC), span.start),
        Interval(span.end, datetime(9000, 12, 30, tzinfo=UTC)),
    )
    skills = (relaxation.skill,) if relaxation.skill else ()
    return Resource(name, relaxation.kind or "", 1, skills, always, away)


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


def explain(
    problem: Problem, course: Course, others: list[Other], out_of_time: Callable[[], bool]
) -> tuple[str, tuple[Relaxation, ...]]:
    """One sentence for the front desk, and the relaxations that work, smallest first."""
    clinic = Clinic(alone_with(problem, course, others), course, out_of_time)
    obstacle = clinic.obstacle()
    found = list(clinic.relaxations(obstacle))
    return sentence(clinic, obstacle, found), tuple(found)


@dataclass
class Clinic:
    """One course that cannot be planned, and trials of what would help."""

    problem: Problem
    course: Course
    out_of_time: Callable[[], bool]

    def __post_init__(self) -> None:
        self.protocol: Protocol = self.problem.protocol_of(self.course)
        self.hours = Hours(self.problem)

    def obstacle(self) -> Obstacle | None:
        return find_obstacle(self.problem, self.course, self._board(self.problem))

    @staticmethod
    def _board(problem: Problem) -> Board:
        first, last, tail = reach_of(problem)
        return Board(problem, Timeline(problem, first, last, tail))

    def try_problem(self, problem: Problem) -> Draft:
        """A plan of the course in a changed problem."""
        desk = Desk(problem, self._board(problem), Hours(problem), self.out_of_time, 0.2, False)
        return draft_course(desk, problem.courses[0], INF)

    def works(self, *relaxations: Relaxation) -> Draft | None:
        problem = self.problem
        for relaxation in relaxations:
            problem = relaxed(problem, self.course.id, relaxation)
        draft = self.try_problem(problem)
        return draft if draft.cost is not None else None

    def relaxations(self, obstacle: Obstacle | None) -> Iterator[Relaxation]:
        """What helps, a change of dates first, then of one session's circumstances."""
        for search in (self._later_start, self._more_slip, self._patient_free, self._site_open, self._more_seats):
            if self.out_of_time():
                return
            yield from search(obstacle)

    def _later_start(self, obstacle: Obstacle | None) -> Iterator[Relaxation]:
        """The fewest days by which the course may start later."""
        if any(session.key == (self.protocol.tracks[0].name, 1) for session in self.course.locked):
            return
        latest = self.course.latest_start
        far = Relaxation("extend_latest_start", days=LONGEST_WAIT)
        board = self._board(relaxed(self.problem, self.course.id, far))
        desk = Desk(self.problem, board, self.hours, self.out_of_time, 0.2, False)
        for days in range(1, LONGEST_WAIT + 1):
            day = latest + timedelta(days=days)
            if day > self.problem.horizon_end or self.out_of_time():
                return
            moved = replace(self.course, earliest_start=day, latest_start=day)
            if draft_course(desk, moved).cost is not None:
                yield Relaxation("extend_latest_start", days=days)
                return

    def _more_slip(self, obstacle: Obstacle | None) -> Iterator[Relaxation]:
        """For each phase that helps, the fewest days more."""
        for track in self.protocol.tracks:
            names = [phase.name for phase in track.phases]
            for name in names:
                if names.count(name) > 1 or self.out_of_time():
                    continue
                slips = [Relaxation("slip", track=track.name, phase=name, days=days) for days in SLIPS]
                if self.works(slips[-1]) is None:
                    continue
                first = next((slip for slip in slips if self.works(slip) is not None), None)
                if first is not None:
                    yield first

    def _dates(self, obstacle: Obstacle | None) -> list[date]:
        """The dates on which a single change may help: where the course gets stuck, else where it may start."""
        if obstacle is not None:
            dates = list(obstacle.dates)
        else:
            days = (self.course.latest_start - self.course.earliest_start).days
            dates = [self.course.earliest_start + timedelta(days=i) for i in range(days + 1)]
        return dates[:MAX_DATES]

    def _all_time(self) -> Interval:
        first, last, _ = reach_of(self.problem)
        begin = self.hours.at(date.fromordinal(first), 0)
        return Interval(begin, self.hours.at(date.fromordinal(max(last, first)), 1440))

    def _patient_free(self, obstacle: Obstacle | None) -> Iterator[Relaxation]:
        """The shortest span found in which the patient would have to come as well."""
        always = self._all_time()
        draft = self.works(Relaxation("free_patient", start=always.start, end=always.end))
        if draft is None:
            return
        tries = []
        for day in self._dates(obstacle):
            whole = Relaxation("free_patient", start=self.hours.at(day, 0), end=self.hours.at(day, 1440))
            one = self.works(whole)
            if one is not None:
                tries.append(one)
                break
        for found in [*tries, draft]:
            spans = self._missed(found, lambda v, k: v.hours.patient_can_come(self.course, v.day[k]))
            if spans:
                small = Relaxation(
                    "free_patient",
                    start=self._local(min(span.start for span in spans)),
                    end=self._local(max(span.end for span in spans)),
                )
                if self.works(small) is not None:
                    yield small
                    return

    def _local(self, instant: datetime) -> datetime:
        return self.hours.local(instant)

    def _missed(self, draft: Draft, spans: Callable[[View, tuple[str, int]], list[Interval]]) -> list[Interval]:
        """The visits of a plan that lie outside what the unchanged problem allows."""
        view = View(self.problem, self.course, {s.key: s for s in draft.sessions}, self.hours)
        return [view.span(key) for key in view.free() if not any(s.holds(view.span(key)) for s in spans(view, key))]

    def _site_open(self, obstacle: Obstacle | None) -> Iterator[Relaxation]:
        """One more opening on a date, no longer than the visit and its holds need."""
        week = [span for day in self.problem.site.opening_hours.days for span in day]
        begin, end = min((a for a, _ in week), default=480), max((b for _, b in week), default=1080)
        for day in self._dates(obstacle):
            if self.out_of_time():
                return
            draft = self.works(Relaxation("open_site", on=day, begin=begin, end_minute=end))
            if draft is None:
                continue
            for session in draft.sessions:
                local = self.hours.local(session.start)
                if local.date() != day or session in self.course.locked:
                    continue
                visit = self.protocol.visit_of(*session.key)
                low = local.hour * 60 + local.minute
                high = low + max([visit.minutes, *(hold.end for hold in visit.holds)])
                small = Relaxation("open_site", on=day, begin=low, end_minute=min(high, 1440))
                yield small if self.works(small) else Relaxation("open_site", on=day, begin=begin, end_minute=end)
                return

    def _more_seats(self, obstacle: Obstacle | None) -> Iterator[Relaxation]:
        """For each kind that is short, one more seat for the shortest time found."""
        wanted: dict[tuple[str, str | None], None] = {}
        for visit in self.protocol.visits.values():
            for hold in visit.holds:
                wanted[hold.kind, hold.skill] = None
        for kind, skill in wanted:
            if self.out_of_time():
                return
            always = self._all_time()
            far = Relaxation("add_seat", kind=kind, skill=skill, start=always.start, end=always.end)
            draft = self.works(far)
            if draft is not None:
                yield self._short_seat(far, draft, obstacle)

    def _short_seat(self, far: Relaxation, draft: Draft, obstacle: Obstacle | None) -> Relaxation:
        for day in self._dates(obstacle):
            whole = replace(far, start=self.hours.at(day, 0), end=self.hours.at(day, 1440))
            found = self.works(whole)
            if found is not None:
                return self._cut_to_use(whole, found)
        return self._cut_to_use(far, draft)

    def _cut_to_use(self, wide: Relaxation, draft: Draft) -> Relaxation:
        """The seat only for as long as the plan uses it."""
        extra = _extra_resource(self.problem, wide).id
        spans = [
            (session.start + timedelta(minutes=need.begin), session.start + timedelta(minutes=need.end))
            for session in draft.sessions
            for need, hold in zip(self.protocol.visit_of(*session.key).holds, session.holds, strict=False)
            if hold.resource == extra
        ]
        if not spans:
            return wide
        start, end = min(a for a, _ in spans), max(b for _, b in spans)
        small = replace(wide, start=self._local(start), end=self._local(end))
        return small if self.works(small) is not None else wide


def sentence(clinic: Clinic, obstacle: Obstacle | None, found: list[Relaxation]) -> str:
    """What stands in the way, and what would help, for the front desk."""
    reason = (
        obstacle.sentence() if obstacle is not None else "The sessions cannot be brought together in the time given"
    )
    ways = [in_words(relaxation, clinic) for relaxation in found[:3]]
    if ways:
        return f"{reason}; {' or '.join(ways)}."
    if clinic.out_of_time():
        return f"{reason}; the time ran out before every change that may help was tried."
    return f"{reason}; no later start, longer phase, patient's time, opening or single extra seat would help by itself."


def day_in_words(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}"


def in_words(relaxation: Relaxation, clinic: Clinic) -> str:
    kind = (relaxation.kind or "").replace("_", " ")
    days = f"{relaxation.days} day{'s' if relaxation.days != 1 else ''}"
    if relaxation.type == "extend_latest_start":
        return f"start up to {days} later"
    if relaxation.type == "slip":
        return f"let the phase {relaxation.phase} run {days} longer"
    if relaxation.type == "open_site" and relaxation.on is not None:
        begin, end = relaxation.begin or 0, relaxation.end_minute or 0
        clock = f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"
        return f"open {day_in_words(relaxation.on)} {clock}"
    span = _span(relaxation)
    start, end_at = clinic.hours.local(span.start), clinic.hours.local(span.end)
    when = f"{day_in_words(start.date())} {start:%H:%M}"
    until = f"{end_at:%H:%M}" if start.date() == end_at.date() else f"{day_in_words(end_at.date())} {end_at:%H:%M}"
    if relaxation.type == "free_patient":
        return f"ask the patient to come between {when} and {until}"
    skill = f" with {relaxation.skill}" if relaxation.skill else ""
    return f"add a {kind}{skill} from {when} to {until}"
