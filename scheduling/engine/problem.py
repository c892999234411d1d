"""The planning problem: a site, its resources, what is booked already, and the courses to place.

Every class refuses wrong input when it is built, with a FormatError (a ValueError) that names field and fault.
Instants are aware datetimes; times of day are minutes past midnight by the site's wall clock (`minutes_of`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from .faults import (
    FormatError,
    fixed_offset,
    named,
    need_date,
    need_distinct,
    need_instant,
    need_int,
    need_text,
    need_tuple,
    shown,
)
from .intervals import Interval
from .occupancy import Occupancy, whole_seconds
from .protocol import MAX_DAYS, Protocol

LAST_START_YEAR = 2999
"""Leaves room for the longest course below the last year of an instant."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def minutes_of(value: str | time) -> int:
    """Minutes past midnight of "HH:MM" ("24:00" is 1440) or of a `datetime.time`."""
    if isinstance(value, time):
        return value.hour * 60 + value.minute
    good = isinstance(value, str) and len(value) == 5 and value[2] == ":"
    if not good or not (value[:2] + value[3:]).isascii() or not (value[:2] + value[3:]).isdigit():
        raise FormatError("", f"must be a time of day as HH:MM, not {shown(value)}")
    hours, minutes = int(value[:2]), int(value[3:])
    if minutes > 59 or hours * 60 + minutes > 1440:
        raise FormatError("", f"must be a time of day from 00:00 to 24:00, not {shown(value)}")
    return hours * 60 + minutes


@dataclass(frozen=True, slots=True)
class Week:
    """A weekly table: for Monday to Sunday the spans (from, to), in minutes past midnight by the wall clock."""

    days: tuple[tuple[tuple[int, int], ...], ...] = ((),) * 7

    def __post_init__(self) -> None:
        if not isinstance(self.days, tuple) or len(self.days) != 7:
            raise FormatError("", f"must be seven weekdays of spans, not {shown(self.days)}")
        for name, spans in zip(WEEKDAYS, self.days, strict=True):
            need_tuple(name, spans, tuple)
            for index, span in enumerate(spans):
                if len(span) != 2:
                    raise FormatError(f"{name}[{index}]", f"must be two times, from and to, not {len(span)}")
                need_int(f"{name}[{index}][0]", span[0], 0, 1440)
                need_int(f"{name}[{index}][1]", span[1], 0, 1440)
                if span[0] >= span[1]:
                    raise FormatError(f"{name}[{index}]", "must begin before it ends")

    @classmethod
    def of(cls, table: Mapping[str, Sequence[tuple[str | time, str | time]]]) -> Week:
        """From {"mon": [("08:00", "18:00")]}; a weekday left out is closed."""
        unknown = set(table) - set(WEEKDAYS)
        if unknown:
            raise FormatError(min(unknown), f"is not a weekday ({', '.join(WEEKDAYS)})")
        return cls(tuple(tuple((minutes_of(a), minutes_of(b)) for a, b in table.get(day, ())) for day in WEEKDAYS))


@dataclass(frozen=True, slots=True)
class Opening:
    """An extra opening on one local date, from `begin` to `end` minutes past midnight."""

    on: date
    begin: int
    end: int

    def __post_init__(self) -> None:
        need_date("date", self.on)
        need_int("from", self.begin, 0, 1440)
        need_int("to", self.end, 0, 1440)
        if self.begin >= self.end:
            raise FormatError("to", "must lie after from")


NO_ZONE = re.compile(r"(posix|right)/|(localtime|posixrules|Factory)$")
"""Files beside the zones: copies (those of right/ count leap seconds), and what depends on the machine."""


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Site:
    timezone: str
    grid_minutes: int
    opening_hours: Week
    closed_dates: tuple[date, ...] = ()
    extra_openings: tuple[Opening, ...] = ()

    def __post_init__(self) -> None:
        need_text("timezone", self.timezone)
        try:
            known = not NO_ZONE.match(self.timezone) and zone_named(self.timezone)
        except (ValueError, OSError, KeyError):  # how zoneinfo says that it knows no such name
            known = None
        if not known:
            raise FormatError("timezone", f"is not an IANA time zone: {shown(self.timezone)}")
        need_int("grid_minutes", self.grid_minutes, 1, 1440)
        if 1440 % self.grid_minutes:
            raise FormatError("grid_minutes", f"must divide 1440, not {self.grid_minutes}")
        if not isinstance(self.opening_hours, Week):
            raise FormatError("opening_hours", f"must be a Week, not {shown(self.opening_hours)}")
        need_tuple("closed_dates", self.closed_dates)
        for index, day in enumerate(self.closed_dates):
            need_date(f"closed_dates[{index}]", day)
        need_tuple("extra_openings", self.extra_openings, Opening)

    @property
    def zone(self) -> ZoneInfo:
        return zone_named(self.timezone)


