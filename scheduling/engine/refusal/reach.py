"""Which dates the sessions of a track can have at all: sets of dates as integers, from the start on and from the end.

Two dates follow each other where some pair of their free starts keeps the gap; times of day, `max_in` and links are
left out. So a course whose sets run empty is proven to have no plan, in a fraction of a millisecond.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from ..options import Chain, Offers, Step

Dates = int
"""A set of dates: bit i stands for the i-th date after a base."""


def dates_in(found: Dates) -> Iterator[int]:
    while found:
        low = found & -found
        yield low.bit_length() - 1
        found ^= low


@dataclass(frozen=True, slots=True)
class Shelf:
    """The dates on which a session has a start, in order, with the seconds of its first and last treatment start."""

    days: list[int]
    firsts: list[int]
    lasts: list[int]
    heads: list[Dates]
    """`heads[i]` has the first i dates."""

    def between(self, low: int, high: int) -> Dates:
        """The dates from the low-th up to the high-th."""
        return self.heads[high] ^ self.heads[low] if low < high else 0

    def after(self, day: int, first: int, last: int, least: int, most: int) -> Dates:
        """The dates after `day` that can follow treatments which start from `first` to `last`."""
        low = max(bisect_left(self.lasts, first + least), bisect_right(self.days, day))
        return self.between(low, bisect_right(self.firsts, last + most))

    def before(self, day: int, first: int, last: int, least: int, most: int) -> Dates:
        """The dates before `day` that treatments which start from `first` to `last` can follow."""
        high = min(bisect_right(self.firsts, last - least), bisect_left(self.days, day))
        return self.between(bisect_left(self.lasts, first - most), high)

    def reach(self, day: int) -> tuple[int, int]:
        at = bisect_left(self.days, day)
        return self.firsts[at], self.lasts[at]


class Reach:
    """The dates of one chain, counted from `base`."""

    def __init__(self, chain: Chain, horizon: int) -> None:
        self.chain, self.horizon = chain, horizon
        line = chain.steps[0].offers.line
        self.base = min([line.low, *(step.given.day for step in chain.steps if step.given is not None)])
        self.days = range(line.first, line.last + 1)
        self._shelves: dict[tuple[int, int], Shelf] = {}
        self.shelves = [self._shelf(step) for step in chain.steps]
        self._follow: dict[tuple[int, int, int, int, int], Dates] = {}

    def _shelf(self, step: Step) -> Shelf:
        if step.given is not None:
            treat = step.given.second + step.lead
            return Shelf([step.given.day], [treat], [treat], [0, 1 << step.given.day - self.base])
        key = (id(step.offers), step.lead)
        if key not in self._shelves:
            self._shelves[key] = self._offered(step.offers, step.lead)
        return self._shelves[key]

    def _offered(self, offers: Offers, lead: int) -> Shelf:
        days, firsts, lasts, heads, found = [], [], [], [0], 0
        for day in self.days:
            here = offers.day(day)
            if here is None:
                continue
            found |= 1 << day - self.base
            days.append(day)
            firsts.append(here.first * 60 + lead)
            lasts.append(here.last * 60 + lead)
            heads.append(found)
        return Shelf(days, firsts, lasts, heads)

    def window(self, k: int, start: int) -> Dates:
        """The dates on which session k (from 0) has a start inside its window, for a course that starts on a day."""
        step, every = self.chain.steps[k], self.shelves[k].heads[-1]
        if step.given is not None:
            return every
        low, high = self.chain.window(step, start, self.horizon)
        return every >> (low - self.base) << (low - self.base) & (1 << high - self.base + 1) - 1 if low <= high else 0

    def follow(self, k: int, at: int) -> Dates:
        """The dates on which session k+1 can follow session k on the `at`-th date."""
        one, other, after = self.shelves[k], self.shelves[k + 1], self.chain.steps[k + 1]
        if self.chain.steps[k].given is not None and after.given is not None:
            return other.heads[-1]
        key = (id(one), id(other), after.least, after.most, at)
        if key not in self._follow:
            day = at + self.base
            self._follow[key] = other.after(day, *one.reach(day), after.least, after.most)
        return self._follow[key]

    def forwards(self, start: int) -> list[Dates]:
        """The dates that each session can have after those before it; the list ends with the first empty set."""
        found = [self.window(0, start)]
        while found[-1] and len(found) < len(self.shelves):
            k, reached = len(found) - 1, 0
            for at in dates_in(found[-1]):
                reached |= self.follow(k, at)
            found.append(reached & self.window(k + 1, start) if reached else 0)
        return found

    def backwards(self, start: int) -> list[Dates]:
        """The dates that each session can have before those after it, for all sessions."""
        count = len(self.shelves)
        found = [0] * count
        found[-1] = self.window(count - 1, start)
        for k in range(count - 2, -1, -1):
            if not found[k + 1]:
                break
            for at in dates_in(self.window(k, start)):
                if self.follow(k, at) & found[k + 1]:
                    found[k] |= 1 << at
        return found

    def is_possible(self, start: int) -> bool:
        found = self.forwards(start)
        return len(found) == len(self.shelves) and bool(found[-1])
