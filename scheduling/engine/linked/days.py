"""The starts of the sessions of one date: what they cost at least, alone or together, and which fit each other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from ..options import INF, Chain, Step
from .company import Company
from .links import Band, Links

Choice = tuple[int, tuple[tuple[int, int, int], ...]]
"""Points, and for each track of a date (track, start, resource index)."""

END: Choice = (INF, ())
"""Marks a list of choices that is whole."""

MANY = 1000
"""From so many choices on, the clock is looked at."""

NOWHEN = (0,)
"""The starts of a traced track that has no session yet: one, which binds nothing."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The starts of a session on a date with one resource: seconds of the treatment in order, and their points."""

    seconds: list[int]
    points: list[int]
    up_to: list[int]
    """The least points of the starts up to each."""
    onward: list[int]
    """The least points of the starts from each on."""

    def least(self, low: int, high: int) -> int:
        """The least points of a treatment that starts from `low` to `high`, both included."""
        first, last = bisect_left(self.seconds, low), bisect_right(self.seconds, high)
        if first >= last:
            return INF
        if first == 0:
            return self.up_to[last - 1]
        if last == len(self.seconds):
            return self.onward[first]
        return min(self.points[first:last])


class TimeUp(Exception):
    """The time limit was reached in the middle of a step."""


class Days:
    """The cheapest starts of the sessions of one date, alone or together, for one course.

    `led` is the track whose continuity resource the bounds follow; `traced` the one whose last start they follow,
    because `window` and `sequence` links measure from it (None where there is none).
    """

    def __init__(self, chains: list[Chain], links: Links, company: Company, out_of_time: Callable[[], bool]) -> None:
        self.chains, self.links, self.company = chains, links, company
        sizes = [len(chain.steps) if chain.track.continuity else -1 for chain in chains]
        self.led = sizes.index(max(sizes))
        self.width = len(chains[self.led].names)
        self.traced = links.traced
        self.out_of_time = out_of_time
        self._profiles: dict[tuple[int, int], list[Profile]] = {}
        self._least: dict[tuple, list[int]] = {}
        self._choices: dict[tuple, list[Choice]] = {}

    @staticmethod
    def kind(step: Step) -> int:
        """What tells the starts of two sessions apart: the visit, or the session where it is locked or booked now."""
        return id(step.offers) if step.given is None and step.current is None else id(step)

    def starts(self, step: Step, day: int, room: int) -> tuple[int, ...]:
        """When the treatment of a session of the traced track may start.

        Up to `room` points above the cheapest start with the same resource: to change it may cost more than that.
        """
        found = {
            second
            for profile in self.profiles(self.traced or 0, step, day)
            for second, points in zip(profile.seconds, profile.points, strict=True)
            if points <= profile.up_to[-1] + room
        }
        return tuple(sorted(found))

    def profiles(self, track: int, step: Step, day: int) -> list[Profile]:
        """By resource index, the starts of a session on a date."""
        key = (self.kind(step), day)
        if key not in self._profiles:
            self._profiles[key] = [self._profile(track, step, day, r) for r in range(len(self.chains[track].names))]
        return self._profiles[key]

    def _profile(self, track: int, step: Step, day: int, resource: int) -> Profile:
        chain = self.chains[track]
        found: list[tuple[int, int]] = []
        if chain.least(step, day)[resource] < INF:
            ranked = chain.ranked(step, day, resource)
            found = sorted((chain.second_of(step, index) + step.lead, points) for points, index in ranked)
        points = [p for _, p in found]
        onward = list(accumulate(reversed(points), min))
        return Profile([s for s, _ in found], points, list(accumulate(points, min)), onward[::-1])

    def least_of(self, track: int, step: Step, day: int, limit: Band | None) -> list[int]:
        """By resource index, the least points of a session on a date whose treatment starts within a band."""
        if limit is None:
            return self.chains[track].least(step, day)
        low, high = limit
        return [profile.least(low, high) for profile in self.profiles(track, step, day)]

    def least(
        self, day: int, tracks: tuple[int, ...], steps: tuple[Step, ...], limits: tuple[Band | None, ...]
    ) -> list[int]:
        """By resource of the led track, the least points of these sessions on a date; all alike without that track."""
        if len(tracks) == 1:
            found = self.least_of(tracks[0], steps[0], day, limits[0])
            return found if tracks[0] == self.led else [min(found)] * self.width
        key = (day, tracks, tuple(self.kind(step) for step in steps), limits)
        if key not in self._least:
            self._least[key] = self._find_least(day, tracks, steps, limits)
        return self._least[key]

    def _find_least(
        self, day: int, tracks: tuple[int, ...], steps: tuple[Step, ...], limits: tuple[Band | None, ...]
    ) -> list[int]:
        if len(tracks) == 2:
            led = self.led in tracks
            out = [INF] * self.width
            for r in range(self.width):
                first = next(iter(self.choices(day, tracks, steps, limits, r, 0)), None)
                out[r] = first[0] if first is not None else INF
                if not led:
                    return [out[0]] * self.width
            return out
        out, other = [0] * self.width, 0
        for i, step, limit in zip(tracks, steps, limits, strict=True):
            least = self.least_of(i, step, day, limit)
            if i == self.led:
                out = list(least)
            else:
                other += min(least)
        return [min(value + other, INF) for value in out]

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
        kinds = tuple(self.kind(step) for step in steps)
        key = (day, tracks, kinds, limits, led if self.led in tracks else 0)
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
            if len(partial) > MANY and self.out_of_time():
                raise TimeUp
            for points, chosen in partial:
                for extra, index, r in single:
                    if points + extra + rest > floor + reach:
                        break
                    there = zip(chosen, steps, strict=False)
                    if all(self.company.fits(other, before, step, (track, index, r)) for before, other in there):
                        grown.append((points + extra, (*chosen, (track, index, r))))
            partial = grown
        if len(tracks) > 2:
            partial = [choice for choice in partial if self.company.all_seated(steps, choice[1])]
        partial.sort()
        return partial, floor + reach < top
