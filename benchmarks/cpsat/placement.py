"""A visit that may take place on a date. Its start is a row of literals, "not before the i-th start".

Order literals keep rules of the form "if this one is late, so is that one" as clauses of a few literals, whose linear
relaxation is tight; sums over starts that lie side by side shrink to two terms.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from ortools.sat.python import cp_model

from scheduling.engine import Visit

from .calendar import Starts

Literal: TypeAlias = Any
"""Of CP-SAT's variables and expressions, which are untyped here."""

Term = tuple[Literal, int]


@dataclass
class Placement:
    day: int
    visit: Visit
    used: Literal
    starts: Starts
    late: list[Literal] = field(default_factory=list)
    """For each start but the first: whether the visit takes place then or later. All false where it does not."""
    resource: str | None = None
    """Of a given session."""
    is_given: bool = False

    @property
    def low(self) -> int:
        return self.starts.minutes[0]

    @property
    def high(self) -> int:
        return self.starts.minutes[-1]

    def lay(self, model: cp_model.CpModel) -> None:
        self.late = [model.new_bool_var("") for _ in self.starts.minutes[1:]]
        for one, two in pairwise([self.used, *self.late]):
            model.add_implication(two, one)

    def not_before(self, index: int) -> Literal:
        """The literal of "at the start with this index or later"; 0 behind the last one."""
        if index == 0:
            return self.used
        return self.late[index - 1] if index <= len(self.late) else 0

    def is_at(self, indices: Iterable[int]) -> list[Term]:
        """Whether the visit takes place at one of these starts, as a sum."""
        weights: dict[int, int] = {}
        for index in indices:
            weights[index] = weights.get(index, 0) + 1
            weights[index + 1] = weights.get(index + 1, 0) - 1
        return [(self.not_before(i), w) for i, w in sorted(weights.items()) if w and i <= len(self.late)]

    def points(self) -> list[Term]:
        """What the time of day costs, as a sum."""
        found = [(self.used, self.starts.points[0])]
        found += [(late, b - a) for late, (a, b) in zip(self.late, pairwise(self.starts.points), strict=True)]
        return [(literal, points) for literal, points in found if points]

    def begin_of(self, solver: cp_model.CpSolver) -> int:
        return self.starts.minutes[sum(solver.boolean_value(late) for late in self.late)]


def total(terms: Iterable[Term]) -> Any:
    terms = list(terms)
    return cp_model.LinearExpr.weighted_sum([literal for literal, _ in terms], [weight for _, weight in terms])


def begins_after(model: cp_model.CpModel, one: Placement, two: Placement, least: int, when: list[Literal]) -> None:
    """`two` begins at least so many minutes (which may be negative) after `one`, if all of `when` hold.

    Each literal of `when` is false where either visit does not take place.
    """
    previous = 0
    for index, minute in enumerate(one.starts.minutes):
        reached = bisect_left(two.starts.minutes, minute + least)
        if reached == previous:
            continue
        previous = reached
        follows = two.not_before(reached)
        if len(when) == 1:
            model.add(one.not_before(index) + when[0] <= follows + one.used)
        else:
            model.add_bool_or([follows, ~one.not_before(index), *(~literal for literal in when)])
        if reached > len(two.late):
            break


def gap_range(before: Placement, after: Placement) -> tuple[int, int]:
    """The least and the most minutes from the start of one treatment to the start of another."""
    lead = after.visit.treatment[0] - before.visit.treatment[0]
    return after.low - before.high + lead, after.high - before.low + lead


def rest_range(before: Placement, after: Placement) -> tuple[int, int]:
    """The least and the most minutes from the end of one treatment to the start of another."""
    lead = after.visit.treatment[0] - before.visit.treatment[1]
    return after.low - before.high + lead, after.high - before.low + lead


def keep_between(
    model: cp_model.CpModel, one: Placement, two: Placement, low: int | None, high: int | None, when: list[Literal]
) -> None:
    """From the start of `one` to that of `two`, `low` to `high` minutes pass, if all of `when` hold."""
    if low is not None:
        begins_after(model, one, two, low, when)
    if high is not None:
        begins_after(model, two, one, -high, when)
