"""Better bounds where `max_in` counts: its limits as prices, which the plain tables leave out.

"At most c sessions on any d dates" says that session j lies at least d days after session j-c. A plan that keeps this
pays nothing for it, so a price for each day that is missing, and a rebate for each day beyond, never makes a plan that
keeps all limits dearer. Gaps add up to such days: with the prices in the edges the tables stay as they are, and their
values are still never too high. The prices are raised where the cheapest way breaks a limit, and lowered where it has
days to spare (subgradients); any prices prove a bound, good ones a better one.
"""

from __future__ import annotations

from ..options import Chain
from .tables import LENGTH_POINTS, Tables

UNIT = 16
"""Parts of a point in which prices are counted, so that all sums stay whole numbers."""
ROUNDS = 12
LATER_ROUNDS = 4
HOPE = 0.02
"""How far above the best bound the rounds aim, as a share of it."""

Limit = tuple[int, int, int]
"""Session j (from 0), session j - count, and the days that lie between them at least."""


def limits_of(chain: Chain) -> list[Limit]:
    return [
        (j, j - step.max_in[0], step.max_in[1])
        for j, step in enumerate(chain.steps)
        if step.max_in is not None and step.given is None and j >= step.max_in[0]
    ]


class Bounds:
    """The tables of a start day with the prices of its limits, in parts of a point."""

    def __init__(self, tables: Tables, limits: list[Limit], prices: list[int] | None = None) -> None:
        self.tables, self.limits = tables, limits
        self.unit = tables.unit
        self.prices = prices or [0] * len(limits)
        count = len(tables.chain.steps)
        self.low = [{day: min(values) for day, values in found.items()} for found in tables.value]
        self.ahead = [0] * count
        """By session: the prices of the limits that count days from it on, or from a later one."""
        self.open: list[list[tuple[int, int, int]]] = [[] for _ in range(count)]
        """By session: (session, price, days) of the limits that count days since an earlier one, and run on."""
        for (j, since, days), price in zip(limits, self.prices, strict=True):
            if price:
                for k in range(since + 1):
                    self.ahead[k] += price * days
                for k in range(since + 1, j):
                    self.open[k].append((since, price, days))

    def least(self) -> int:
        """What all sessions cost at least, in points; the days up to the first one included."""
        return -(-self.parts() // self.unit)

    def parts(self) -> int:
        """The same in parts of a point, not rounded up."""
        start, points = self.tables.start_day, self.tables.length_points * self.unit
        return min(value + points * (day - start) for day, value in self.low[0].items()) + self.ahead[0]

    def limits_after(self, k: int, dates: list[int]) -> tuple[int, int]:
        """What the limits of session k and those after it cost, the dates before k known; and less for each date."""
        total, slope = self.ahead[k], 0
        for since, price, days in self.open[k]:
            total += price * (days + dates[since])
            slope += price
        return total, slope


def priced(bounds: Bounds, horizon: int, first: list[int] | None = None) -> Bounds:
    """Better bounds for the same start day, where its cheapest way breaks a limit; else the same.

    `first` are prices that were good for another start day: with them few rounds are enough.
    """
    chain, limits, start = bounds.tables.chain, bounds.limits, bounds.tables.start_day
    best, top = bounds, bounds.least() * UNIT
    now, value, prices = bounds, top, [0] * len(limits)
    for turn in range(ROUNDS if first is None else LATER_ROUNDS):
        dates = now.tables.way()
        short = [days - (dates[j] - dates[since]) for j, since, days in limits]
        if all(days <= 0 for days in short):
            break
        if turn == 0 and first is not None:
            prices = first
        else:
            pulls = [days if days > 0 or price else 0 for days, price in zip(short, prices, strict=True)]
            aim = top + max(int(top * HOPE), 2 * UNIT)
            size = sum(pull * pull for pull in pulls)
            prices = [max(price + (aim - value) * pull // size, 0) for price, pull in zip(prices, pulls, strict=True)]
        now = Bounds(Tables(chain, start, horizon, LENGTH_POINTS, UNIT, reliefs(chain, limits, prices)), limits, prices)
        value = now.parts()
        if value > top:
            best, top = now, value
    return best


def reliefs(chain: Chain, limits: list[Limit], prices: list[int]) -> list[int]:
    """By session, the prices of the limits that its gap counts for."""
    out = [0] * len(chain.steps)
    for (j, since, _), price in zip(limits, prices, strict=True):
        for k in range(since + 1, j + 1):
            out[k] += price
    return out
