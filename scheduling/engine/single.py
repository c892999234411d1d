"""One course against a board: the search that fits its tracks, then seats for every visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .chain import plan_chain
from .cost import sessions_cost
from .hours import Hours
from .joint import Days, Placed
from .linked import JointAnswer, JointSearch
from .links import Event, Links
from .options import INF, Chain, Step, chains_of
from .problem import Course, PlacedSession, Problem
from .seats import Board, Group, Seat, groups_of, knots_of, spans_of
from .timeline import Span

EXACT_STEPS = 40_000
JOINT_STEPS = 4_000
QUICK_STEPS = 12_000
BANDS = 4
"""Bands of the day in the finer bounds for linked tracks (`joint`)."""
WIDE_GAP = 0.12
"""The share of the cost between plan and bound above which the finer bounds are worth their time."""
LAST_STEPS = 1_000_000
"""How far to look where no plan has been found or ruled out by then: in practice until the time runs out."""
WEIGHTS = (20, 28, 48, 80)
DIVES = ((20, 1500), (32, 3000), (64, 6000))
"""Weight and steps for each start day."""
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


def draft_course(desk: Desk, course: Course, ceiling: int = INF) -> Draft:
    """The cheapest plan of a course beside what the board has, or the best that the steps allow.

    With a `ceiling`, only a plan below it is looked for: none found is then no proof that there is none.
    """
    banned: set[tuple[int, int]] = set()
    bound = 0
    for _ in range(20):
        chains = chains_of(desk.problem, course, desk.board)
        for track, index in banned:
            forbid(chains[track], index)
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
    fits = fits_of(desk.board, chains, links)

    def search_in(bands: int) -> JointSearch:
        days = Days(chains, links, fits, bands)
        return JointSearch(chains, links, days, earliest, latest, horizon, desk.out_of_time)

    cost, bound, plan = _solve_linked(desk, search_in, ceiling)
    return cost, bound, _free_of(chains, plan)


def _solve_linked(
    desk: Desk, search_in: Callable[[int], JointSearch], ceiling: int
) -> tuple[int | None, int, tuple[tuple[int, int, int, int], ...]]:
    """A good plan first, so that there is one whenever the time runs out; then the proof, or a better plan."""
    search, steps = search_in(1), int(JOINT_STEPS * desk.effort)
    best = _dive(desk, search) if ceiling >= INF else None
    answer = search.run(limit=steps, ceiling=ceiling if best is None else best.cost or ceiling)
    bound = answer.bound
    best = answer if answer.cost is not None else best
    top = ceiling if best is None else best.cost or ceiling
    if bound >= min(top, INF) or desk.out_of_time():
        return _given(best, bound)
    if ceiling >= INF if best is None else top - bound > top * WIDE_GAP:
        search = search_in(BANDS)
        answer = search.run(limit=steps, ceiling=top)
        bound = max(bound, answer.bound)
        best = answer if answer.cost is not None else best
        if best is None and bound < min(top, INF):
            best = _dive(desk, search)
    top = top if best is None else best.cost or top
    if best is None and ceiling >= INF and bound < INF and desk.patient and not desk.out_of_time():
        answer = search.run(limit=LAST_STEPS)
        best, bound = (answer if answer.cost is not None else None), max(bound, answer.bound)
    elif bound < top:
        answer = search.run(limit=int(QUICK_STEPS * desk.effort), weight=18, ceiling=top)
        best = answer if answer.cost is not None else best
    return _given(best, bound)


def _given(best: JointAnswer | None, bound: int) -> tuple[int | None, int, tuple[tuple[int, int, int, int], ...]]:
    if best is None or best.cost is None:
        return None, bound, ()
    return best.cost, min(bound, best.cost), best.plan


def _dive(desk: Desk, search: JointSearch) -> JointAnswer | None:
    """Some good plan, soon: start day by start day, each with few steps, until one has a plan."""
    for weight, steps in DIVES:
        for day in search.likely_days():
            answer = search.run(limit=steps, weight=weight, only=day)
            if answer.cost is not None:
                return answer
            if desk.out_of_time():
                return None
    return None


def _solve_chain(
    desk: Desk, chain: Chain, earliest: int, latest: int, horizon: int, ceiling: int
) -> tuple[int | None, int, Plan]:
    limit = int(EXACT_STEPS * desk.effort)
    bound, answer = 0, None
    for weight in (16, *WEIGHTS):
        answer = plan_chain(
            chain, earliest, latest, horizon, limit=limit, out_of_time=desk.out_of_time, ceiling=ceiling, weight=weight
        )
        bound = max(bound, answer.bound)
        if answer.cost is not None or answer.bound >= min(ceiling, INF) or desk.out_of_time():
            break
    if answer is None or answer.cost is None:
        return None, bound, []
    plan = [(0, step.number, index, r) for step, (index, r) in zip(chain.steps, answer.plan, strict=True)]
    return answer.cost, bound, _free_of([chain], tuple(plan))


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
    for track, number, index, r in sorted(plan, key=lambda entry: entry[2]):
        chain = chains[track]
        step = chain.steps[number - 1]
        holds = board.assign(step.visit, index, chain.track.continuity, chain.names[r], liked.get(track, ()))
        if holds is None:
            clash = (track, index)
            break
        spans = spans_of(step.visit, index, holds)
        board.take(spans)
        taken += spans
        liked[track] = [(hold.resource, hold.seat) for hold in holds]
        placed[track, number] = PlacedSession(chain.track.name, number, board.line.instant(index), holds)
    board.give(taken)
    return [placed[key] for key in sorted(placed)], taken, clash


def fits_of(board: Board, chains: list[Chain], links: Links) -> Callable[[Step, Placed, Step, Placed], bool]:
    """Whether two sessions can share a date: bodies, links, and seats where both want one kind at one time."""
    shared = _shared_kinds(chains)

    def fits(one: Step, a: Placed, other: Step, b: Placed) -> bool:
        given = one.given is not None, other.given is not None
        if not all(given) and a[1] < b[1] + other.visit.minutes and b[1] < a[1] + one.visit.minutes:
            return False
        if links.ties and not links.pair_kept(_event(one, a, given[0]), _event(other, b, given[1])):
            return False
        return not shared or any(given) or _seated_together(board, chains, one, a, other, b)

    return fits


def _shared_kinds(chains: list[Chain]) -> bool:
    kinds: list[set[str]] = []
    for chain in chains:
        kinds.append({hold.kind for step in chain.steps for hold in step.visit.holds})
    return any(kinds[i] & kinds[j] for i in range(len(kinds)) for j in range(i))


def _event(step: Step, placed: Placed, given: bool) -> Event:
    second = step.given.second if step.given is not None else placed[1] * 60
    return Event(placed[0], step.number, second + step.lead, second + step.done, given)


def _seated_together(board: Board, chains: list[Chain], one: Step, a: Placed, other: Step, b: Placed) -> bool:
    start = min(a[1], b[1])
    groups: dict[int, Group] = {}
    wants: dict[int, str] = {}
    for base, step, (track, index, r) in ((0, one, a), (len(one.visit.holds), other, b)):
        chain, offset = chains[track], index - start
        watched = [hold.kind == chain.track.continuity for hold in step.visit.holds]
        first = watched.index(True) if True in watched else -1
        for root, group in groups_of(step.visit).items():
            spans = tuple((begin + offset, end + offset) for begin, end in group.spans)
            if first >= 0 and step.visit.roots[first] == root:
                wants[base + root] = chain.names[r] or ""
            groups[base + root] = Group(group.kind, group.skills, spans)
    return all(len(knot) == 1 or board.can_seat(knot, groups, start, wants) for knot in knots_of(groups))
