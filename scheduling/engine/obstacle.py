"""Where a course gets stuck: the first session that no date can take, and what those dates lack."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date

from .chain import start_days
from .options import Chain, Step, body_set, chains_of
from .problem import Course, Problem
from .seats import Board, groups_of
from .timeline import ones


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Session `number` of `track` finds no start on any of `dates`, for want of `lack` (a kind, or who cannot come)."""

    track: str
    number: int
    dates: tuple[date, ...]
    lack: str

    def sentence(self) -> str:
        if not self.dates:
            return f"Session {self.number} of {self.track} has no date left inside its window and the planning horizon"
        first, last = self.dates[0], self.dates[-1]
        span = f"on {_words(first)}" if first == last else f"between {_words(first)} and {_words(last)}"
        return f"{self.lack} for session {self.number} of {self.track} {span}"


def _words(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}"


def find_obstacle(problem: Problem, course: Course, board: Board) -> Obstacle | None:
    """The session that stops the start day which gets furthest; None where the tracks only fail together."""
    chains = chains_of(problem, course, board)
    horizon = problem.horizon_end.toordinal()
    best: tuple[int, int, Chain, int, int] | None = None
    starts = start_days(chains[0], course.earliest_start.toordinal(), course.latest_start.toordinal())
    for start in starts:
        for chain in chains:
            stuck = _first_stuck(chain, start, horizon)
            if stuck is None:
                continue
            if best is None or stuck[0] > best[0]:
                best = (stuck[0], -start, chain, *stuck[1])
            break
        else:
            return None
    if best is None:
        return None
    k, _, chain, low, high = best
    if k == 0 and chain.is_first:
        # The first session may lie on any start day: the window of one of them would hide the others.
        low, high = starts[0], min(starts[-1], horizon)
    days = tuple(date.fromordinal(day) for day in range(low, high + 1))
    return Obstacle(chain.track.name, k + 1, days, _lack(problem, course, board, chain.steps[k], low, high))


def _first_stuck(chain: Chain, start: int, horizon: int) -> tuple[int, tuple[int, int]] | None:
    """The first session that cannot lie on any date after those before it, and the dates it may have had."""
    days: list[int] = []
    for k, step in enumerate(chain.steps):
        low, high = chain.window(step, start, horizon)
        if step.given is not None:
            found = [low]
        else:
            found = [day for day in range(low, high + 1) if step.offers.day(day) is not None]
        if k:
            before = chain.steps[k - 1]
            follows = [day for day in found if any(chain.edge_ok(before, one, step, day) for one in days)]
            if not follows:
                return k, _narrowed(chain, k, days, low, high)
            found = follows
        if not found:
            return k, (low, high)
        days = found
    return None


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


def _lack(problem: Problem, course: Course, board: Board, step: Step, low: int, high: int) -> str:
    """What the dates from `low` to `high` lack for a session."""
    line = board.line
    begin, end = max(line.midnight(low), 0), max(line.midnight(high + 1), 0)
    span = ones(begin, end)
    anybody = Course("anybody", course.protocol, course.earliest_start, course.latest_start, course.preferred_time)
    if not body_set(problem, anybody, line)[step.visit.minutes] & span:
        return "The clinic is not open long enough"
    can_come = body_set(problem, course, line)[step.visit.minutes] & span
    if not can_come:
        return "The patient cannot come"
    for group in groups_of(step.visit).values():
        free = 0
        for seat in board.seats_for(group):
            free |= board.free_starts(seat, group)
        if not free & can_come:
            skill = f" with {' and '.join(sorted(group.skills))}" if group.skills else ""
            return f"No {group.kind.replace('_', ' ')}{skill} is free"
    return "There is no time that suits all"
