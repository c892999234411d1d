"""Legal starts for a CP-SAT model: by visit and date, with the seats that can serve each.

Time is whole minutes from a base; a set of minutes is one integer. Nothing is shared with the search of the engine; the
tables are read by `Hours`, as `check` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from scheduling.engine import Course, Interval, PlacedSession, Problem, Visit
from scheduling.engine.hours import Hours

Seat = tuple[str, int]


@dataclass(frozen=True)
class Need:
    """Holds of a visit that share one seat: `spans` in minutes from the visit's start."""

    root: int
    kind: str
    skills: frozenset[str]
    spans: tuple[tuple[int, int], ...]

    def clashes(self, other: Need) -> bool:
        return self.kind == other.kind and any(a < d and c < b for a, b in self.spans for c, d in other.spans)


def needs_of(visit: Visit) -> list[Need]:
    out = []
    for root in dict.fromkeys(visit.roots):
        holds = [hold for hold, own in zip(visit.holds, visit.roots, strict=True) if own == root]
        skills = frozenset(hold.skill for hold in holds if hold.skill is not None)
        out.append(Need(root, holds[0].kind, skills, tuple((hold.begin, hold.end) for hold in holds)))
    return out


@dataclass
class Starts:
    """The legal starts of a visit on one date, in order: minutes, points for each, and the resources it can have."""

    minutes: list[int]
    points: list[int]
    resources: list[frozenset[str | None]]


def bits(begin: int, end: int) -> int:
    return ((1 << (end - begin)) - 1) << begin if end > begin else 0


def members(found: int) -> Iterator[int]:
    while found:
        low = found & -found
        yield low.bit_length() - 1
        found ^= low


