"""Time as the search counts it: whole minutes from a base instant, and sets of minutes as Python integers.

Bit i of a set stands for the minute that begins i minutes after the base. Elapsed time is a difference of indices
whatever the clocks do; local dates and wall-clock times are looked up day by day.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from .problem import Course, Opening, Problem, Week
from .protocol import Protocol

Span = tuple[int, int]
N = TypeVar("N", int, float)

QUARTER = 15
"""Minutes in which the clock changes at most once, if at all."""

LEAD_DAYS = 2
"""Days before the first one that are on the line, so that nothing near its edge needs a special case."""


def ones(begin: int, end: int) -> int:
    """The set of the minutes from `begin` up to `end`."""
    return ((1 << (end - begin)) - 1) << begin if end > begin else 0


def filled(spans: Iterable[Span], size: int) -> int:
    """The union of many spans, clipped to 0..size.

    The minutes from a to b are 2**b - 2**a, so that all spans together are one number minus another, whose bits are
    the ends and the beginnings; this is quicker than one `|` per span.
    """
    begins, ends = bytearray(size // 8 + 1), bytearray(size // 8 + 1)
    until = 0
    for begin, end in sorted(spans):
        if end > size:
            end = size
        if end <= until:
            continue
        if begin < until:
            begin = until
        until = end
        if begin < end:
            begins[begin >> 3] |= 1 << (begin & 7)
            ends[end >> 3] |= 1 << (end & 7)
    return int.from_bytes(ends, "little") - int.from_bytes(begins, "little")


def eroded(free: int, length: int) -> int:
    """The minutes from which `length` minutes on end lie in `free`."""
    done = 1
    while done * 2 <= length:
        free &= free >> done
        done *= 2
    return free & (free >> (length - done)) if length > done else free


def joined(spans: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
    """The same spans with those that touch or overlap made one; a reversed or empty one (a clock change) is dropped."""
    out: list[tuple[N, N]] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def cut(spans: Iterable[tuple[N, N]], taken: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
    left = list(spans)
    for a, b in taken:
        left = [p for s, e in left for p in ((s, min(e, a)), (max(s, b), e)) if p[0] < p[1]]
    return left


class Timeline:
    """The days from `first` to `last` (ordinals) at a problem's site."""

    def __init__(self, problem: Problem, first: int, last: int, tail_minutes: int = 0) -> None:
        self.site = problem.site
        self.zone = problem.site.zone
        self.grid = problem.site.grid_minutes
        self.first, self.last = first, max(last, first)
        self.base = 0
        low, high = self.first - LEAD_DAYS, self.last + LEAD_DAYS
        self.base = self._seconds(low, 0)
        self.low = low
        self.midnights = [self._seconds(day, 0) // 60 - self.base // 60 for day in range(low, high + 2)]
        self.base = self.base // 60 * 60
        self.size = self.midnights[-1] + tail_minutes
        self._plain = [
            b - a == 1440 and self._offset(day) == self._offset(day + 1)
            for day, a, b in zip(range(low, high + 1), self.midnights, self.midnights[1:], strict=False)
        ]
        self._wall: dict[int, dict[int, int]] = {}
        self._grid_set: int | None = None
        self._extra: dict[int, list[Opening]] = {}
        for opening in problem.site.extra_openings:
            self._extra.setdefault(opening.on.toordinal(), []).append(opening)
        self._closed = {day.toordinal() for day in problem.site.closed_dates}

    def _seconds(self, day: int, minute: int) -> int:
        """Seconds from the epoch of a wall-clock time, read with fold 0."""
        extra, minute = divmod(minute, 1440)
        wall = datetime.combine(date.fromordinal(day + extra), time(minute // 60, minute % 60), self.zone)
        return round(wall.timestamp())

    def _offset(self, day: int) -> timedelta | None:
        return datetime.combine(date.fromordinal(day), time(), self.zone).utcoffset()

    def is_plain(self, day: int) -> bool:
        """Whether no clock changes on that date."""
        return 0 <= day - self.low < len(self._plain) and self._plain[day - self.low]

    def midnight(self, day: int) -> int:
        index = day - self.low
        if 0 <= index < len(self.midnights):
            return self.midnights[index]
        return (self._seconds(day, 0) - self.base) // 60

    def at(self, day: int, minute: int) -> int:
        """The index of a wall-clock time on a date."""
        if minute in (0, 1440):
            return self.midnight(day + minute // 1440)
        if self.is_plain(day):
            return self.midnight(day) + minute
        return (self._seconds(day, minute) - self.base) // 60

    def day_of(self, index: int) -> int:
        """The local date (an ordinal) on which an index lies."""
        if 0 <= index < self.midnights[-1]:
            return self.low + bisect_right(self.midnights, index) - 1
        return self.instant(index).date().toordinal()

    def instant(self, index: int) -> datetime:
        """The instant of an index, in the site's zone."""
        return datetime.fromtimestamp(self.base + index * 60, UTC).astimezone(self.zone)

    def floor(self, instant: datetime) -> int:
        return int((instant.timestamp() - self.base) // 60)

    def ceil(self, instant: datetime) -> int:
        return -int(-(instant.timestamp() - self.base) // 60)

    def second(self, instant: datetime) -> int:
        """Seconds from the base: what gaps are measured in."""
        return round(instant.timestamp()) - self.base

    def walls(self, day: int) -> dict[int, int]:
        """On a date on which the clock changes: the wall-clock minute of every index."""
        if day not in self._wall:
            found: dict[int, int] = {}
            end = self.midnight(day + 1)
            for begin in range(self.midnight(day), end, QUARTER):
                self._add_walls(found, day, begin, min(begin + QUARTER, end))
            self._wall[day] = found
        return self._wall[day]

    def _add_walls(self, found: dict[int, int], day: int, begin: int, end: int) -> None:
        first, last = self.instant(begin), self.instant(end - 1)
        if first.utcoffset() == last.utcoffset() and first.second == 0 and first.date() == last.date():
            wall = first.hour * 60 + first.minute
            if first.date().toordinal() == day:
                found.update(zip(range(begin, end), range(wall, wall + end - begin), strict=True))
            return
        for index in range(begin, end):
            local = self.instant(index)
            if local.second == 0 and local.date().toordinal() == day:
                found[index] = local.hour * 60 + local.minute

    def wall(self, day: int, index: int) -> int:
        """Minutes past midnight by the wall clock."""
        return index - self.midnight(day) if self.is_plain(day) else self.walls(day)[index]

    def grid_set(self) -> int:
        """Every minute of the days on which a visit may start by the wall clock."""
        if self._grid_set is None:
            self._grid_set = self._find_grid_set()
        return self._grid_set

    def _find_grid_set(self) -> int:
        pattern = sum(1 << minute for minute in range(0, 1440, self.grid))
        chunks = []
        for day in range(self.first, self.last + 1):
            if self.is_plain(day):
                chunk = pattern
            else:
                begin = self.midnight(day)
                chunk = sum(1 << (i - begin) for i, wall in self.walls(day).items() if wall % self.grid == 0)
            chunks.append((self.midnight(day), chunk))
        return placed(chunks, self.size)

    def table_spans(self, week: Week, day: int) -> list[Span]:
        return [(self.at(day, a), self.at(day, b)) for a, b in week.days[(day - 1) % 7]]

    def extra_spans(self, day: int) -> list[Span]:
        return [(self.at(day, o.begin), self.at(day, o.end)) for o in self._extra.get(day, ())]

    def open_spans(self, day: int) -> list[Span]:
        """When the site is open on a date."""
        usual = [] if day in self._closed else self.table_spans(self.site.opening_hours, day)
        return joined(usual + self.extra_spans(day))

    def work_spans(self, hours: Week | None, day: int) -> list[Span]:
        """When a resource with these hours works on a date, its own outages apart."""
        if hours is None:
            return self.open_spans(day)
        return joined(self.table_spans(hours, day) + self.extra_spans(day))

    def patient_spans(self, course: Course, day: int) -> list[Span]:
        """When the patient of a course can come on a date."""
        if course.availability is None:
            spans = [(self.midnight(day), self.midnight(day + 1))]
        else:
            spans = joined(self.table_spans(course.availability, day))
        if not course.unavailable and not course.extra_availability:
            return spans
        # In seconds, because outages may have some; a visit lies on whole minutes, so that the rest shrinks to those.
        exact = [(begin * 60.0, end * 60.0) for begin, end in spans]
        taken = [(s.start.timestamp() - self.base, s.end.timestamp() - self.base) for s in course.unavailable]
        extra = [(s.start.timestamp() - self.base, s.end.timestamp() - self.base) for s in course.extra_availability]
        found = joined(cut(exact, taken) + extra)
        return [(-int(-begin // 60), int(end // 60)) for begin, end in found]


def placed(chunks: list[tuple[int, int]], size: int) -> int:
    """Many small sets, each shifted to its place, as one."""
    line = bytearray(size // 8 + 512)
    for begin, chunk in chunks:
        if not chunk:
            continue
        byte, bit = divmod(begin, 8)
        shifted = chunk << bit
        length = (shifted.bit_length() + 7) // 8
        held = int.from_bytes(line[byte : byte + length], "little")
        line[byte : byte + length] = (held | shifted).to_bytes(length, "little")
    return int.from_bytes(line, "little")


def reach_of(problem: Problem) -> tuple[int, int, int]:
    """First and last date on which a session of any course can lie, and how long holds run on after it."""
    first, last, tail = problem.horizon_end.toordinal() + 1, 0, 0
    for course in problem.courses:
        protocol = problem.protocol_of(course)
        begin, end = course_reach(problem, course, protocol)
        first, last = min(first, begin), max(last, end)
        tail = max([tail] + [h.end for v in protocol.visits.values() for h in v.holds])
        tail = max([tail] + [v.minutes for v in protocol.visits.values()])
    first = min(first, last) if last else first
    return first, max(last, first), min(tail, 200_000) + 1440


def course_reach(problem: Problem, course: Course, protocol: Protocol) -> tuple[int, int]:
    zone = problem.site.zone
    begin, end = course.earliest_start.toordinal(), course.latest_start.toordinal()
    first = (protocol.tracks[0].name, 1)
    for session in course.locked:
        if session.key == first:
            begin = end = session.start.astimezone(zone).date().toordinal()
    furthest = max(track.first_day + slot.offset + slot.days - 1 for track in protocol.tracks for slot in track.slots)
    end += furthest + max(course.shift_days or 0, 0)
    return begin, min(end, problem.horizon_end.toordinal())
