"""The few properties of a calendar reply that matter (RFC 5545, RFC 5546 3.2.3 and 3.2.7).

Lines that are not needed (alarms, descriptions, vendors' own) are taken out before the object is parsed: they cost
nothing and break nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

from icalendar import Calendar

from scheduling.replies.mail import fold

METHODS = {"REPLY", "COUNTER"}
MOST_COMPONENTS = 5  # inside the calendar; the observances of a time zone are counted apart
MOST_OBSERVANCES = 20
DEEPEST = 3
LONGEST_LINE = 2000
MOST_LINES = 200  # that are needed
WANTED = {"UID", "ATTENDEE", "SEQUENCE", "DTSTAMP", "DTSTART", "COMMENT"}
IN_ZONE = {"TZID", "DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE"}
ZONE = {"VTIMEZONE", "STANDARD", "DAYLIGHT"}
# Any other rule could make the parser count seconds from the year 1601.
YEARLY = re.compile(r"RRULE:FREQ=YEARLY(;(INTERVAL=1|BYDAY=[-+]?\d?[A-Z]{2}|BYMONTH=\d{1,2}|WKST=[A-Z]{2}))*", re.I)
NAME = re.compile(r"[A-Za-z0-9-]+")
FOLD = re.compile(r"\r?\n[ \t]")


class NotReadable(ValueError):
    """Not a calendar reply, or past a limit."""


@dataclass(frozen=True)
class Person:
    address: str
    partstat: str
    comment: str = ""  # Google's way of handing over a note


@dataclass(frozen=True)
class Reply:
    method: str
    uid: str
    attendees: tuple[Person, ...]
    sequence: int
    stamped_at: datetime | None
    start: datetime | None
    comment: str
    product: str  # the program that wrote it


def read_calendar_object(text: str, *, mime_method: str) -> Reply | None:
    """None for a calendar object that is no reply, such as an invitation from somebody else."""
    lines = list(needed_lines(text))
    method = method_of(lines, mime_method)
    if method not in METHODS:
        return None
    [event] = parse(lines).walk("VEVENT")
    uid = str(event.get("UID", "")).strip()
    attendees = tuple(read_person(value) for value in listed(event.get("ATTENDEE")))
    if not uid or not attendees:
        raise NotReadable
    return Reply(
        method=method,
        uid=uid,
        attendees=attendees,
        sequence=max(int(event.get("SEQUENCE", 0)), 0),
        stamped_at=instant_of(moment_in(event, "DTSTAMP")),
        start=moment_in(event, "DTSTART") if method == "COUNTER" else None,
        comment="\n".join(str(value) for value in listed(event.get("COMMENT"))),
        product=next((line.partition(":")[2] for line in lines if line_name(line) == "PRODID"), ""),
    )


def parse(lines: list[str]) -> Calendar:
    calendar = Calendar.from_ical("\r\n".join(lines) + "\r\n")
    if not isinstance(calendar, Calendar) or len(calendar.walk("VEVENT")) != 1:
        raise NotReadable
    return calendar


def needed_lines(text: str) -> Iterator[str]:
    """One calendar, its one event and its time zones, with nothing in them but what is read below."""
    stack: list[str] = []
    components = observances = kept = 0
    for line in FOLD.sub("", text).splitlines():
        name = line_name(line)
        if name == "BEGIN":
            stack.append(line.partition(":")[2].strip().upper())
            is_observance = stack[-1] in {"STANDARD", "DAYLIGHT"}
            observances += is_observance
            components += not is_observance and stack[-1] != "VCALENDAR"
            if len(stack) > DEEPEST or components > MOST_COMPONENTS or observances > MOST_OBSERVANCES:
                raise NotReadable
        if is_needed(name, line, stack):
            kept += 1
            if kept > MOST_LINES:
                raise NotReadable
            yield line[:LONGEST_LINE]
        if name == "END" and stack:
            stack.pop()


def line_name(line: str) -> str:
    match = NAME.match(line)
    return match[0].upper() if match else ""


def is_needed(name: str, line: str, stack: list[str]) -> bool:
    inside = stack[-1] if stack else ""
    if name in {"BEGIN", "END"}:
        return inside in {"VCALENDAR", "VEVENT"} | ZONE
    if inside == "VCALENDAR":
        return name in {"METHOD", "PRODID"}
    if inside == "VEVENT":
        return name in WANTED
    if inside in ZONE:
        return name in IN_ZONE and (name != "RRULE" or YEARLY.fullmatch(line.strip()) is not None)
    return False


def method_of(lines: list[str], mime_method: str) -> str:
    """RFC 6047 2.4: the object and its MIME part must name the same method; some clients leave one of them out."""
    named = {line.partition(":")[2].strip().upper() for line in lines if line_name(line) == "METHOD"}
    named |= {mime_method.strip().upper()} - {""}
    if len(named) > 1:
        raise NotReadable
    return named.pop() if named else ""


def listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def read_person(value: Any) -> Person:
    address = re.sub(r"^\s*mailto:", "", str(value), flags=re.I)
    named = getattr(value, "params", {})
    note = ", ".join(str(one) for one in listed(named.get("X-RESPONSE-COMMENT")))
    return Person(fold(address), str(named.get("PARTSTAT", "")).upper(), unescape(note.replace("\\;", ";")))


def moment_in(event: Any, name: str) -> datetime | None:
    """A whole day is no time to come at; neither is what the parser kept as text, nor what UTC has no year for."""
    value = getattr(event.get(name), "dt", None)
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC) if value.tzinfo else value
    except OverflowError:
        return None


def instant_of(moment: datetime | None) -> datetime | None:
    """DTSTAMP is UTC by RFC 5545 3.8.7.2, also where somebody left out the Z."""
    return moment and moment.replace(tzinfo=UTC)
