"""The subscription as a file, across both clock changes in two zones; RFC 5545, 7986."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pgtrigger
import pytest
import vobject
from icalendar import Calendar

from clinic.models import Consent
from scheduling import feeds
from scheduling.messages.feed import feed_uid, refresh_feed
from scheduling.models import Session
from tests.scheduling.messages import cast
from tests.scheduling.messages.test_ics import GOLDEN, NOW, STORIES, Story, make_session, same_as_golden

FEEDS = sorted(GOLDEN.glob("feed-*.ics"))
LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=STORIES, ids=[story.name for story in STORIES])
def story(request: pytest.FixtureRequest) -> Story:
    return request.param


def make_sessions(story: Story) -> list[Session]:
    """One as booked, one moved across the clock change, one cancelled; with UIDs that are the same in each run."""
    session = make_session(story)
    course = session.course
    for number in (2, 3):
        start = story.at(story.before) + timedelta(hours=3 * (number - 1))
        cast.new_session(course, start, number=number, now=NOW).save()
    sessions = list(course.sessions.order_by("number"))
    with pgtrigger.ignore("scheduling.Session:a_session_keeps_its_uid"):
        for session in sessions:
            Session.objects.filter(pk=session.pk).update(uid=UUID(int=session.number))
    return list(course.sessions.order_by("number"))


@pytest.mark.django_db
def test_feed_of_a_course_across_a_clock_change_is_the_golden_one(story: Story) -> None:
    sessions = make_sessions(story)
    feed = feeds.open_feed(sessions[0].patient, now=NOW)
    cast.change(sessions[1], now=LATER, **cast.span(story.at(story.after), minutes=45, timezone=story.timezone))
    cast.change(sessions[2], now=LATER, status="cancelled", status_at=LATER)
    content = refresh_feed(feed, now=LATER).body.encode()
    assert same_as_golden(f"feed-{story.name}.ics", content)


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_two_parsers_read_the_same_of_the_feed(story: Story) -> None:
    content = (GOLDEN / f"feed-{story.name}.ics").read_bytes()
    cancelled = story.at(story.before) + timedelta(hours=6)
    expected = {
        (story.at(story.before), "0", "CONFIRMED"),
        (story.at(story.after), "1", "CONFIRMED"),
        (cancelled, "1", "CANCELLED"),
    }
    events: list[Any] = Calendar.from_ical(content).walk("VEVENT")
    assert {(event.decoded("DTSTART"), str(event["SEQUENCE"]), str(event["STATUS"])) for event in events} == expected
    others = vobject.readOne(content.decode()).vevent_list
    assert {(event.dtstart.value, event.sequence.value, event.status.value) for event in others} == expected
    assert {event.decoded("DTEND") - event.decoded("DTSTART") for event in events} == {timedelta(minutes=45)}
    assert all(event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt for event in events)


@pytest.mark.parametrize("file", FEEDS, ids=lambda file: file.stem)
def test_feed_keeps_what_clients_demand(file: Path) -> None:
    content = file.read_bytes()
    lines = content.replace(b"\r\n ", b"").decode().split("\r\n")
    names = [re.split("[:;]", line)[0] for line in lines if line]
    assert not set(names) & {
        "METHOD", "ORGANIZER", "ATTENDEE", "RRULE", "RDATE", "RECURRENCE-ID", "VTIMEZONE", "VALARM", "ATTACH", "URL",
    }  # fmt: skip
    for line in (
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H", "X-WR-CALNAME:Appointments",
        "NAME:Appointments", "VERSION:2.0", "CALSCALE:GREGORIAN", "CLASS:PRIVATE",
    ):  # fmt: skip
        assert line in lines
    head = names[: names.index("BEGIN", 1)]
    assert {"VERSION", "PRODID", "REFRESH-INTERVAL", "X-PUBLISHED-TTL"} < set(head)
    assert "TZID" not in content.decode() and "SENT-BY" not in content.decode()
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    uids = [line for line in lines if line.startswith("UID:")]
    assert len(uids) == len(set(uids)) == 3


def test_feed_has_its_goldens() -> None:
    assert [file.stem for file in FEEDS] == sorted(f"feed-{story.name}" for story in STORIES)


@pytest.mark.django_db
def test_feed_is_discreet_until_the_patient_asks_for_more() -> None:
    [session, *_] = make_sessions(STORIES[0])
    feed = feeds.open_feed(session.patient, now=NOW)
    assert titles(refresh_feed(feed, now=NOW).body) == {"Appointment at Café Müller; Suite 3, North"}
    consent = Consent.objects.create(
        patient=session.patient, purpose="detail", wording="Name it", source="staff", given_at=NOW
    )
    assert titles(refresh_feed(feed, now=NOW).body) == {"Visit at Café Müller; Suite 3, North"}
    consent.withdrawn_at = LATER
    consent.save()
    assert titles(refresh_feed(feed, now=NOW).body) == {"Appointment at Café Müller; Suite 3, North"}


def titles(body: str) -> set[str]:
    return {str(event["SUMMARY"]) for event in Calendar.from_ical(body).walk("VEVENT")}


@pytest.mark.django_db
def test_uids_of_a_feed_are_derived_from_those_of_the_sessions_and_are_not_theirs() -> None:
    sessions = make_sessions(STORIES[0])
    own, derived = {session.uid for session in sessions}, {feed_uid(session) for session in sessions}
    assert len(derived) == 3 and own.isdisjoint(derived)
    assert {feed_uid(session) for session in sessions} == derived
