"""Every calendar object that leaves the house, put before libical: its restrictions (RFC 5546) and its reading."""

from __future__ import annotations

import email
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
import vobject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from clinic.models import Patient, Site
from protocols.models import VisitType
from scheduling.messages.feed import write_feed
from scheduling.messages.ics import EventText, Method, write_event
from scheduling.messages.letters import event_description
from scheduling.messages.sender import one_line
from scheduling.messages.wording import time_text
from scheduling.models import CalendarFeed, Session
from tests.scheduling.messages.libical import ReadEvent, complaints, read_events
from tests.scheduling.messages.test_ics import GOLDEN

pytestmark = pytest.mark.libical
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
UID = "0b1f3f0e-7f5c-4f0c-9f57-2d3a5b6c7d8e"
THREE_YEARS = 3 * 366
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=100) | st.sampled_from(
    [
        "👩‍⚕️ Clínica “Río”",
        "مركز الشفاء، الطابق ٣",
        'Dr. "Q", Inc.; a:b\\n',
        "a\r\nDTEND:20000101T000000Z",
        "\u202eabc",
        "é" * 90,
    ]
)


def objects_of(file: Path) -> list[bytes]:
    if file.suffix == ".ics":
        return [file.read_bytes()]
    parts = email.message_from_bytes(file.read_bytes()).walk()
    found = [part.get_payload(decode=True) for part in parts if part.get_content_type() == "text/calendar"]
    return [bytes(content) for content in found if isinstance(content, bytes)]


FILES = [file for file in sorted([*GOLDEN.glob("*.ics"), *GOLDEN.glob("*.eml")]) if objects_of(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_restrictions_accept_every_golden_object(file: Path) -> None:
    assert [complaints(content) for content in objects_of(file)] == [[]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_three_parsers_agree_on_every_golden_object(file: Path) -> None:
    [content] = objects_of(file)
    events = read_events(content)
    assert events == read_with_icalendar(content)
    assert [(event.uid, event.start, event.end) for event in events] == read_with_vobject(content)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"ATTENDEE", rb"X-ATTENDEE"),
        (rb"ORGANIZER", rb"X-ORGANIZER"),
        (rb"DTSTAMP", rb"X-DTSTAMP"),
        (rb"STATUS:CONFIRMED", rb"STATUS:CANCELLED"),
        (rb"UID:", rb"X-UID:"),
    ],
)
def test_restrictions_refuse_a_request_that_is_broken(old: bytes, new: bytes) -> None:
    content = (GOLDEN / "request-new-york-spring.ics").read_bytes()
    assert content.count(b"\r\n" + old) == 1
    assert complaints(content.replace(b"\r\n" + old, b"\r\n" + new)) != []


def read_with_icalendar(content: bytes) -> list[ReadEvent]:
    events: list[Any] = Calendar.from_ical(content).walk("VEVENT")
    return [
        ReadEvent(
            uid=str(event["UID"]),
            start=event.decoded("DTSTART"),
            end=event.decoded("DTEND"),
            sequence=int(event["SEQUENCE"]),
            summary=str(event["SUMMARY"]),
            location=str(event.get("LOCATION", "")),
            description=str(event.get("DESCRIPTION", "")),
        )
        for event in events
    ]


def read_with_vobject(content: bytes) -> list[tuple[str, datetime, datetime]]:
    events = vobject.readOne(content.decode()).vevent_list
    return [(event.uid.value, event.dtstart.value, event.dtend.value) for event in events]


def event(
    method: Method,
    start: datetime,
    *,
    title: str = "Appointment",
    place: str = "",
    description: str = "",
    name: str = "",
) -> bytes:
    return write_event(
        method=method, uid=UID, sequence=3, start=start, end=start.astimezone(UTC) + timedelta(minutes=45),
        text=EventText(title=title, place=place, description=description),
        organizer=("front@clinic.example", name or "Clinic"), attendee="ada@mail.example",
        changed_at=NOW, now=NOW,
    )  # fmt: skip


@given(method=st.sampled_from(["REQUEST", "CANCEL"]), title=TEXTS, place=TEXTS, name=TEXTS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_a_clinic_is_called_its_events_are_accepted_and_read_back(
    method: Method, title: str, place: str, name: str
) -> None:
    description = f"9:00 AM\n{one_line(name)}"
    title = f"Appointment at {title}"
    content = event(method, NOW, title=title, place=place, name=name, description=description)
    assert complaints(content) == []
    [read] = read_events(content)
    assert (read.start, read.end, read.uid) == (NOW, NOW + timedelta(minutes=45), UID)
    assert (read.summary, read.location) == (one_line(title), one_line(place))
    assert [read] == read_with_icalendar(content)
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))


@given(names=st.lists(TEXTS, min_size=1, max_size=3), place=TEXTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_a_clinic_is_called_its_feeds_are_accepted_and_read_back(names: list[str], place: str) -> None:
    sessions = [new_session(name, place, day) for day, name in enumerate(names)]
    content = write_feed(CalendarFeed(patient=Patient(language="en")), sessions, detail=False)
    assert complaints(content) == []
    events = read_events(content)
    assert [(event.start, event.end) for event in events] == [(s.start, s.end) for s in sessions]
    assert [event.summary for event in events] == [one_line(f"Appointment at {one_line(name)}") for name in names]
    assert events == read_with_icalendar(content)


def new_session(name: str, place: str, day: int) -> Session:
    start = NOW + timedelta(days=day)
    return Session(
        site=Site(public_name=name, address=place, phone=name[:40]),
        visit_type=VisitType(name="Visit", place="clinic"),
        start=start, end=start + timedelta(hours=1), timezone="Europe/Berlin", changed_at=NOW,
    )  # fmt: skip


ZONES = sorted(available_timezones() - {"localtime", "Factory"})


@cache
def starts_in(name: str) -> list[datetime]:
    """A session before, at and after each clock change within three years, and one where there is none."""
    zone = ZoneInfo(name)
    days = [NOW + timedelta(days=day) for day in range(THREE_YEARS)]
    changes = [after for before, after in pairwise(days) if offset(before, zone) != offset(after, zone)]
    found = [day + timedelta(hours=hours) for day in changes[:2] + changes[-1:] for hours in (-26, -13, -2, 0, 22)]
    return found or [NOW, NOW + timedelta(days=THREE_YEARS)]


def offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


def sample() -> Iterator[tuple[str, datetime]]:
    return ((name, start) for name in ZONES for start in starts_in(name))


def test_every_zone_has_one_instant_for_all_parsers_and_its_text_says_the_same() -> None:
    """UTC instants need no zone in the file; the text names the local time (T5, I9)."""
    site = Site(public_name="Clinic", phone="")
    count = 0
    for name, start in sample():
        local = start.astimezone(ZoneInfo(name))
        content = event("REQUEST", local, description=event_description(local, site))
        [read] = read_events(content)
        assert (read.start, read.end) == (start, start + timedelta(minutes=45)), name
        assert read_with_icalendar(content) == [read], name
        assert read_with_vobject(content) == [(UID, start, read.end)], name
        assert read.description.splitlines()[0] == time_text(read.start.astimezone(ZoneInfo(name))), name
        count += 1
    assert count > 1500
