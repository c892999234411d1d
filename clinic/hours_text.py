"""Weekly hours as one writes them: ``mon-fri 08:00-18:00, sat 09:00-12:00 13:00-15:00``."""

from __future__ import annotations

import re
from datetime import time

from clinic.weekly import CLOCK, WEEKDAYS, clock_minutes

EXAMPLE = "mon-fri 08:00-18:00, sat 09:00-12:00"
Span = tuple[int, time, time]


def read_hours(text: str) -> list[Span]:
    """Weekday (0 is Monday), from and to for each opening; a ValueError says in a sentence what is wrong."""
    spans = [span for part in re.split(r"[,;\n]", text.lower()) if part.strip() for span in _read_part(part.split())]
    if not spans:
        raise ValueError(f"Give the hours of the week, such as {EXAMPLE}.")
    return sorted(spans)


def _read_part(words: list[str]) -> list[Span]:
    days, times = _read_days(words[0]), words[1:]
    if not times:
        raise ValueError(f"{words[0]!r} has no hours; write such as {EXAMPLE}.")
    return [(day, *_read_times(word)) for word in times for day in days]


def _read_days(word: str) -> range:
    first, _, last = word.partition("-")
    for name in (first, last or first):
        if name not in WEEKDAYS:
            raise ValueError(f"{name!r} is not a weekday; use {', '.join(WEEKDAYS)}, as in {EXAMPLE}.")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    if end < start:
        raise ValueError(f"{word!r} goes backwards; the week begins on mon.")
    return range(start, end + 1)


def _read_times(word: str) -> tuple[time, time]:
    opens, _, closes = word.partition("-")
    for text in (opens, closes):
        if not CLOCK.match(text):
            raise ValueError(f"{word!r} is not a span of time such as 08:00-18:00.")
    if clock_minutes(opens) >= clock_minutes(closes):
        raise ValueError(f"{word!r} closes before it opens.")
    return time.fromisoformat(opens), time(0) if closes == "24:00" else time.fromisoformat(closes)
