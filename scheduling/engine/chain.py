"""One track, solved exactly: best-first search over dated starts, led by the bounds of `tables`.

A label is a session with its start and resource, and the cheapest known way to it. The entry of the heap with the
least bound is followed first, so the first label of the last session is a cheapest plan. A label is dropped when
another one of the same session, date and resource, reached no dearer, leaves at least the same ways on.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from .options import INF, Chain
from .tables import LENGTH_POINTS, Tables, quick_bound, step_back

START_POINTS = 10


@dataclass(slots=True)
class Label:
    cost: int
    day: int
    index: int
    """The start: minutes on the timeline."""
    treat: int
    """Seconds at which the treatment starts."""
    resource: int
    earliest: tuple[int, ...]
    """For the sessions after this one, the first date that `max_in` leaves them (0: any)."""
    before: Label | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`plan` gives (start, resource index) per session; `bound` is proven, INF where there is proven to be no plan."""

    cost: int | None
    bound: int
    plan: tuple[tuple[int, int], ...] = ()

    @property
    def proven(self) -> bool:
        return self.bound >= INF if self.cost is None else self.bound >= self.cost


def start_days(chain: Chain, earliest: int, latest: int) -> list[int]:
    given = chain.steps[0].given
    return [given.day] if given is not None else list(range(earliest, latest + 1))


def plan_chain(
    chain: Chain,
    earliest: int,
    latest: int,
    horizon: int,
    *,
    limit: int,
    out_of_time: Callable[[], bool],
    ceiling: int = INF,
    weight: int = 16,
) -> Answer:
    """The cheapest plan of a course of one track, or the bound that `limit` steps have proven.

    `weight` is how far the bounds lead, in sixteenths: 16 finds a cheapest plan, more finds a good one sooner.
    """
    return Search(chain, earliest, latest, horizon, ceiling, weight).run(limit, out_of_time)


