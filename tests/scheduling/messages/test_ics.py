"""The event of a session, read back by two parsers that know nothing of each other; RFC 5545, 5546, 6047."""

from __future__ import annotations

import email
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pgtrigger
import pytest
import vobject
from django.core.mail import EmailMessage
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from scheduling.messages.ics import EventText, write_event
from scheduling.messages.letters import Letter, write_calendar_letter
from scheduling.messages.mail import build_mail
from scheduling.models import Session
from tests import factories
from tests.scheduling.messages import cast

GOLDEN = Path(__file__).parents[2] / "golden"
MESSAGES = sorted(set(GOLDEN.glob("*.ics")) - set(GOLDEN.glob("feed-*.ics")))  # what a feed demands: test_feed_file
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
UID = "0b1f3f0e-7f5c-4f0c-9f57-2d3a5b6c7d8e"


@dataclass(frozen=True)
class Story:
    """A session invited for one side of a clock change, moved to the other, and cancelled; always at 09:00 local."""

    name: str
    timezone: str
    before: date
    after: date

    def local(self, day: date) -> datetime:
        return datetime.combine(day, time(9), tzinfo=ZoneInfo(self.timezone))

    def at(self, day: date) -> datetime:
        return self.local(day).astimezone(UTC)


STORIES = [
    Story("new-york-spring", "America/New_York", date(2027, 3, 12), date(2027, 3, 15)),
    Story("new-york-autumn", "America/New_York", date(2026, 10, 30), date(2026, 11, 2)),
    Story("berlin-spring", "Europe/Berlin", date(2027, 3, 26), date(2027, 3, 29)),
    Story("berlin-autumn", "Europe/Berlin", date(2026, 10, 23), date(2026, 10, 26)),
]
LINK = "https://appointments.clinic.example/v/AbCdEfGhIjKlMnOpQrStUv"
STEPS = ["request", "update", "cancel"]


@pytest.fixture(params=STORIES, ids=[story.name for story in STORIES])
def story(request: pytest.FixtureRequest) -> Story:
    return request.param


def make_session(story: Story) -> Session:
    site = factories.make_site(
        code="north",
        timezone=story.timezone,
        public_name="Café Müller; Suite 3, North",
        address="1 Main Street\nSpringfield",
        email="front@clinic.example",
    )
    patient = factories.make_patient(site=site, email="ada@mail.example")
    course = cast.make_course(patient, [story.at(story.before)], now=NOW)
    with pgtrigger.ignore("scheduling.Session:a_session_keeps_its_uid"):
        course.sessions.update(uid=UUID(UID))
    return course.sessions.select_related("visit_type", "site", "patient__home_site").get()


def letters(story: Story) -> Iterator[tuple[str, Letter, Session]]:
    session = make_session(story)
    with translation.override("en"):
        yield "request", write_calendar_letter(session, "REQUEST", "ada@mail.example", NOW, link=LINK), session
        cast.change(session, now=NOW, **cast.span(story.at(story.after), minutes=45, timezone=story.timezone))
        update = write_calendar_letter(session, "REQUEST", "ada@mail.example", NOW, is_update=True, link=LINK)
        yield "update", update, session
        cast.change(session, now=NOW, status="cancelled")
        yield "cancel", write_calendar_letter(session, "CANCEL", "ada@mail.example", NOW), session


def same_as_golden(name: str, content: bytes) -> bool:
    """Set CADENCE_WRITE_GOLDEN to write the files anew, and read the difference before it is committed."""
    file = GOLDEN / name
    if "CADENCE_WRITE_GOLDEN" in os.environ:
        file.write_bytes(content)
    return file.read_bytes() == content


def write_mail(letter: Letter, session: Session) -> bytes:
    """As it goes over the wire, with a boundary that is the same in each run."""
    message = build_mail(letter, site=session.site, message_id="<golden@clinic.example>", now=NOW)
    return re.sub(rb"=+\d+==", b"=====golden=====", as_on_the_wire(message))


def as_on_the_wire(message: EmailMessage) -> bytes:
    built: Any = message.message()  # Django's own class, which can write the line ends of SMTP
    return bytes(built.as_bytes(linesep="\r\n"))


