"""Where a course gets stuck: the first session that no date can take, and what those dates lack."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from .joint import Days, Joint, Node
from .links import Links
from .options import Chain, Step, body_set
from .problem import Course, Problem
from .protocol import HoldNeed, Visit
from .reach import Reach, dates_in
from .reason import (
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
from .seats import Board, groups_of
from .single import fits_of
from .timeline import ones

MOST_STARTS = 20
"""How many start days of linked tracks are looked at to say how far they get."""


def find_obstacle(problem: Problem, course: Course, board: Board, chains: list[Chain], starts: list[int]) -> Obstacle:
    """What rules the course out on any calendar, else the session that stops the start day which gets furthest."""
    first = next(_never(problem, board, chains, starts), None)
    return first or _stuck(problem, course, board, chains, starts) or _between(problem, board, course, chains, starts)


def _never(problem: Problem, board: Board, chains: list[Chain], starts: list[int]) -> Iterator[Obstacle]:
    """Visits that no calendar of this site could hold."""
    span = date.fromordinal(starts[0]), date.fromordinal(starts[-1])
    for chain in chains:
        for step in chain.steps:
            if step.given is not None:
                continue
            who = Obstacle(LONGER, *span, chain.track.name, step.number, step.visit.minutes)
            if step.visit.minutes > 1440:
                yield who
            for group in groups_of(step.visit).values():
                skills = tuple(sorted(group.skills))
                if group.kind not in board.by_kind:
                    yield replace(who, lack=NO_RESOURCE, kind=group.kind, skills=skills)
                elif not board.seats_for(group):
                    yield replace(who, lack=NO_SKILL, kind=group.kind, skills=skills)


def _stuck(problem: Problem, course: Course, board: Board, chains: list[Chain], starts: list[int]) -> Obstacle | None:
    """The session that stops the start day which gets furthest; None where no start day is stopped by dates alone."""
    horizon = problem.horizon_end.toordinal()
    reaches = [Reach(chain, horizon) for chain in chains]
    best: tuple[int, int, Reach, list[int]] | None = None
    for start in starts:
        for reach in reaches:
            found = reach.forwards(start)
            if not found[-1]:
                if best is None or len(found) > best[0]:
                    best = (len(found), start, reach, found)
                break
        else:
            return None
    if best is None:
        return None
    count, start, reach, found = best
    return _describe(problem, course, board, reach, count - 1, start, starts, found)


def _describe(
    problem: Problem,
    course: Course,
    board: Board,
    reach: Reach,
    k: int,
    start: int,
    starts: list[int],
    found: list[int],
) -> Obstacle:
    chain, step = reach.chain, reach.chain.steps[k]
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
        days = [reach.base + at for at in dates_in(found[k - 1])]
        near = _narrowed(chain, k, days, low, high)
        if near[0] > near[1] or step.given is not None:
            return replace(who, lack=GAP)
        low, high = near
    who = replace(who, first=date.fromordinal(low), last=date.fromordinal(high))
    if any(step.offers.day(day) is not None for day in range(low, high + 1)):
        return replace(who, lack=GAP)
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
        return replace(who, lack=SITE)
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
    return replace(who, lack=TOGETHER)


def _only(visit: Visit, kind: str) -> Visit:
    """The visit as if it needed nothing but one kind of resource."""
    kept = [index for index, hold in enumerate(visit.holds) if hold.kind == kind]
    holds = tuple(
        HoldNeed(kind, hold.begin, hold.end, hold.skill, None if hold.same_as is None else kept.index(hold.same_as))
        for hold in (visit.holds[index] for index in kept)
    )
    return Visit(visit.minutes, visit.treatment, holds)


def _between(problem: Problem, board: Board, course: Course, chains: list[Chain], starts: list[int]) -> Obstacle:
    """Dates alone stop no start day: what fails is the distance between sessions, or between tracks."""
    span = date.fromordinal(starts[0]), date.fromordinal(starts[-1])
    if len(chains) == 1:
        return Obstacle(SPACING, *span)
    best: tuple[int, int, Node] | None = None
    for start, node in _furthest(problem, board, course, chains, starts):
        if best is None or node.day > best[1]:
            best = (start, node.day, node)
    if best is None:
        return Obstacle(LINKS, *span)
    start, _, node = best
    horizon = problem.horizon_end.toordinal()
    due = [
        (chain.window(chain.steps[node.placed[i]], start, horizon), i)
        for i, chain in enumerate(chains)
        if node.placed[i] < len(chain.steps)
    ]
    if not due:
        return Obstacle(LINKS, *span)
    (low, high), track = min(due, key=lambda entry: (entry[0][1], entry[1]))
    step = chains[track].steps[node.placed[track]]
    first, last = sorted((max(low, node.day + 1), max(high, low)))
    days = date.fromordinal(first), date.fromordinal(last)
    return Obstacle(LINKS, *days, chains[track].track.name, step.number, step.visit.minutes)


def _furthest(
    problem: Problem, board: Board, course: Course, chains: list[Chain], starts: list[int]
) -> Iterator[tuple[int, Node]]:
    """For each start day, the last date up to which the shared calendar of all tracks can be filled."""
    links = Links(problem, problem.protocol_of(course), chains, board.line)
    days = Days(chains, links, fits_of(board, chains, links))
    for start in starts[:MOST_STARTS]:
        joint = Joint(chains, links, start, problem.horizon_end.toordinal(), days, lambda: False)
        if joint.possible:
            joint.build()
            if joint.nodes:
                yield start, max(joint.nodes.values(), key=lambda node: (node.day, node.placed))
