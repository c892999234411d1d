"""Which seats are free when: occupancy as sets of minutes, and from which minutes a visit finds all its seats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .occupancy import Seat
from .problem import PlacedHold, Problem, Resource, Week
from .protocol import Visit
from .timeline import Span, Timeline, eroded, filled, ones


@dataclass(frozen=True)
class Group:
    """Holds of a visit that share one seat: the spans it is needed, by a resource of `kind` with all `skills`."""

    kind: str
    skills: frozenset[str]
    spans: tuple[Span, ...]

    @property
    def is_torn(self) -> bool:
        """Whether two of its own holds overlap: then no seat can serve it."""
        spans = sorted(self.spans)
        return any(a[1] > b[0] for a, b in pairwise(spans))

    def clashes(self, other: Group) -> bool:
        return self.kind == other.kind and any(a < d and c < b for a, b in self.spans for c, d in other.spans)


def groups_of(visit: Visit) -> dict[int, Group]:
    """The groups of a visit, by the index of their first hold."""
    found: dict[int, Group] = {}
    for root in dict.fromkeys(visit.roots):
        holds = [hold for hold, its in zip(visit.holds, visit.roots, strict=True) if its == root]
        skills = frozenset(hold.skill for hold in holds if hold.skill is not None)
        found[root] = Group(holds[0].kind, skills, tuple((h.begin, h.end) for h in holds))
    return found


def knots_of(groups: dict[int, Group]) -> list[list[int]]:
    """The groups in sets that must be seated together, because two of them want one kind at one time."""
    knots: list[list[int]] = []
    for root, group in groups.items():
        tied = [knot for knot in knots if any(group.clashes(groups[other]) for other in knot)]
        knots = [knot for knot in knots if knot not in tied] + [[r for knot in tied for r in knot] + [root]]
    return knots


Wanted = tuple[Visit, int, str | None, str | None]
"""A visit with its start, the kind of its continuity hold and the resource wanted for that."""


def groups_together(visits: Sequence[Wanted], start: int) -> tuple[dict[int, Group], dict[int, str]]:
    """The groups of several visits with their spans from `start` on, and the resources wanted, by group."""
    groups: dict[int, Group] = {}
    wants: dict[int, str] = {}
    base = 0
    for visit, begin, continuity, resource in visits:
        offset, kinds = begin - start, [hold.kind for hold in visit.holds]
        for root, group in groups_of(visit).items():
            spans = tuple((a + offset, b + offset) for a, b in group.spans)
            groups[base + root] = Group(group.kind, group.skills, spans) if offset else group
        if continuity in kinds and resource is not None:
            wants[base + visit.roots[kinds.index(continuity)]] = resource
        base += len(visit.holds)
    return groups, wants


@dataclass
class Board:
    """The occupancy of every seat on a timeline. `take` and `give` change it; what is computed from it follows."""

    problem: Problem
    line: Timeline
    busy: dict[Seat, int] = field(default_factory=dict)
    _works: dict[tuple[Week | None, int], int] = field(default_factory=dict)
    _free: dict[tuple[Seat, Group], tuple[int, int]] = field(default_factory=dict)
    _version: dict[Seat, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.resources: dict[str, Resource] = {resource.id: resource for resource in self.problem.resources}
        self.by_kind: dict[str, list[Resource]] = {}
        for resource in self.problem.resources:
            self.by_kind.setdefault(resource.kind, []).append(resource)
            away = [(self.line.floor(gap.start), self.line.ceil(gap.end)) for gap in resource.unavailable]
            for seat in range(resource.seats):
                taken = self._booked((resource.id, seat))
                self.busy[resource.id, seat] = filled(taken + away, self.line.size) if taken or away else 0
                self._version[resource.id, seat] = 0
        self.everything = ones(0, self.line.size)

    def _booked(self, seat: Seat) -> list[Span]:
        """The minutes of a seat that bookings touch."""
        base, size = self.line.base, self.line.size
        found = self.problem.taken.between(seat, base, base + size * 60)
        return [((begin - base) // 60, (end - base + 59) // 60) for begin, end in found]

    def take(self, spans: Iterable[tuple[Seat, Span]]) -> None:
        for seat, (begin, end) in spans:
            self.busy[seat] |= ones(max(begin, 0), min(end, self.line.size))
            self._version[seat] += 1

    def give(self, spans: Iterable[tuple[Seat, Span]]) -> None:
        """Free time that `take` took; the caller knows that nobody else had it."""
        for seat, (begin, end) in spans:
            self.busy[seat] &= ~ones(max(begin, 0), min(end, self.line.size))
            self._version[seat] += 1

    def is_free(self, seat: Seat, begin: int, end: int) -> bool:
        return not (self.busy[seat] >> max(begin, 0)) & ones(0, end - max(begin, 0))

    def _working(self, hours: Week | None, length: int) -> int:
        """The minutes from which `length` minutes lie within one span of these hours, by the date they begin on."""
        key = (hours, length)
        if key not in self._works:
            line, spans = self.line, []
            tail = line.size // 1440 + line.low
            for day in range(line.first - 1, tail):
                low, high = line.midnight(day), line.midnight(day + 1)
                for begin, end in line.work_spans(hours, day):
                    spans.append((max(begin, low), min(end - length + 1, high)))
            self._works[key] = filled(spans, line.size)
        return self._works[key]

    def free_starts(self, seat: Seat, group: Group) -> int:
        """The visit starts at which this seat can serve the group."""
        version = self._version[seat]
        held = self._free.get((seat, group))
        if held is not None and held[0] == version:
            return held[1]
        if group.is_torn:
            return 0
        hours = self.resources[seat[0]].hours
        free = self.everything & ~self.busy[seat]
        found = self.everything
        for begin, end in group.spans:
            length = end - begin
            found &= (eroded(free, length) & self._working(hours, length)) >> begin
        self._free[seat, group] = (version, found)
        return found

    def seats_for(self, group: Group) -> list[Seat]:
        """The seats of the kind with the skills, resource by resource."""
        return [
            (resource.id, seat)
            for resource in self.by_kind.get(group.kind, ())
            if group.skills <= frozenset(resource.skills)
            for seat in range(resource.seats)
        ]

    def seatable(self, visit: Visit, within: int, continuity: str | None) -> dict[str | None, int]:
        """The starts in `within` at which the visit finds all its seats, by the resource of its continuity hold.

        The key is None where the visit has no hold of that kind.
        """
        groups = groups_of(visit)
        watched = next(
            (root for root, hold in zip(visit.roots, visit.holds, strict=True) if hold.kind == continuity), None
        )
        by_resource: dict[str | None, int] = {}
        for knot in knots_of(groups):
            if watched in knot:
                continue
            within &= self._knot_starts(knot, groups, within)
        if watched is None:
            return {None: within}
        knot = next(knot for knot in knots_of(groups) if watched in knot)
        ordered = [watched, *(root for root in knot if root != watched)]
        for resource_id in dict.fromkeys(seat[0] for seat in self.seats_for(groups[watched])):
            only = [seat for seat in self.seats_for(groups[watched]) if seat[0] == resource_id]
            starts = self._knot_starts(ordered, groups, within, only)
            if starts:
                by_resource[resource_id] = starts
        return by_resource

    def _knot_starts(
        self, knot: list[int], groups: dict[int, Group], within: int, first_seats: list[Seat] | None = None
    ) -> int:
        """The starts at which the groups of a knot can be seated, no two of them that clash on one seat."""
        first, rest = (knot[:0], knot) if first_seats is None else (knot[:1], knot[1:])
        asked = [groups[root] for root in rest]
        # Those that ask for the same side by side, the most of them last: these are counted, not tried.
        knot = first + sorted(rest, key=lambda root: (asked.count(groups[root]), asked.index(groups[root])))
        choices = [
            [(seat, self.free_starts(seat, groups[root])) for seat in self.seats_for(groups[root])] for root in knot
        ]
        if first_seats is not None:
            choices[0] = [(seat, starts) for seat, starts in choices[0] if seat in first_seats]
        for options in choices:
            union = 0
            for _, starts in options:
                union |= starts
            within &= union
        if len(knot) == 1 or not within:
            return within
        # Groups that ask for the same may have their seats in one order only: any other is the same but for names.
        free = knot if first_seats is None else knot[1:]
        twins = {root: [other for other in free[:at] if groups[other] == groups[root]] for at, root in enumerate(free)}
        return self._seated(knot, groups, choices, twins, 0, within, {})

    def _seated(
        self,
        knot: list[int],
        groups: dict[int, Group],
        choices: list[list[tuple[Seat, int]]],
        twins: dict[int, list[int]],
        depth: int,
        wanted: int,
        used: dict[int, Seat],
    ) -> int:
        """Those of the `wanted` starts at which the groups from `depth` on can be seated beside the used ones."""
        if depth == len(knot):
            return wanted
        root, found = knot[depth], 0
        if root in twins and all(groups[later] == groups[root] for later in knot[depth:]):
            taken = {seat for other, seat in used.items() if groups[other].clashes(groups[root])}
            free = [starts for seat, starts in choices[depth] if seat not in taken]
            return wanted & at_least(len(knot) - depth, free)
        for seat, starts in choices[depth]:
            if any(seat <= used[twin] for twin in twins.get(root, ())):
                continue
            if any(had == seat and groups[other].clashes(groups[root]) for other, had in used.items()):
                continue
            left = wanted & starts & ~found
            if left:
                found |= self._seated(knot, groups, choices, twins, depth + 1, left, {**used, root: seat})
            if found == wanted:
                break
        return found

    def assign(
        self, visit: Visit, start: int, continuity: str | None, resource: str | None, liked: Iterable[Seat] = ()
    ) -> tuple[PlacedHold, ...] | None:
        """Seats for a visit at `start`, its continuity hold on `resource`; a liked seat is taken where it is free."""
        found = self.assign_together([(visit, start, continuity, resource)], liked)
        return found[0] if found is not None else None

    def assign_together(
        self, visits: Sequence[Wanted], liked: Iterable[Seat] = ()
    ) -> list[tuple[PlacedHold, ...]] | None:
        """The same for visits that may overlap, none of them on a seat that another one has at that time."""
        start = min(wanted[1] for wanted in visits)
        groups, wants = groups_together(visits, start)
        seats: dict[int, Seat] = {}
        likes = set(liked)
        for knot in knots_of(groups):
            if not self._assign_knot(knot, groups, start, wants, likes, seats):
                return None
        out, base = [], 0
        for visit, _, _, _ in visits:
            pairs = zip(visit.holds, visit.roots, strict=True)
            out.append(tuple(PlacedHold(hold.kind, *seats[base + root]) for hold, root in pairs))
            base += len(visit.holds)
        return out

    def can_seat(self, visits: Sequence[Wanted]) -> bool:
        """Whether the holds of visits that clash find a seat each; those that clash with none are not looked at."""
        start = min(wanted[1] for wanted in visits)
        groups, wants = groups_together(visits, start)
        return all(
            len(knot) == 1 or self._assign_knot(knot, groups, start, wants, set(), {}) for knot in knots_of(groups)
        )

    def _assign_knot(
        self,
        knot: list[int],
        groups: dict[int, Group],
        start: int,
        wants: dict[int, str],
        likes: set[Seat],
        seats: dict[int, Seat],
    ) -> bool:
        if not knot:
            return True
        root, rest = knot[0], knot[1:]
        group, wanted = groups[root], wants.get(root)
        free = [seat for seat in self.seats_for(group) if wanted in (None, seat[0])]
        for seat in sorted(free, key=lambda seat: seat not in likes):
            if not self.free_now(seat, group, start):
                continue
            if any(had == seat and groups[other].clashes(group) for other, had in seats.items()):
                continue
            seats[root] = seat
            if self._assign_knot(rest, groups, start, wants, likes, seats):
                return True
            del seats[root]
        return False

    def free_now(self, seat: Seat, group: Group, start: int) -> bool:
        hours, busy = self.resources[seat[0]].hours, self.busy[seat]
        return all(
            self._working(hours, end - begin) >> (start + begin) & 1
            and not (busy >> (start + begin)) & ones(0, end - begin)
            for begin, end in group.spans
        )


def at_least(count: int, sets: Sequence[int]) -> int:
    """What lies in at least so many of the sets."""
    held = [-1] + [0] * count
    for one in sets:
        for number in range(count, 0, -1):
            held[number] |= held[number - 1] & one
    return held[count]


def spans_of(visit: Visit, start: int, holds: Iterable[PlacedHold]) -> list[tuple[Seat, Span]]:
    """The seat time that a placed visit takes, holds of one seat that touch or overlap made one by the set."""
    return [
        ((hold.resource, hold.seat), (start + need.begin, start + need.end))
        for need, hold in zip(visit.holds, holds, strict=True)
    ]
