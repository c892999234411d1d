"""Lower bounds for linked tracks: the shared calendar of all tracks, date by date.

A node says how many sessions of each track are placed, when the last of each was, and what `at_least` links still ask.
Its value is the least cost of the rest, exact but for the times of day: on each date a session may take its cheapest
start, two sessions of one date their cheapest pair, and gaps and links only ask that some pair of starts keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, product

from .links import NO_BAND, Asked, Band, Links
from .options import INF, Chain, Step
from .tables import LENGTH_POINTS, Tables

MAX_NODES = 40_000

Choice = tuple[int, tuple[tuple[int, int, int], ...]]
"""Points, and for each track of a date (track, start, resource index)."""


@dataclass(slots=True, eq=False)
class Node:
    day: int
    placed: tuple[int, ...]
    last: tuple[int, ...]
    asked: Asked
    bands: tuple[Band, ...]
    """By track whose times bind others: when the treatment of its last session starts."""
    ways: list[Way] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    reached: int = INF
    """The least cost of the way to it."""


@dataclass(slots=True, eq=False)
class Way:
    """The next date with sessions, of which tracks, and what that costs apart from the times of day."""

    day: int
    tracks: tuple[int, ...]
    points: int
    node: Node
    limits: tuple[Band | None, ...]
    """By track of the date: the seconds in which its treatment starts, None for any."""
    least: list[int]
    """By resource of the led track (index 0 where it has no session that day): cheapest starts plus the rest."""


class Joint:
    """The nodes of one course start day. `led` is the track whose continuity resource the bounds follow."""

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
        self.led = days.led
        self.width = len(chains[self.led].names)
        self.tables = [Tables(chain, start_day, horizon, 0) for chain in chains]
        self.possible = all(table.possible for table in self.tables)
        self.complete = True
        self.nodes: dict[tuple, Node] = {}
        self._next: dict[tuple[int, int, int], list[int]] = {}
        self._rests: dict[tuple[int, int, int], int] = {}
        self.ceiling = INF
        self.furthest = max((min(t.days[-1], default=0) for t in self.tables if t.possible), default=0)
        self.root: Node | None = None
        self.out_of_time = out_of_time
        self.last_given = max((s.given.day for c in chains for s in c.steps if s.given is not None), default=0)

    def bound(self) -> int:
        """A bound without the nodes: what the tracks cost each for itself, and the longest of them."""
        if not self.possible:
            return INF
        total = sum(min(min(values) for values in table.value[0].values()) for table in self.tables)
        furthest = max(table.days[-1][0] for table in self.tables)
        return total + LENGTH_POINTS * max(furthest - self.start_day, self.last_given - self.start_day, 0)

    def build(self, ceiling: int = INF) -> None:
        """Make every node that a plan below `ceiling` can pass, then the values from the last date back."""
        self.ceiling, self.complete = ceiling, True
        self.nodes = {}
        self.root = self._root()
        self.root.reached = 0
        layers: dict[int, list[Node]] = {self.root.day: [self.root]}
        order: list[Node] = []
        while layers:
            for node in layers.pop(min(layers)):
                order.append(node)
                if node.reached + self._rest(node) < ceiling:
                    node.ways = self._ways(node, layers)
            if len(order) > MAX_NODES or self.out_of_time():
                self.complete = False
                return
        for node in reversed(order):
            self._rate(node)

    def _rest(self, node: Node) -> int:
        """What the sessions after a node cost at least, each track for itself."""
        total = LENGTH_POINTS * max(self.furthest - max(node.day, self.start_day), 0)
        for i, chain in enumerate(self.chains):
            placed, last = node.placed[i], node.last[i]
            if placed == len(chain.steps):
                continue
            key = (i, placed, last)
            if key not in self._rests:
                table = self.tables[i]
                if placed == 0:
                    rest = min(min(values) for values in table.value[0].values())
                else:
                    least = chain.least(chain.steps[placed - 1], last)
                    values = table.value[placed - 1].get(last)
                    rest = min(v - a for v, a in zip(values, least, strict=True) if v < INF) if values else INF
                self._rests[key] = rest
            total += self._rests[key]
        return total

    def _root(self) -> Node:
        placed, last, bands = [], [], []
        for i, chain in enumerate(self.chains):
            count = 0
            while count < len(chain.steps) and chain.steps[count].given is not None:
                count += 1
            given = chain.steps[count - 1].given if count else None
            placed.append(count)
            last.append(given.day if given is not None else 0)
            timed = given is not None and i in self.links.timed
            bands.append(chain.reach(chain.steps[count - 1], last[-1]) if timed else NO_BAND)
        asked = self.links.asked_at_first(tuple(placed))
        return Node(self.start_day - 1, tuple(placed), tuple(last), asked, tuple(bands))

    def next_days(self, track: int, placed: int, last: int) -> list[int]:
        """The dates on which the next session of a track can lie."""
        key = (track, placed, last)
        if key not in self._next:
            table = self.tables[track]
            if placed == 0:
                self._next[key] = table.days[0]
            else:
                self._next[key] = table.next_days(placed - 1, last)
        return self._next[key]

    def _ways(self, node: Node, layers: dict[int, list[Node]]) -> list[Way]:
        open_tracks = [i for i, chain in enumerate(self.chains) if node.placed[i] < len(chain.steps)]
        days = {i: [d for d in self.next_days(i, node.placed[i], node.last[i]) if d > node.day] for i in open_tracks}
        if any(not found for found in days.values()) or not open_tracks:
            return []
        limit = min(found[-1] for found in days.values())
        by_day: dict[int, list[int]] = {}
        for i, found in days.items():
            for day in found:
                if day <= limit:
                    by_day.setdefault(day, []).append(i)
        due = {i: found[-1] for i, found in days.items()}
        ways = []
        for day in sorted(by_day):
            here = by_day[day]
            musts = {i for i in open_tracks if due[i] == day}
            for size in range(max(len(musts), 1), len(here) + 1):
                for tracks in combinations(here, size):
                    if musts <= set(tracks):
                        ways += self._ways_on(node, day, tracks, layers)
        return ways

    def _ways_on(self, node: Node, day: int, tracks: tuple[int, ...], layers: dict[int, list[Node]]) -> list[Way]:
        """The ways on to sessions of these tracks on a date: one for each choice of bands."""
        timed = [i for i in tracks if i in self.links.timed]
        choices = [self.pairs.bands(i, self.chains[i].steps[node.placed[i]], day) for i in timed]
        ways = []
        for bands in product(*choices):
            way = self._way(node, day, tracks, dict(zip(timed, bands, strict=True)), layers)
            if way is not None:
                ways.append(way)
        return ways

    def _way(
        self, node: Node, day: int, tracks: tuple[int, ...], here: dict[int, Band], layers: dict[int, list[Node]]
    ) -> Way | None:
        placed, last = list(node.placed), list(node.last)
        points = LENGTH_POINTS * (max(day, self.last_given) - max(node.day, self.last_given, self.start_day))
        for i in tracks:
            if placed[i]:
                points += self.tables[i].edge(placed[i], day - last[i])
            placed[i] += 1
            last[i] = day
        if not self.links.day_allows(node.placed, node.last, day, tracks, node.bands, here):
            return None
        asked = self.links.asked_after(node.asked, node.placed, day, tracks, here)
        if asked is None:
            return None
        steps = tuple(self.chains[i].steps[node.placed[i]] for i in tracks)
        limits = tuple(here.get(i) or self.links.limit(node.placed, node.bands, i, tracks) for i in tracks)
        least = self.pairs.least(day, tracks, steps, limits)
        low = min(least) if self.led in tracks else least[0]
        if low >= INF:
            return None
        bands = tuple(here.get(i, band) for i, band in enumerate(node.bands))
        key = (day, tuple(placed), tuple(last), asked, bands)
        child = self.nodes.get(key)
        if child is None:
            child = self.nodes[key] = Node(*key)
            layers.setdefault(day, []).append(child)
        child.reached = min(child.reached, node.reached + points + low)
        return Way(day, tracks, points, child, limits, least)

    def _rate(self, node: Node) -> None:
        """Set the node's value: by the led track's last resource, the least over its ways."""
        if all(node.placed[i] == len(chain.steps) for i, chain in enumerate(self.chains)):
            node.value = [INF if node.asked else 0] * self.width
            return
        best = [INF] * self.width
        ways = []
        for way in node.ways:
            least, rest = way.least, way.node.value
            if self.led in way.tracks:
                way.least = [a + b if a < INF and b < INF else INF for a, b in zip(least, rest, strict=True)]
                low = min(way.least)
                if low >= INF:
                    continue
                switched = low + self.chains[self.led].continuity_points
                free = way.least[0]
                for r in range(self.width):
                    best[r] = min(best[r], way.points + (min(way.least[r], free, switched) if r else low))
            else:
                way.least = [least[0] + b if least[0] < INF and b < INF else INF for b in rest]
                if min(way.least) >= INF:
                    continue
                for r in range(self.width):
                    best[r] = min(best[r], way.points + way.least[r])
            ways.append(way)
        node.ways = ways
        node.value = best


Placed = tuple[int, int, int]
"""(track, start, resource index)"""

Fits = Callable[[Step, Placed, Step, Placed], bool]
"""Whether two sessions can share a date: one body, their links, their seats."""


class Days:
    """The cheapest starts of the sessions of one date, alone or two together, for one course."""

    def __init__(self, chains: list[Chain], links: Links, fits: Fits, fine: int = 1) -> None:
        """`fine` is the number of bands into which a date's starts are cut for tracks whose times bind others."""
        self.chains, self.links, self.fits, self.fine = chains, links, fits, fine
        self._bands: dict[tuple[int, int], list[Band]] = {}
        sizes = [len(chain.steps) if chain.track.continuity else -1 for chain in chains]
        self.led = sizes.index(max(sizes))
        self._least: dict[tuple, list[int]] = {}
        self._choices: dict[tuple, list[Choice]] = {}

    def bands(self, track: int, step: Step, day: int) -> list[Band]:
        """The starts of a session on a date in bands; a start that is booked now is a band of its own."""
        key = (self._kind(step), day)
        if key not in self._bands:
            self._bands[key] = self._find_bands(track, step, day)
        return self._bands[key]

    def _find_bands(self, track: int, step: Step, day: int) -> list[Band]:
        chain = self.chains[track]
        first, last = chain.reach(step, day)
        if self.fine == 1 or step.given is not None:
            return [(first, last)]
        width = max(-(-(last - first + 1) // self.fine), 1)
        groups: dict[int, Band] = {}
        for second in chain.treats(step, day):
            own = step.current is not None and second == step.current + step.lead
            group = -1 if own else (second - first) // width
            low, high = groups.get(group, (second, second))
            groups[group] = (min(low, second), max(high, second))
        return list(groups.values())

    def least(
        self, day: int, tracks: tuple[int, ...], steps: tuple[Step, ...], limits: tuple[Band | None, ...]
    ) -> list[int]:
        """By resource of the led track, the least points of these sessions on a date (index 0 without that track)."""
        key = (day, tracks, tuple(self._kind(step) for step in steps), limits)
        if key not in self._least:
            self._least[key] = self._find_least(day, tracks, steps, limits)
        return self._least[key]

    @staticmethod
    def _kind(step: Step) -> int:
        """What tells the starts of two sessions apart: the visit, or the session where it is locked or booked now."""
        return id(step.offers) if step.given is None and step.current is None else id(step)

    def _find_least(
        self, day: int, tracks: tuple[int, ...], steps: tuple[Step, ...], limits: tuple[Band | None, ...]
    ) -> list[int]:
        width = len(self.chains[self.led].names)
        if len(tracks) != 2:
            out, other = [0] * width, 0
            for i, step, limit in zip(tracks, steps, limits, strict=True):
                least = self.chains[i].least_in(step, day, limit)
                if i == self.led:
                    out = list(least)
                else:
                    other += min(least)
            return [min(value + other, INF) for value in out]
        out = [INF] * width
        for r in range(width) if self.led in tracks else [0]:
            first = next(iter(self.choices(day, tracks, steps, limits, r, 0)), None)
            if first is not None:
                out[r] = first[0]
        return out

    def choices(
        self,
        day: int,
        tracks: tuple[int, ...],
        steps: tuple[Step, ...],
        limits: tuple[Band | None, ...],
        led: int,
        at: int,
    ) -> list[Choice]:
        """The choices of starts for these sessions on a date, cheapest first, at least up to position `at`.

        `led` is the resource of the led track; the others may have any. All choices keep one body, seats of the date
        and the links within it.
        """
        key = (day, tracks, tuple(self._kind(step) for step in steps), limits, led if self.led in tracks else 0)
        found = self._choices.get(key)
        if found is not None and (len(found) > at or found[-1:] == [END]):
            return found
        lists = [self._single(i, step, day, led, limit) for i, step, limit in zip(tracks, steps, limits, strict=True)]
        reach = 12 if found is None else max(24, 2 * (found[-1][0] - found[0][0] if found else 24))
        while True:
            found, more = self._products(tracks, steps, lists, reach)
            if len(found) > at or not more:
                break
            reach *= 4
        if not more:
            found.append(END)
        self._choices[key] = found
        return found

    def _single(self, track: int, step: Step, day: int, led: int, limit: Band | None) -> list[tuple[int, int, int]]:
        chain = self.chains[track]
        resources = [led] if track == self.led else range(len(chain.names))
        found = [
            (points, index, r)
            for r in resources
            if chain.least(step, day)[r] < INF
            for points, index in chain.ranked(step, day, r)
            if limit is None or limit[0] <= chain.second_of(step, index) + step.lead <= limit[1]
        ]
        found.sort()
        return found

    def _products(
        self,
        tracks: tuple[int, ...],
        steps: tuple[Step, ...],
        lists: list[list[tuple[int, int, int]]],
        reach: int,
    ) -> tuple[list[Choice], bool]:
        """All compatible choices at most `reach` points above the sum of the cheapest, and whether there are more."""
        if any(not single for single in lists):
            return [], False
        floor = sum(single[0][0] for single in lists)
        top = sum(single[-1][0] for single in lists)
        partial: list[Choice] = [(0, ())]
        for position, (track, step, single) in enumerate(zip(tracks, steps, lists, strict=True)):
            rest = sum(other[0][0] for other in lists[position + 1 :])
            grown: list[Choice] = []
            for points, chosen in partial:
                for extra, index, r in single:
                    if points + extra + rest > floor + reach:
                        break
                    there = zip(chosen, steps, strict=False)
                    if all(self.fits(other, before, step, (track, index, r)) for before, other in there):
                        grown.append((points + extra, (*chosen, (track, index, r))))
            partial = grown
        partial.sort()
        return partial, floor + reach < top


END: Choice = (INF, ())
"""Marks a list of choices that is whole."""
