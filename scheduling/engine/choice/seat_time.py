"""Seat time by date: how many minutes the seats of resources are open, and how many of these are held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ..hours import Hours
from ..intervals import Interval, without
from ..problem import Course, PlacedSession, Problem, Resource
from ..timeline import ones

Placed = tuple[Course, tuple[PlacedSession, ...]]
WHOLE_DAY = -1
"""The set of all minutes."""


@dataclass(frozen=True, slots=True)
class SeatMinutes:
    """Minutes of seats, summed: two seats that are open for an hour are 120."""

    held: int = 0
    open: int = 0

    def plus(self, other: SeatMinutes) -> SeatMinutes:
        return SeatMinutes(self.held + other.held, self.open + other.open)

    @property
    def share(self) -> float:
        return self.held / self.open if self.open else 0.0


class SeatTime:
    """The seats of a problem's resources with its bookings and the sessions of these courses.

    A seat is open where its resource works and the site is open. Held is counted within that time only.
    """

    def __init__(self, problem: Problem, placed: Iterable[Placed] = ()) -> None:
        self.problem = problem
        self.hours = Hours(problem)
        self._held: dict[tuple[str, int, date], int] = defaultdict(int)
        self._open: dict[tuple[str, date], int] = {}
        self._by_id = {resource.id: resource for resource in problem.resources}
        for booking in problem.bookings:
            self._hold(booking.resource, booking.seat, booking.start, booking.end)
        for course, sessions in placed:
            protocol = problem.protocol_of(course)
            for session in sessions:
                for need, hold in zip(protocol.visit_of(*session.key).holds, session.holds, strict=True):
                    start = session.start + timedelta(minutes=need.begin)
                    self._hold(hold.resource, hold.seat, start, session.start + timedelta(minutes=need.end))

    def minutes(self, resource: Resource, day: date, within: int = WHOLE_DAY) -> SeatMinutes:
        """Of all seats of a resource on a local date; `within` is a set of minutes of that day to look at."""
        key = (resource.id, day)
        if key not in self._open:
            self._open[key] = self._open_on(resource, day)
        here = self._open[key] & within
        held = sum((self._held.get((resource.id, seat, day), 0) & here).bit_count() for seat in range(resource.seats))
        return SeatMinutes(held, here.bit_count() * resource.seats)

    def _hold(self, resource: str, seat: int, start: datetime, end: datetime) -> None:
        if resource not in self._by_id:
            return
        day, last = self.hours.local(start).date(), self.hours.local(end).date()
        while day <= last:
            self._held[resource, seat, day] |= self._set(day, Interval(start, end))
            day += timedelta(days=1)

    def _open_on(self, resource: Resource, day: date) -> int:
        works = without(self.hours.resource_works(resource, day), resource.unavailable)
        both = (self._sets(day, works), self._sets(day, self.hours.site_open(day)))
        return both[0] & both[1]

    def _sets(self, day: date, spans: Iterable[Interval]) -> int:
        found = 0
        for span in spans:
            found |= self._set(day, span)
        return found

    def _set(self, day: date, span: Interval) -> int:
        """The minutes of a span on a date, counted from its midnight as time elapses."""
        midnight, next_one = self.hours.at(day, 0), self.hours.at(day, 1440)
        begin = int((max(span.start, midnight) - midnight).total_seconds() // 60)
        return ones(begin, int((min(span.end, next_one) - midnight).total_seconds() // 60))
