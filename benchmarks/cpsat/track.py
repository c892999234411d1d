"""One track as a CP-SAT model: a path through (session, date) nodes, and for each date a start and a resource."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from scheduling.engine import Course, Problem, Track
from scheduling.engine.view import first_resource

from .calendar import Calendar, Starts
from .placement import Literal, Placement, Term, gap_range, keep_between, total

FAR = 1 << 40


@dataclass
class Step:
    """A session: its window in days after the start day, its gaps in minutes, and where it is given or booked."""

    number: int
    visit: str
    opens: int
    closes: int
    least: int
    most: int
    spread: tuple[int, int] | None
    max_in: tuple[int, int] | None
    given: int | None
    current: tuple[int, int] | None
    """Date and minute at which it is booked now."""


Where = tuple[int, str]
"""A date and a visit's name, or the number of a given session as text."""


class TrackModel:
    """The sessions of one track of a course; `start` maps each start day to its literal, `planned` is their sum."""

    def __init__(
        self,
        model: cp_model.CpModel,
        calendar: Calendar,
        course: Course,
        track: Track,
        planned: Literal,
        start: dict[int, Literal],
    ) -> None:
        self.model, self.calendar, self.course, self.track = model, calendar, course, track
        self.planned, self.start = planned, start
        self.problem: Problem = calendar.problem
        self.protocol = self.problem.protocol_of(course)
        self.cost: list[Term] = []
        self.steps = self._steps()
        self.free = {
            name: {
                day.toordinal(): s
                for day, s in calendar.starts(course, self.protocol.visits[name], track.continuity).items()
            }
            for name in dict.fromkeys(step.visit for step in self.steps if step.given is None)
        }
        self.places: dict[Where, Placement] = {}
        self.x: dict[tuple[int, int], Literal] = {}
        self.arcs: dict[tuple[int, int, int], Literal] = {}
        self.on: dict[tuple[int, str | None], Literal] = {}
        self.names: list[str] = []
        if self._lay_nodes():
            self._tie_windows()
            self._tie_max_in()
            self._tie_gaps()
            self._tie_continuity()
            self._tie_moves()
        else:
            model.add(planned == 0)

    def _steps(self) -> list[Step]:
        out: list[Step] = []
        hours, track, course = self.calendar.hours, self.track, self.course
        locked = {s.key: s for s in course.locked}
        current = {s.key: s for s in course.current}
        for slot in track.slots:
            phase, key = track.phases[slot.phase], (track.name, slot.number)
            before = out[-1] if out else None
            same = before is not None and track.slots[slot.number - 2].phase == slot.phase
            opens = track.first_day + slot.offset + (course.shift_days or 0)
            given = hours.local(locked[key].start).date().toordinal() if key in locked else None
            resumed = (
                course.shift_days is not None and before is not None and before.given is not None and given is None
            )
            most = FAR if phase.max_gap_hours is None or resumed else math.floor(phase.max_gap_hours * 60 + 1e-6)
            booked = None
            if key in current:
                moment = current[key].start
                booked = hours.local(moment).date().toordinal(), self.calendar.minute(moment)
            out.append(
                Step(
                    slot.number,
                    track.visit_of(slot),
                    opens,
                    opens + slot.days - 1,
                    math.ceil(phase.min_gap_hours * 60 - 1e-6),
                    most,
                    (phase.per_period, phase.period_days) if same and phase.per_period in (1, 2, 3) else None,
                    phase.max_in,
                    given,
                    booked,
                )
            )
        kept = [step.given for step in out if step.given is not None]
        assert all(a < b for a, b in pairwise(kept)), "the model wants locked sessions in order, on different dates"
        return out

    # Nodes and arcs

    def place(self, step: Step, day: int) -> Placement:
        return self.places[self._where(step, day)]

    def _where(self, step: Step, day: int) -> Where:
        return day, str(step.number) if step.given is not None else step.visit

    def _dates(self, step: Step) -> list[int]:
        if step.given is not None:
            return [step.given]
        if self._is_first(step):
            opened = step.opens <= 0 <= step.closes
            return [day for day in self.start if opened and day in self.free[step.visit]]
        low, high = min(self.start) + max(step.opens, 0), max(self.start) + step.closes
        taken = {other.given for other in self.steps}
        return [day for day in self.free[step.visit] if low <= day <= high and day not in taken]

    def _is_first(self, step: Step) -> bool:
        return step.number == 1 and self.track is self.protocol.tracks[0]

    def _range(self, step: Step, day: int) -> tuple[int, int]:
        """The first and the last minute at which a treatment can start on a date."""
        visit = self.protocol.visits[step.visit]
        if step.given is not None:
            session = next(s for s in self.course.locked if s.key == (self.track.name, step.number))
            minute = self.calendar.minute(session.start) + visit.treatment[0]
            return minute, minute
        minutes = self.free[step.visit][day].minutes
        return minutes[0] + visit.treatment[0], minutes[-1] + visit.treatment[0]

    def _follows(self, before: Step, day: int, step: Step, after: int) -> bool:
        if before.given is not None and step.given is not None:
            return True
        if after <= day:
            return False
        (low, high), (next_low, next_high) = self._range(before, day), self._range(step, after)
        return next_high - low >= step.least and next_low - high <= step.most

    def _lay_nodes(self) -> bool:
        """The nodes that lie on some path, with flow from session to session; False where there is no path."""
        dates = [self._dates(step) for step in self.steps]
        for (before, step), at in zip(pairwise(self.steps), range(1, len(self.steps)), strict=True):
            dates[at] = [d for d in dates[at] if any(self._follows(before, e, step, d) for e in dates[at - 1])]
        for at in range(len(self.steps) - 2, -1, -1):
            step, after = self.steps[at], self.steps[at + 1]
            dates[at] = [d for d in dates[at] if any(self._follows(step, d, after, e) for e in dates[at + 1])]
        if not all(dates):
            return False
        model, name = self.model, f"{self.course.id} {self.track.name}"
        for step, days in zip(self.steps, dates, strict=True):
            for day in days:
                first = self._is_first(step) and step.given is None
                literal = self.start[day] if first else model.new_bool_var(f"{name} {step.number} on {day}")
                self.x[step.number, day] = literal
            model.add(sum(self.x[step.number, day] for day in days) == self.planned)
        self.dates = dict(zip((s.number for s in self.steps), dates, strict=True))
        if self._is_first(self.steps[0]) and self.steps[0].given is None:
            for day in set(self.start) - set(dates[0]):
                model.add(self.start[day] == 0)
        for before, step in pairwise(self.steps):
            self._lay_arcs(before, step)
        self._lay_places()
        return True

    def _lay_arcs(self, before: Step, step: Step) -> None:
        out: dict[int, list[Literal]] = {day: [] for day in self.dates[before.number]}
        into: dict[int, list[Literal]] = {day: [] for day in self.dates[step.number]}
        for day in out:
            for after in into:
                if self._follows(before, day, step, after):
                    arc = self.model.new_bool_var("")
                    self.arcs[step.number, day, after] = arc
                    out[day].append(arc)
                    into[after].append(arc)
                    if step.spread is not None:
                        points = 3 * abs(step.spread[0] * (after - day) - step.spread[1])
                        self.cost.append((arc, points))
        for day, arcs in out.items():
            self.model.add(sum(arcs) == self.x[before.number, day])
        for day, arcs in into.items():
            self.model.add(sum(arcs) == self.x[step.number, day])

    def _lay_places(self) -> None:
        """A visit may take place on a date where some session may; its start is chosen once for all of them."""
        wanted: dict[Where, list[Step]] = {}
        for step in self.steps:
            for day in self.dates[step.number]:
                wanted.setdefault(self._where(step, day), []).append(step)
        for (day, tag), steps in sorted(wanted.items()):
            literals = [self.x[step.number, day] for step in steps]
            used: Literal = literals[0]
            if len(literals) > 1:
                used = self.model.new_bool_var("")
                self.model.add(sum(literals) == used)
            self.places[day, tag] = self._given(steps[0], used) if steps[0].given else self._open(day, steps[0], used)

    def _given(self, step: Step, used: Literal) -> Placement:
        assert step.given is not None
        session = next(s for s in self.course.locked if s.key == (self.track.name, step.number))
        visit, minute = self.protocol.visits[step.visit], self.calendar.minute(session.start)
        kind = self.track.continuity
        resource = first_resource(kind, visit, session) if kind is not None else None
        starts = Starts([minute], [0], [frozenset((resource,))])
        return Placement(step.given, visit, used, starts, resource=resource, is_given=True)

    def _open(self, day: int, step: Step, used: Literal) -> Placement:
        place = Placement(day, self.protocol.visits[step.visit], used, self.free[step.visit][day])
        place.lay(self.model)
        self.cost += place.points()
        return place

    # Rules

    def _tie_windows(self) -> None:
        """Rule 3 in sums up to each date, which a linear relaxation keeps better than one pair at a time."""
        for step in self.steps:
            if step.given is not None or self._is_first(step):
                continue
            days, opens = self.dates[step.number], max(step.opens, 0)
            for day in days:
                early = [s for first, s in self.start.items() if first + opens <= day]
                late = [s for first, s in self.start.items() if first + step.closes >= day]
                if len(early) < len(self.start):
                    self.model.add(sum(self.x[step.number, d] for d in days if d <= day) <= sum(early))
                if len(late) < len(self.start):
                    self.model.add(sum(self.x[step.number, d] for d in days if d >= day) <= sum(late))

    def _tie_max_in(self) -> None:
        for step in self.steps:
            if step.max_in is None or step.given is not None or step.number <= step.max_in[0]:
                continue
            count, span = step.max_in
            other = step.number - count
            for day in self.dates[step.number]:
                near = [self.x[other, d] for d in self.dates[other] if d > day - span]
                if near:
                    upto = [self.x[step.number, d] for d in self.dates[step.number] if d <= day]
                    self.model.add(sum(near) + sum(upto) <= 1)

    def _tie_gaps(self) -> None:
        """Rule 4 by the minute, for the neighbours on which the time of day decides."""
        tied: dict[tuple[Where, Where, int, int], list[Literal]] = {}
        for (number, day, date), arc in self.arcs.items():
            earlier, step = self.steps[number - 2], self.steps[number - 1]
            if earlier.given is not None and step.given is not None:
                continue
            low, high = gap_range(self.place(earlier, day), self.place(step, date))
            if low < step.least or high > step.most:
                key = (self._where(earlier, day), self._where(step, date), step.least, step.most)
                tied.setdefault(key, []).append(arc)
        for (one, two, least, most), arcs in tied.items():
            literal = arcs[0]
            if len(arcs) > 1:
                literal = self.model.new_bool_var("")
                self.model.add(sum(arcs) == literal)
            before, after = self.places[one], self.places[two]
            low, high = gap_range(before, after)
            lead = after.visit.treatment[0] - before.visit.treatment[0]
            keep_between(
                self.model,
                before,
                after,
                least - lead if low < least else None,
                most - lead if high > most else None,
                [literal],
            )

    def _tie_continuity(self) -> None:
        """A resource that the course has on each date, and may change, for 8 points, on a date with a visit."""
        if self.track.continuity is None:
            return
        names = {n for p in self.places.values() for found in p.starts.resources for n in found}
        self.names = known = sorted(name for name in names if name is not None)
        if len(known) < 2:
            self.on = {(day, name): self.planned for day, _ in self.places for name in known}
            return
        days = range(min(day for day, _ in self.places), max(day for day, _ in self.places) + 1)
        here = {day: [p for (d, _), p in self.places.items() if d == day] for day in days}
        for day in days:
            for name in (*known, None):
                self.on[day, name] = self.model.new_bool_var("")
            self.model.add_exactly_one(self.on[day, name] for name in (*known, None))
            idle = [p.used for p in here[day] if self._has_none(p)]
            self.model.add(self.on[day, None] == sum(idle))
            for place in here[day]:
                if not self._has_none(place):
                    self._tie_resources(place, known)
        for before, day in pairwise(days):
            changes = []
            for name in known:
                change = self.model.new_bool_var("")
                was = self.on[before, name] + self.on[before, None]
                self.model.add(change >= self.on[day, name] - was)
                changes.append(change)
                self.cost.append((change, 8))
            self.model.add(sum(changes) <= sum(place.used for place in here[day]))

    def _has_none(self, place: Placement) -> bool:
        return None in place.starts.resources[0]

    def _tie_resources(self, place: Placement, known: list[str]) -> None:
        by_start = place.starts.resources
        for group in dict.fromkeys(by_start):
            if len(group) < len(known):
                inside = place.is_at(index for index, names in enumerate(by_start) if names <= group)
                self.model.add(total(inside) <= sum(self.on[place.day, name] for name in group))

    def _tie_moves(self) -> None:
        for step in self.steps:
            if step.current is None or step.given is not None:
                continue
            day, minute = step.current
            self.cost.append((self.planned, 1200))
            if day not in self.dates[step.number]:
                continue
            self.cost.append((self.x[step.number, day], -200))
            place = self.place(step, day)
            if minute in place.starts.minutes:
                index = place.starts.minutes.index(minute)
                kept = self.model.new_bool_var("")
                self.model.add_implication(kept, self.x[step.number, day])
                self.model.add(kept <= total(place.is_at([index])))
                self.cost.append((kept, -1000))
