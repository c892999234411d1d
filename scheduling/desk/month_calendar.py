"""Sessions as chips in calendar months: plain data that the template turns into tables."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime


@dataclass(frozen=True)
class Chip:
    """One session in a day's cell. `state` is a class name; `state_text` says the same in a word."""

    starts: datetime
    name: str
    state: str
    state_text: str
    track: int = 0
    url: str = ""


@dataclass(frozen=True)
class Day:
    on: date
    is_outside: bool
    is_today: bool
    closed: str
    chips: tuple[Chip, ...]

    @property
    def is_weekend(self) -> bool:
        return self.on.weekday() >= 5


@dataclass(frozen=True)
class Month:
    first: date
    weeks: tuple[tuple[Day, ...], ...]


def lay_out_months(
    chips: Iterable[Chip],
    *,
    today: date,
    closed: Mapping[date, str] | None = None,
    span: tuple[date, date] | None = None,
) -> list[Month]:
    """The months from the first chip to the last, every one between included; or those of a span of days."""
    by_day: dict[date, list[Chip]] = defaultdict(list)
    for chip in chips:
        by_day[chip.starts.date()].append(chip)
    if not by_day:
        return []
    first, last = span or (min(by_day), max(by_day))
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    starts = [date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1) for n in range(count)]
    return [_lay_out_month(month, by_day, today, closed or {}) for month in starts]


def crop_weeks(months: Iterable[Month], *, first: date, last: date) -> list[Month]:
    """The months without the weeks before the first day and after the last."""
    return [
        replace(month, weeks=tuple(week for week in month.weeks if week[-1].on >= first and week[0].on <= last))
        for month in months
    ]


def _lay_out_month(month: date, by_day: Mapping[date, list[Chip]], today: date, closed: Mapping[date, str]) -> Month:
    weeks = calendar.Calendar(firstweekday=calendar.SUNDAY).monthdatescalendar(month.year, month.month)
    return Month(month, tuple(tuple(_lay_out_day(on, month, by_day, today, closed) for on in week) for week in weeks))


def _lay_out_day(
    on: date, month: date, by_day: Mapping[date, list[Chip]], today: date, closed: Mapping[date, str]
) -> Day:
    if on.month != month.month:  # shown in its own month
        return Day(on, True, False, "", ())
    chips = tuple(sorted(by_day.get(on, ()), key=lambda chip: chip.starts))
    return Day(on, False, on == today, closed.get(on, ""), chips)
