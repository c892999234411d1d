"""Weekly tables of wall-clock times, ``{"mon": [["08:00", "12:00"]]}``: a weekday left out is closed."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")


def clock_minutes(text: str) -> int:
    """Minutes past midnight of ``"HH:MM"``; ``"24:00"`` is the end of the day."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def validate_weekly_table(value: Any) -> None:
    """Refuse anything but a weekly table, naming the weekday and the fault."""
    if not isinstance(value, dict):
        raise ValidationError('Give a table such as {"mon": [["08:00", "12:00"]]}.')
    for day, spans in value.items():
        if day not in WEEKDAYS:
            raise ValidationError(f"{day!r} is not a weekday; use {', '.join(WEEKDAYS)}.")
        if not isinstance(spans, list):
            raise ValidationError(f"{day}: give a list of [from, to] pairs.")
        for span in spans:
            _validate_span(day, span)


def _validate_span(day: str, span: Any) -> None:
    if not (isinstance(span, (list, tuple)) and len(span) == 2 and all(isinstance(t, str) for t in span)):
        raise ValidationError(f"{day}: {span!r} is not a [from, to] pair of times.")
    for text in span:
        if not CLOCK.match(text):
            raise ValidationError(f"{day}: {text!r} is not a time from 00:00 to 24:00.")
    if clock_minutes(span[0]) >= clock_minutes(span[1]):
        raise ValidationError(f"{day}: {span[0]}-{span[1]} ends before it begins.")
