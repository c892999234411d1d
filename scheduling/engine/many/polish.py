"""One date at a time: sessions trade times and seats while every course keeps its dates.

Most of what courses cost each other is a start some steps away from the time they like. A session that pays is put
where it would be best, whoever sits there goes to its next best start, and so on, a few sessions deep; what is no
better in sum is taken back. No course is planned again for that: a date is a handful of small sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..cost import sessions_cost
from ..options import INF, Chain, Step, board_line_starts, body_set, chains_of, first_resource
from ..problem import Course, PlacedHold, PlacedSession
from ..rules import course_violations
from ..seats import spans_of
from ..single import Draft
from ..timeline import ones
from ..view import View
from .dayboard import DayBoard
from .intake import Intake, Taken

DEPTH = 3
"""How many sessions may give way to each other, one after the other."""
TRIALS = 200
"""How many starts may be looked up for one session that pays."""

Choice = tuple[int, int, str | None]
"""Points, start, continuity resource."""


@dataclass(slots=True, eq=False)
class Spot:
    """A session on its date; `index` is its start on the timeline."""

    shape: Shape
    track: int
    step: Step
    index: int
    holds: tuple[PlacedHold, ...]
    resource: str | None

    @property
    def treat(self) -> int:
        """Seconds at which the treatment starts."""
        begin = self.step.given.second if self.step.given is not None else self.index * 60
        return begin + self.step.lead


@dataclass(slots=True, eq=False)
class Shape:
    """A course as it is polished: its tracks, the starts that its patient and the site leave, and its sessions."""

    course: Course
    chains: list[Chain]
    starts: dict[tuple[int, int], int]
    """By track and the visit's identity."""
    spots: list[list[Spot]]


class Polisher:
    """Polishes an intake, date by date; what it knows of a course outlives the single call."""

    def __init__(self, intake: Intake) -> None:
        self.intake, self.line = intake, intake.line
        self.shapes: dict[str, Shape] = {}

    def polish(self, courses: Iterable[Course] | None = None) -> int:
        """Make the dates of these courses (all of them) cheaper; how many starts were looked up for it."""
        by_day: dict[int, list[Spot]] = {}
        wanted: set[int] = set()
        ids = None if courses is None else {course.id for course in courses}
        for course in self.intake.courses:
            draft = self.intake.drafts[course.id]
            if draft.cost is None:
                continue
            shape = self._shape(course, draft)
            for spot in (spot for spots in shape.spots for spot in spots if spot.step.given is None):
                day = self.line.day_of(spot.index)
                by_day.setdefault(day, []).append(spot)
                if ids is None or course.id in ids:
                    wanted.add(day)
        changed: set[str] = set()
        looked = 0
        for number in sorted(wanted):
            if self.line.is_plain(number) and not self.intake.out_of_time():
                date = Day(self.intake, number, by_day[number])
                changed |= date.polish()
                looked += date.looked
        for course_id in sorted(changed):
            self._write(self.shapes[course_id])
        return looked

    def _shape(self, course: Course, draft: Draft) -> Shape:
        shape = self.shapes.get(course.id)
        if shape is None:
            shape = self.shapes[course.id] = self._new_shape(course)
        placed = {session.key: session for session in draft.sessions}
        shape.spots = [
            [self._spot(shape, i, step, placed[chain.track.name, step.number]) for step in chain.steps]
            for i, chain in enumerate(shape.chains)
        ]
        return shape

    def _new_shape(self, course: Course) -> Shape:
        problem, board = self.intake.problem, self.intake.board
        protocol, chains = problem.protocol_of(course), chains_of(problem, course, board)
        body, locked = body_set(problem, course, self.line), {session.key: session for session in course.locked}
        starts = {}
        for i, chain in enumerate(chains):
            for visit in {id(step.visit): step.visit for step in chain.steps}.values():
                found = board_line_starts(board, course, protocol, chain.track, visit, body, locked)
                starts[i, id(visit)] = found
        return Shape(course, chains, starts, [])

    def _spot(self, shape: Shape, track: int, step: Step, session: PlacedSession) -> Spot:
        resource = first_resource(shape.chains[track].track.continuity, step.visit, session)
        return Spot(shape, track, step, self.line.floor(session.start), session.holds, resource)

    def _write(self, shape: Shape) -> None:
        """Make the draft of a course from its sessions as they are now."""
        intake, course = self.intake, shape.course
        sessions = sessions_of(shape, intake)
        taken: Taken = []
        for spot in (spot for spots in shape.spots for spot in spots if spot.step.given is None):
            taken += spans_of(spot.step.visit, spot.index, spot.holds)
        cost = sessions_cost(intake.problem, course, sessions, intake.hours).total
        intake.drafts[course.id] = Draft(sessions, cost, min(intake.least(course), cost), tuple(taken))
        intake.changes += 1


