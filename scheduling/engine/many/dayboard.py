"""The seats of one date: the board of an intake, cut down to the minutes that the visits of a date can reach."""

from __future__ import annotations

from dataclasses import dataclass

from ..problem import Week
from ..seats import Board
from ..timeline import ones


@dataclass(slots=True)
class Stretch:
    """As much of a timeline as a board asks for."""

    size: int


class DayBoard(Board):
    """A copy of a board for one date; every index counts from its midnight. It may change and be thrown away."""

    def __init__(self, board: Board, day: int, size: int) -> None:
        self.whole, self.begin = board, board.line.midnight(day)
        self.problem, self.resources, self.by_kind = board.problem, board.resources, board.by_kind
        self.line = Stretch(size)  # type: ignore[assignment]
        self.everything = ones(0, size)
        self.busy = {seat: busy >> self.begin & self.everything for seat, busy in board.busy.items()}
        self._version = dict.fromkeys(self.busy, 0)
        self._works, self._free = {}, {}

    def _working(self, hours: Week | None, length: int) -> int:
        key = (hours, length)
        if key not in self._works:
            self._works[key] = self.whole._working(hours, length) >> self.begin & self.everything
        return self._works[key]