@dataclass(frozen=True, slots=True)
class Resource:
    """`hours` None means the site's hours, an empty Week never."""

    id: str
    kind: str
    seats: int = 1
    skills: tuple[str, ...] = ()
    hours: Week | None = None
    unavailable: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        need_text("id", self.id)
        need_text("kind", self.kind)
        need_int("seats", self.seats, 1, 1000)
        need_tuple("skills", self.skills)
        for index, skill in enumerate(self.skills):
            need_text(f"skills[{index}]", skill)
        if self.hours is not None and not isinstance(self.hours, Week):
            raise FormatError("hours", f"must be a Week, not {shown(self.hours)}")
        need_tuple("unavailable", self.unavailable, Interval)


@dataclass(frozen=True, slots=True)
class Booking:
    """Time on one seat that others have. Bookings of seats that no longer exist are left out of a problem."""

    resource: str
    seat: int
    start: datetime
    end: datetime
    span: tuple[int, int] = field(init=False, repr=False, compare=False)
    """The same time in whole seconds from the epoch."""

    def __post_init__(self) -> None:
        need_text("resource", self.resource)
        need_int("seat", self.seat, 0)
        need_instant("start", self.start)
        need_instant("end", self.end)
        object.__setattr__(self, "start", fixed_offset(self.start))
        object.__setattr__(self, "end", fixed_offset(self.end))
        if self.start >= self.end:
            raise FormatError("end", f"must lie after start ({self.start.isoformat()}): {self.end.isoformat()}")
        object.__setattr__(self, "span", whole_seconds(self.start, self.end))


@dataclass(frozen=True, slots=True)
class PlacedHold:
    kind: str
    resource: str
    seat: int

    def __post_init__(self) -> None:
        need_text("kind", self.kind)
        need_text("resource", self.resource)
        need_int("seat", self.seat, 0)


@dataclass(frozen=True, slots=True)
class PlacedSession:
    """A session with its time and seats; `holds` come in the order of the visit's holds."""

    track: str
    number: int
    start: datetime
    holds: tuple[PlacedHold, ...] = ()

    def __post_init__(self) -> None:
        need_text("track", self.track)
        need_int("number", self.number, 1)
        need_instant("start", self.start)
        if self.start.microsecond:
            raise FormatError("start", f"must be a whole second: {self.start.isoformat()}")
        object.__setattr__(self, "start", fixed_offset(self.start))
        need_tuple("holds", self.holds, PlacedHold)

    @property
    def key(self) -> tuple[str, int]:
        return self.track, self.number


@dataclass(frozen=True, slots=True)
class Course:
    """One patient's course. `availability` None means any time; `shift_days` None and 0 differ (rule 4).

    `engaged` is no part of the exchange format: of `unavailable`, the time at which the patient sits in another visit,
    so that nobody is told to ask the patient to come then.
    """

    id: str
    protocol: str
    earliest_start: date
    latest_start: date
    preferred_time: int
    availability: Week | None = None
    unavailable: tuple[Interval, ...] = ()
    extra_availability: tuple[Interval, ...] = ()
    locked: tuple[PlacedSession, ...] = ()
    current: tuple[PlacedSession, ...] = ()
    shift_days: int | None = None
    engaged: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        need_text("id", self.id)
        need_text("protocol", self.protocol)
        for name in ("earliest_start", "latest_start"):
            need_date(name, getattr(self, name))
            if getattr(self, name).year > LAST_START_YEAR:
                raise FormatError(name, f"lies after the year {LAST_START_YEAR}: {getattr(self, name).isoformat()}")
        need_int("preferred_time", self.preferred_time, 0, 1439)
        if self.availability is not None and not isinstance(self.availability, Week):
            raise FormatError("availability", f"must be a Week, not {shown(self.availability)}")
        need_tuple("unavailable", self.unavailable, Interval)
        need_tuple("extra_availability", self.extra_availability, Interval)
        need_tuple("engaged", self.engaged, Interval)
        need_tuple("locked", self.locked, PlacedSession)
        need_tuple("current", self.current, PlacedSession)
        if self.shift_days is not None:
            need_int("shift_days", self.shift_days, -4000, 4000)
        need_distinct("locked", [session.key for session in self.locked])
        need_distinct("current", [session.key for session in self.current])
        given = {session.key for session in self.locked}
        for index, session in enumerate(self.current):
            if session.key in given:
                raise FormatError(f"current[{index}]", f"is locked too: {session.track} {session.number}")


