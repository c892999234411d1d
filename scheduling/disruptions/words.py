"""A disruption in the words of the desk."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduling.disruptions.question import Disruption, Span
from scheduling.words import say_short_day, say_time

ONE_DAY = timedelta(days=1)


def summarize(disruption: Disruption) -> str:
    """One line, such as `TMS A out until Wed, Nov 25, 6:00 PM`; it names no patient."""
    said = [say_span(span, disruption.site.zone) for span in disruption.outages]
    if disruption.closed is not None:
        first, last = disruption.closed
        days = say_short_day(first) if first == last else f"{say_short_day(first)} through {say_short_day(last)}"
        said.append(f"Closed on {days}" if first == last else f"Closed from {days}")
    return "; ".join(said) or "Visits without a place planned again"


def say_span(span: Span, zone: ZoneInfo) -> str:
    start, end = span.start.astimezone(zone), span.end.astimezone(zone)
    first_on, last_on = start.date(), (end - timedelta(microseconds=1)).date()
    if _is_midnight(end) and first_on == last_on:
        when = f"on {say_short_day(first_on)}" + ("" if _is_midnight(start) else f" from {say_time(start)}")
    else:
        begins = "" if _is_midnight(start) else f", {say_time(start)}"
        until = f"through {say_short_day(last_on)}"
        ends = until if _is_midnight(end) else f"to {say_short_day(last_on)}, {say_time(end)}"
        when = f"from {say_short_day(first_on)}{begins} {ends}"
    return f"{span.resource.name} out {when}"


def _is_midnight(at: datetime) -> bool:
    return at.time() == time(0)
