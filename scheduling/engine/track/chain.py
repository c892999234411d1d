"""One track, solved exactly: best-first search over dated starts, led by the bounds of `tables` and `multipliers`.

A label is a session with its start and resource, and the cheapest known way to it. The entry of the heap with the
least bound is followed first, so the first label of the last session is a cheapest plan. A label is dropped when
another one of the same session and date, reached no dearer, leaves at least the same ways on.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from ..options import INF, Chain
from .multipliers import Bounds, limits_of, priced
from .tables import FAR, LENGTH_POINTS, Tables, quick_bound, step_back

START_POINTS = 10
EASY_STEPS = 500


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

    def dates(self) -> list[int]:
        """The dates of the sessions up to this one."""
        found, here = [], self
        while here.before is not None:
            found.append(here.day)
            here = here.before
        return found[::-1]


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
    search = Search(chain, earliest, latest, horizon, ceiling, weight)
    if weight != 16 or not search.limits:
        return search.run(limit, out_of_time)
    answer = search.run(min(limit, EASY_STEPS), out_of_time)
    if answer.proven or answer.bound >= ceiling or limit <= EASY_STEPS:
        return answer
    # `max_in` makes it hard: once more with its prices, which pay only now.
    again = Search(chain, earliest, latest, horizon, ceiling, weight)
    again.tables, again.together, again.with_prices = search.tables, search.together, True
    return again.run(limit, out_of_time)


Way = tuple[int, int, int, int]
"""The least cost of a plan on a date, the date, the points up to it, and what the limits' prices add to the rest."""
Reached = tuple[int, int, int, int, int]
"""A label as others are compared with it: cost, resource, waits, treatment start, and the date up to which it reaches
every start."""
Room = tuple[int, int]
"""The latest treatment start of a session that closes no start of the next one, and the last date of that."""
ANY: Room = (INF, INF)


@dataclass(frozen=True, slots=True)
class Spot:
    """A session on a date after a label, and its resources, cheapest first."""

    k: int
    day: int
    earliest: tuple[int, ...]
    waits: int
    """The days from this date to the `earliest` ones, in fields of FIELD bits."""
    room: Room
    choices: list[tuple[int, int, int]]
    """(least cost of a plan, resource, points without the start)"""


FIELD = 16


def waits_of(day: int, earliest: tuple[int, ...]) -> int:
    """The days to wait for each of the next sessions, side by side: two such numbers are compared at one stroke."""
    return sum((first - day) << (FIELD * i) for i, first in enumerate(earliest) if first)


