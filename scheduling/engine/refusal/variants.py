"""A course's world as it is beside the same world made wider: more starts at every time, by one kind of change.

The starts of both are kept with the same indices, so that the wider ones can be let in for some dates only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from ..options import Chain, DayOffers, Offers, Step, chains_of
from ..problem import Course, Problem
from ..result import Relaxation
from ..seats import Board
from ..timeline import ones

Keep = Callable[[Step, int], int]
"""Those of the wider starts of a session on a date that are let in, as a set of minutes."""


@dataclass
class Variant:
    """`plain` and `wide` are the same chains with the starts that there are, and with all that the change would give.

    `template` is the change, over all time.
    """

    template: Relaxation
    problem: Problem
    course: Course
    board: Board
    bare: list[Chain]

    def __post_init__(self) -> None:
        self.wide = chains_of(self.problem, self.course, self.board)
        self.plain = [_renamed(bare, wide) for bare, wide in zip(self.bare, self.wide, strict=True)]

    @cached_property
    def gains(self) -> list[dict[int, list[int]]]:
        """By track and by the wide offers' id: the dates on which the change gives more starts."""
        return [self._gains_of(plain, wide) for plain, wide in zip(self.plain, self.wide, strict=True)]

    @staticmethod
    def _gains_of(plain: Chain, wide: Chain) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for one, other in zip(plain.steps, wide.steps, strict=True):
            if other.given is None and id(other.offers) not in found:
                line = other.offers.line
                found[id(other.offers)] = [
                    day for day in range(line.first, line.last + 1) if _sets(one, day) != _sets(other, day)
                ]
        return found

    def mixed(self, low: int, high: int, keep: Keep | None = None) -> list[Chain]:
        """The chains with the wider starts on the dates from `low` to `high` only."""
        out = []
        for plain, wide in zip(self.plain, self.wide, strict=True):
            made: dict[int, Offers] = {}
            for one, other in zip(plain.steps, wide.steps, strict=True):
                if id(other.offers) not in made:
                    made[id(other.offers)] = _mixed(one, other, low, high, keep)
            steps = [replace(step, offers=made[id(step.offers)]) for step in wide.steps]
            out.append(Chain(wide.track, steps, wide.names, wide.is_first))
        return out


class MixedOffers(Offers):
    """The starts of `plain`, but for the dates from `low` to `high`."""

    def __init__(self, plain: Offers, low: int, high: int, by_resource: dict[int, int]) -> None:
        super().__init__(plain.line, plain.grid, plain.want, by_resource, plain.width)
        self.plain, self.low, self.high = plain, low, high

    def day(self, day: int) -> DayOffers | None:
        return super().day(day) if self.low <= day <= self.high else self.plain.day(day)

    def ranked(self, day: int, resource: int) -> list[tuple[int, int]]:
        return super().ranked(day, resource) if self.low <= day <= self.high else self.plain.ranked(day, resource)


def _sets(step: Step, day: int) -> list[int] | None:
    found = step.offers.day(day)
    return found.sets if found is not None else None


def _renamed(bare: Chain, wide: Chain) -> Chain:
    """The bare chain with the wide one's indices of resources."""
    index = {name: i for i, name in enumerate(wide.names)}
    made: dict[int, Offers] = {}
    for step in bare.steps:
        if id(step.offers) not in made:
            there = step.offers
            starts = {index[bare.names[r]]: found for r, found in there.by_resource.items()}
            made[id(there)] = Offers(there.line, there.grid, there.want, starts, len(wide.names))
    steps = [
        replace(step, offers=made[id(step.offers)], given=other.given)
        for step, other in zip(bare.steps, wide.steps, strict=True)
    ]
    return Chain(wide.track, steps, wide.names, wide.is_first)


def _mixed(plain: Step, wide: Step, low: int, high: int, keep: Keep | None) -> Offers:
    line, one, other = wide.offers.line, plain.offers, wide.offers
    span = ones(max(line.midnight(low), 0), max(line.midnight(high + 1), 0))
    if keep is not None:
        span &= keep(wide, low)
    starts = {
        r: one.by_resource.get(r, 0) | (other.by_resource.get(r, 0) & span)
        for r in {*one.by_resource, *other.by_resource}
    }
    return MixedOffers(one, low, high, starts)
