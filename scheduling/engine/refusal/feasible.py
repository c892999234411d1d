"""Some plan of a course on given start days, soon: whether there is one is all that is asked, not what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..linked.company import Company
from ..linked.days import Days
from ..linked.links import Links
from ..linked.search import JointSearch
from ..options import Chain
from ..problem import Course, PlacedSession
from ..single import Desk, Plan, seat
from ..track.chain import plan_chain

STEPS = 3000
WEIGHT = 40
DIVES = ((32, 400, 24), (64, 1200, 96))
"""Weight, steps and beam for each start day of linked tracks."""
BUDGET = 2200
"""How much work one type of change may take: steps, nodes of the shared calendar, and TABLES for each start day."""
TABLES = 100


@dataclass
class Finder:
    """Looks for plans until the work of its budget is done: the clock plays no part before the time limit."""

    out_of_time: Callable[[], bool]
    left: int = BUDGET

    def renew(self) -> None:
        self.left = BUDGET

    @property
    def is_spent(self) -> bool:
        return self.left <= 0 or self.out_of_time()

    def find(
        self, desk: Desk, course: Course, chains: list[Chain], starts: list[int]
    ) -> tuple[PlacedSession, ...] | None:
        """The sessions of a plan that starts on one of these days, with seats; None where none was found."""
        horizon = desk.problem.horizon_end.toordinal()
        if len(chains) == 1:
            plan = self._one_track(chains[0], starts, horizon)
        else:
            plan = self._linked(desk, course, chains, starts, horizon)
        if plan is None:
            return None
        free = [entry for entry in plan if chains[entry[0]].steps[entry[1] - 1].given is None]
        sessions, _, clash = seat(desk, course, chains, free)
        return tuple(sessions) if clash is None else None

    def _one_track(self, chain: Chain, starts: list[int], horizon: int) -> Plan | None:
        for day in starts:
            if self.is_spent:
                return None
            self.left -= TABLES
            answer = plan_chain(chain, day, day, horizon, limit=STEPS, out_of_time=self.out_of_time, weight=WEIGHT)
            if answer.cost is not None:
                return [(0, step.number, *at) for step, at in zip(chain.steps, answer.plan, strict=True)]
            self.left -= 0 if answer.proven else STEPS
        return None

    def _linked(self, desk: Desk, course: Course, chains: list[Chain], starts: list[int], horizon: int) -> Plan | None:
        links = Links(desk.problem, desk.problem.protocol_of(course), chains, desk.board.line)
        days = Days(chains, links, Company(desk.board, chains, links), self.out_of_time)
        search = JointSearch(chains, links, days, min(starts), max(starts), horizon, self.out_of_time)
        left = list(starts)
        for weight, steps, beam in DIVES:
            for day in list(left):
                if self.is_spent:
                    return None
                before = search.steps
                answer = search.run(limit=steps, weight=weight, only=day, beam=beam)
                self.left -= search.steps - before
                if weight == DIVES[0][0]:
                    self.left -= TABLES + len(search.joints[day].nodes)
                if answer.cost is not None:
                    return list(answer.plan)
                if answer.proven:
                    left.remove(day)
        return None
