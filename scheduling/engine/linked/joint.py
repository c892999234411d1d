"""Lower bounds for linked tracks: the shared calendar of all tracks, date by date.

A node says how many sessions of each track are placed, when the last of each was, and what links and `max_in` still
ask. Its value is the least cost of the rest, by the resource of the led track and by the last start of the traced one:
exact but for the times of day that gaps and the other links ask for, where some pair of starts must keep them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import nsmallest
from itertools import combinations

from ..options import INF, Chain, Step
from ..track.chain import kept_dates
from ..track.tables import LENGTH_POINTS, Tables
from .days import NOWHEN, Days, TimeUp
from .links import NO_BAND, Asked, Band, Links
from .patterns import Dates, Patterns
from .rating import Node, Rating, Way, gap_of

MAX_NODES = 30_000

Key = tuple[int, tuple[int, ...], tuple[int, ...], Asked]
"""Of a node: date, placed, last, asked."""


Parts = tuple[int, int, tuple[tuple[int, int], ...]]
"""The rest without `length`, its `length`, and for tracks with `max_in` what turns a pattern's value into that."""


@dataclass(slots=True, eq=False)
class Leg:
    """A way without its node, and once it is wanted its costs."""

    day: int
    tracks: tuple[int, ...]
    points: int
    placed: tuple[int, ...]
    last: tuple[int, ...]
    rest: int
    """What is left after it at least."""
    room: int = -1
    """The room for which what follows was made."""
    lows: list[int] = field(default_factory=list)
    """The least of each row of `least`; empty where the leg cannot be taken."""
    asked: Asked = ()
    least: list[list[int]] = field(default_factory=list)


