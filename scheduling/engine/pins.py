"""Sessions that are left one start alone: those that shall stay, and one that somebody moves by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .options import Chain, Offers, Step


def pin(chains: Iterable[Chain], seconds: Mapping[tuple[str, int], int]) -> bool:
    """Leave sessions, by track and number, no start but theirs; False where one of them is not open."""
    for chain in chains:
        for step in chain.steps:
            second = seconds.get((chain.track.name, step.number))
            if second is not None and step.given is None:
                step.offers = _only(step, second)
                if not step.offers.by_resource:
                    return False
    return True


def _only(step: Step, second: int) -> Offers:
    """The offers of a session at one start."""
    all_of = step.offers
    index, rest = divmod(second, 60)
    bit = 1 << index if not rest and index >= 0 else 0
    sets = {resource: starts & bit for resource, starts in all_of.by_resource.items() if starts & bit}
    return Offers(all_of.line, all_of.grid, all_of.want, sets, all_of.width)
