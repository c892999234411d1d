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


def name_visit(session: Session) -> str:
    """The visit and its day, without the patient: Visit 3 of Tue, Dec 1."""
    several = session.course.version.tracks.count() > 1
    return f"{label_of(session, several=several)} of {say_short_day(session.local_date)}"


def say_moved(session: Session, others: int) -> str:
    """What a move did: Visit 3 moved to Tue, Dec 1 at 9:00 AM, and 2 other visits with it."""
    several = session.course.version.tracks.count() > 1
    when = f"{say_short_day(session.local_date)} at {say_time(session.local_time)}"
    told = f"{label_of(session, several=several)} moved to {when}"
    return f"{told}, and {count_of(others, 'other visit')} with it" if others > 0 else told


def say_reseated(session: Session) -> str:
    """What a move does that keeps the time: Visit 3 on Tue, Dec 1 sits elsewhere at its time."""
    several = session.course.version.tracks.count() > 1
    return f"{label_of(session, several=several)} on {say_short_day(session.local_date)} sits elsewhere at its time"


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
