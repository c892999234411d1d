"""How many booked sessions must move because there are fewer seats than they need: a part of an intake's bound.

Where more booked sessions want a kind of seat at one moment than seats of it are left, some must move, whoever they
are. Of those that overlap there the one that ends last is counted as moved, which leaves the most room after it, so
that the count is never too high.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..protocol import Visit
from ..seats import Board, groups_of
from ..timeline import Span
from .stay import LEAST_MOVE

Pool = tuple[str, frozenset[str]]
"""The seats of a kind that have some skills."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A session at the start at which it is booked now, in minutes."""

    visit: Visit
    start: int


def forced_points(board: Board, sessions: Iterable[Booked], least: Iterable[int]) -> int:
    """What moves must cost beyond `least`, the bounds of the courses that could leave these sessions where they are.

    A course with a move costs 1000 at least for each, and the bound that it had without one no longer counts.
    """
    moves = forced_moves(board, sessions)
    highest = sorted((min(points, LEAST_MOVE) for points in least), reverse=True)[:moves]
    return moves * LEAST_MOVE - sum(highest)


def forced_moves(board: Board, sessions: Iterable[Booked]) -> int:
    """The least number of these sessions that must move, on a board without them; counted date by date."""
    wants: dict[int, dict[Pool, list[Span]]] = {}
    for session in sessions:
        pools = wants.setdefault(board.line.day_of(session.start), {})
        for pool, span in _needs(session).items():
            pools.setdefault(pool, []).append(span)
    return sum(max(_too_many(board, pool, spans) for pool, spans in pools.items()) for pools in wants.values() if pools)


def _needs(session: Booked) -> dict[Pool, Span]:
    """One span of seat time for each pool that a session needs: one is enough for a bound."""
    out: dict[Pool, Span] = {}
    for group in groups_of(session.visit).values():
        span = session.start + group.spans[0][0], session.start + group.spans[0][1]
        for skills in {frozenset[str](), group.skills}:
            out.setdefault((group.kind, skills), span)
    return out


def _too_many(board: Board, pool: Pool, spans: list[Span]) -> int:
    seats = [
        (board.resources[seat[0]].hours, busy)
        for seat, busy in board.busy.items()
        if board.resources[seat[0]].kind == pool[0] and pool[1] <= set(board.resources[seat[0]].skills)
    ]
    gone, kept = 0, list[Span]()
    for span in sorted(spans):
        at = span[0]
        kept = sorted((s for s in (*kept, span) if s[1] > at), key=lambda s: s[1])
        if at < 0 or len(kept) == 1:
            continue
        room = sum(not busy >> at & 1 and board._working(hours, 1) >> at & 1 for hours, busy in seats)
        gone += max(len(kept) - room, 0)
        kept = kept[: min(len(kept), room)]
    return gone