class Joint:
    """The nodes of one course start day."""

    def __init__(
        self,
        chains: list[Chain],
        links: Links,
        start_day: int,
        horizon: int,
        days: Days,
        out_of_time: Callable[[], bool],
    ) -> None:
        self.chains, self.links, self.start_day, self.pairs = chains, links, start_day, days
        self.led, self.width, self.traced = days.led, days.width, days.traced
        self.tables = [Tables(chain, start_day, horizon, 0) for chain in chains]
        self.possible = all(table.possible for table in self.tables)
        self.paced = [Tables(chain, start_day, horizon) for chain in chains] if self.possible else []
        self.rating = Rating(chains, days)
        self.keep = [kept_dates(chain) for chain in chains]
        self.soonest = [self._soonest(table) for table in self.tables] if self.possible else []
        self.patterns: dict[int, Patterns] = {}
        self._found_parts: dict[tuple, Parts] = {}
        self.complete = True
        self.nodes: dict[tuple, Node] = {}
        self._costs: dict[tuple, list[list[int]]] = {}
        self._found_legs: dict[tuple, list[Leg]] = {}
        self._starts: dict[tuple[int, int], tuple[int, ...]] = {}
        self.room = 0
        self._next: dict[tuple[int, int, int], list[int]] = {}
        self._rests: dict[tuple[int, int, int], tuple[int, int]] = {}
        self.ceiling, self.beam, self.most_nodes = 0, 0, MAX_NODES
        self.furthest = max((min(t.days[-1], default=0) for t in self.tables if t.possible), default=0)
        self.root: Node | None = None
        self.out_of_time = out_of_time
        self.last_given = max((s.given.day for c in chains for s in c.steps if s.given is not None), default=0)

    def bound(self) -> int:
        """A bound without the nodes: what the tracks cost each for itself, and the longest of them."""
        if not self.possible:
            return INF
        rest = self._rest(self.start_day - 1, *self._given())
        return rest + LENGTH_POINTS * max(self.last_given - self.start_day, 0)

    def build(self, ceiling: int = INF, *, beam: int = 0, patterned: bool = False) -> None:
        """Make every node that a plan below `ceiling` can pass, then the values from the last date back.

        With a `beam`, only so many nodes of each date, the most promising: the values are then no bounds. If it is
        `patterned`, there are `patterns` for labels to look at as well.
        """
        self.ceiling, self.beam, self.complete = ceiling, beam, True
        self._widen(INF if beam else ceiling - self.bound())
        self.nodes = {}
        self.root = self._root()
        self.root.reached, self.root.came = 0, [0] * len(self.root.starts)
        try:
            self._build(self.root, patterned)
        except TimeUp:
            self.complete = False

    def _widen(self, room: int) -> None:
        """Follow the starts of the traced track up to `room` points above the cheapest of their date and resource.

        A plan below the ceiling has no others: the bound of the start day has the cheapest ones.
        """
        if self.traced is not None and room != self.room:
            self.room = room
            self._costs.clear()
            self._starts.clear()

    def _starts_on(self, step: Step, day: int) -> tuple[int, ...]:
        """The seconds at which the treatment of a session of the traced track may start on a date."""
        key = (self.pairs.kind(step), day)
        if key not in self._starts:
            self._starts[key] = self.pairs.starts(step, day, self.room)
        return self._starts[key]

    def _build(self, root: Node, patterned: bool) -> None:
        self.patterns, self._found_parts = {}, {}
        if patterned and self.ceiling < INF:
            self._keep_patterns(root)
            if self.rest_with(root, self.earliest_at(root)) >= self.ceiling:
                root.value = [INF] * (self.rating.width * len(root.starts))
                return
        beam = self.beam
        layers: dict[int, list[Node]] = {root.day: [root]}
        order: list[Node] = []
        while layers:
            layer = layers.pop(min(layers))
            if beam and len(layer) > beam:
                layer, self.complete = nsmallest(beam, layer, key=lambda node: node.hope), False
            for node in layer:
                order.append(node)
                node.ways = self._ways(node, layers)
            if len(order) > self.most_nodes or self.out_of_time():
                self.complete = False
                return
        self.rating.rate(list(reversed(order)))

    def _rest(self, day: int, placed: tuple[int, ...], last: tuple[int, ...]) -> int:
        """What is left after a date at least, each track for itself; `length` by the track that needs most."""
        total, most, _ = self._parts(day, placed, last)
        return min(total + most, INF)

    def _parts(self, day: int, placed: tuple[int, ...], last: tuple[int, ...]) -> Parts:
        here = LENGTH_POINTS * max(day, self.start_day, self.last_given)
        total, most, limited = 0, max(LENGTH_POINTS * self.furthest - here, 0), []
        for i, chain in enumerate(self.chains):
            if placed[i] < len(chain.steps):
                rest, end = self._rest_of(i, placed[i], last[i])
                total += rest
                most = max(most, end - here - rest)
                if i in self.patterns:
                    limited.append((i, LENGTH_POINTS * (last[i] if placed[i] else self.start_day) - here - rest))
        return total, most, tuple(limited)

    def rest_with(self, node: Node, earliest: tuple[Dates, ...]) -> int:
        """What is left after a node at least, `max_in` kept by each track for itself."""
        key = (node.day, node.placed, node.last)
        if key not in self._found_parts:
            self._found_parts[key] = self._parts(*key)
        total, most, limited = self._found_parts[key]
        for i, extra in limited:
            most = max(most, self.patterns[i].value[node.placed[i]].get((node.last[i], earliest[i]), INF) + extra)
        return min(total + most, INF)

    def _rest_of(self, i: int, placed: int, last: int) -> tuple[int, int]:
        """What the rest of a track costs without `length`, and with 4 points for each day up to its end, an ordinal."""
        key = (i, placed, last)
        if key not in self._rests:
            plain, paced = self.tables[i], self.paced[i]
            if placed == 0:
                rest = min(min(values) for values in plain.value[0].values())
                end = min(min(values) + LENGTH_POINTS * day for day, values in paced.value[0].items())
            else:
                least = self.chains[i].least(self.chains[i].steps[placed - 1], last)
                rest, end = (
                    min(
                        (v - a for v, a in zip(table.value[placed - 1].get(last, ()), least, strict=False) if v < INF),
                        default=INF,
                    )
                    for table in (plain, paced)
                )
                end += LENGTH_POINTS * last
            self._rests[key] = (rest, end)
        return self._rests[key]

    def _given(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """By track, how many sessions are locked at its head, and the date of the last of them."""
        placed, last = [], []
        for chain in self.chains:
            count, day = 0, 0
            for step in chain.steps:
                if step.given is None:
                    break
                count, day = count + 1, step.given.day
            placed.append(count)
            last.append(day)
        return tuple(placed), tuple(last)

    def _root(self) -> Node:
        placed, last = self._given()
        return self._node((self.start_day - 1, placed, last, self.links.asked_at_first(placed)))

    def _node(self, key: Key) -> Node:
        day, placed, last, asked = key
        bands: list[Band] = []
        starts: tuple[int, ...] = NOWHEN
        for i, chain in enumerate(self.chains):
            if not placed[i] or i not in self.links.timed:
                bands.append(NO_BAND)
                continue
            if i == self.traced:
                starts = self._starts_on(chain.steps[placed[i] - 1], last[i])
                bands.append((starts[0], starts[-1]))
            else:
                bands.append(chain.reach(chain.steps[placed[i] - 1], last[i]))
        return Node(day, placed, last, asked, starts, tuple(bands))

    def _keep_patterns(self, root: Node) -> None:
        """For the tracks with `max_in`, what each alone costs if it keeps it."""
        here = max(root.day, self.start_day, self.last_given)
        for i, chain in enumerate(self.chains):
            if any(self.keep[i]) and root.placed[i] < len(chain.steps):
                others = sum(
                    self._rest_of(j, root.placed[j], root.last[j])[0]
                    for j, other in enumerate(self.chains)
                    if j != i and root.placed[j] < len(other.steps)
                )
                last, first = root.last[i], self.earliest_at(root)[i]
                top = self.ceiling - others + LENGTH_POINTS * (here - (last if root.placed[i] else self.start_day))
                after = partial(self.dates_after, i)
                self.patterns[i] = Patterns(self.paced[i], after, root.placed[i], last, first, top, self.out_of_time)

    def earliest_at(self, root: Node) -> tuple[Dates, ...]:
        """By track, the first dates that `max_in` leaves the sessions after the locked ones at its head."""
        found = []
        for i, chain in enumerate(self.chains):
            dates: Dates = ()
            for k, step in enumerate(chain.steps[: root.placed[i]]):
                if step.given is not None:
                    dates = self.dates_after(i, k, dates, step.given.day)
            found.append(dates)
        return tuple(found)

    def dates_after(self, track: int, k: int, held: Dates, day: int) -> Dates:
        """The first dates that `max_in` leaves the sessions after session k (from 0) of a track; 0 binds nothing."""
        keep, steps = self.keep[track][k], self.chains[track].steps
        if not keep:
            return ()
        out = []
        for ahead in range(1, keep + 1):
            least = held[ahead] if ahead < len(held) else 0
            follow = steps[k + ahead]
            if follow.max_in is not None and follow.max_in[0] == ahead and follow.given is None:
                least = max(least, day + follow.max_in[1])
            out.append(least if least > max(day + ahead, self.soonest[track][k + ahead]) else 0)
        while out and not out[-1]:
            out.pop()
        return tuple(out)

    @staticmethod
    def _soonest(table: Tables) -> list[int]:
        """By session, the first date that it can have."""
        out: list[int] = []
        for days, step in zip(table.days, table.chain.steps, strict=True):
            first = out[-1] + 1 if out and step.given is None else 0
            out.append(next((day for day in days if day >= first), first))
        return out

    def next_days(self, track: int, placed: int, last: int) -> list[int]:
        """The dates on which the next session of a track can lie."""
        key = (track, placed, last)
        if key not in self._next:
            table = self.tables[track]
            self._next[key] = table.next_days(placed - 1, last) if placed else table.days[0]
        return self._next[key]

    def _ways(self, node: Node, layers: dict[int, list[Node]]) -> list[Way]:
        """The ways on from a node that a plan below the ceiling can take; new nodes go to their layers."""
        ways = []
        for leg in self._legs(node):
            if node.reached + leg.points + leg.rest >= self.ceiling or not self._is_open(node, leg):
                continue
            came = self._came(node, leg)
            reached = min(came)
            hope = reached + leg.rest
            if hope >= self.ceiling:
                continue
            key = (leg.day, leg.placed, leg.last, leg.asked)
            child = self.nodes.get(key)
            if child is None:
                child = self.nodes[key] = self._node(key)
                layers.setdefault(leg.day, []).append(child)
            if reached < child.reached:
                child.reached, child.hope = reached, hope
            child.came = [min(a, b) for a, b in zip(child.came, came, strict=True)] if child.came else came
            ways.append(Way(leg.day, leg.tracks, leg.points, child, leg.least))
        return ways

    def _legs(self, node: Node) -> list[Leg]:
        """The ways on from a node, whatever the ceiling."""
        key = (node.day, node.placed, node.last, node.asked)
        if key not in self._found_legs:
            self._found_legs[key] = self._find_legs(node)
        return self._found_legs[key]

    def _find_legs(self, node: Node) -> list[Leg]:
        if self.out_of_time():
            raise TimeUp
        days: dict[int, list[int]] = {}
        for i, chain in enumerate(self.chains):
            if node.placed[i] < len(chain.steps):
                days[i] = [d for d in self.next_days(i, node.placed[i], node.last[i]) if d > node.day]
        if not days or not all(days.values()):
            return []
        limit = min(found[-1] for found in days.values())
        by_day: dict[int, list[int]] = {}
        for i, found in days.items():
            for day in found[: bisect_right(found, limit)]:
                by_day.setdefault(day, []).append(i)
        legs = []
        for day, here in sorted(by_day.items()):
            musts = {i for i, found in days.items() if found[-1] == day}
            for size in range(max(len(musts), 1), len(here) + 1):
                for tracks in combinations(here, size):
                    leg = self._leg(node, day, tracks) if musts <= set(tracks) else None
                    if leg is not None:
                        legs.append(leg)
        return legs

    def _leg(self, node: Node, day: int, tracks: tuple[int, ...]) -> Leg | None:
        placed, last = list(node.placed), list(node.last)
        points = LENGTH_POINTS * (max(day, self.last_given) - max(node.day, self.last_given, self.start_day))
        for i in tracks:
            if placed[i]:
                points += self.tables[i].edge(placed[i], day - last[i])
            placed[i] += 1
            last[i] = day
        now_placed, now_last = tuple(placed), tuple(last)
        rest = self._rest(day, now_placed, now_last)
        return Leg(day, tracks, points, now_placed, now_last, rest) if rest < INF else None

    def _is_open(self, node: Node, leg: Leg) -> bool:
        """Whether links and starts let a leg be taken; looked at once for each room, when it is first wanted."""
        if leg.room == self.room:
            return bool(leg.lows)
        leg.room, leg.lows = self.room, []
        day, tracks = leg.day, leg.tracks
        steps = tuple(self.chains[i].steps[node.placed[i]] for i in tracks)
        here = {i: self._band(i, step, day) for i, step in zip(tracks, steps, strict=True) if i in self.links.timed}
        if not self.links.day_allows(node.placed, node.last, day, tracks, node.bands, here):
            return False
        asked = self.links.asked_after(node.asked, node.placed, day, tracks, here)
        if asked is None:
            return False
        leg.asked, leg.least = asked, self._costs_of(node, day, tracks, steps)
        lows = [min(row) for row in leg.least]
        if min(lows) < INF:
            leg.lows = lows
        return bool(leg.lows)

    def _came(self, node: Node, leg: Leg) -> list[int]:
        """By start of the traced track after a leg, the least cost of the way through a node."""
        points, lows = leg.points, leg.lows
        if self.traced is None or self.traced not in leg.tracks:
            if len(lows) == 1:
                more = points + lows[0]
                return [value + more for value in node.came]
            return [value + points + low for value, low in zip(node.came, lows, strict=True)]
        starts = self._starts_on(self.chains[self.traced].steps[node.placed[self.traced]], leg.day)
        least, most = gap_of(self.chains, self.traced, node, starts)
        if least is None:
            return [node.reached + points + low for low in lows]
        return [
            points
            + low
            + min(
                (v for v, before in zip(node.came, node.starts, strict=True) if least <= start - before <= most),
                default=INF,
            )
            for start, low in zip(starts, lows, strict=True)
        ]

    def _band(self, track: int, step: Step, day: int) -> Band:
        if track != self.traced:
            return self.chains[track].reach(step, day)
        starts = self._starts_on(step, day)
        return starts[0], starts[-1]

    def _costs_of(self, node: Node, day: int, tracks: tuple[int, ...], steps: tuple[Step, ...]) -> list[list[int]]:
        """The rows of a way: what its sessions cost at least."""
        traced = self.traced
        if traced is None:
            limits = tuple(self.links.limit(node.placed, node.bands, i, tracks, day) for i in tracks)
            return [self.pairs.least(day, tracks, steps, limits)]
        kinds = tuple(self.pairs.kind(step) for step in steps)
        tied = node.placed[traced] and any(
            tie.after == traced and tie.track in tracks and tie.type != "at_least" for tie in self.links.ties
        )
        starts: tuple[int, ...] = NOWHEN
        others = tuple((node.placed[i], node.last[i]) for i in self.links.measured if i != traced)
        begun = tuple(node.placed[i] > 0 for i in tracks)
        key: tuple = (day, tracks, kinds, others, begun)
        if traced in tracks:
            starts = self._starts_on(steps[tracks.index(traced)], day)
        elif tied:
            before = self.chains[traced].steps[node.placed[traced] - 1]
            starts, key = node.starts, (*key, self.pairs.kind(before), node.last[traced])
        found = self._costs.get(key)
        if found is None:
            found = self._costs[key] = self._find_costs(node, day, tracks, steps, starts)
        return found

    def _find_costs(
        self, node: Node, day: int, tracks: tuple[int, ...], steps: tuple[Step, ...], starts: tuple[int, ...]
    ) -> list[list[int]]:
        traced, rows = self.traced, []
        for start in starts:
            if traced in tracks or starts is NOWHEN:
                bands = node.bands
            else:
                bands = tuple((start, start) if i == traced else band for i, band in enumerate(node.bands))
            limits = tuple(
                (start, start) if i == traced else self.links.limit(node.placed, bands, i, tracks, day) for i in tracks
            )
            rows.append(self.pairs.least(day, tracks, steps, limits))
        return rows
