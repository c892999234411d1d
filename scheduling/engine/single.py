"""One course against a board: the search that fits its tracks, then seats for every visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .cost import sessions_cost
from .hours import Hours
from .linked.ceilings import plan_linked
from .linked.company import Company
from .linked.days import Days
from .linked.joint import MAX_NODES
from .linked.links import Links
from .linked.search import JointSearch
from .options import INF, Chain, chains_of
from .pins import pin
from .problem import Course, PlacedSession, Problem
from .seats import Board, Seat, spans_of
from .timeline import Span
from .track.chain import Answer, plan_chain

EXACT_STEPS = 40_000
ALONE_STEPS = 400_000
"""The same for a course that is planned alone: its proof is worth more than the time."""
JOINT_STEPS = 100_000
LEAST_STEPS, LEAST_NODES = 3_000, 3_000
"""Of linked tracks, however little effort is asked for."""
WEIGHTS = (20, 28, 48, 80)
"""How far the bounds lead, in sixteenths, when the exact search has run out of steps: until one finds a plan."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A course's answer with the seat time that it takes. `bound` is proven; INF where no plan is proven to exist."""

    sessions: tuple[PlacedSession, ...]
    cost: int | None
    bound: int
    taken: tuple[tuple[Seat, Span], ...] = ()

    @property
    def is_optimal(self) -> bool:
        return self.cost is not None and self.bound >= self.cost

    @property
    def is_impossible(self) -> bool:
        return self.cost is None and self.bound >= INF


Plan = list[tuple[int, int, int, int]]
"""(track, number, start, resource index) of the sessions that are not locked."""


@dataclass
class Desk:
    """What planning one course needs at hand."""

    problem: Problem
    board: Board
    hours: Hours
    out_of_time: Callable[[], bool]
    effort: float = 1.0
    patient: bool = True
    """Whether to go on as long as there is time where no plan has been found or ruled out."""


def draft_course(
    desk: Desk, course: Course, ceiling: int = INF, pins: Mapping[tuple[str, int], int] = MappingProxyType({})
) -> Draft:
    """The cheapest plan of a course beside what the board has, or the best that the steps allow.

    With a `ceiling`, only a plan below it is looked for: none found is then no proof that there is none. `pins` are
    seconds from the base at which sessions start that have no other choice.
    """
    banned: set[tuple[int, int]] = set()
    bound = 0
    for _ in range(20):
        chains = chains_of(desk.problem, course, desk.board)
        for track, index in banned:
            forbid(chains[track], index)
        if not pin(chains, pins):
            return Draft((), None, INF if not banned else 0)
        cost, found, plan = solve(desk, course, chains, ceiling)
        bound = found if not banned else bound
        if cost is None:
            return Draft((), None, bound if not banned else 0)
        sessions, taken, clash = seat(desk, course, chains, plan)
        if clash is None:
            exact = sessions_cost(desk.problem, course, tuple(sessions), desk.hours).total
            return Draft(tuple(sessions), exact, min(bound, exact) if not banned else 0, tuple(taken))
        # Two visits of this very course want one seat, which the search sees within a date only.
        banned.add(clash)
    return Draft((), None, 0)


def forbid(chain: Chain, index: int) -> None:
    for offers in {id(step.offers): step.offers for step in chain.steps}.values():
        for resource in offers.by_resource:
            offers.by_resource[resource] &= ~(1 << index)


def solve(desk: Desk, course: Course, chains: list[Chain], ceiling: int) -> tuple[int | None, int, Plan]:
    """Cost, proven bound, and the plan."""
    earliest, latest = course.earliest_start.toordinal(), course.latest_start.toordinal()
    horizon = desk.problem.horizon_end.toordinal()
    if len(chains) == 1:
        return _solve_chain(desk, chains[0], earliest, latest, horizon, ceiling)
    links = Links(desk.problem, desk.problem.protocol_of(course), chains, desk.board.line)
    days = Days(chains, links, Company(desk.board, chains, links), desk.out_of_time)
    most = max(int(MAX_NODES * desk.effort), LEAST_NODES)
    search = JointSearch(chains, links, days, earliest, latest, horizon, desk.out_of_time, most)
    answer = plan_linked(search, ceiling=ceiling, limit=max(int(JOINT_STEPS * desk.effort), LEAST_STEPS))
    return answer.cost, 0 if links.goes_back else answer.bound, _free_of(chains, answer.plan)


