"""libical by its C interface: an iCalendar reader that shares nothing with Python's, and knows RFC 5546's tables."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from clinic.pytest_libical import find_libical

VEVENT = 4  # icalcomponent_kind
XLICERROR = "X-LIC-ERROR"


class Time(ctypes.Structure):
    """struct icaltimetype of libical 3."""

    _fields_ = [
        (name, ctypes.c_int) for name in ("year", "month", "day", "hour", "minute", "second", "is_date", "is_daylight")
    ] + [("zone", ctypes.c_void_p)]


@dataclass(frozen=True)
class ReadEvent:
    uid: str
    start: datetime
    end: datetime
    sequence: int
    summary: str
    location: str
    description: str


@cache
def library() -> ctypes.CDLL:
    found = find_libical()
    assert found is not None
    for name, answer, arguments in (
        ("icalparser_parse_string", ctypes.c_void_p, [ctypes.c_char_p]),
        ("icalrestriction_check", ctypes.c_int, [ctypes.c_void_p]),
        ("icalcomponent_count_errors", ctypes.c_int, [ctypes.c_void_p]),
        ("icalcomponent_as_ical_string", ctypes.c_char_p, [ctypes.c_void_p]),
        ("icalcomponent_get_first_component", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
        ("icalcomponent_get_next_component", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
        ("icalcomponent_get_uid", ctypes.c_char_p, [ctypes.c_void_p]),
        ("icalcomponent_get_summary", ctypes.c_char_p, [ctypes.c_void_p]),
        ("icalcomponent_get_location", ctypes.c_char_p, [ctypes.c_void_p]),
        ("icalcomponent_get_description", ctypes.c_char_p, [ctypes.c_void_p]),
        ("icalcomponent_get_sequence", ctypes.c_int, [ctypes.c_void_p]),
        ("icalcomponent_get_dtstart", Time, [ctypes.c_void_p]),
        ("icalcomponent_get_dtend", Time, [ctypes.c_void_p]),
        ("icaltime_is_utc", ctypes.c_int, [Time]),
        ("icaltime_as_timet", ctypes.c_long, [Time]),
        ("icalcomponent_free", None, [ctypes.c_void_p]),
    ):
        call = getattr(found, name)
        call.restype, call.argtypes = answer, arguments
    return found


def complaints(content: bytes) -> list[str]:
    """What the parser and the check of restrictions have against it; empty where they accept it."""
    lib = library()
    calendar = lib.icalparser_parse_string(content)
    if not calendar:
        return ["it cannot be parsed"]
    try:
        is_good = lib.icalrestriction_check(calendar)
        text = lib.icalcomponent_as_ical_string(calendar).decode()
        found = [line for line in text.replace("\r\n ", "").splitlines() if line.startswith(XLICERROR)]
        return found if is_good or found else ["a restriction is broken"]
    finally:
        lib.icalcomponent_free(calendar)


def read_events(content: bytes) -> list[ReadEvent]:
    lib = library()
    calendar = lib.icalparser_parse_string(content)
    found = []
    try:
        event = lib.icalcomponent_get_first_component(calendar, VEVENT)
        while event:
            found.append(
                ReadEvent(
                    uid=lib.icalcomponent_get_uid(event).decode(),
                    start=instant(lib.icalcomponent_get_dtstart(event)),
                    end=instant(lib.icalcomponent_get_dtend(event)),
                    sequence=lib.icalcomponent_get_sequence(event),
                    summary=(lib.icalcomponent_get_summary(event) or b"").decode(),
                    location=(lib.icalcomponent_get_location(event) or b"").decode(),
                    description=(lib.icalcomponent_get_description(event) or b"").decode(),
                )
            )
            event = lib.icalcomponent_get_next_component(calendar, VEVENT)
    finally:
        lib.icalcomponent_free(calendar)
    return found


def instant(time: Time) -> datetime:
    assert library().icaltime_is_utc(time), "not an instant in UTC"
    return datetime.fromtimestamp(library().icaltime_as_timet(time), tz=UTC)
