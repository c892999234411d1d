"""A whole planning problem as a CP-SAT model: courses, the seats that they share, and the cost as it is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from ortools.sat.python import cp_model

from scheduling.engine import Course, Problem

from .calendar import Calendar, Need, Seat, needs_of
from .links import LinkModel
from .placement import Literal, Placement, Term, total
from .track import TrackModel

UNPLANNED = 1_000_000


@dataclass
class CourseModel:
    course: Course
    planned: Literal
    start: dict[int, Literal]
    tracks: dict[str, TrackModel]
    seats: dict[int, dict[tuple[int, Seat], Literal]]
    """By id of a placement: a literal for each need (by its first hold) and seat, where seats are modelled."""


class ProblemModel:
    """With `optional` a course may stay unplanned; without it the model is infeasible where one must."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.calendar = Calendar(problem)
        self.model = cp_model.CpModel()
        self.optional = len(problem.courses) > 1
        self.cost: list[Term] = []
        self.constant = 0
        self._served: dict[tuple[Need, Seat], int] = {}
        self.courses = [self._lay_course(course) for course in problem.courses]
        if self.optional or any(self._contests_itself(course) for course in problem.courses):
            self._share_seats()
        self.model.minimize(total(self.cost) + self.constant)

    def _lay_course(self, course: Course) -> CourseModel:
        planned: Literal = self.model.new_bool_var(course.id)
        if self.optional:
            self.cost.append((planned, -UNPLANNED))
            self.constant += UNPLANNED
        else:
            self.model.add(planned == 1)
        start = self._lay_start(course, planned)
        tracks = {
            track.name: TrackModel(self.model, self.calendar, course, track, planned, start)
            for track in self.problem.protocol_of(course).tracks
        }
        laid = CourseModel(course, planned, start, tracks, {})
        for part in tracks.values():
            self.cost += part.cost
        if all(track.x for track in tracks.values()) and all(track.places for track in tracks.values()):
            LinkModel(self.model, tracks)
            self._lay_length(laid)
        return laid

    def _lay_start(self, course: Course, planned: Literal) -> dict[int, Literal]:
        """A literal for each start day, which costs its delay."""
        first = (self.problem.protocol_of(course).tracks[0].name, 1)
        days = [self.calendar.hours.local(s.start).date().toordinal() for s in course.locked if s.key == first]
        earliest = course.earliest_start.toordinal()
        days = days or list(range(earliest, course.latest_start.toordinal() + 1))
        start: dict[int, Literal] = {day: self.model.new_bool_var(f"{course.id} starts {day}") for day in days}
        self.model.add(sum(start.values()) == planned)
        self.cost += [(literal, 10 * max(0, day - earliest)) for day, literal in start.items()]
        return start

    def _lay_length(self, laid: CourseModel) -> None:
        """4 points for each day from the start to the last session: a literal for each day that the course goes on."""
        zero = min(laid.start)
        self.cost += [(literal, -4 * (day - zero)) for day, literal in laid.start.items()]
        ends = [(track, track.steps[-1].number) for track in laid.tracks.values()]
        if len(ends) == 1:
            track, last = ends[0]
            self.cost += [(track.x[last, day], 4 * (day - zero)) for day in track.dates[last]]
            return
        for day in range(zero + 1, max(max(track.dates[last]) for track, last in ends) + 1):
            goes_on = self.model.new_bool_var("")
            for track, last in ends:
                self.model.add(sum(track.x[last, d] for d in track.dates[last] if d >= day) <= goes_on)
            self.cost.append((goes_on, 4))

    # Seats

    def _contests_itself(self, course: Course) -> bool:
        """Whether visits of one course can ask for one seat at one time although they do not overlap."""
        protocol = self.problem.protocol_of(course)
        longest = max(h.end - v.minutes for v in protocol.visits.values() for h in v.holds)
        return longest > 0 if len(protocol.tracks) > 1 else longest > 600

    def _share_seats(self) -> None:
        taken: dict[tuple[Seat, int], list[tuple[tuple[int, int], cp_model.IntervalVar]]] = {}
        for laid in self.courses:
            for track in laid.tracks.values():
                for place in track.places.values():
                    if not place.is_given:
                        laid.seats[id(place)] = self._seat(track, place, taken)
        for intervals in taken.values():
            if len({owner for owner, _ in intervals}) > 1:
                self.model.add_no_overlap([interval for _, interval in intervals])

    def _seat(
        self,
        track: TrackModel,
        place: Placement,
        taken: dict[tuple[Seat, int], list[tuple[tuple[int, int], cp_model.IntervalVar]]],
    ) -> dict[tuple[int, Seat], Literal]:
        out: dict[tuple[int, Seat], Literal] = {}
        kinds = [hold.kind for hold in place.visit.holds]
        kind = track.track.continuity
        watched = place.visit.roots[kinds.index(kind)] if kind in kinds else None
        begin = self._begin(place)
        for need in needs_of(place.visit):
            serving = {seat: self._serving(need, seat) for seat in self.calendar.seats_for(need)}
            by_start = [frozenset(s for s, found in serving.items() if found >> m & 1) for m in place.starts.minutes]
            for seat in sorted(set().union(*by_start)):
                out[need.root, seat] = literal = self.model.new_bool_var("")
                for low, high in need.spans:
                    interval = self.model.new_optional_fixed_size_interval_var(begin + low, high - low, literal, "")
                    for day in self._dates_of(place, high):
                        taken.setdefault((seat, day), []).append(((id(place), need.root), interval))
                if need.root == watched and (place.day, seat[0]) in track.on:
                    self.model.add_implication(literal, track.on[place.day, seat[0]])
            self.model.add(sum(out[need.root, s] for s in sorted(set().union(*by_start))) == place.used)
            for group in dict.fromkeys(by_start):
                if len(group) < len(set().union(*by_start)):
                    inside = place.is_at(index for index, seats in enumerate(by_start) if seats <= group)
                    self.model.add(total(inside) <= sum(out[need.root, seat] for seat in sorted(group)))
        return out

    def _begin(self, place: Placement) -> cp_model.IntVar:
        """The start as a number, for intervals; its bounds are the order literals of the placement."""
        minutes = place.starts.minutes
        begin = self.model.new_int_var_from_domain(cp_model.Domain.from_values(minutes), "")
        for late, (before, minute) in zip(place.late, pairwise(minutes), strict=True):
            self.model.add(begin >= minute).only_enforce_if(late)
            self.model.add(begin <= before).only_enforce_if(~late)
        return begin

    def _dates_of(self, place: Placement, end: int) -> list[int]:
        """The dates on which a hold can meet another: that of the visit, and the next one where it can run into it."""
        midnight = self.calendar.midnight(date.fromordinal(place.day + 1))
        return [place.day, place.day + 1] if place.high + end > midnight else [place.day]

    def _serving(self, need: Need, seat: Seat) -> int:
        key = (need, seat)
        if key not in self._served:
            self._served[key] = self.calendar.serving(need, seat)
        return self._served[key]
