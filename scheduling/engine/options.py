"""A course as the search sees it: every session with its gaps, its visit's free starts, and what each start costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from .problem import Course, PlacedSession, Problem
from .protocol import Protocol, Track, Visit
from .seats import Board, groups_of
from .timeline import Timeline, filled, ones

INF = 1 << 60


def seconds_at_least(hours: float) -> int:
    """The fewest whole seconds that are not below `hours`, compared as the rules do: seconds / 3600."""
    found = math.ceil(hours * 3600)
    while found > 0 and (found - 1) / 3600 >= hours:
        found -= 1
    while found / 3600 < hours:
        found += 1
    return found


def seconds_at_most(hours: float | None) -> int:
    if hours is None:
        return INF
    found = math.floor(hours * 3600)
    while (found + 1) / 3600 <= hours:
        found += 1
    while found / 3600 > hours:
        found -= 1
    return found


@dataclass(frozen=True, slots=True)
class Given:
    """A locked session: its date, seconds from the base, and the index of its continuity resource."""

    day: int
    second: int
    resource: int


@dataclass(slots=True)
class Step:
    """One session of a track, with what its phase asks of it."""

    number: int
    visit: Visit
    lead: int
    """Seconds from the visit's start to the start of its treatment."""
    done: int
    """Seconds from the visit's start to the end of its treatment."""
    opens: int
    closes: int
    """First and last date of its window, in days after the course's start day."""
    least: int
    most: int
    """Seconds from the treatment before to this one."""
    per_period: int
    period_days: int
    """Of its phase where the session before is of the same one and `spread` counts, else 0."""
    max_in: tuple[int, int] | None
    given: Given | None
    current: int | None
    """Seconds from the base at which it is booked now."""
    offers: Offers


@dataclass(slots=True)
class DayOffers:
    """The free starts of one visit on one date: by resource index the cheapest cost, and the first and last start."""

    sets: list[int]
    """By resource index the starts, bit i for the minute i of the date."""
    union: int
    least: list[int]
    first: int
    last: int


