"""Lower bounds for a chain: what its remaining sessions cost at least, from each date and resource on.

Exact but for the times of day: every session may take the cheapest start of its date, and two dates may follow each
other where some pair of their starts keeps the gap. `max_in` and links are left out. So a bound is never too high.
"""

from __future__ import annotations

from operator import add

from ..options import INF, Chain

LENGTH_POINTS = 4
FAR = INF >> 1
"""What is at least this stands for no way, whatever was added to it."""


class Tables:
    """For one chain and one start day: `value[k][day][r]`, the least cost of sessions k+1 ... with that one there.

    A date that is not in a table has no way to the end. Values are counted in parts of a point, `unit` to the point;
    `relief[k]` parts less are charged for each day from session k-1 to k (`multipliers`). With `last_start` the windows
    of all start days up to that one count together: one table that is never too high for any of them.
    """

    def __init__(
        self,
        chain: Chain,
        start_day: int,
        horizon: int,
        length_points: int = LENGTH_POINTS,
        unit: int = 1,
        relief: list[int] | None = None,
        last_start: int | None = None,
    ) -> None:
        self.chain, self.start_day, self.unit = chain, start_day, unit
        self.length_points = length_points
        count = len(chain.steps)
        self.relief = relief or [0] * count
        self.windows = self._windows(horizon, start_day if last_start is None else last_start)
        self.value: list[dict[int, list[int]]] = [{} for _ in range(count)]
        self._next: dict[tuple[int, int], list[int]] = {}
        rest: Rest | None = None
        for k in range(count - 1, -1, -1):
            self.value[k] = self._fill(k, rest)
            if not self.value[k]:
                break
            rest = self._rest(k)
        self.days: list[list[int]] = [list(found) for found in self.value]
        self.possible = bool(self.value[0])

    def _windows(self, horizon: int, last_start: int) -> list[tuple[int, int]]:
        """By session its window, without the dates for which order and `max_in` leave no room before or after."""
        chain, reached = self.chain, 0
        out: list[tuple[int, int]] = []
        for k, step in enumerate(chain.steps):
            low, high = chain.window(step, self.start_day, horizon)
            if last_start != self.start_day:
                high = chain.window(step, last_start, horizon)[1]
            if step.given is None:
                if k:
                    low = max(low, chain.following(k - 1, reached)[0])
                if step.max_in is not None and k >= step.max_in[0]:
                    low = max(low, out[k - step.max_in[0]][0] + step.max_in[1])
                low = chain.first_from(step, low, high)
            reached = low
            out.append((low, high))
        for k in range(len(out) - 1, 0, -1):
            step, last = chain.steps[k], out[k][1]
            self._end_by(out, k - 1, last - 1)
            if step.given is None and step.max_in is not None and k >= step.max_in[0]:
                self._end_by(out, k - step.max_in[0], last - step.max_in[1])
        return out

    def _end_by(self, windows: list[tuple[int, int]], k: int, last: int) -> None:
        if self.chain.steps[k].given is None:
            windows[k] = windows[k][0], min(windows[k][1], last)

    def edge(self, k: int, gap: int) -> int:
        """What it costs that session k (from 0) lies `gap` days after the one before it."""
        step = self.chain.steps[k]
        points = self.length_points * gap
        if step.per_period:
            points += 3 * abs(step.per_period * gap - step.period_days)
        return points

    def next_days(self, k: int, day: int) -> list[int]:
        """The dates on which session k+1 can follow session k on `day`, gaps kept by some pair of starts."""
        key = (k, day)
        found = self._next.get(key)
        if found is None:
            first, last = self.chain.following(k, day)
            follow, last = self.value[k + 1], min(last, self.windows[k + 1][1])
            found = self._next[key] = [later for later in range(first, last + 1) if later in follow]
        return found

    def _fill(self, k: int, rest: Rest | None) -> dict[int, list[int]]:
        chain, step, unit = self.chain, self.chain.steps[k], self.unit
        low, high = self.windows[k]
        found = ((day, chain.nodes(step, day, unit)) for day in range(low, high + 1))
        if rest is None:
            return {day: list(nodes) for day, nodes in found if nodes is not None}
        out = {}
        for day, nodes in found:
            if nodes is not None:
                values = rest.least(nodes, day, *chain.following(k, day))
                if values is not None:
                    out[day] = values
        return out

    def _rest(self, k: int) -> Rest:
        step, unit = self.chain.steps[k], self.unit
        slope = self.length_points * unit - self.relief[k]
        change = self.chain.continuity_points * unit
        return Rest(self.value[k], slope, step.per_period, step.period_days, unit, change)

    def way(self) -> list[int]:
        """The dates of a cheapest way."""
        change = self.chain.continuity_points * self.unit
        points = self.length_points * self.unit
        _, day, r = min(
            (min(values) + points * day, day, values.index(min(values))) for day, values in self.value[0].items()
        )
        dates = [day]
        for k in range(1, len(self.value)):
            _, day, r = min(
                (self.unit * self.edge(k, n - day) - self.relief[k] * (n - day) + v + step_back(change, r, q), n, q)
                for n in self.next_days(k - 1, day)
                for q, v in enumerate(self.value[k][n])
            )
            dates.append(day)
        return dates