def sessions_of(shape: Shape, intake: Intake) -> tuple[PlacedSession, ...]:
    locked = {session.key: session for session in shape.course.locked}
    out = []
    for chain, spots in zip(shape.chains, shape.spots, strict=True):
        for spot in spots:
            key = (chain.track.name, spot.step.number)
            start = intake.line.instant(spot.index)
            out.append(locked[key] if key in locked else PlacedSession(*key, start, spot.holds))
    return tuple(out)


class Day:
    """The sessions of one date and its seats."""

    def __init__(self, intake: Intake, day: int, spots: list[Spot]) -> None:
        self.intake, self.day, self.spots = intake, day, spots
        self.line, self.begin = intake.line, intake.line.midnight(day)
        longest = max(max([hold.end for hold in s.step.visit.holds] + [s.step.visit.minutes]) for s in spots)
        self.board = DayBoard(intake.board, day, 1440 + longest)
        self.within = {id(spot): self._within(spot) for spot in spots}
        self.kinds = {id(spot): {hold.kind for hold in spot.step.visit.holds} for spot in spots}
        self.touched: dict[int, tuple[Spot, tuple[int, tuple[PlacedHold, ...], str | None]]] = {}
        self.trials = self.looked = 0
        self.ideal = self._ideals()

    def polish(self) -> set[str]:
        """The courses that were changed."""
        changed: set[str] = set()
        before = {id(spot): spans_of(spot.step.visit, spot.index, spot.holds) for spot in self.spots}
        again = True
        while again:
            again = False
            for spot in sorted(self.spots, key=lambda spot: self.ideal[id(spot)][0] - self.points(spot)):
                if self.points(spot) > self.ideal[id(spot)][0] and self._improve(spot):
                    changed |= {other.shape.course.id for other, _ in self.touched.values()}
                    again = True
        moved = [spot for spot in self.spots if spot.shape.course.id in changed]
        for spot in moved:
            self.intake.board.give(before[id(spot)])
        for spot in moved:
            self.intake.board.take(spans_of(spot.step.visit, spot.index, spot.holds))
        return changed

    def _improve(self, spot: Spot) -> bool:
        """Give a session a cheaper start, others giving way; everything as it was where that does not pay."""
        self.touched, self.trials = {}, TRIALS
        self._off(spot)
        if self._settle(spot, -1, DEPTH):
            if self._is_lawful():
                return True
            for other, _ in self.touched.values():
                self._off(other)
        for other, (index, holds, resource) in self.touched.values():
            other.index, other.holds, other.resource = index, holds, resource
            self._on(other)
        return False

    def _settle(self, spot: Spot, slack: int, depth: int) -> bool:
        """Place a session that was taken off, at most `slack` points above what it had, or so that others make up.

        Where that fails the session is off the board still, and the others are as they were.
        """
        state = (spot.index, spot.holds, spot.resource)
        had = self.points(spot)
        self.touched[id(spot)] = (spot, state)
        found = self._best(spot)
        if found is not None and found[0] - had <= slack:
            return self._put(spot, found)
        for other in self._near(spot) if depth else ():
            if id(other) in self.touched:
                continue
            if self.trials <= 0:
                break
            gain = self.points(other) - self.ideal[id(other)][0]
            self._off(other)
            choice = self._best(spot)
            pays = choice is not None and (found is None or choice[0] < found[0])
            if pays and choice is not None and choice[0] - had - gain <= slack and self._put(spot, choice):
                if self._settle(other, slack - (choice[0] - had), depth - 1):
                    return True
                del self.touched[id(other)]
                self._off(spot)
                spot.index, spot.holds, spot.resource = state
            self._on(other)
        return False

    def _near(self, spot: Spot) -> list[Spot]:
        """The sessions that hold what a session may want, those nearest to its best start first."""
        want, minutes = self.ideal[id(spot)][1], spot.step.visit.minutes
        low, high = min(want, spot.index) - minutes, max(want, spot.index) + minutes
        near = [
            other
            for other in self.spots
            if other is not spot
            and self.kinds[id(other)] & self.kinds[id(spot)]
            and other.index < high
            and low < other.index + other.step.visit.minutes
        ]
        return sorted(near, key=lambda other: abs(other.index - want))

    def _off(self, spot: Spot) -> None:
        self.board.give(spans_of(spot.step.visit, spot.index - self.begin, spot.holds))

    def _on(self, spot: Spot) -> None:
        self.board.take(spans_of(spot.step.visit, spot.index - self.begin, spot.holds))

    def _put(self, spot: Spot, choice: Choice) -> bool:
        _, index, resource = choice
        chain = spot.shape.chains[spot.track]
        liked = [(hold.resource, hold.seat) for hold in spot.holds]
        holds = self.board.assign(spot.step.visit, index - self.begin, chain.track.continuity, resource, liked)
        if holds is None:
            return False
        spot.index, spot.holds, spot.resource = index, holds, resource
        self._on(spot)
        return True

    def _ideals(self) -> dict[int, tuple[int, int]]:
        """By session: points and start of the best it could have on this date without the others."""
        for spot in self.spots:
            self._off(spot)
        out = {}
        for spot in self.spots:
            found = self._best(spot)
            out[id(spot)] = (found[0], found[1]) if found is not None else (self.points(spot), spot.index)
        for spot in self.spots:
            self._on(spot)
        return out

    def _within(self, spot: Spot) -> int:
        """The starts on this date that patient, site, gaps and the course's other visits leave, from midnight."""
        shape, step = spot.shape, spot.step
        found = shape.starts[spot.track, id(step.visit)] >> self.begin & ones(0, 1440)
        low, high = -INF, INF
        spots = shape.spots[spot.track]
        if step.number > 1:
            before = spots[step.number - 2].treat
            low, high = before + step.least, before + step.most
        if step.number < len(spots):
            after = spots[step.number]
            low = max(low, after.treat - after.step.most)
            high = min(high, after.treat - after.step.least)
        first = max(-(-(low - step.lead) // 60) - self.begin, 0)
        last = min((high - step.lead) // 60 - self.begin, 1440)
        found &= ones(first, last + 1)
        for other in (other for spots in shape.spots for other in spots):
            if other is not spot and other.step.given is None and 0 <= other.index - self.begin < 1440:
                begin = other.index - self.begin
                found &= ~ones(max(begin - step.visit.minutes + 1, 0), begin + other.step.visit.minutes)
        return found

    def points(self, spot: Spot) -> int:
        """What a session costs where it is: its time, a move, and changes of resource."""
        return self._points(spot, spot.index) + self._changes(spot, spot.resource)

    def _points(self, spot: Spot, index: int) -> int:
        offers, current = spot.step.offers, spot.step.current
        points = abs(index - self.begin - offers.want) // offers.grid
        if current is not None and index * 60 != current:
            points += 1000 if self.line.day_of(current // 60) == self.day else 1200
        return points

    def _changes(self, spot: Spot, resource: str | None) -> int:
        chain, spots, number = spot.shape.chains[spot.track], spot.shape.spots[spot.track], spot.step.number
        if resource is None:
            return 0
        near = [spots[at].resource for at in (number - 2, number) if 0 <= at < len(spots)]
        return chain.continuity_points * sum(other not in (None, resource) for other in near)

    def _best(self, spot: Spot) -> Choice | None:
        """The cheapest start and resource that the board has for a session now, of equals the earliest start."""
        self.trials -= 1
        self.looked += 1
        step, best = spot.step, None
        kind = spot.shape.chains[spot.track].track.continuity
        for resource, starts in self.board.seatable(step.visit, self.within[id(spot)], kind).items():
            changes = self._changes(spot, resource)
            for start in self._candidates(step, starts):
                index = start + self.begin
                found = (self._points(spot, index) + changes, index, resource)
                if best is None or found[:2] < best[:2]:
                    best = found
        return best

    def _candidates(self, step: Step, starts: int) -> Iterable[int]:
        """Of a set of starts those nearest to the preferred time, and the one that is booked now."""
        want = step.offers.want
        before, after = starts & ones(0, want + 1), starts >> want
        if before:
            yield before.bit_length() - 1
        if after:
            yield want + (after & -after).bit_length() - 1
        if step.current is not None and not step.current % 60:
            booked = step.current // 60 - self.begin
            if booked >= 0 and starts >> booked & 1:
                yield booked

    def _is_lawful(self) -> bool:
        """Whether courses of several tracks keep their links; those of one track do, by their sets of starts."""
        shapes = {id(spot.shape): spot.shape for spot, _ in self.touched.values() if len(spot.shape.chains) > 1}
        return all(self._keeps_rules(shape) for shape in shapes.values())

    def _keeps_rules(self, shape: Shape) -> bool:
        placed = {session.key: session for session in sessions_of(shape, self.intake)}
        return not course_violations(View(self.intake.problem, shape.course, placed, self.intake.hours))
