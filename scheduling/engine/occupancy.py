"""What the bookings of a problem take, in an order in which a stretch of time is found without reading the rest."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

Seat = tuple[str, int]
Span = tuple[int, int]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def whole_seconds(start: datetime, end: datetime) -> Span:
    """The seconds from the epoch that hold a stretch of time; whole visits lie on seconds, so nothing is lost."""
    return (start - EPOCH) // SECOND, -((EPOCH - end) // SECOND)


class Taken(Protocol):
    @property
    def resource(self) -> str: ...

    @property
    def seat(self) -> int: ...

    @property
    def span(self) -> Span: ...


class Occupancy:
    """The time that bookings take, by seat, in order of time; those of a seat that touch or overlap are one.

    It is made once for the bookings of a problem, when they are read. Planning and checking then look only at the
    part of it that they ask for: bookings outside that cost nothing.
    """

    __slots__ = ("_begins", "_ends", "source")

    def __init__(self, bookings: Iterable[Taken] = ()) -> None:
        self.source = bookings
        found: dict[Seat, list[Span]] = {}
        for booking in bookings:
            seat = (booking.resource, booking.seat)
            if seat in found:
                found[seat].append(booking.span)
            else:
                found[seat] = [booking.span]
        self._begins: dict[Seat, list[int]] = {}
        self._ends: dict[Seat, list[int]] = {}
        for seat, spans in found.items():
            self._begins[seat], self._ends[seat] = _joined(spans)

    def seats(self) -> Iterable[Seat]:
        return self._begins

    def between(self, seat: Seat, begin: int, end: int) -> list[Span]:
        """The time taken of a seat that lies, at least in part, between two seconds; whole spans, in order."""
        begins = self._begins.get(seat)
        if begins is None:
            return []
        ends = self._ends[seat]
        low, high = bisect_right(ends, begin), bisect_left(begins, end)
        return list(zip(begins[low:high], ends[low:high], strict=True))


def _joined(spans: list[Span]) -> tuple[list[int], list[int]]:
    spans.sort()
    begins, ends = [spans[0][0]], [spans[0][1]]
    until = ends[0]
    for begin, end in spans:
        if begin > until:
            begins.append(begin)
            ends.append(end)
            until = end
        elif end > until:
            ends[-1] = until = end
    return begins, ends
