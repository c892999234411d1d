"""Whether sessions of several tracks can share a date: one body, their links, their seats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from ..options import Chain, Step
from ..seats import Board
from .links import Event, Links

Placed = tuple[int, int, int]
"""(track, start, resource index)"""


class Company:
    def __init__(self, board: Board, chains: list[Chain], links: Links) -> None:
        self.board, self.chains, self.links = board, chains, links
        kinds = [{hold.kind for step in chain.steps for hold in step.visit.holds} for chain in chains]
        self.shares = any(one & other for one, other in combinations(kinds, 2))
        """Whether two tracks want seats of one kind."""

    def fits(self, one: Step, a: Placed, other: Step, b: Placed) -> bool:
        """Whether two sessions can share a date."""
        given = one.given is not None, other.given is not None
        if not all(given) and a[1] < b[1] + other.visit.minutes and b[1] < a[1] + one.visit.minutes:
            return False
        if self.links.ties and not self.links.pair_kept(_event(one, a, given[0]), _event(other, b, given[1])):
            return False
        return not self.shares or any(given) or self.seated([(one, a), (other, b)])

    def all_seated(self, steps: Sequence[Step], placed: Sequence[Placed]) -> bool:
        """Whether three or more sessions that fit each other find seats together as well."""
        pairs = [(step, at) for step, at in zip(steps, placed, strict=True) if step.given is None]
        return len(pairs) < 3 or not self.shares or self.seated(pairs)

    def seated(self, visits: list[tuple[Step, Placed]]) -> bool:
        return self.board.can_seat(
            [
                (step.visit, index, self.chains[track].track.continuity, self.chains[track].names[r])
                for step, (track, index, r) in visits
            ]
        )


def _event(step: Step, placed: Placed, given: bool) -> Event:
    second = step.given.second if step.given is not None else placed[1] * 60
    return Event(placed[0], step.number, second + step.lead, second + step.done, given)
