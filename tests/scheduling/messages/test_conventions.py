"""What mail and calendar clients demand of a message, rule by rule (RFC 5545, 5546, 6047), over every golden one."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from email.utils import parseaddr
from typing import Any
from uuid import uuid4

import pytest
from django.db import ProgrammingError, transaction
from icalendar import Calendar

from clinic.models import Patient
from scheduling.messages.ics import EventText, write_event
from scheduling.messages.letters import write_calendar_letter
from scheduling.models import Session
from tests import factories
from tests.scheduling.messages.test_ics import GOLDEN, NOW, STORIES, UID, make_session, write_mail

METHODS = {"request": "REQUEST", "update": "REQUEST", "cancel": "CANCEL"}


@dataclass(frozen=True)
class Golden:
    name: str
    mail: Message
    event: bytes  # as it stands in the mail

    @property
    def method(self) -> str:
        return METHODS[self.name.removeprefix("driver-").split("-")[0]]

    @property
    def lines(self) -> list[str]:
        return self.event.replace(b"\r\n ", b"").decode().strip().split("\r\n")

    def property(self, name: str) -> str:
        [line] = [line for line in self.lines if re.match(rf"{name}[:;]", line)]
        return line

    def address(self, name: str) -> str:
        return self.property(name).rpartition("mailto:")[2]


def read_golden(name: str) -> Golden:
    mail = email.message_from_bytes((GOLDEN / f"{name}.eml").read_bytes())
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return Golden(name, mail, content)


NAMES = sorted(file.stem for file in GOLDEN.glob("*.eml"))


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest) -> Golden:
    return read_golden(request.param)


def test_the_goldens_cover_each_message_both_clock_changes_and_two_zones() -> None:
    kinds = ("request", "update", "cancel", "driver-request", "driver-update", "driver-cancel")
    assert set(NAMES) >= {f"{kind}-{story.name}" for kind in kinds for story in STORIES}


def test_i1_plain_text_then_html_then_calendar(golden: Golden) -> None:
    assert golden.mail.get_content_type() == "multipart/alternative"
    parts: list[Any] = list(golden.mail.get_payload())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "text/calendar"]
    assert parts[2]["Content-Transfer-Encoding"] in {"7bit", "8bit", "base64"}
    assert golden.event == (GOLDEN / f"{golden.name}.ics").read_bytes()


def test_i2_method_of_the_part_is_that_of_the_calendar(golden: Golden) -> None:
    [part] = [part for part in golden.mail.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") == golden.property("METHOD").removeprefix("METHOD:") == golden.method
    assert part.get_content_charset() == "utf-8"


def test_i3_what_belongs_to_the_calendar_stands_before_the_event(golden: Golden) -> None:
    names = [re.split("[:;]", line)[0] for line in golden.lines]
    begin = names.index("BEGIN", 1)
    assert set(names[1:begin]) == {"VERSION", "PRODID", "CALSCALE", "METHOD"}
    assert golden.lines[-2:] == ["END:VEVENT", "END:VCALENDAR"]


def test_i4_organizer_is_the_sender_and_nobody_who_is_invited(golden: Golden) -> None:
    sender = parseaddr(str(golden.mail["From"]))[1]
    assert golden.address("ORGANIZER") == sender != golden.address("ATTENDEE")
    assert "SENT-BY" not in golden.event.decode()


def test_i5_one_attendee_and_the_mail_is_to_them(golden: Golden) -> None:
    attendee = golden.property("ATTENDEE")
    assert golden.address("ATTENDEE") == golden.mail["To"]
    parameters = set(attendee.rpartition(":mailto:")[0].split(";")[1:])
    wanted = {"CUTYPE=INDIVIDUAL", "ROLE=REQ-PARTICIPANT"}
    assert parameters == wanted | ({"PARTSTAT=NEEDS-ACTION", "RSVP=TRUE"} if golden.method == "REQUEST" else set())
    assert golden.mail["Cc"] is None and golden.mail["Bcc"] is None


def test_i6_uid_is_random_and_names_nobody(golden: Golden) -> None:
    assert re.fullmatch(r"UID:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", golden.property("UID"))


@pytest.mark.django_db
def test_i6_no_session_can_be_given_another_uid() -> None:
    session = make_session(STORIES[0])
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Session.objects.filter(pk=session.pk).update(uid=uuid4())
    session.refresh_from_db()
    assert str(session.uid) == UID
    assert Session.objects.filter(pk=session.pk).update(sequence=7) == 1


@pytest.mark.parametrize("whose", ["", "driver-"])
@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_i7_each_change_and_the_end_have_a_higher_sequence(whose: str, story: Any) -> None:
    steps = [read_golden(f"{whose}{step}-{story.name}") for step in METHODS]
    assert [step.property("SEQUENCE") for step in steps] == ["SEQUENCE:0", "SEQUENCE:1", "SEQUENCE:2"]
    assert len({step.property("UID") for step in steps}) == 1


def test_i8_stamp_is_of_the_sending_and_the_rest_of_the_row() -> None:
    first, second = (lines_sent(seconds) for seconds in (0, 1))
    assert {*first} ^ {*second} == {"DTSTAMP:20261001T120000Z", "DTSTAMP:20261001T120001Z"}


def lines_sent(seconds: int) -> list[str]:
    content = write_event(
        method="REQUEST", uid=UID, sequence=0, start=NOW, end=NOW + timedelta(hours=1),
        text=EventText("Appointment", "Here", "9:00 AM"), organizer=("front@clinic.example", "Clinic"),
        attendee="ada@mail.example", changed_at=NOW, now=NOW + timedelta(seconds=seconds),
    )  # fmt: skip
    return content.decode().split("\r\n")


def test_i9_times_are_instants_without_a_zone(golden: Golden) -> None:
    for name in ("DTSTART", "DTEND", "DTSTAMP", "LAST-MODIFIED"):
        assert re.fullmatch(rf"{name}:\d{{8}}T\d{{6}}Z", golden.property(name))
    assert "TZID" not in golden.event.decode() and "VTIMEZONE" not in golden.event.decode()


def test_i10_only_a_cancel_says_cancelled(golden: Golden) -> None:
    assert golden.property("STATUS") == ("STATUS:CONFIRMED" if golden.method == "REQUEST" else "STATUS:CANCELLED")


def test_i11_i12_no_alarm_no_attachment_private_and_opaque(golden: Golden) -> None:
    text = golden.event.decode()
    assert not any(word in text for word in ("VALARM", "ACTION:", "ATTACH"))
    assert (golden.property("CLASS"), golden.property("TRANSP")) == ("CLASS:PRIVATE", "TRANSP:OPAQUE")


def test_i13_lines_are_folded_at_75_octets_between_characters(golden: Golden) -> None:
    assert golden.event.endswith(b"\r\n")
    for line in golden.event.split(b"\r\n"):
        assert len(line) <= 75 and b"\n" not in line and b"\r" not in line
        line.decode()


def test_c1_one_session_is_one_event_that_never_repeats(golden: Golden) -> None:
    assert sum(line.startswith("BEGIN:") for line in golden.lines) == 2
    assert not any(re.match("(RRULE|RDATE|EXDATE|RECURRENCE-ID)", line) for line in golden.lines)


INJECTIONS = [
    "North\r\nBcc: everyone@mail.example",
    "North\nBcc: everyone@mail.example\n\nBody",
    "North\rX-Evil: 1",
    "North\x00\x0b\x0c\x1c\x1d\x1eX-Evil: 1",
    "North\x85X-Evil: 1\u2028X-Evil: 2\u2029X-Evil: 3",
    "=?utf-8?q?North=0D=0ABcc:_everyone=40mail.example?=",
    'North" <evil@mail.example>, "x',
    "North, everyone@mail.example",
    "North\r\nEND:VEVENT\r\nEND:VCALENDAR\r\nBEGIN:VCALENDAR\r\nMETHOD:PUBLISH",
    "North\\nATTENDEE:mailto:evil@mail.example",
    "\u202eNorth\u202c 👩‍⚕️ مركز",
    "North;X=1:mailto:evil@mail.example",
]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_i13_no_text_becomes_a_header_or_a_property(method: Any) -> None:
    """The words of staff and patients stay words, whatever stands in them."""
    session = make_session(STORIES[0])
    plain = shape_of(session, method)
    for text in INJECTIONS:
        session.site.public_name = session.site.address = session.site.phone = session.patient.given_name = text
        assert shape_of(session, method) == plain, text


def shape_of(session: Session, method: Any) -> tuple[list[str], str, str, list[str], list[str]]:
    """Header names, who it is from and to, and the names of the event's properties, in order."""
    letter = write_calendar_letter(session, method, "ada@mail.example", NOW)
    mail = email.message_from_bytes(write_mail(letter, session))
    sender = parseaddr(str(mail["From"]).replace("\n", ""))[1]
    lines = letter.event.replace(b"\r\n ", b"").decode().split("\r\n")
    [event] = Calendar.from_ical(letter.event).walk("VEVENT")
    attendee = [str(event["ATTENDEE"]), str(event["ORGANIZER"])]
    return sorted(mail.keys()), sender, str(mail["To"]), [re.split("[:;]", line)[0] for line in lines], attendee


@pytest.mark.django_db
def test_i5_no_message_names_two_patients(site: Any) -> None:
    """The event of one patient holds neither the address nor the name of another at the same time and place."""
    sessions = []
    for name, hour in (("Ada", 1), ("Bea", 2)):
        patient = factories.make_patient(site=site, given_name=name, email=f"{name.lower()}@mail.example")
        version = factories.make_protocol()
        course = factories.make_course(patient=patient, version=version)
        sessions.append(factories.make_session(course=course, start=NOW + timedelta(days=60, hours=hour)))
    for session in sessions:
        letter = write_calendar_letter(session, "REQUEST", session.patient.email, NOW)
        whole = letter.event.decode() + letter.text + letter.html
        others = Patient.objects.exclude(pk=session.patient_id)
        assert not any(other.email in whole or other.given_name in whole for other in others)
