"""Lower bounds for a chain: what its remaining sessions cost at least, from each date and resource on.

Exact but for the times of day: every session may take the cheapest start of its date, and two dates may follow each
other where some pair of their starts keeps the gap. `max_in` and links are left out. So a bound is never too high.
"""

from __future__ import annotations

from bisect import bisect_right

from .options import INF, Chain, Step

LENGTH_POINTS = 4


class Tables:
    """For one chain and one start day: `value[k][day][r]`, the least cost of sessions k+1 ... with that one there.

    `after[k][day][r]` is the least that the sessions from k+1 on cost if that one lies on `day` and the session before
    it has resource r, the change of resource included. A date that is not in a table has no way to the end.
    """

    def __init__(self, chain: Chain, start_day: int, horizon: int, length_points: int = LENGTH_POINTS) -> None:
        self.chain, self.start_day, self.horizon = chain, start_day, horizon
        self.length_points = length_points
        count = len(chain.steps)
        self.days: list[list[int]] = [self._days_of(step) for step in chain.steps]
        self.value: list[dict[int, list[int]]] = [{} for _ in range(count)]
        self.after: list[dict[int, list[int]]] = [{} for _ in range(count)]
        for k in range(count - 1, -1, -1):
            self._fill(k)
            if not self.value[k]:
                break
            self.days[k] = sorted(self.value[k])
        self.possible = bool(self.value[0])

    def _days_of(self, step: Step) -> list[int]:
        low, high = self.chain.window(step, self.start_day, self.horizon)
        if step.given is not None:
            return [low]
        return [day for day in range(low, high + 1) if step.offers.day(day) is not None]

    def edge(self, k: int, gap: int) -> int:
        """What it costs that session k (from 0) lies `gap` days after the one before it."""
        step = self.chain.steps[k]
        points = self.length_points * gap
        if step.per_period:
            points += 3 * abs(step.per_period * gap - step.period_days)
        return points

    def next_days(self, k: int, day: int) -> list[int]:
        """The dates on which session k+1 can follow session k on `day`, gaps kept by some pair of starts."""
        chain = self.chain
        step, follow = chain.steps[k], chain.steps[k + 1]
        days = self.days[k + 1]
        if step.given is not None and follow.given is not None:
            return days
        low, high = chain.reach(step, day)
        least, most = low + follow.least, high + follow.most
        out = []
        for next_day in days[bisect_right(days, day) :]:
            first, last = chain.reach(follow, next_day)
            if first > most:
                break
            if last >= least:
                out.append(next_day)
        return out

    def _fill(self, k: int) -> None:
        chain, steps = self.chain, self.chain.steps
        step, width = steps[k], len(self.chain.names)
        last = k + 1 == len(steps)
        if not last:
            days = self.days[k + 1]
            cheapest = INF
            floor: dict[int, int] = {}
            for day in reversed(days):
                cheapest = min(cheapest, *self.after[k + 1][day])
                floor[day] = cheapest
        for day in self.days[k]:
            nodes = chain.least(step, day)
            if last:
                values = list(nodes)
            else:
                best = [INF] * width
                worst = INF
                for next_day in self.next_days(k, day):
                    gap = next_day - day
                    if gap > 0 and self.length_points * gap + floor[next_day] >= worst:
                        break
                    points, later = self.edge(k + 1, gap), self.after[k + 1][next_day]
                    for r in range(width):
                        total = points + later[r]
                        if total < best[r]:
                            best[r] = total
                    worst = max(best)
                values = [a + b for a, b in zip(nodes, best, strict=True)]
            if min(values) < INF:
                self.value[k][day] = values
                self.after[k][day] = self._after(values)

    def _after(self, values: list[int]) -> list[int]:
        """By the resource of the session before: the least value here, 8 points more where the resource changes."""
        switched = min(values) + self.chain.continuity_points
        out = [min(value, values[0], switched) for value in values]
        out[0] = min(values)
        return out


def step_back(change: int, one: int, other: int) -> int:
    """The points for a change of continuity resource (0 stands for a visit that has none)."""
    return change if one and other and one != other else 0


def quick_bound(chain: Chain, start_day: int, horizon: int) -> int:
    """A lower bound on length, spread and time of a chain that starts on a day, without any table."""
    total, furthest = 0, start_day
    for step in chain.steps:
        if step.given is not None:
            furthest = max(furthest, step.given.day)
            continue
        low, high = chain.window(step, start_day, horizon)
        furthest = max(furthest, low)
        if low > high:
            return INF
    for step in chain.steps:
        if step.per_period:
            rest = step.period_days % step.per_period
            total += 3 * min(rest, step.per_period - rest)
    return total + LENGTH_POINTS * (furthest - start_day)