@pytest.mark.django_db
def test_messages_of_a_session_across_a_clock_change_are_the_golden_ones(story: Story) -> None:
    for step, letter, session in letters(story):
        assert same_as_golden(f"{step}-{story.name}.ics", letter.event)
        assert same_as_golden(f"{step}-{story.name}.eml", write_mail(letter, session))


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
@pytest.mark.parametrize("step", STEPS)
def test_two_parsers_read_the_same_instants(story: Story, step: str) -> None:
    day = story.before if step == "request" else story.after
    expected = (story.at(day), story.at(day) + timedelta(minutes=45))
    content = (GOLDEN / f"{step}-{story.name}.ics").read_bytes()
    [event] = Calendar.from_ical(content).walk("VEVENT")
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == expected
    other = vobject.readOne(content.decode())
    assert (other.vevent.dtstart.value, other.vevent.dtend.value) == expected
    method, sequence, status = {
        "request": ("REQUEST", "0", "CONFIRMED"),
        "update": ("REQUEST", "1", "CONFIRMED"),
        "cancel": ("CANCEL", "2", "CANCELLED"),
    }[step]
    assert other.method.value == method
    assert (other.vevent.uid.value, other.vevent.sequence.value) == (UID, sequence)
    assert other.vevent.status.value == status
    assert other.vevent.summary.value == "Appointment at Café Müller; Suite 3, North"
    assert other.vevent.location.value == "1 Main Street, Springfield"
    assert other.vevent.organizer.value == "mailto:front@clinic.example"
    assert [attendee.value for attendee in other.vevent.attendee_list] == ["mailto:ada@mail.example"]
    assert (other.vevent.transp.value, getattr(other.vevent, "class").value) == ("OPAQUE", "PRIVATE")


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
@pytest.mark.parametrize("step", STEPS)
def test_mail_is_an_imip_message_whose_text_and_event_agree(story: Story, step: str) -> None:
    message = email.message_from_bytes((GOLDEN / f"{step}-{story.name}.eml").read_bytes())
    assert message.get_content_type() == "multipart/alternative"
    parts = list(message.get_payload())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "text/calendar"]
    method = "CANCEL" if step == "cancel" else "REQUEST"
    assert (parts[2].get_param("method"), parts[2].get_content_charset()) == (method, "utf-8")
    assert parts[2]["Content-Transfer-Encoding"] in {"7bit", "8bit", "base64"}
    event = parts[2].get_payload(decode=True)
    assert event.replace(b"\r\n", b"\n") == (GOLDEN / f"{step}-{story.name}.ics").read_bytes().replace(b"\r\n", b"\n")
    day = story.before if step == "request" else story.after
    local = story.local(day)
    assert (
        f"{local:%A, %B} {local.day}, {local.year}, 9:00 AM {local.tzname()}"
        in parts[0].get_payload(decode=True).decode()
    )
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message["To"], message["Message-ID"]) == ("ada@mail.example", "<golden@clinic.example>")
    assert email.utils.parseaddr(message["From"])[1] == "front@clinic.example"


@pytest.mark.parametrize("file", MESSAGES, ids=lambda file: file.stem)
def test_event_keeps_what_clients_demand(file: Path) -> None:
    content = file.read_bytes()
    lines = content.replace(b"\r\n ", b"").split(b"\r\n")
    names = [re.split(rb"[:;]", line)[0].decode() for line in lines if line]
    assert names.count("BEGIN") == names.count("END") == 2  # one calendar, one event: no VTIMEZONE, no VALARM
    assert names.index("METHOD") < names.index("SUMMARY") and names[:2] == ["BEGIN", "VERSION"]
    assert not set(names) & {"RRULE", "RDATE", "RECURRENCE-ID"}
    assert b"TZID" not in content and b"SENT-BY" not in content
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    attendees = [line for line in lines if line.startswith(b"ATTENDEE")]
    assert len(attendees) == 1
    if b"METHOD:REQUEST" in lines:
        for parameter in (b"CUTYPE=INDIVIDUAL", b"ROLE=REQ-PARTICIPANT", b"PARTSTAT=NEEDS-ACTION", b"RSVP=TRUE"):
            assert parameter in attendees[0]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=120))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_public_name_comes_back_as_one_line(text: str) -> None:
    content = write_event(
        method="REQUEST", uid=UID, sequence=0, start=NOW, end=NOW + timedelta(hours=1),
        text=EventText(title=f"Appointment at {text}", place=text, description="9:00 AM"),
        organizer=("front@clinic.example", text), attendee="ada@mail.example", changed_at=NOW, now=NOW,
    )  # fmt: skip
    expected = " ".join("".join(mark if mark.isprintable() else " " for mark in f"Appointment at {text}").split())
    assert read_text(content, "SUMMARY") == expected
    if "\\" not in expected:  # both parsers take an escaped backslash before an N for a line break
        [event] = Calendar.from_ical(content).walk("VEVENT")
        assert str(event["SUMMARY"]) == expected
        assert vobject.readOne(content.decode()).vevent.summary.value == expected
    assert content.count(b"BEGIN:") == 2


def read_text(content: bytes, name: str) -> str:
    """A TEXT value from left to right: what follows a backslash is itself or a line break (RFC 5545 3.3.11)."""
    [value] = re.findall(rf"^{name}:(.*)$", content.decode().replace("\r\n ", "").replace("\r\n", "\n"), re.MULTILINE)
    return re.sub(r"\\(.)", lambda mark: "\n" if mark[1] in "nN" else mark[1], value)


@pytest.mark.django_db
def test_line_break_in_a_name_does_not_end_a_header() -> None:
    session = make_session(STORIES[0])
    session.site.public_name = "North\r\nBcc: everyone@mail.example"
    letter = write_calendar_letter(session, "REQUEST", "ada@mail.example", NOW)
    message = email.message_from_bytes(write_mail(letter, session))
    assert message["Bcc"] is None
    assert message["Subject"].startswith("Appointment at North Bcc: everyone@mail.example, Fri, Mar 12")