NOTHING_TAKEN = Occupancy()


@dataclass(frozen=True, slots=True)
class Problem:
    """What `plan` answers. `horizon_end` is the last local date on which a session may lie."""

    site: Site
    resources: tuple[Resource, ...]
    protocols: Mapping[str, Protocol]
    courses: tuple[Course, ...]
    horizon_end: date
    bookings: tuple[Booking, ...] = ()
    now: datetime | None = None
    taken: Occupancy = field(default=NOTHING_TAKEN, repr=False, compare=False)
    """What `bookings` take: made from them, and kept by `replace` for as long as they are the same."""

    def __post_init__(self) -> None:
        if not isinstance(self.site, Site):
            raise FormatError("site", f"must be a Site, not {shown(self.site)}")
        need_tuple("resources", self.resources, Resource)
        if self.taken.source is not self.bookings:
            need_tuple("bookings", self.bookings, Booking)
            object.__setattr__(self, "taken", Occupancy(self.bookings))
        need_tuple("courses", self.courses, Course)
        need_date("horizon_end", self.horizon_end)
        if self.now is not None:
            need_instant("now", self.now)
            object.__setattr__(self, "now", fixed_offset(self.now))
        self._check_protocols(self.protocols)
        need_distinct("resources", [resource.id for resource in self.resources], ".id")
        need_distinct("courses", [course.id for course in self.courses], ".id")
        self._check_bookings()
        for index, course in enumerate(self.courses):
            try:
                self._check_course(course)
            except FormatError as error:
                raise error.below(f"courses[{index}]") from None

    @staticmethod
    def _check_protocols(protocols: Any) -> None:
        if not isinstance(protocols, Mapping):
            raise FormatError("protocols", f"must be protocols by id, not {shown(protocols)}")
        for name, protocol in protocols.items():
            if not isinstance(protocol, Protocol):
                raise FormatError(f"protocols.{named(name)}", f"must be a Protocol, not {shown(protocol)}")

    def _check_bookings(self) -> None:
        seats = {resource.id: resource.seats for resource in self.resources}
        if all(seat < seats.get(resource, 0) for resource, seat in self.taken.seats()):
            return
        for index, booking in enumerate(self.bookings):
            if booking.resource not in seats:
                raise FormatError(f"bookings[{index}].resource", f"names no resource: {shown(booking.resource)}")
            if booking.seat >= seats[booking.resource]:
                fault = f"must be below the seats of {shown(booking.resource)} ({seats[booking.resource]})"
                raise FormatError(f"bookings[{index}].seat", f"{fault}, not {booking.seat}")

    def _check_course(self, course: Course) -> None:
        if course.protocol not in self.protocols:
            raise FormatError("protocol", f"names no protocol: {shown(course.protocol)}")
        protocol = self.protocols[course.protocol]
        for name, sessions in (("locked", course.locked), ("current", course.current)):
            for index, session in enumerate(sessions):
                if session.track not in protocol.by_name:
                    fault = f"names no track of {shown(course.protocol)}: {shown(session.track)}"
                    raise FormatError(f"{name}[{index}].track", fault)
                count = len(protocol.by_name[session.track].slots)
                if session.number > count:
                    raise FormatError(f"{name}[{index}].number", f"must be at most {count}, not {session.number}")
        first = (protocol.tracks[0].name, 1)
        if first in {s.key for s in course.locked}:
            return
        if course.latest_start < course.earliest_start:
            raise FormatError("latest_start", f"lies before earliest_start ({course.earliest_start.isoformat()})")
        if (course.latest_start - course.earliest_start).days > MAX_DAYS:
            fault = f"lies more than {MAX_DAYS} days after earliest_start ({course.earliest_start.isoformat()})"
            raise FormatError("latest_start", fault)

    def course(self, course_id: str) -> Course:
        return next(course for course in self.courses if course.id == course_id)

    def protocol_of(self, course: Course) -> Protocol:
        return self.protocols[course.protocol]