class Offers:
    """The free starts of one visit type for one course, by date and by the index of the continuity resource."""

    def __init__(self, line: Timeline, grid: int, want: int, by_resource: dict[int, int], width: int) -> None:
        self.line, self.grid, self.want = line, grid, want
        self.by_resource = by_resource
        self.width = width
        self._bytes: dict[int, bytes] = {}
        self._days: dict[int, DayOffers | None] = {}
        self._ranked: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def day(self, day: int) -> DayOffers | None:
        """The starts on a date, None where there is none."""
        if day not in self._days:
            self._days[day] = self._day(day)
        return self._days[day]

    def _day(self, day: int) -> DayOffers | None:
        line = self.line
        if not line.first <= day <= line.last:
            return None
        if not self._bytes:
            # A date is cut out of bytes far sooner than out of a number of a hundred thousand bits.
            self._bytes = {r: starts.to_bytes(line.size // 8 + 1, "little") for r, starts in self.by_resource.items()}
        begin, end = line.midnight(day), line.midnight(day + 1)
        low, high, bit, mask = begin >> 3, (end + 7) >> 3, begin & 7, ones(0, end - begin)
        sets, least, union = [0] * self.width, [INF] * self.width, 0
        for resource, row in self._bytes.items():
            found = int.from_bytes(row[low:high], "little") >> bit & mask
            if found:
                union |= found
                sets[resource] = found
                least[resource] = self._cheapest(day, begin, found)
        if not union:
            return None
        first, last = begin + (union & -union).bit_length() - 1, begin + union.bit_length() - 1
        return DayOffers(sets, union, least, first, last)

    def _cheapest(self, day: int, begin: int, found: int) -> int:
        if not self.line.is_plain(day):
            return min(self.points(day, index) for index in members(found, begin))
        before, after = found & ones(0, self.want + 1), found >> self.want
        costs = []
        if before:
            costs.append((self.want - before.bit_length() + 1) // self.grid)
        if after:
            costs.append(((after & -after).bit_length() - 1) // self.grid)
        return min(costs)

    def points(self, day: int, index: int) -> int:
        """What a start costs for its time of day."""
        return abs(self.line.wall(day, index) - self.want) // self.grid

    def ranked(self, day: int, resource: int) -> list[tuple[int, int]]:
        """(points, start) of a date and resource, cheapest first, of equals the earlier one first."""
        key = (day, resource)
        if key not in self._ranked:
            found = self.day(day)
            self._ranked[key] = self._by_cost(day, found.sets[resource]) if found else []
        return self._ranked[key]

    def _by_cost(self, day: int, starts: int) -> list[tuple[int, int]]:
        begin = self.line.midnight(day)
        if not self.line.is_plain(day):
            return sorted((self.points(day, index), index) for index in members(starts, begin))
        return sorted([(abs(i - self.want) // self.grid, begin + i) for i in members(starts, 0)])


def members(found: int, begin: int) -> list[int]:
    out = []
    while found:
        low = found & -found
        out.append(begin + low.bit_length() - 1)
        found ^= low
    return out


@dataclass
class Chain:
    """The sessions of one track, in order; `names` are its continuity resources, index 0 standing for none."""

    track: Track
    steps: list[Step]
    names: list[str | None]
    is_first: bool = False
    continuity_points: int = 8
    _ranked: dict[tuple[int, int, int], list[tuple[int, int]]] = field(default_factory=dict)
    _parts: dict[tuple[int, int, int, int], list[int] | None] = field(default_factory=dict)
    _cheapest: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)
    _following: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def least(self, step: Step, day: int) -> list[int]:
        """By resource index, the cheapest node of a session on a date (its time and its move, nothing else)."""
        return self.nodes(step, day) or [INF] * len(self.names)

    def nodes(self, step: Step, day: int, unit: int = 1) -> list[int] | None:
        """As `least`, in parts of a point; None where the session has no start on that date."""
        if unit == 1:
            return self._nodes(step, day)
        key = (id(step.offers), step.number if step.given is not None or step.current is not None else 0, day, unit)
        if key not in self._parts:
            found = self._nodes(step, day)
            self._parts[key] = found and [node * unit if node < INF else INF for node in found]
        return self._parts[key]

    def _nodes(self, step: Step, day: int) -> list[int] | None:
        if step.given is not None:
            return [0 if index == step.given.resource else INF for index in range(len(self.names))]
        found = step.offers.day(day)
        if found is None or step.current is None:
            return None if found is None else found.least
        return self._least_moved(step, step.current, day, found)

    def first_from(self, step: Step, low: int, high: int) -> int:
        """The first date from `low` on with a start, the one after `high` where there is none up to that."""
        low, high = max(low, step.offers.line.first), min(high, step.offers.line.last)
        return next((day for day in range(low, high + 1) if step.offers.day(day) is not None), high + 1)

    def cheapest(self, step: Step, low: int, high: int) -> tuple[int, int] | None:
        """Of the dates from `low` to `high`, the first one with a start, and the least that one of them costs."""
        if step.given is not None:
            return step.given.day, 0
        kind = (id(step.offers), step.number if step.current is not None else 0)
        known = self._cheapest.setdefault(kind, {})
        first, least = None, INF
        for day in range(max(low, step.offers.line.first), min(high, step.offers.line.last) + 1):
            points = known.get(day)
            if points is None:
                points = known[day] = min(self.nodes(step, day) or (INF,))
            if points < INF:
                first = day if first is None else first
                least = min(least, points)
        return None if first is None else (first, least)

    def _least_moved(self, step: Step, current: int, day: int, found: DayOffers) -> list[int]:
        """As `least`, for a session that is booked now: to stay costs its time, to move more."""
        offers, index = step.offers, current // 60
        if offers.line.day_of(index) != day:
            return [min(value + 1200, INF) for value in found.least]
        least = [min(value + 1000, INF) for value in found.least]
        if current % 60 == 0:
            bit = index - offers.line.midnight(day)
            for r, starts in enumerate(found.sets):
                if starts >> bit & 1:
                    least[r] = min(least[r], offers.points(day, index))
        return least

    def ranked(self, step: Step, day: int, resource: int) -> list[tuple[int, int]]:
        """(points, start) of a session on a date with a resource, cheapest first."""
        if step.given is not None:
            return [(0, step.given.second // 60)]
        plain = step.offers.ranked(day, resource)
        if step.current is None:
            return plain
        key = (step.number, day, resource)
        if key in self._ranked:
            return self._ranked[key]
        on = step.offers.line.day_of(step.current // 60)
        moved = 1000 if on == day else 1200
        self._ranked[key] = sorted((p + (0 if index * 60 == step.current else moved), index) for p, index in plain)
        return self._ranked[key]

    def second_of(self, step: Step, index: int) -> int:
        return step.given.second if step.given is not None else index * 60

    def window(self, step: Step, start_day: int, horizon: int) -> tuple[int, int]:
        """First and last date on which a session may lie, for a course that starts on `start_day`."""
        if step.given is not None:
            return step.given.day, step.given.day
        low, high = max(start_day + step.opens, start_day), start_day + step.closes
        if self.is_first and step.number == 1:
            high = min(high, start_day)
        return low, min(high, horizon)

    def reach(self, step: Step, day: int) -> tuple[int, int]:
        """Seconds of the first and the last treatment start of a session on a date."""
        if step.given is not None:
            return step.given.second + step.lead, step.given.second + step.lead
        found = step.offers.day(day)
        if found is None:
            return INF, -INF
        return found.first * 60 + step.lead, found.last * 60 + step.lead

    def following(self, k: int, day: int) -> tuple[int, int]:
        """The first and the last date on which session k+1 (from 0) can follow session k on `day`.

        Among the dates between them, those on which it has a start can follow; the course's start day plays no part.
        """
        key = (self._pairs[k], day)
        found = self._following.get(key)
        if found is None:
            found = self._following[key] = self._follow(self.steps[k], self.steps[k + 1], day)
        return found

    @cached_property
    def _pairs(self) -> list[int]:
        """By session, what tells its dates and those after it from others: sessions alike share what is computed."""
        kinds: dict[tuple, int] = {}
        return [
            kinds.setdefault((_kind(one), _kind(other), other.least, other.most), len(kinds))
            for one, other in pairwise(self.steps)
        ]

    def _follow(self, before: Step, after: Step, day: int) -> tuple[int, int]:
        if before.given is not None and after.given is not None:
            return after.given.day, after.given.day
        low, high = self.reach(before, day)
        low, high = low + after.least - after.lead, high + after.most - after.lead
        if after.given is not None:
            kept = after.given.day > day and low <= after.given.second <= high
            return (after.given.day, after.given.day) if kept else (1, 0)
        line = after.offers.line
        if low >= line.midnights[-1] * 60:
            return 1, 0
        first, last = max(line.day_of(-(-low // 60)), day + 1), line.last
        found = after.offers.day(first)
        if found is not None and found.last * 60 < low:
            first += 1
        if high < line.midnights[-1] * 60:
            last = line.day_of(high // 60)
            found = after.offers.day(last)
            if found is not None and found.first * 60 > high:
                last -= 1
        return first, last

    def meets(self, step: Step, day: int, low: int, high: int) -> bool:
        """Whether some treatment of a session can start on a date between two seconds, both included."""
        first, last = self.reach(step, day)
        if last < low or high < first:
            return False
        if step.given is not None or (low <= first and last <= high) or low <= first <= high or low <= last <= high:
            return True
        found = step.offers.day(day)
        begin = step.offers.line.midnight(day)
        low, high = -(-(low - step.lead) // 60) - begin, (high - step.lead) // 60 - begin
        return found is not None and bool(found.union & ones(max(low, 0), high + 1))


def _kind(step: Step) -> tuple:
    """What tells the starts of one session from those of another."""
    given = None if step.given is None else step.number
    return id(step.offers), step.lead, given


def chains_of(problem: Problem, course: Course, board: Board, body: int | None = None) -> list[Chain]:
    """The tracks of a course with every start that rules 2, 6 and 7 leave open, and where locked sessions allow it."""
    protocol = problem.protocol_of(course)
    allowed = body_set(problem, course, board.line)
    locked = {session.key: session for session in course.locked}
    chains = []
    for track in protocol.tracks:
        chains.append(_chain(problem, course, board, protocol, track, allowed, locked))
    chains[0].is_first = True
    return chains


def _chain(
    problem: Problem,
    course: Course,
    board: Board,
    protocol: Protocol,
    track: Track,
    allowed: dict[int, int],
    locked: dict[tuple[str, int], PlacedSession],
) -> Chain:
    line = board.line
    current = {session.key: line.second(session.start) for session in course.current}
    names: list[str | None] = [None]
    visits = {name: protocol.visits[name] for name in dict.fromkeys(track.visit_of(slot) for slot in track.slots)}
    free = {}
    for name, visit in visits.items():
        starts = board_line_starts(board, course, protocol, track, visit, allowed, locked)
        free[name] = board.seatable(visit, starts, track.continuity)
    used = {s.key: first_resource(track.continuity, protocol.visit_of(*s.key), s) for s in locked.values()}
    found = [r for sets in free.values() for r in sets] + [r for k, r in used.items() if k[0] == track.name]
    names += list(dict.fromkeys(name for name in found if name is not None))
    index = {name: i for i, name in enumerate(names)}
    offers = {
        name: Offers(line, line.grid, course.preferred_time, {index[r]: s for r, s in sets.items()}, len(names))
        for name, sets in free.items()
    }
    steps: list[Step] = []
    for slot in track.slots:
        phase, name, key = track.phases[slot.phase], track.visit_of(slot), (track.name, slot.number)
        given = None
        if key in locked:
            start = locked[key].start
            day = start.astimezone(line.zone).date().toordinal()
            given = Given(day, line.second(start), index[used[key]])
        resumed = course.shift_days is not None and steps and steps[-1].given is not None and given is None
        same = bool(steps) and track.slots[slot.number - 2].phase == slot.phase and phase.per_period in (1, 2, 3)
        opens = track.first_day + slot.offset + (course.shift_days or 0)
        lead = visits[name].treatment[0] * 60
        least = seconds_at_least(phase.min_gap_hours)
        if steps:
            least = max(least, shared_seat_gap(board, steps[-1].visit, visits[name]) + lead - steps[-1].lead)
        steps.append(
            Step(
                number=slot.number,
                visit=visits[name],
                lead=lead,
                done=visits[name].treatment[1] * 60,
                opens=opens,
                closes=opens + slot.days - 1,
                least=least,
                most=INF if resumed else seconds_at_most(phase.max_gap_hours),
                per_period=phase.per_period if same else 0,
                period_days=phase.period_days if same else 0,
                max_in=phase.max_in,
                given=given,
                current=current.get(key),
                offers=offers[name],
            )
        )
    return Chain(track, steps, names)


def shared_seat_gap(board: Board, before: Visit, after: Visit) -> int:
    """Seconds from start to start that two visits need because one seat is the only one for holds of both."""
    if (
        before.minutes + after.minutes < 1440
        and max((h.end for v in (before, after) for h in v.holds), default=0) < 720
    ):
        return 0
    gap = 0
    for one in groups_of(before).values():
        for other in groups_of(after).values():
            seats = set(board.seats_for(one)) | set(board.seats_for(other))
            if one.kind == other.kind and len(seats) == 1:
                gap = max(gap, one.spans[-1][1] - min(a for a, _ in other.spans))
    return gap * 60


def body_set(problem: Problem, course: Course, line: Timeline) -> dict[int, int]:
    """By visit minutes: the starts on the grid, not before now, in an opening and when the patient can come."""
    first, last = line.first, min(line.last, problem.horizon_end.toordinal())
    grid = line.grid_set()
    if problem.now is not None:
        grid &= ~ones(0, max(line.ceil(problem.now), 0))
    spans: list[tuple[int, int, int, int]] = []
    for day in range(first, last + 1):
        low, high = line.midnight(day), line.midnight(day + 1)
        can_come = line.patient_spans(course, day)
        for a, b in line.open_spans(day):
            spans += [(max(a, c), min(b, d), low, high) for c, d in can_come if a < d and c < b]
    out = {}
    protocol = problem.protocol_of(course)
    for minutes in {visit.minutes for visit in protocol.visits.values()}:
        out[minutes] = grid & filled(
            ((max(a, low), min(b - minutes + 1, high)) for a, b, low, high in spans), line.size
        )
    return out


def board_line_starts(
    board: Board,
    course: Course,
    protocol: Protocol,
    track: Track,
    visit: Visit,
    allowed: dict[int, int],
    locked: dict[tuple[str, int], PlacedSession],
) -> int:
    """The starts of a visit that the patient's locked sessions leave: one body, and `apart` and `clear` links."""
    line, starts = board.line, allowed[visit.minutes]
    for key, session in locked.items():
        given = protocol.visit_of(*key)
        begin = line.second(session.start)
        low, high = begin // 60, -(-begin // 60) + given.minutes
        starts &= ~ones(max(low - visit.minutes + 1, 0), max(high, 0))
        for link in protocol.links:
            if link.type == "apart" and link.tracks is not None and set(link.tracks) == {track.name, key[0]}:
                if track.name != key[0]:
                    day = session.start.astimezone(line.zone).date().toordinal()
                    starts &= ~ones(max(line.midnight(day), 0), max(line.midnight(day + 1), 0))
            elif link.type == "clear" and link.hours is not None:
                gap = seconds_at_least(link.hours)
                if (link.track, link.after) == (track.name, key[0]):
                    end = begin + given.treatment[1] * 60 - visit.treatment[0] * 60
                    starts &= ~ones(max(-(-end // 60), 0), max(-(-(end + gap) // 60), 0))
                elif (link.after, link.track) == (track.name, key[0]):
                    # This visit's treatment must not end in the `gap` seconds up to the locked one's start.
                    treat = begin + given.treatment[0] * 60 - visit.treatment[1] * 60
                    starts &= ~ones(max((treat - gap) // 60 + 1, 0), max(treat // 60 + 1, 0))
    return starts


def first_resource(kind: str | None, visit: Visit, session: PlacedSession) -> str | None:
    """The resource of a session's first hold of a kind, None where its visit has none."""
    pairs = zip(visit.holds, session.holds, strict=False)
    return next((got.resource for want, got in pairs if want.kind == kind), None) if kind else None
