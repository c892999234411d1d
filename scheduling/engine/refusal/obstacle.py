"""Where a course gets stuck: the first session that no date can take, and what those dates lack."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from ..linked.company import Company
from ..linked.days import Days
from ..linked.joint import Joint
from ..linked.links import Links
from ..options import Chain, Step, body_set
from ..problem import Course, Problem
from ..protocol import HoldNeed, Visit
from ..seats import Board, groups_of
from ..timeline import ones
from .reach import Reach, dates_in
from .reason import (
    CLOSED,
    GAP,
    HORIZON,
    LINKS,
    LONGER,
    NO_RESOURCE,
    NO_SKILL,
    PAST,
    PATIENT,
    RESOURCE,
    SEATS,
    SITE,
    SPACING,
    TOGETHER,
    WINDOW,
    Obstacle,
)

MOST_STARTS = 20
"""How many start days of linked tracks are looked at to say how far they get."""


@dataclass(frozen=True, slots=True)
class Stop:
    """How far a start day gets: `k` sessions of a track (from 0) have dates, the next one has none up to `due`."""

    start: int
    track: int
    k: int
    reached: int
    due: int


def find_stops(
    problem: Problem,
    course: Course,
    board: Board,
    chains: list[Chain],
    starts: list[int],
    out_of_time: Callable[[], bool],
) -> tuple[list[Stop], list[Stop]]:
    """The start days that dates alone stop, and those that only the tracks together do."""
    horizon = problem.horizon_end.toordinal()
    reaches = [Reach(chain, horizon) for chain in chains]
    stopped: list[Stop] = []
    for start in starts:
        stop = next((stop for i, reach in enumerate(reaches) if (stop := _stop_of(i, reach, start))), None)
        if stop is not None:
            stopped.append(stop)
    left = [start for start in starts if start not in {stop.start for stop in stopped}]
    return stopped, _stops_between(problem, course, board, chains, left, out_of_time) if len(chains) > 1 else []


def _stop_of(track: int, reach: Reach, start: int) -> Stop | None:
    found = reach.forwards(start)
    if found[-1]:
        return None
    k = len(found) - 1
    reached = reach.base + found[k - 1].bit_length() - 1 if k else start
    return Stop(start, track, k, reached, reach.chain.window(reach.chain.steps[k], start, reach.horizon)[1])


def _stops_between(
    problem: Problem,
    course: Course,
    board: Board,
    chains: list[Chain],
    starts: list[int],
    out_of_time: Callable[[], bool],
) -> list[Stop]:
    """Up to which date the shared calendar of all tracks can be filled, and which session then has no date."""
    horizon = problem.horizon_end.toordinal()
    links = Links(problem, problem.protocol_of(course), chains, board.line)
    days = Days(chains, links, Company(board, chains, links), out_of_time)
    found = []
    for start in starts[:MOST_STARTS]:
        joint = Joint(chains, links, start, horizon, days, out_of_time)
        if out_of_time():
            break
        if not joint.possible:
            continue
        joint.build()
        node = max(joint.nodes.values(), key=lambda node: (node.day, node.placed), default=joint.root)
        due = [
            (chain.window(chain.steps[node.placed[i]], start, horizon)[1], i)
            for i, chain in enumerate(chains)
            if node is not None and node.placed[i] < len(chain.steps)
        ]
        if node is not None and due:
            last, track = min(due)
            found.append(Stop(start, track, node.placed[track], max(node.day, start), last))
    return found


def find_obstacle(
    problem: Problem,
    course: Course,
    board: Board,
    chains: list[Chain],
    starts: list[int],
    stops: tuple[list[Stop], list[Stop]],
) -> Obstacle:
    """What rules the course out on any calendar, else the session that stops the start day which gets furthest."""
    never = next(_never(board, chains, starts), None)
    if never is not None:
        return never
    by_dates, together = stops
    if len(by_dates) == len(starts):
        stop = max(by_dates, key=lambda stop: (stop.k, -stop.start))
        return _describe(problem, course, board, chains[stop.track], stop, starts)
    span = date.fromordinal(starts[0]), date.fromordinal(starts[-1])
    if not together:
        return Obstacle(LINKS if len(chains) > 1 else SPACING, *span)
    stop = max(together, key=lambda stop: (stop.reached, -stop.start))
    chain, step = chains[stop.track], chains[stop.track].steps[stop.k]
    low = chain.window(step, stop.start, problem.horizon_end.toordinal())[0]
    first, last = sorted((max(low, stop.reached + 1), max(stop.due, low)))
    return Obstacle(
        LINKS,
        date.fromordinal(first),
        date.fromordinal(last),
        chain.track.name,
        step.number,
        step.visit.minutes,
    )


def _never(board: Board, chains: list[Chain], starts: list[int]) -> Iterator[Obstacle]:
    """Visits that no calendar of this site could hold."""
    span = date.fromordinal(starts[0]), date.fromordinal(starts[-1])
    for chain in chains:
        for step in chain.steps:
            if step.given is not None:
                continue
            who = Obstacle(LONGER, *span, chain.track.name, step.number, step.visit.minutes)
            if step.visit.minutes > 1440:
                yield who
            wanted = {(group.kind, tuple(sorted(group.skills))): group for group in groups_of(step.visit).values()}
            missing = [what for what, group in wanted.items() if not board.seats_for(group)]
            if missing:
                kind, skills = missing[0]
                lack = NO_SKILL if kind in board.by_kind else NO_RESOURCE
                yield replace(who, lack=lack, kind=kind, skills=skills, others=tuple(missing[1:]))


def _describe(problem: Problem, course: Course, board: Board, chain: Chain, stop: Stop, starts: list[int]) -> Obstacle:
    reach, k, start = Reach(chain, problem.horizon_end.toordinal()), stop.k, stop.start
    step = chain.steps[k]
    opens, closes = max(start + step.opens, start), start + step.closes
    if k == 0 and chain.is_first:
        # The first session may lie on any start day: the window of one of them would hide the others.
        opens, closes = starts[0], starts[-1]
    if step.given is not None:
        opens = closes = step.given.day
    who = Obstacle(
        WINDOW,
        date.fromordinal(opens),
        date.fromordinal(max(closes, opens)),
        chain.track.name,
        step.number,
        step.visit.minutes,
    )
    today = problem.now.astimezone(problem.site.zone).date().toordinal() if problem.now is not None else 0
    low, high = max(opens, min(today, closes)), min(closes, reach.horizon)
    if closes < max(today, opens) or low > high:
        lack = WINDOW if closes < opens else PAST if closes < today else HORIZON
        return replace(who, lack=lack, last=problem.horizon_end) if lack == HORIZON else replace(who, lack=lack)
    if k:
        days = [reach.base + at for at in dates_in(reach.forwards(start)[k - 1])]
        near = _narrowed(chain, k, days, low, high)
        if near[0] > near[1] or step.given is not None:
            return replace(who, lack=GAP)
        low, high = near
    who = replace(who, first=date.fromordinal(low), last=date.fromordinal(high))
    if any(step.offers.day(day) is not None for day in range(low, high + 1)):
        return replace(who, lack=GAP if k else WINDOW)
    return _lack(problem, course, board, step, low, high, who)


def _narrowed(chain: Chain, k: int, days: list[int], low: int, high: int) -> tuple[int, int]:
    """The window, without the dates that the session before and its gaps leave no room for."""
    step, before = chain.steps[k], chain.steps[k - 1]
    first = min(chain.reach(before, day)[0] for day in days) + step.least
    last = max(chain.reach(before, day)[1] for day in days) + step.most
    line = step.offers.line
    low = max(low, days[0] + 1, line.low + bisect_right(line.midnights, first // 60) - 1)
    if last // 60 < line.midnights[-1]:
        high = min(high, line.low + bisect_right(line.midnights, last // 60) - 1)
    return low, high


def _lack(problem: Problem, course: Course, board: Board, step: Step, low: int, high: int, who: Obstacle) -> Obstacle:
    """What the dates from `low` to `high` lack for a session."""
    line = board.line
    span = ones(max(line.midnight(low), 0), max(line.midnight(high + 1), 0))
    anybody = Course("anybody", course.protocol, course.earliest_start, course.latest_start, course.preferred_time)
    if not body_set(problem, anybody, line)[step.visit.minutes] & span:
        return replace(who, lack=SITE if any(line.open_spans(day) for day in range(low, high + 1)) else CLOSED)
    can_come = body_set(problem, course, line)[step.visit.minutes] & span
    if not can_come:
        return replace(who, lack=PATIENT)
    for group in groups_of(step.visit).values():
        free = 0
        for seat in board.seats_for(group):
            free |= board.free_starts(seat, group)
        if not free & can_come:
            return replace(who, lack=RESOURCE, kind=group.kind, skills=tuple(sorted(group.skills)))
    for kind in dict.fromkeys(hold.kind for hold in step.visit.holds):
        if not board.seatable(_only(step.visit, kind), can_come, None)[None]:
            return replace(who, lack=SEATS, kind=kind)
    needed = dict.fromkeys((group.kind, tuple(sorted(group.skills))) for group in groups_of(step.visit).values())
    return replace(who, lack=TOGETHER, others=tuple(needed))


def _only(visit: Visit, kind: str) -> Visit:
    """The visit as if it needed nothing but one kind of resource."""
    kept = [index for index, hold in enumerate(visit.holds) if hold.kind == kind]
    holds = tuple(
        HoldNeed(kind, hold.begin, hold.end, hold.skill, None if hold.same_as is None else kept.index(hold.same_as))
        for hold in (visit.holds[index] for index in kept)
    )
    return Visit(visit.minutes, visit.treatment, holds)
