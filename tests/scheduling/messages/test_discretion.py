"""No message of any protocol tells a bystander what the appointment is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils.html import strip_tags

from clinic.models import Patient, Site
from protocols.library import load_library
from protocols.models import ProtocolVersion, VisitType
from scheduling.messages import call_list, outbox
from scheduling.messages.calendar_file import course_calendar_html
from scheduling.messages.discretion import clinical_words
from scheduling.models import Course, Notice, NoticeStatus
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event, read_parts

START = datetime(2026, 12, 15, 14, tzinfo=UTC)
HINTS = re.compile(r"driv|take you home|sedat|sleep|eat|drink|stay|bring", re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    ["Your Spravato visit", "36 TMS sessions", "iTBS", "Visit 12 of 36", "12/36", "for your depression", "the h7 coil"],
)
def test_clinical_words_are_found(text: str) -> None:
    assert clinical_words(text) != []


def test_plain_words_are_not_taken_for_clinical_ones() -> None:
    assert clinical_words("Appointment at Riverside, Nov 27, 9:00 AM EST. Dosen Street 12, give us a call.") == []


def book_every_visit_type(version: ProtocolVersion, patient: Patient, *, now: datetime) -> Course:
    """One session of each visit type of the protocol, hour after hour of one day."""
    course = cast.make_course(patient, [], now=now, version=version)
    for number, visit_type in enumerate(VisitType.objects.filter(version=version), start=1):
        session = cast.new_session(
            course, START + timedelta(hours=number), number=number, now=now, track=version.tracks.first()
        )
        session.visit_type = visit_type
        session.save()
    outbox.course_booked(course, course.sessions.all(), now=now)
    return course


def collect_messages(course: Course, *, now: datetime) -> Iterator[mail.EmailMessage]:
    """Everything that goes out from booking to the end, with a change to each session."""
    deliver(now + timedelta(seconds=121))
    yield from mail.outbox
    sessions = list(course.sessions.all())
    for session in sessions:
        cast.change(session, now=now, **cast.span(session.start + timedelta(days=1), minutes=45, timezone="UTC"))
    outbox.sessions_changed(course, sessions, now=now + timedelta(hours=1))
    for at in (now + timedelta(hours=2), START - timedelta(days=4), START - timedelta(days=2), START):
        deliver(at + timedelta(hours=2))
        yield from mail.outbox
    for session in sessions:
        cast.change(session, now=now, status="cancelled")
    outbox.sessions_changed(course, sessions, now=START + timedelta(hours=3))
    deliver(START + timedelta(hours=4))
    yield from mail.outbox


def test_no_message_of_any_library_protocol_names_drug_device_diagnosis_or_count(site: Site, now: datetime) -> None:
    load_library(now=now)
    found: list[tuple[str, str, str]] = []
    kinds: set[str] = set()
    for version in ProtocolVersion.objects.select_related("protocol").order_by("protocol__code"):
        patient = factories.make_patient(site=site, given_name="Ada")
        course = book_every_visit_type(version, patient, now=now)
        for message in collect_messages(course, now=now):
            kinds |= {kind for kind, _ in read_parts(message)}
            for words in [*clinical_parts(message), *open_hints(message)]:
                found += [(version.protocol.code, str(message.subject), word) for word in words]
        assert not Notice.objects.filter(course=course, status=NoticeStatus.FAILED).exists()
    assert found == []
    assert kinds == {"text/plain", "text/html", "text/calendar"}


def clinical_parts(message: mail.EmailMessage) -> Iterator[list[str]]:
    yield clinical_words(str(message.subject))
    for kind, content in read_parts(message):
        text = content.decode()
        if kind == "text/html":
            text = strip_tags(text.partition("</head>")[2])
        if kind == "text/calendar":
            text = re.sub(r"^(UID|DTSTAMP|DTSTART|DTEND|LAST-MODIFIED|SEQUENCE):.*$", "", text, flags=re.MULTILINE)
        yield clinical_words(text)


def open_hints(message: mail.EmailMessage) -> Iterator[list[str]]:
    """What stands in the body may tell of a driver; what shows on a lock screen or in a calendar may not."""
    yield HINTS.findall(message.subject.replace("Riverside riverside", ""))
    event = read_event(message)
    if event is not None:
        yield HINTS.findall(f"{event['SUMMARY']} {event['DESCRIPTION']} {event['LOCATION']}")


def test_printed_calendar_and_call_list_name_nothing_either(site: Site, now: datetime) -> None:
    version = cast.make_version(code="ketamine-tms-window", sedating=True, publish=False)
    VisitType.objects.filter(version=version).update(code="infusion", name="Ketamine infusion")
    course = cast.book(factories.make_patient(site=site, channel="print"), [START], now=now, version=version)
    assert clinical_words(strip_tags(course_calendar_html(course, now=now))) == []
    said = call_list.describe_calls(list(Notice.objects.filter(course=course)), now=now)
    assert len(said) == 3 and clinical_words(str(said)) == []


def test_instruction_that_names_a_treatment_is_left_out(patient: Patient, now: datetime) -> None:
    version = cast.make_version(publish=False)
    visit = version.tracks.get().visit_type
    visit.instructions.create(kind="other", text="Please be early for your ketamine infusion.")
    visit.instructions.create(kind="other", text="Please be early.")
    cast.book(patient, [START], now=now, version=version)
    deliver(START - timedelta(days=10))
    deliver(datetime(2026, 12, 12, 15, tzinfo=UTC))
    assert "Please be early.\n" in mail.outbox[0].body
    assert "ketamine" not in mail.outbox[0].body
