"""The values of the nodes of a shared calendar: what is left after each at least, with prices for `max_in`.

The nodes leave `max_in` out. Where the cheapest way through them breaks it, its limits get prices (`multipliers`): the
nodes stay as they are, and their values, with what a label owes for the dates behind it, are still never too high.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..options import INF, Chain
from ..track.multipliers import HOPE, UNIT, Limit, limits_of, reliefs
from ..track.tables import step_back
from .days import NOWHEN, Days
from .links import Asked, Band

ROUNDS = 5
"""How often prices are changed for better bounds of one start day."""


@dataclass(slots=True, eq=False)
class Node:
    day: int
    placed: tuple[int, ...]
    last: tuple[int, ...]
    asked: Asked
    starts: tuple[int, ...] = NOWHEN
    """The seconds at which the treatment of the traced track's last session may start."""
    bands: tuple[Band, ...] = ()
    """By track whose times bind others: the seconds at which the treatment of its last session may start."""
    ways: list[Way] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    """By start of the traced track and, within it, by resource of the led track; in parts of a point."""
    reached: int = INF
    """The least cost of the way to it."""
    came: list[int] = field(default_factory=list)
    """By start of the traced track, the same."""
    hope: int = INF
    """The same with what is left at least."""


@dataclass(slots=True, eq=False)
class Way:
    """The next date with sessions, of which tracks, and what that costs apart from the times of day."""

    day: int
    tracks: tuple[int, ...]
    points: int
    node: Node
    least: list[list[int]]
    """The cheapest starts of the date: by start of the traced track, then by resource of the led one.

    The start is that of the date where the traced track is on it, else the last one before. One row: all are alike.
    """
    total: list[int] = field(default_factory=list)
    """`least` and the value of the node, flat, in parts of a point."""
    parts: int = 0
    """`points` in parts, less what the prices of `max_in` give back."""


class Prices:
    """The prices of a track's limits: less for each gap, and what is owed for limits that are not yet kept."""

    def __init__(self, chain: Chain, limits: list[Limit], prices: list[int]) -> None:
        self.relief = reliefs(chain, limits, prices)
        count = len(chain.steps)
        self.ahead = [0] * (count + 1)
        """By number of sessions placed: the prices of the limits between sessions to come."""
        self.open: list[list[tuple[int, int, int]]] = [[] for _ in range(count + 1)]
        """By the same: (session, price, days) of the limits that count from one placed to one to come."""
        for (j, since, days), price in zip(limits, prices, strict=True):
            for placed in range(j + 1) if price else ():
                if since >= placed:
                    self.ahead[placed] += price * days
                else:
                    self.open[placed].append((since, price, days))

    def owed(self, placed: int, dates: tuple[int, ...]) -> int:
        """What the limits cost beside the gaps to come, for the dates of the last sessions placed; in parts."""
        total = self.ahead[placed]
        for since, price, days in self.open[placed]:
            total += price * (days + dates[since - placed] - dates[-1])
        return total


