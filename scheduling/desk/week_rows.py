"""Visits as rows of weeks: plain data that the template turns into one table, a line for every week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORKDAYS = 5
QUIET_WEEKS = 3
"""So many empty weeks in a row are told in one line."""


@dataclass(frozen=True)
class WeekDay:
    on: date
    is_today: bool
    closed: str
    is_paused: bool
    items: tuple[Any, ...]


@dataclass(frozen=True)
class Week:
    """One line. `empty` is how many weeks without a visit it stands for; then it has no days."""

    number: int
    monday: date
    days: tuple[WeekDay, ...] = ()
    is_now: bool = False
    empty: int = 0

    @property
    def last(self) -> date:
        return self.monday + timedelta(days=7 * max(1, self.empty) - 1)


@dataclass(frozen=True)
class Weeks:
    weekdays: tuple[str, ...]
    rows: tuple[Week, ...]


def lay_out_weeks(
    items: Iterable[Mapping[str, Any]],
    *,
    today: date,
    closed: Mapping[date, str] | None = None,
    pause: tuple[date, date | None] | None = None,
    begins: int = 1,
) -> Weeks:
    """The weeks from the first item to the last, by the local date of its `starts`; Monday comes first.

    A day of the weekend has a column only where something lies on it. `pause` is its first and last day, where known;
    `begins` the number of the first week.
    """
    by_day: dict[date, list[Any]] = defaultdict(list)
    for item in items:
        by_day[item["starts"].date()].append(item)
    if not by_day:
        return Weeks((), ())
    width = max(WORKDAYS, 1 + max(on.weekday() for on in by_day))
    first, last = monday_of(min(by_day)), monday_of(max(by_day))

    def lay_out_day(on: date) -> WeekDay:
        found = tuple(sorted(by_day.get(on, ()), key=lambda item: item["starts"]))
        return WeekDay(on, on == today, (closed or {}).get(on, ""), _is_in(pause, on), found)

    rows = []
    for index in range((last - first).days // 7 + 1):
        monday = first + timedelta(weeks=index)
        days = tuple(lay_out_day(monday + timedelta(days=offset)) for offset in range(width))
        rows.append(Week(begins + index, monday, days, is_now=monday == monday_of(today)))
    return Weeks(WEEKDAYS[:width], tuple(_fold(rows)))


def monday_of(on: date) -> date:
    return on - timedelta(days=on.weekday())


def _is_in(pause: tuple[date, date | None] | None, on: date) -> bool:
    return pause is not None and pause[0] <= on and (pause[1] is None or on <= pause[1])


def _fold(rows: list[Week]) -> list[Week]:
    """Long stretches without a visit as one line, but for the week that it is now."""
    folded: list[Week] = []
    index = 0
    while index < len(rows):
        run = index
        while run < len(rows) and not rows[run].is_now and not any(day.items for day in rows[run].days):
            run += 1
        if run - index >= QUIET_WEEKS:
            folded.append(Week(rows[index].number, rows[index].monday, empty=run - index))
        else:
            folded.extend(rows[index:run])
        folded.extend(rows[run : run + 1])
        index = run + 1
    return folded
