"""Names, days and times as staff know them: codes never face a user, and the clock has twelve hours."""

from __future__ import annotations

from datetime import date, datetime, time

from scheduling.engine import name_of
from scheduling.models import Session


def name_code(code: str) -> str:
    """A code of a track or phase as a name: "tms" is TMS, "taper-2" is Taper 2."""
    text = name_of(code)
    return text[:1].upper() + text[1:]


def label_session(track: str, number: int, *, several: bool) -> str:
    """Visit 3 of a course with one track, TMS 3 where there are several."""
    return f"{name_code(track)} {number}" if several else f"Visit {number}"


def label_of(session: Session, *, several: bool = True) -> str:
    return label_session(session.track.name, session.number, several=several)


def say_time(moment: datetime | time) -> str:
    return f"{moment:%I:%M %p}".lstrip("0")


def say_day(on: date) -> str:
    return f"{on:%A}, {on:%B} {on.day}, {on.year}"


def say_short_day(on: date) -> str:
    return f"{on:%a}, {on:%b} {on.day}"


def say_date(on: date) -> str:
    return f"{on:%b} {on.day}, {on.year}"


def say_moment(moment: datetime) -> str:
    return f"{say_day(moment.date())} at {say_time(moment)}"


def count_of(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
