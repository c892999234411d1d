"""The cheapest plan of linked tracks, looked for below ceilings that rise until there is one."""

from __future__ import annotations

from math import log

from ..options import INF
from .search import JointAnswer, JointSearch

WEIGHTS = (20, 28, 48)
"""How far the bounds lead, in sixteenths, when the exact search has run out of steps."""
BEAMS = (12, 96)
"""Nodes of each date when the calendar is too large to be made whole."""
DIVES, DIVE_STEPS, LIKELY = (28, 48), 2000, 2
"""Weights, and steps on each of how many start days, for a first plan."""
FEW_STEPS, WIDER = 10_000, 40
"""Steps before the ceiling is raised for good, and by what part of the bound."""
WIDEST = 500
"""From this many points between bound and ceiling on, the ceiling is left out."""
SMALL, SMALL_GROWTH, GROWTH = 20_000, 8, 2.5
"""By what factor the calendar may grow from one ceiling to the next, up to a size and above."""


def plan_linked(search: JointSearch, *, ceiling: int, limit: int) -> JointAnswer:
    """The cheapest plan below `ceiling`, or the best found with the bound that was proven.

    The calendar that has to be made grows fast with the room between the bound and the ceiling. So the search is run
    below low ceilings first, each a little higher than what is proven by then: the first plan found is a cheapest one.
    """
    bound, best = search.floor(), JointAnswer(None, 0)
    room, size, steps = max(bound // 40, 4), 1, FEW_STEPS
    while bound < min(ceiling, INF):
        top = min(ceiling, bound + room) if room < WIDEST else ceiling
        answer = search.run(limit=min(steps, limit), ceiling=top)
        bound = max(bound, answer.bound)
        if answer.cost is not None and answer.proven:
            return answer
        if answer.cost is not None and (best.cost is None or answer.cost < best.cost):
            best = answer
        if answer.bound < top and (steps >= limit or search.is_leaky):
            return _not_proven(search, bound, top, limit, best)
        was, size = size, search.size()
        if answer.bound < top:
            # The calendar is small, its bounds are wide: one long search is better than a few that begin anew.
            steps, room = limit, max(room, bound // WIDER)
            search.patterned = any(search.recent)
        elif was == 1:
            room *= 2
        else:
            wanted = log(SMALL_GROWTH if size < SMALL else GROWTH)
            room = min(max(int(wanted * room / log(max(size / was, 1.1))), 2), 3 * room)
        if best.cost is None and size >= SMALL:
            # A plan, if not the best, says how far the ceiling has to rise at most.
            best = _dive(search, min(ceiling, bound + 6 * room))
            ceiling = min(ceiling, best.cost or ceiling)
        if ceiling - bound <= 2 * room:
            room = ceiling - bound
    return JointAnswer(best.cost, bound, best.plan)


def _dive(search: JointSearch, ceiling: int) -> JointAnswer:
    """A plan, soon, on one of the likely start days; or none."""
    for weight in DIVES:
        for day in search.likely_days()[:LIKELY]:
            answer = search.run(limit=DIVE_STEPS, ceiling=ceiling, weight=weight, beam=BEAMS[0], only=day)
            if answer.cost is not None:
                return answer
    return JointAnswer(None, 0)


def _not_proven(search: JointSearch, bound: int, top: int, limit: int, best: JointAnswer) -> JointAnswer:
    """Some good plan where the proof has run out of steps or of nodes; then the proof once more, below its cost."""
    for weight in WEIGHTS:
        answer = search.run(limit=limit // 8, ceiling=top, weight=weight)
        if answer.cost is not None:
            again = search.run(limit=limit * 2, ceiling=answer.cost)
            bound = max(bound, min(again.bound, answer.cost))
            found = min((a for a in (again, answer, best) if a.cost is not None), key=lambda a: a.cost or 0)
            return JointAnswer(found.cost, bound, found.plan)
    if best.cost is not None:
        return JointAnswer(best.cost, bound, best.plan)
    for beam in BEAMS:
        for day in search.start_days:
            answer = search.run(limit=limit // 8, weight=WEIGHTS[-1], only=day, beam=beam)
            if answer.cost is not None:
                return JointAnswer(answer.cost, min(bound, answer.cost), answer.plan)
    return JointAnswer(None, bound)
