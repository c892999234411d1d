"""What is wrong with a problem or a result: one field, one fault, one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timezone
from typing import Any


class FormatError(ValueError):
    """A field that breaks the format: `field` is its path, `fault` one clause on what is wrong with it."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}" if field else fault)
        self.field = field
        self.fault = fault

    def below(self, path: str) -> FormatError:
        """The same fault seen from the document that holds the field."""
        joint = "" if not self.field or self.field.startswith("[") else "."
        return FormatError(f"{path}{joint}{self.field}", self.fault)


def shown(value: Any) -> str:
    """A value as an error may repeat it: on one line, and short."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def named(name: Any) -> str:
    """A name that the document gives a field, as a path may repeat it."""
    return str(name) if len(str(name)) <= 60 else f"{str(name)[:57]}..."


FIRST_YEAR, LAST_YEAR = 1970, 9000
MAX_TEXT = 1000


def need_text(field: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise FormatError(field, f"must be a text that is not empty, not {shown(value)}")
    if len(value) > MAX_TEXT:
        raise FormatError(field, f"must have at most {MAX_TEXT} characters, not {len(value)}")


def need_int(field: str, value: Any, low: int | None = None, high: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(field, f"must be a whole number, not {shown(value)}")
    if low is not None and value < low:
        raise FormatError(field, f"must be at least {low}, not {shown(value)}")
    if high is not None and value > high:
        raise FormatError(field, f"must be at most {high}, not {shown(value)}")


def need_hours(field: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FormatError(field, f"must be a number of hours, not {shown(value)}")
    if not 0 <= value <= 1_000_000:
        raise FormatError(field, f"must be between 0 and 1000000 hours, not {shown(value)}")


def need_date(field: str, value: Any) -> None:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise FormatError(field, f"must be a date, not {shown(value)}")
    # A year later than instants, for what is tried on the days before a date.
    if value.year <= FIRST_YEAR:
        raise FormatError(field, f"lies before the year {FIRST_YEAR + 1}: {value.isoformat()}")


def need_instant(field: str, value: Any) -> None:
    if not isinstance(value, datetime):
        raise FormatError(field, f"must be an instant, not {shown(value)}")
    if value.utcoffset() is None:
        raise FormatError(field, f"has no UTC offset: {value.isoformat()}")
    # Keeps every later shift of zone or of a few months inside what datetime can hold.
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise FormatError(field, f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}: {value.isoformat()}")


def fixed_offset(value: datetime) -> datetime:
    """The same instant with a plain UTC offset: two datetimes of one ZoneInfo would compare by the wall clock."""
    offset = value.utcoffset()
    if type(value.tzinfo) is timezone or offset is None:
        return value
    return value.replace(tzinfo=timezone(offset), fold=0)


def need_tuple(field: str, value: Any, of: type | None = None) -> None:
    if not isinstance(value, tuple):
        raise FormatError(field, f"must be a tuple, not {shown(value)}")
    if of is not None:
        for index, item in enumerate(value):
            if not isinstance(item, of):
                raise FormatError(f"{field}[{index}]", f"must be a {of.__name__}, not {shown(item)}")


def need_at_most(field: str, items: Sequence[Any], most: int) -> None:
    if len(items) > most:
        raise FormatError(field, f"must be at most {most}, not {len(items)}")


def need_distinct(field: str, names: Sequence[Any], of: str = "") -> None:
    """Refuse the first name that appears a second time."""
    seen = set()
    for index, name in enumerate(names):
        if name in seen:
            raise FormatError(f"{field}[{index}]{of}", f"appears a second time: {shown(name)}")
        seen.add(name)