def _solve_chain(
    desk: Desk, chain: Chain, earliest: int, latest: int, horizon: int, ceiling: int
) -> tuple[int | None, int, Plan]:
    def look(limit: int, ceiling: int, weight: int = 16) -> Answer:
        return plan_chain(
            chain, earliest, latest, horizon, limit=limit, out_of_time=desk.out_of_time, ceiling=ceiling, weight=weight
        )

    bound, answer = 0, Answer(None, 0)
    for weight in (16, *WEIGHTS):
        answer = look(int(EXACT_STEPS * desk.effort), ceiling, weight)
        bound = max(bound, answer.bound)
        if answer.cost is not None or answer.bound >= min(ceiling, INF) or desk.out_of_time():
            break
    cost = answer.cost
    if cost is None:
        return None, bound, []
    if bound < cost and desk.effort >= 1 and not desk.out_of_time():
        # There is a plan to fall back on: now the proof, or a better one, may take its time.
        proof = look(ALONE_STEPS, cost)
        bound = max(bound, proof.bound)
        if proof.cost is not None:
            cost, answer = proof.cost, proof
    plan = [(0, step.number, index, r) for step, (index, r) in zip(chain.steps, answer.plan, strict=True)]
    return cost, bound, _free_of([chain], tuple(plan))


def _free_of(chains: list[Chain], plan: tuple[tuple[int, int, int, int], ...]) -> Plan:
    return [entry for entry in plan if chains[entry[0]].steps[entry[1] - 1].given is None]


def seat(
    desk: Desk, course: Course, chains: list[Chain], plan: Plan
) -> tuple[list[PlacedSession], list[tuple[Seat, Span]], tuple[int, int] | None]:
    """The sessions of a plan with seats, what they take, and a visit (track, start) that found none.

    A visit keeps the seats of the one before it where they are free, so that people meet the same staff.
    """
    board = desk.board
    locked = {session.key: session for session in course.locked}
    placed: dict[tuple[int, int], PlacedSession] = {
        (i, step.number): locked[chain.track.name, step.number]
        for i, chain in enumerate(chains)
        for step in chain.steps
        if step.given is not None
    }
    taken: list[tuple[Seat, Span]] = []
    liked: dict[int, list[Seat]] = {}
    clash = None
    for group in overlapping(chains, plan):
        wanted = []
        for track, number, index, r in group:
            chain = chains[track]
            wanted.append((chain.steps[number - 1].visit, index, chain.track.continuity, chain.names[r]))
        likes = [seat for track, _, _, _ in group for seat in liked.get(track, ())]
        found = board.assign_together(wanted, likes)
        if found is None:
            clash = (group[-1][0], group[-1][2])
            break
        for (track, number, index, _), (visit, _, _, _), holds in zip(group, wanted, found, strict=True):
            spans = spans_of(visit, index, holds)
            board.take(spans)
            taken += spans
            liked[track] = [(hold.resource, hold.seat) for hold in holds]
            placed[track, number] = PlacedSession(chains[track].track.name, number, board.line.instant(index), holds)
    board.give(taken)
    return [placed[key] for key in sorted(placed)], taken, clash


def overlapping(chains: list[Chain], plan: Plan) -> list[Plan]:
    """The sessions of a plan in order of time, those whose holds overlap together: they are seated together."""
    groups: list[Plan] = []
    until = -INF
    for entry in sorted(plan, key=lambda entry: entry[2]):
        visit = chains[entry[0]].steps[entry[1] - 1].visit
        if entry[2] >= until:
            groups.append([])
        groups[-1].append(entry)
        until = max(until, entry[2] + max((hold.end for hold in visit.holds), default=0))
    return groups