class Search:
    def __init__(self, chain: Chain, earliest: int, latest: int, horizon: int, ceiling: int, weight: int) -> None:
        self.chain, self.horizon, self.ceiling, self.weight = chain, horizon, ceiling, weight
        self.heap: list[tuple] = []
        self.serial = self.steps = 0
        self.tables: dict[int, Tables] = {}
        self.closed: dict[tuple, list[int]] = {}
        self.keep = kept_dates(chain)
        self.last_given = max([s.given.day for s in chain.steps if s.given is not None], default=0)
        for day in start_days(chain, earliest, latest):
            bound = START_POINTS * max(day - earliest, 0) + quick_bound(chain, day, horizon)
            if bound < INF:
                self._push(bound, bound, 0, ("day", day, START_POINTS * max(day - earliest, 0)))

    def _push(self, bound: int, cost: int, k: int, entry: tuple) -> None:
        if bound < self.ceiling:
            self.serial += 1
            key = bound if self.weight == 16 else cost * 16 + (bound - cost) * self.weight
            heapq.heappush(self.heap, (key, -k, self.serial, bound, entry))

    def run(self, limit: int, out_of_time: Callable[[], bool]) -> Answer:
        count = len(self.chain.steps)
        while self.heap:
            self.steps += 1
            if self.steps > limit or (self.steps % 64 == 0 and out_of_time()):
                return Answer(None, min(entry[3] for entry in self.heap))
            _, minus_k, _, bound, entry = heapq.heappop(self.heap)
            if entry[0] == "day":
                self._open_day(entry[1], entry[2])
                continue
            label = self._follow(-minus_k, bound, entry)
            if label is None:
                continue
            if -minus_k == count:
                exact = bound if self.weight == 16 else 0
                return Answer(bound, exact, path(label))
            self._extend(-minus_k, label, entry[1])
        return Answer(None, INF if self.ceiling >= INF else self.ceiling)

    def _open_day(self, day: int, cost: int) -> None:
        tables = self.tables[day] = Tables(self.chain, day, self.horizon)
        if not tables.possible:
            return
        root = Label(cost, day, 0, -INF, 0, (), None)
        ways = []
        for on, values in tables.value[0].items():
            extra = LENGTH_POINTS * (on - day)
            ways += [(cost + extra + value, on, r, cost + extra) for r, value in enumerate(values) if value < INF]
        self._offer(0, root, tables, ways)

    def _extend(self, k: int, label: Label, tables: Tables) -> None:
        """Offer every date and resource that session k (from 0) can have after a label."""
        first = label.earliest[0] if label.earliest else 0
        change = self.chain.continuity_points
        ways = []
        for day in tables.next_days(k - 1, label.day):
            if day < first and self.chain.steps[k].given is None:
                continue
            points = label.cost + tables.edge(k, day - label.day)
            for r, value in enumerate(tables.value[k][day]):
                if value < INF:
                    cost = points + step_back(change, label.resource, r)
                    ways.append((cost + value, day, r, cost))
        self._offer(k, label, tables, ways)

    def _offer(self, k: int, label: Label, tables: Tables, ways: list[tuple[int, int, int, int]]) -> None:
        ways.sort()
        if ways:
            self._push(ways[0][0], ways[0][3], k + 1, ("way", tables, label, ways, 0, 0, False))

    def _follow(self, reached: int, bound: int, entry: tuple) -> Label | None:
        """Make the label of a heap entry, and put back what else the entry stands for."""
        _, tables, before, ways, at, position, opened = entry
        k = reached - 1
        chain, step = self.chain, self.chain.steps[k]
        if not opened and at + 1 < len(ways):
            self._push(ways[at + 1][0], ways[at + 1][3], reached, ("way", tables, before, ways, at + 1, 0, False))
        _, day, resource, cost = ways[at]
        ranked = chain.ranked(step, day, resource)
        rest = tables.value[k][day][resource] - chain.least(step, day)[resource]
        position = self._next_kept(k, before, ranked, position)
        if position == len(ranked):
            return None
        points, index = ranked[position]
        if cost + points + rest > bound:
            self._push(cost + points + rest, cost + points, reached, ("way", tables, before, ways, at, position, True))
            return None
        if position + 1 < len(ranked):
            sibling = cost + ranked[position + 1][0]
            self._push(sibling + rest, sibling, reached, ("way", tables, before, ways, at, position + 1, True))
        treat = chain.second_of(step, index) + step.lead
        label = Label(cost + points, day, index, treat, resource, self._earliest(k, before, day), before)
        return label if self._is_new(k, label, tables) else None

    def _next_kept(self, k: int, before: Label, ranked: list[tuple[int, int]], position: int) -> int:
        """The first position from `position` on whose start keeps the gap to the session before."""
        chain, step = self.chain, self.chain.steps[k]
        if k == 0 or (step.given is not None and chain.steps[k - 1].given is not None):
            return position
        low, high = before.treat + step.least - step.lead, before.treat + step.most - step.lead
        while position < len(ranked) and not low <= chain.second_of(step, ranked[position][1]) <= high:
            position += 1
        return position

    def _earliest(self, k: int, before: Label, day: int) -> tuple[int, ...]:
        """Rule 4's max_in: the dates from which the sessions k+1, k+2 ... may lie, those that bind nothing as 0."""
        keep = self.keep[k]
        if not keep:
            return ()
        held = before.earliest[1:]
        steps, out = self.chain.steps, []
        for ahead in range(1, keep + 1):
            least = held[ahead - 1] if ahead - 1 < len(held) else 0
            follow = steps[k + ahead]
            if follow.max_in is not None and follow.max_in[0] == ahead and follow.given is None:
                least = max(least, day + follow.max_in[1])
            out.append(least if least > day + ahead else 0)
        while out and not out[-1]:
            out.pop()
        return tuple(out)

    def _is_new(self, k: int, label: Label, tables: Tables) -> bool:
        """Whether no label closed before leaves the same ways on; remembers the label if so."""
        key = (k, tables.start_day, label.day, label.resource, label.earliest)
        held = self.closed.setdefault(key, [])
        if k + 1 == len(self.chain.steps):
            return True
        if any(self._covers(k, tables, treat, label) for treat in held):
            return False
        held.append(label.treat)
        return True

    def _covers(self, k: int, tables: Tables, treat: int, label: Label) -> bool:
        """Whether every start that can follow the label can follow one whose treatment starts at `treat` too."""
        if treat == label.treat:
            return True
        follow = self.chain.steps[k + 1]
        if treat > label.treat:
            low, high = label.treat + follow.least, treat + follow.least - 1
        else:
            if follow.most >= INF:
                return True
            low, high = treat + follow.most + 1, label.treat + follow.most
        for day in tables.days[k + 1]:
            if day > label.day:
                first, last = self.chain.reach(follow, day)
                if first <= high and low <= last:
                    return False
        return True


def kept_dates(chain: Chain) -> list[int]:
    """By session: how many of the sessions after it `max_in` may bind to a session up to it."""
    out = []
    for k in range(len(chain.steps)):
        furthest = 0
        for j in range(k + 1, len(chain.steps)):
            max_in = chain.steps[j].max_in
            if max_in is not None and j - max_in[0] <= k and chain.steps[j].given is None:
                furthest = max(furthest, j - k)
        out.append(furthest)
    return out


def path(label: Label) -> tuple[tuple[int, int], ...]:
    found = []
    here: Label | None = label
    while here is not None and here.before is not None:
        found.append((here.index, here.resource))
        here = here.before
    return tuple(reversed(found))