class Rating:
    def __init__(self, chains: list[Chain], days: Days) -> None:
        self.chains, self.days = chains, days
        self.led, self.width, self.traced = days.led, days.width, days.traced
        self.limits = {i: found for i, chain in enumerate(chains) if (found := limits_of(chain))}
        self.unit = UNIT if self.limits else 1
        """Parts of a point in which the values are counted."""
        self.prices: dict[int, Prices] = {}

    def owed(self, placed: tuple[int, ...], dates: tuple[tuple[int, ...], ...]) -> int:
        """What is to be added to the value of a node for a label with these last dates, by track; in parts."""
        return sum(prices.owed(placed[i], dates[i]) for i, prices in self.prices.items())

    def rate(self, order: list[Node], ceiling: int) -> None:
        """Set the values of the nodes, the last dates first: with the best prices found, until the root is too dear."""
        root = order[-1]
        now = {i: [0] * len(limits) for i, limits in self.limits.items()}
        best, top = now, self._value(order, now)
        if not self.limits or top >= INF:
            return
        tried = [self.days.prices] if self.days.prices else []
        value, rated = top, now
        for _ in range(ROUNDS):
            if top >= ceiling * self.unit:
                break
            short = self._short(root)
            if all(days <= 0 for found in short.values() for days in found):
                break
            now = tried.pop() if tried else self._raised(now, short, value, top)
            value, rated = self._value(order, now), now
            if value > top:
                best, top = now, value
        self.days.prices = best
        if rated is not best:
            self._value(order, best)

    def _raised(
        self, prices: dict[int, list[int]], short: dict[int, list[int]], value: int, top: int
    ) -> dict[int, list[int]]:
        """Prices changed by a step along what the cheapest way lacks."""
        pulls = {
            i: [days if days > 0 or price else 0 for days, price in zip(found, prices[i], strict=True)]
            for i, found in short.items()
        }
        size = sum(pull * pull for found in pulls.values() for pull in found)
        step = top + max(int(top * HOPE), 2 * UNIT) - value
        return {
            i: [max(price + step * pull // size, 0) for price, pull in zip(prices[i], found, strict=True)]
            for i, found in pulls.items()
        }

    def _value(self, order: list[Node], prices: dict[int, list[int]]) -> int:
        """Rate all nodes with these prices; what all costs at least, in parts."""
        self.prices = {i: Prices(self.chains[i], self.limits[i], found) for i, found in prices.items() if any(found)}
        for node in order:
            self._rate(node)
        root = order[-1]
        if min(root.value) >= INF:
            return INF
        return min(root.value) + self.owed(root.placed, self._given_dates(root))

    def _given_dates(self, root: Node) -> tuple[tuple[int, ...], ...]:
        return tuple(
            tuple(step.given.day for step in chain.steps[: root.placed[i]] if step.given is not None)
            for i, chain in enumerate(self.chains)
        )

    def _short(self, root: Node) -> dict[int, list[int]]:
        """By track, the days that each of its limits lacks on a cheapest way."""
        dates = [list(found) for found in self._given_dates(root)]
        node, at, r = root, 0, 0
        while node.ways:
            _, way, at, r = min(self._offers(node, at, r), key=lambda offer: (offer[0], offer[1].day, offer[2:]))
            for i in way.tracks:
                dates[i].append(way.day)
            node = way.node
        return {
            i: [days - (dates[i][j] - dates[i][since]) for j, since, days in limits]
            for i, limits in self.limits.items()
        }

    def _offers(self, node: Node, at: int, r: int) -> list[tuple[int, Way, int, int]]:
        """(value, way, start of the traced track, resource of the led one) of the ways on, gaps of starts left out."""
        out, change = [], self.chains[self.led].continuity_points * self.unit
        for way in node.ways:
            for a in range(len(way.node.starts)) if self.traced in way.tracks else (at,):
                for q in range(self.width) if self.led in way.tracks else (r,):
                    points = step_back(change, r, q) if self.led in way.tracks else 0
                    out.append((way.parts + way.total[a * self.width + q] + points, way, a, q))
        return out

    def _rate(self, node: Node) -> None:
        """Set the node's value, the least over its ways; ways to no plan are dropped."""
        width, count, unit = self.width, len(node.starts), self.unit
        if all(node.placed[i] == len(chain.steps) for i, chain in enumerate(self.chains)):
            node.value = [INF if node.asked else 0] * (width * count)
            return
        best = [INF] * (width * count)
        ways = []
        for way in node.ways:
            rest, least = way.node.value, way.least
            if not rest:
                continue
            size = len(way.node.starts)
            if len(least) == 1:
                row = least[0]
                flat = row * size if size > 1 else row
            else:
                flat = [value for row in least for value in row]
            way.total = [a * unit + b for a, b in zip(flat, rest, strict=True)]
            if min(way.total) >= INF:
                continue
            way.parts = way.points * unit - self._relief(node, way)
            ways.append(way)
            if self.traced in way.tracks:
                self._through_traced(node, way, best)
            else:
                self._through(way, best, count)
        node.ways, node.value = ways, best

    def _relief(self, node: Node, way: Way) -> int:
        """What the prices of `max_in` give back for the days since the last sessions, in parts of a point."""
        found = 0
        for i in way.tracks:
            if i in self.prices and node.placed[i]:
                found += self.prices[i].relief[node.placed[i]] * (way.day - node.last[i])
        return found

    def _through(self, way: Way, best: list[int], count: int) -> None:
        """Where the traced track keeps its start."""
        width, points, total = self.width, way.parts, way.total
        if self.led not in way.tracks:
            for at, value in enumerate(total):
                if points + value < best[at]:
                    best[at] = points + value
            return
        for begin in range(0, count * width, width):
            row = self._switched(total[begin : begin + width] if count > 1 else total)
            for at, value in enumerate(row, begin):
                if points + value < best[at]:
                    best[at] = points + value

    def _switched(self, row: list[int]) -> list[int]:
        """By resource before, the least of a row by resource after, a change of resource included."""
        low = min(row)
        switched, free = low + self.chains[self.led].continuity_points * self.unit, row[0]
        out = [min(value, free, switched) for value in row]
        out[0] = low
        return out

    def _through_traced(self, node: Node, way: Way, best: list[int]) -> None:
        """Where the traced track has its next session: any start that keeps the gap to its last one."""
        width, starts, count = self.width, way.node.starts, len(way.node.starts)
        traced = self.traced if self.traced is not None else 0
        least, most = gap_of(self.chains, traced, node, starts)
        rows = [way.total[at * width : (at + 1) * width] for at in range(count)]
        whole = [min(column) for column in zip(*rows, strict=True)] if least is None else []
        for at, before in enumerate(node.starts):
            if least is None:
                row = whole
            else:
                kept = [r for r, s in zip(rows, starts, strict=True) if least <= s - before <= most]
                if not kept:
                    continue
                row = [min(column) for column in zip(*kept, strict=True)]
            if self.led in way.tracks:
                row = self._switched(row)
            begin = at * width
            for r, value in enumerate(row):
                if way.parts + value < best[begin + r]:
                    best[begin + r] = way.parts + value


def gap_of(chains: list[Chain], traced: int, node: Node, starts: tuple[int, ...]) -> tuple[int | None, int]:
    """The seconds that must lie between a track's last start and one of these, None where all pairs keep them."""
    k = node.placed[traced]
    step = chains[traced].steps[k]
    if not k or (step.given is not None and chains[traced].steps[k - 1].given is not None):
        return None, INF
    if starts[0] - node.starts[-1] >= step.least and starts[-1] - node.starts[0] <= step.most:
        return None, INF
    return step.least, step.most