class Search:
    """Entries of the heap, each with the least that a plan through it can cost:

    - "day", "rated", "tables", "bounds": a start day, its bounds finer from one to the next;
    - "dates": a label and the dates of the session after it, from one on;
    - "resources": the same with the date settled, and its resources, from one on;
    - "starts": the same with the resource settled, and its starts, from one on.
    """

    def __init__(self, chain: Chain, earliest: int, latest: int, horizon: int, ceiling: int, weight: int) -> None:
        self.chain, self.horizon, self.ceiling, self.weight = chain, horizon, ceiling, weight
        self.count = len(chain.steps)
        self.heap: list[tuple] = []
        self.serial = self.steps = 0
        self.closed: dict[tuple, list[tuple[int, int]]] = {}
        self.reached: dict[tuple[int, int, int], list[Reached]] = {}
        """By session, start day and date: the labels made."""
        self.rooms: dict[tuple[int, int, int, int], Room | None] = {}
        self.keep = kept_dates(chain)
        self.guards = [sum(1 << (FIELD * i + FIELD - 1) for i in range(keep)) for keep in self.keep]
        self.limits = limits_of(chain)
        self.with_prices = False
        self.prices: list[int] | None = None
        self.tables: dict[int, Tables] = {}
        self.starts = start_days(chain, earliest, latest)
        self.together: Tables | None = None
        for day in self.starts:
            cost = START_POINTS * max(day - earliest, 0)
            bound = cost + quick_bound(chain, day, horizon)
            if bound < INF:
                self._push(bound, bound, 0, ("day", day, cost))

    def _push(self, bound: int, cost: int, k: int, entry: tuple) -> None:
        if bound < self.ceiling:
            self.serial += 1
            key = bound if self.weight == 16 else cost * 16 + (bound - cost) * self.weight
            heapq.heappush(self.heap, (key, -k, self.serial, bound, entry))

    def run(self, limit: int, out_of_time: Callable[[], bool]) -> Answer:
        days: dict[str, Callable[..., None]] = {
            "day": self._open_day,
            "rated": self._open_rated,
            "tables": self._open_tables,
            "bounds": self._open_bounds,
        }
        spots: dict[str, Callable[..., Label | None]] = {
            "dates": self._open_date,
            "resources": self._open_resource,
            "starts": self._open_start,
        }
        while self.heap:
            self.steps += 1
            if self.steps > limit or (self.steps % 64 == 0 and out_of_time()):
                return Answer(None, min(entry[3] for entry in self.heap))
            _, _, _, bound, entry = heapq.heappop(self.heap)
            if entry[0] in days:
                days[entry[0]](*entry[1:])
                continue
            label = spots[entry[0]](bound, *entry[1:])
            if label is not None:
                return Answer(label.cost, label.cost if self.weight == 16 else 0, path(label))
        return Answer(None, INF if self.ceiling >= INF else self.ceiling)

    # Start days

    def _open_day(self, day: int, cost: int) -> None:
        if self.tables and day not in self.tables and len(self.starts) > 2:
            # One table for all start days costs little more than one for a single day, and most need no other.
            if self.together is None:
                self.together = Tables(self.chain, self.starts[0], self.horizon, last_start=self.starts[-1])
            least = min(self.together.value[0].get(day, [INF]))
            if least < INF:
                self._push(cost + least, cost, 0, ("rated", day, cost))
            return
        self._open_rated(day, cost)

    def _open_rated(self, day: int, cost: int) -> None:
        if day not in self.tables:
            self.tables[day] = Tables(self.chain, day, self.horizon)
        tables = self.tables[day]
        if tables.possible:
            bounds = Bounds(tables, self.limits)
            self._push(cost + bounds.least(), cost, 0, ("tables", bounds, cost))

    def _open_tables(self, bounds: Bounds, cost: int) -> None:
        if self.with_prices:
            bounds = priced(bounds, self.horizon, self.prices)
            self.prices = bounds.prices if any(bounds.prices) else self.prices
        self._push(cost + bounds.least(), cost, 0, ("bounds", bounds, cost))

    def _open_bounds(self, bounds: Bounds, cost: int) -> None:
        day = bounds.tables.start_day
        root = Label(cost, day, 0, -INF, 0, (), None)
        ahead, ways = bounds.ahead[0], []
        for on, low in bounds.low[0].items():
            points = cost + LENGTH_POINTS * (on - day)
            ways.append((points - (-(low + ahead) // bounds.unit), on, points, ahead))
        self._offer(0, bounds, root, sorted(ways))

    # What comes after a label

    def _ways(self, k: int, bounds: Bounds, label: Label, since: int) -> list[Way]:
        """Every date from `since` on that session k (from 0) can have after a label, the cheapest first."""
        tables, low, unit = bounds.tables, bounds.low[k], bounds.unit
        first = label.earliest[0] if label.earliest and self.chain.steps[k].given is None else 0
        ahead, slope = bounds.limits_after(k, label.dates()) if bounds.open[k] else (bounds.ahead[k], 0)
        change, ways = self.chain.continuity_points * unit, []
        for day in tables.next_days(k - 1, label.day):
            if day < first or day < since:
                continue
            least = low[day]
            if label.resource:
                values = tables.value[k][day]
                least = min(least + change, values[label.resource], values[0])
            points, more = label.cost + tables.edge(k, day - label.day), ahead - slope * day
            ways.append((points - (-(least + more) // unit), day, points, more))
        ways.sort()
        return ways

    def _offer(self, k: int, bounds: Bounds, label: Label, ways: list[Way]) -> None:
        if ways:
            self._push(ways[0][0], ways[0][2], k + 1, ("dates", k, bounds, label, ways, 0))

    def _open_date(self, bound: int, k: int, bounds: Bounds, label: Label, ways: list[Way], at: int) -> Label | None:
        if at + 1 < len(ways):
            self._push(ways[at + 1][0], ways[at + 1][2], k + 1, ("dates", k, bounds, label, ways, at + 1))
        _, day, points, more = ways[at]
        change, choices = self.chain.continuity_points, []
        for r, value in enumerate(bounds.tables.value[k][day]):
            if value < FAR:
                cost = points + step_back(change, label.resource, r)
                choices.append((cost - (-(value + more) // bounds.unit), r, cost))
        choices.sort()
        earliest = self._earliest(k, label, day)
        room = self._room(k, bounds, day, earliest)
        if room is None:
            return None
        return self._open_resource(
            bound, bounds, label, Spot(k, day, earliest, waits_of(day, earliest), room, choices), 0
        )

    def _open_resource(self, bound: int, bounds: Bounds, label: Label, spot: Spot, at: int) -> Label | None:
        if at + 1 < len(spot.choices):
            floor, _, cost = spot.choices[at + 1]
            self._push(floor, cost, spot.k + 1, ("resources", bounds, label, spot, at + 1))
        base = spot.choices[at][0] - self.chain.ranked(self.chain.steps[spot.k], spot.day, spot.choices[at][1])[0][0]
        return self._open_start(bound, bounds, label, spot, at, 0, base, 0)

    def _open_start(
        self, bound: int, bounds: Bounds, label: Label, spot: Spot, at: int, position: int, base: int, since: int
    ) -> Label | None:
        """Make the labels of the starts from `position` on that cost no more than `bound` with `base`.

        They go on to dates from `since` on: those before are better reached otherwise. Only a label that ends a plan
        is returned.
        """
        k, day, step = spot.k, spot.day, self.chain.steps[spot.k]
        _, resource, cost = spot.choices[at]
        ranked = self.chain.ranked(step, day, resource)
        low, high = self._kept(k, label)
        reached = self.reached.setdefault((k, bounds.tables.start_day, day), [])
        for here in range(position, len(ranked)):
            points, index = ranked[here]
            if base + points > bound:
                entry = ("starts", bounds, label, spot, at, here, base, since)
                self._push(base + points, cost + points, k + 1, entry)
                return None
            treat = self.chain.second_of(step, index) + step.lead
            if not low <= treat <= high:
                continue
            made = Label(cost + points, day, index, treat, resource, spot.earliest, label)
            if k + 1 == self.count:
                return made
            covered, lasting = self._covered_to(reached, spot, made)
            since = max(since, lasting + 1)
            if since > spot.room[1]:
                return None
            first = max(since, covered + 1)
            if first > spot.room[1]:
                continue
            ways = self._ways(k + 1, bounds, made, first)
            if first > 1:
                self._offer(k + 1, bounds, made, ways)
                if first == since:
                    base = max(base, (ways[0][0] if ways else INF) - points)
                continue
            reaches = self._reaches_to(k, treat)
            reached.append((made.cost, resource, spot.waits, treat, reaches))
            if self._is_new(k, bounds, made):
                self._offer(k + 1, bounds, made, ways)
            # It leaves open what any start of the date does, but for dates far off, or for the first hours of the next:
            # the dearer ones are needed for these alone.
            rest = min([way[0] for way in ways if way[1] > reaches], default=INF)
            if treat <= spot.room[0]:
                since = reaches + 1
                if since > spot.room[1]:
                    return None
            else:
                rest = min(rest, self._least_before(k + 1, bounds, made, ways))
            base = max(base, rest - points)
        return None

    def _least_before(self, k: int, bounds: Bounds, label: Label, ways: list[Way]) -> int:
        """The least cost of a plan in which session k starts too early to follow a label, on a date that does."""
        chain, step, unit = self.chain, self.chain.steps[k], bounds.unit
        limit, least = label.treat + step.least - step.lead, INF
        for floor, day, points, more in ways:
            if floor >= least or chain.reach(step, day)[0] - step.lead >= limit:
                continue
            nodes = chain.least(step, day)
            for r, value in enumerate(bounds.tables.value[k][day]):
                if value < FAR:
                    ranked = chain.ranked(step, day, r)
                    early = next((p for p, index in ranked if chain.second_of(step, index) < limit), INF)
                    cost = points + step_back(chain.continuity_points, label.resource, r) + early - nodes[r]
                    least = min(least, cost - (-(value + more) // unit))
        return least

    def _kept(self, k: int, before: Label) -> tuple[int, int]:
        """The seconds between which the treatment of session k keeps the gap to the session before."""
        step = self.chain.steps[k]
        if k == 0 or (step.given is not None and self.chain.steps[k - 1].given is not None):
            return -INF, INF
        return before.treat + step.least, before.treat + step.most

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

    # Labels that need no following

    def _room(self, k: int, bounds: Bounds, day: int, earliest: tuple[int, ...]) -> Room | None:
        """What the dates of the next session are that a session on a date can go on to; None where there is none."""
        if k + 1 == self.count:
            return ANY
        chain, follow = self.chain, self.chain.steps[k + 1]
        first = earliest[0] if earliest and follow.given is None else 0
        key = (k, bounds.tables.start_day, day, first)
        if key not in self.rooms:
            days = [next_day for next_day in bounds.tables.next_days(k, day) if next_day >= first]
            if not days:
                self.rooms[key] = None
            elif chain.steps[k].given is not None and follow.given is not None:
                self.rooms[key] = INF, days[-1]
            else:
                self.rooms[key] = chain.reach(follow, days[0])[0] - follow.least, days[-1]
        return self.rooms[key]

    def _reaches_to(self, k: int, treat: int) -> int:
        """The last date up to which the longest gap after a treatment start reaches every start of the next session."""
        chain, step, follow = self.chain, self.chain.steps[k], self.chain.steps[k + 1]
        if follow.most >= INF or (step.given is not None and follow.given is not None):
            return INF
        last = treat + follow.most
        line = step.offers.line
        if last >= line.midnights[-1] * 60:
            return INF
        day = line.day_of((last - follow.lead) // 60)
        return day if chain.reach(follow, day)[1] <= last else day - 1

    def _covered_to(self, reached: list[Reached], spot: Spot, label: Label) -> tuple[int, int]:
        """Up to which date other labels, reached no dearer (a change counted), leave every start open that this does.

        Such a label waits no longer for any of the next sessions, and its treatment starts no later, or so that it
        closes nothing: then it covers dearer starts of the same date as well, up to the second date.
        """
        guard, early = self.guards[spot.k], spot.room[0]
        open_to, changed = spot.waits | guard, label.cost - self.chain.continuity_points
        latest, found, lasting = max(label.treat, early), 0, 0
        for cost, resource, waits, treat, reaches in reached:
            if (
                (reaches > found or (reaches > lasting and treat <= early))
                and cost <= (label.cost if resource == label.resource or not resource else changed)
                and treat <= latest
                and (open_to - waits) & guard == guard
            ):
                found = max(found, reaches)
                if treat <= early:
                    lasting = max(lasting, reaches)
        return found, lasting

    def _is_new(self, k: int, bounds: Bounds, label: Label) -> bool:
        """Whether no label reached no dearer leaves the same ways on; remembers the label if so."""
        key = (k, bounds.tables.start_day, label.day, label.resource, label.earliest)
        held = self.closed.setdefault(key, [])
        if any(cost <= label.cost and self._covers(k, bounds, treat, label) for cost, treat in held):
            return False
        held.append((label.cost, label.treat))
        return True

    def _covers(self, k: int, bounds: Bounds, treat: int, label: Label) -> bool:
        """Whether every start that can follow the label can follow one whose treatment starts at `treat` too."""
        if treat == label.treat:
            return True
        chain, follow = self.chain, self.chain.steps[k + 1]
        if treat > label.treat:
            low, high = label.treat + follow.least, treat + follow.least - 1
        elif follow.most >= INF:
            return True
        else:
            low, high = treat + follow.most + 1, label.treat + follow.most
        days = bounds.tables.next_days(k, label.day)
        return not any(chain.meets(follow, day, low, high) for day in days)


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
