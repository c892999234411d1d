"""Lower bounds for one track that keep `max_in`: the calendar of its sessions with the dates that it still binds."""

from __future__ import annotations

from collections.abc import Callable

from ..options import INF
from ..track.tables import Tables
from .days import TimeUp

Dates = tuple[int, ...]
"""The first dates that `max_in` leaves the next sessions."""


class Patterns:
    """`value[placed][last, dates]`: the least cost of the sessions after the first `placed`, `length` from `last` on.

    Only what a plan below `ceiling` can pass is there. `after` is `Joint.dates_after` of the track.
    """

    def __init__(
        self,
        table: Tables,
        after: Callable[[int, Dates, int], Dates],
        placed: int,
        last: int,
        dates: Dates,
        ceiling: int,
        out_of_time: Callable[[], bool],
    ) -> None:
        self.table, self.after, self.ceiling, self.out_of_time = table, after, ceiling, out_of_time
        self.chain = table.chain
        self.count = len(self.chain.steps)
        self.value: list[dict[tuple[int, Dates], int]] = [{} for _ in range(self.count + 1)]
        self._ways: list[dict[tuple[int, Dates], list[tuple[int, tuple[int, Dates], list[int]]]]] = []
        self._forward(placed, last, dates)
        self._backward(placed)

    def _forward(self, placed: int, last: int, dates: Dates) -> None:
        table, chain = self.table, self.chain
        layer: dict[tuple[int, Dates], int] = {(last, dates): 0}
        for k in range(placed, self.count):
            if self.out_of_time():
                raise TimeUp
            step, ways = chain.steps[k], {}
            found: dict[tuple[int, Dates], int] = {}
            for (day, held), reached in layer.items():
                first = held[0] if held and step.given is None else 0
                out = []
                for next_day in table.next_days(k - 1, day) if k else table.days[0]:
                    if next_day < first:
                        continue
                    least = chain.least(step, next_day)
                    points = table.edge(k, next_day - day) if k else table.length_points * (next_day - table.start_day)
                    here = reached + points
                    if here + min(table.value[k][next_day]) >= self.ceiling:
                        continue
                    key = (next_day, self.after(k, held, next_day))
                    out.append((points, key, least))
                    here += min(least)
                    if here < found.get(key, INF):
                        found[key] = here
                ways[day, held] = out
            self._ways.append(ways)
            layer = found
        self._last = layer

    def _backward(self, placed: int) -> None:
        width, change = len(self.chain.names), self.chain.continuity_points
        rows: dict[tuple[int, Dates], list[int]] = {key: [0] * width for key in self._last}
        for k in range(self.count - 1, placed - 1, -1):
            here: dict[tuple[int, Dates], list[int]] = {}
            for key, ways in self._ways[k - placed].items():
                best = [INF] * width
                for points, after, least in ways:
                    rest = rows.get(after)
                    if rest is None:
                        continue
                    total = [a + b for a, b in zip(least, rest, strict=True)]
                    low = min(total)
                    switched, free = points + low + change, points + total[0]
                    for r, value in enumerate(total):
                        best[r] = min(best[r], points + value, free, switched)
                    best[0] = min(best[0], points + low)
                if min(best) < INF:
                    here[key] = best
                    self.value[k][key] = min(best)
            rows = here
        self._ways = []