class Rest:
    """What the sessions from one on cost, by its date and resource, ready to be asked from each date before it.

    An edge costs a line over the dates (two lines where `spread` counts: up to the even gap, and from it on). So the
    least over the dates that can follow is the least of a stretch of a list, minus what the line has at the date.
    """

    def __init__(
        self, value: dict[int, list[int]], slope: int, per_period: int, period_days: int, unit: int, change: int
    ) -> None:
        self.low, self.change = min(value), change
        self.size = max(value) - self.low + 1
        gone = [INF] * len(next(iter(value.values())))
        rows = [value.get(day, gone) for day in range(self.low, self.low + self.size)]
        free, *columns = zip(*rows, strict=True)
        if columns and min(free) < FAR:
            columns = [tuple(map(min, column, free)) for column in columns]
        # Index 0 for any resource: the visit before has none, or changes to the best.
        columns = [tuple(map(min, rows)), *columns]
        bend, base = 3 * per_period * unit, 3 * period_days * unit
        self.slope, self.base = slope - bend, base if bend else 0
        self.columns = lined(columns, self.slope)
        self.even = 0
        if bend:
            self.even = -(-period_days // per_period)
            self.late_slope, self.late_base = slope + bend, -base
            self.late_columns = lined(columns, self.late_slope)

    def least(self, nodes: list[int], day: int, first: int, last: int) -> list[int] | None:
        """By resource, what a session on `day` with these costs comes to, the next one from `first` to `last`."""
        at = day - self.low
        begin, end = max(first - self.low, 0), min(last - self.low + 1, self.size)
        if begin >= end:
            return None
        back, columns = self.base - self.slope * at, self.columns
        if self.even:
            bend = at + self.even
            if begin < bend < end:
                return self._least_of_both(nodes, at, begin, bend, end)
            if bend <= begin:
                back, columns = self.late_base - self.late_slope * at, self.late_columns
        any_of = min(columns[0][begin:end]) + back
        if any_of >= FAR:
            return None
        switched = any_of + self.change
        out = [
            INF if node >= FAR else node + min(min(column[begin:end]) + back, switched)
            for node, column in zip(nodes, columns, strict=True)
        ]
        return out if min(out) < FAR else None

    def _least_of_both(self, nodes: list[int], at: int, begin: int, bend: int, end: int) -> list[int] | None:
        back, late_back = self.base - self.slope * at, self.late_base - self.late_slope * at
        any_of = min(min(self.columns[0][begin:bend]) + back, min(self.late_columns[0][bend:end]) + late_back)
        if any_of >= FAR:
            return None
        switched = any_of + self.change
        out = [
            INF if node >= FAR else node + min(min(one[begin:bend]) + back, min(late[bend:end]) + late_back, switched)
            for node, one, late in zip(nodes, self.columns, self.late_columns, strict=True)
        ]
        return out if min(out) < FAR else None


def lined(columns: list[tuple[int, ...]], slope: int) -> list[tuple[int, ...]]:
    """Each column plus a straight line over the dates."""
    if not slope:
        return columns
    line = range(0, slope * len(columns[0]), slope)
    return [tuple(map(add, column, line)) for column in columns]


def step_back(change: int, one: int, other: int) -> int:
    """The points for a change of continuity resource (0 stands for a visit that has none)."""
    return change if one and other and one != other else 0


def quick_bound(chain: Chain, start_day: int, horizon: int) -> int:
    """A lower bound on length, spread and time of a chain that starts on a day, without any table.

    Session by session the first date that those before it leave, and the cheapest start from there on.
    """
    total, furthest, day = 0, start_day, start_day
    for k, step in enumerate(chain.steps):
        low, high = chain.window(step, start_day, horizon)
        if k and step.given is None:
            low = max(low, chain.following(k - 1, day)[0])
        found = chain.cheapest(step, low, high)
        if found is None:
            return INF
        day, points = found
        total += points
        furthest = max(furthest, day)
        if step.per_period:
            rest = step.period_days % step.per_period
            total += 3 * min(rest, step.per_period - rest)
    return total + LENGTH_POINTS * (furthest - start_day)
