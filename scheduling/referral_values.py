"""What may stand in one cell of a referral list. A fault is a ValueError whose text never repeats the cell."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from clinic.patient_rules import find_birth_date_fault
from clinic.weekly import WEEKDAY_NAMES, WEEKDAYS

DAY = "a date such as 2026-12-01, or days from the day of import such as +7 or -30"
SPANS = "dates or spans of dates such as 2026-12-24 to 2026-12-27; +40 to +44"
WEEK = "days and times such as mon-fri 08:00-12:00; sat 09:00-11:00"
MOMENT = f"{DAY}, with a time of day such as 07:30 after it"
OFFSET = re.compile(r"[+-]\d{1,4}")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
WEEK_ITEM = re.compile(r"(?P<days>[a-z][a-z,-]*) (?P<times>\d[\d:, -]*)")

FURTHEST = timedelta(days=10 * 366)

Weekly = dict[str, list[list[str]]]


class OutOfReach(ValueError):
    """A day that nobody can mean: a slip of the finger, or "for ever"."""


def parse_day(text: str, *, today: date) -> date:
    try:
        day = today + timedelta(days=int(text)) if OFFSET.fullmatch(text) else _parse_iso(text)
    except (ValueError, OverflowError):
        raise ValueError(f"is not {DAY}.") from None
    if abs(day - today) > FURTHEST:
        raise OutOfReach("lies more than ten years away.")
    return day


def parse_past_day(text: str, *, today: date) -> date:
    """A date of birth: never relative, and not one of somebody yet unborn."""
    try:
        day = _parse_iso(text)
    except ValueError:
        raise ValueError("is not a date such as 1984-03-09.") from None
    if fault := find_birth_date_fault(day, today=today):
        raise ValueError(fault)
    return day


def _parse_iso(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def parse_clock(text: str) -> time:
    match = CLOCK.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return time(int(match[1]), int(match[2]))
    except ValueError:
        raise ValueError("is not a time of day such as 09:30.") from None


def parse_moment(text: str, *, today: date) -> datetime:
    """A wall-clock time, naive on purpose: the site's zone is given to it by whoever imports."""
    day_text, _, clock_text = text.partition(" ")
    try:
        return datetime.combine(parse_day(day_text, today=today), parse_clock(clock_text.strip()))
    except OutOfReach:
        raise
    except ValueError:
        raise ValueError(f"is not {MOMENT}.") from None


def parse_spans(text: str, *, today: date) -> tuple[tuple[date, date], ...]:
    """Spans of whole days, both ends included."""
    return tuple(_parse_span(item.strip(), today=today) for item in text.split(";") if item.strip())


def _parse_span(text: str, *, today: date) -> tuple[date, date]:
    first_text, _, last_text = text.partition(" to ")
    try:
        first = parse_day(first_text.strip(), today=today)
        last = parse_day((last_text or first_text).strip(), today=today)
    except OutOfReach:
        raise
    except ValueError:
        raise ValueError(f"is not {SPANS}.") from None
    if last < first:
        raise ValueError("has a span that ends before it begins.")
    return first, last


def parse_weekly(text: str) -> Weekly:
    """``mon-fri 08:00-12:00; sat 09:00-11:00`` as a weekly table."""
    week: Weekly = {}
    for item in text.lower().replace("–", "-").split(";"):
        if not item.strip():
            continue
        match = WEEK_ITEM.fullmatch(_tighten(item))
        if match is None:
            raise ValueError(f"is not {WEEK}.")
        spans = _parse_clock_spans(match["times"])
        for day in _parse_weekdays(match["days"]):
            week[day] = sorted(week.get(day, []) + spans)
    return {day: week[day] for day in WEEKDAYS if day in week}


def _tighten(item: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\s*([,-])\s*", r"\1", item)).strip()


def _parse_weekdays(text: str) -> list[str]:
    days: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin = _find_weekday(first)
        length = (_find_weekday(last) - begin) % 7 if last else 0
        days += [WEEKDAYS[(begin + offset) % 7] for offset in range(length + 1)]
    return days


def _find_weekday(text: str) -> int:
    for index, name in enumerate(WEEKDAY_NAMES):
        if len(text) >= 3 and name.lower().startswith(text):
            return index
    raise ValueError(f"is not {WEEK}.")


def _parse_clock_spans(text: str) -> list[list[str]]:
    spans = []
    for part in re.split(r"[, ]", text):
        begin_text, _, end_text = part.partition("-")
        begin = parse_clock(begin_text).strftime("%H:%M")
        end = "24:00" if end_text == "24:00" else parse_clock(end_text).strftime("%H:%M")
        if end <= begin:
            raise ValueError("has a time that ends before it begins.")
        spans.append([begin, end])
    return spans