@dataclass
class Calendar:
    """The days that a problem can reach, and what is free on every seat."""

    problem: Problem
    free: dict[Seat, int] = field(default_factory=dict)
    _works: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hours = Hours(self.problem)
        days = [course.earliest_start for course in self.problem.courses]
        days += [self.hours.local(s.start).date() for c in self.problem.courses for s in c.locked]
        self.first, self.last = min(days), max([self.problem.horizon_end, *days])
        self.base = self._epoch(self.first - timedelta(days=1))
        self.size = self._epoch(self.last + timedelta(days=3)) - self.base
        self.days = [self.first + timedelta(days=n) for n in range((self.problem.horizon_end - self.first).days + 1)]
        for resource in self.problem.resources:
            away = self._line(resource.unavailable)
            for seat in range(resource.seats):
                self.free[resource.id, seat] = bits(0, self.size) & ~away
        self._take_given()

    def _epoch(self, day: date) -> int:
        return int(self.hours.at(day, 0).timestamp()) // 60

    def minute(self, instant: datetime) -> int:
        seconds = round(instant.timestamp())
        assert seconds % 60 == 0, "the model counts whole minutes"
        return seconds // 60 - self.base

    def instant(self, minute: int) -> datetime:
        return datetime.fromtimestamp((minute + self.base) * 60, UTC).astimezone(self.problem.site.zone)

    def date_of(self, instant: datetime) -> date:
        return self.hours.local(instant).date()

    def midnight(self, day: date) -> int:
        return self._epoch(day) - self.base

    def _clipped(self, span: Interval) -> tuple[int, int]:
        begin = int(span.start.timestamp() // 60) - self.base
        end = -int(-span.end.timestamp() // 60) - self.base
        return max(begin, 0), min(end, self.size)

    def _line(self, spans: Iterable[Interval]) -> int:
        """Many spans as one set; built as text, which is quicker than one `|` for each."""
        line = bytearray(b"0") * self.size
        for begin, end in map(self._clipped, spans):
            if begin < end:
                line[self.size - end : self.size - begin] = b"1" * (end - begin)
        return int(line, 2)

    def _take_given(self) -> None:
        taken: dict[Seat, list[Interval]] = {}
        for booking in self.problem.bookings:
            taken.setdefault((booking.resource, booking.seat), []).append(Interval(booking.start, booking.end))
        for course in self.problem.courses:
            for session in course.locked:
                for seat, span in self._seat_time(course, session):
                    taken.setdefault(seat, []).append(span)
        for seat, spans in taken.items():
            if seat in self.free:
                self.free[seat] &= ~self._line(spans)

    def _seat_time(self, course: Course, session: PlacedSession) -> Iterator[tuple[Seat, Interval]]:
        holds = self.problem.protocol_of(course).visit_of(*session.key).holds
        if len(holds) == len(session.holds):
            for need, got in zip(holds, session.holds, strict=True):
                begin = session.start.astimezone(UTC)
                span = Interval(begin + timedelta(minutes=need.begin), begin + timedelta(minutes=need.end))
                yield (got.resource, got.seat), span

    def working(self, resource_id: str, length: int) -> int:
        """The minutes from which `length` minutes lie in one interval of a resource's hours."""
        key = (resource_id, length)
        if key not in self._works:
            resource = next(r for r in self.problem.resources if r.id == resource_id)
            found, day = 0, self.first
            while day <= self.last + timedelta(days=1):
                for span in self.hours.resource_works(resource, day):
                    begin, end = self._clipped(span)
                    found |= bits(begin, end - length + 1)
                day += timedelta(days=1)
            self._works[key] = found
        return self._works[key]

    def seats_for(self, need: Need) -> list[Seat]:
        return [
            (r.id, seat)
            for r in self.problem.resources
            if r.kind == need.kind and need.skills <= set(r.skills)
            for seat in range(r.seats)
        ]

    def serving(self, need: Need, seat: Seat) -> int:
        """The visit starts at which a seat is there and free for a need."""
        found = bits(0, self.size)
        for begin, end in need.spans:
            length, free = end - begin, self.free[seat]
            done = 1
            while done < length:
                step = min(done, length - done)
                free &= free >> step
                done += step
            found &= (free & self.working(seat[0], length)) >> begin
        return found

    def allowed(self, course: Course, minutes: int) -> int:
        """The starts on the grid, not past, in one opening and one interval in which the patient can come."""
        found, grid = 0, self.problem.site.grid_minutes
        for day in self.days:
            spans = [
                (max(a.start, b.start), min(a.end, b.end))
                for a in self.hours.site_open(day)
                for b in self.hours.patient_can_come(course, day)
                if a.overlaps(b)
            ]
            starts = 0
            for begin, end in spans:
                low = -int(-begin.timestamp() // 60) - self.base
                starts |= bits(low, int(end.timestamp() // 60) - self.base - minutes + 1)
            found |= sum(1 << minute for minute, wall in self.walls(day) if wall % grid == 0 and starts >> minute & 1)
        if self.problem.now is not None:
            found &= ~bits(0, max(0, -int(-self.problem.now.timestamp() // 60) - self.base))
        return found

    def walls(self, day: date) -> list[tuple[int, int]]:
        """(minute, wall-clock minute) of a date at every five minutes, or every one where the clock changes."""
        begin, end = self.midnight(day), self.midnight(day + timedelta(days=1))
        if end - begin == 1440:
            step = 1 if self.problem.site.grid_minutes % 5 else 5
            return [(begin + wall, wall) for wall in range(0, 1440, step)]
        found = [(minute, self.instant(minute)) for minute in range(begin, end)]
        return [(minute, local.hour * 60 + local.minute) for minute, local in found]

    def starts(self, course: Course, visit: Visit, continuity: str | None) -> dict[date, Starts]:
        """Every legal start of a visit for a course alone, by date."""
        needs = needs_of(visit)
        allowed = self.allowed(course, visit.minutes)
        kinds = [hold.kind for hold in visit.holds]
        watched = visit.roots[kinds.index(continuity)] if continuity in kinds else None
        serving = {need.root: {seat: self.serving(need, seat) for seat in self.seats_for(need)} for need in needs}
        needs.sort(key=lambda need: need.root != watched)
        by_resource: dict[str | None, int] = {}
        if watched is None:
            by_resource[None] = seated(needs, serving, allowed, {})
        else:
            for resource_id in dict.fromkeys(seat[0] for seat in serving[watched]):
                only = {seat: found for seat, found in serving[watched].items() if seat[0] == resource_id}
                by_resource[resource_id] = seated(needs, {**serving, watched: only}, allowed, {})
        return {day: starts for day in self.days if (starts := self._on(course, day, by_resource)).minutes}

    def _on(self, course: Course, day: date, by_resource: dict[str | None, int]) -> Starts:
        begin = self.midnight(day)
        mask = bits(0, self.midnight(day + timedelta(days=1)) - begin)
        here = {name: found >> begin & mask for name, found in by_resource.items()}
        union = 0
        for found in here.values():
            union |= found
        if not union:
            return Starts([], [], [])
        wall = dict(self.walls(day))
        minutes = [begin + offset for offset in members(union)]
        grid, want = self.problem.site.grid_minutes, course.preferred_time
        points = [abs(wall[minute] - want) // grid for minute in minutes]
        resources = [frozenset(n for n, found in here.items() if found >> (m - begin) & 1) for m in minutes]
        return Starts(minutes, points, resources)


def seated(needs: list[Need], serving: dict[int, dict[Seat, int]], wanted: int, used: dict[int, Seat]) -> int:
    """Those of the wanted starts at which every need finds a seat beside those used."""
    if len(used) == len(needs) or not wanted:
        return wanted
    need, found = needs[len(used)], 0
    for seat, starts in serving[need.root].items():
        if any(used.get(other.root) == seat and other.clashes(need) for other in needs):
            continue
        if left := wanted & starts & ~found:
            found |= seated(needs, serving, left, {**used, need.root: seat})
    return found


def seat_at(needs: list[Need], free: dict[int, list[Seat]], used: dict[int, Seat]) -> dict[int, Seat] | None:
    """Seats for the needs of one visit, chosen from those free at its start."""
    if len(used) == len(needs):
        return used
    need = needs[len(used)]
    for seat in free[need.root]:
        if any(used.get(other.root) == seat and other.clashes(need) for other in needs):
            continue
        found = seat_at(needs, free, {**used, need.root: seat})
        if found is not None:
            return found
    return None
