"""The values of the nodes of a shared calendar: what is left after each at least. `max_in` is left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..options import INF, Chain
from .days import NOWHEN, Days
from .links import Asked, Band


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
    """By start of the traced track and, within it, by resource of the led track."""
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
    """`least` and the value of the node, flat."""


class Rating:
    def __init__(self, chains: list[Chain], days: Days) -> None:
        self.chains = chains
        self.led, self.width, self.traced = days.led, days.width, days.traced

    def rate(self, order: list[Node]) -> None:
        """Set the values of the nodes, the last dates first."""
        for node in order:
            self._rate(node)

    def _rate(self, node: Node) -> None:
        """Set the node's value, the least over its ways; ways to no plan are dropped."""
        width, count = self.width, len(node.starts)
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
            way.total = [a + b for a, b in zip(flat, rest, strict=True)]
            if min(way.total) >= INF:
                continue
            ways.append(way)
            if self.traced in way.tracks:
                self._through_traced(node, way, best)
            else:
                self._through(way, best, count)
        node.ways, node.value = ways, best

    def _through(self, way: Way, best: list[int], count: int) -> None:
        """Where the traced track keeps its start."""
        width, points, total = self.width, way.points, way.total
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
        switched, free = low + self.chains[self.led].continuity_points, row[0]
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
                if way.points + value < best[begin + r]:
                    best[begin + r] = way.points + value


def gap_of(chains: list[Chain], traced: int, node: Node, starts: tuple[int, ...]) -> tuple[int | None, int]:
    """The seconds that must lie between a track's last start and one of these, None where all pairs keep them."""
    k = node.placed[traced]
    step = chains[traced].steps[k]
    if not k or (step.given is not None and chains[traced].steps[k - 1].given is not None):
        return None, INF
    if starts[0] - node.starts[-1] >= step.least and starts[-1] - node.starts[0] <= step.most:
        return None, INF
    return step.least, step.most
