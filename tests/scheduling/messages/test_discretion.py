"""No message of any protocol tells a bystander what the appointment is for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.html import strip_tags

from clinic.consents import give_consent, withdraw_consent
from clinic.models import ConsentSource, Patient, Purpose, Site
from protocols.library import load_library
from protocols.models import Protocol, ProtocolVersion, VisitType
from scheduling.drivers import name_driver
from scheduling.messages import call_list, outbox
from scheduling.messages.calendar_file import course_calendar_html
from scheduling.messages.discretion import clinical_words, refuse_clinical_address
from scheduling.messages.feed import write_feed
from scheduling.messages.links import link_to
from scheduling.messages.sms.writing import digest_text, reminder_text
from scheduling.messages.wording import page_texts
from scheduling.models import CalendarFeed, Course, DriverKind, Notice, NoticeStatus
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.english import english_words
from tests.scheduling.messages.mailbox import deliver, read_event, read_parts

START = datetime(2026, 12, 15, 14, tzinfo=UTC)
LANGUAGES = ("en", "es")
GRACE = {language: f"grace@{language}.example" for language in LANGUAGES}
HINTS = re.compile(
    r"driv|take you home|sedat|sleep|eat|drink|stay|bring|conduc|llev|sueño|com[ae]|beb|quedar|traiga", re.IGNORECASE
)
# A random token may hold anything; what is no text in an event cannot be read as one.
LINK = "https://clinic.example/v/"
LINKS = re.compile(r"https?://\S+")
UNTOLD = re.compile(r"^(?:UID|DTSTAMP|DTSTART|DTEND|LAST-MODIFIED|SEQUENCE)[:;].*$", re.MULTILINE)


@pytest.mark.parametrize(
    "text",
    ["Your Spravato visit", "36 TMS sessions", "iTBS", "Visit 12 of 36", "12/36", "for your depression", "the h7 coil",
     "Su infusión de ketamina", "infusion", "TRATAMIENTO", "la depresión", "sesión 4", "Visita n.º 4", "12 de 36",
     "con el aerosol nasal", "estimulación magnética", "psiquiatria", "Salud mental",
     "Please do not use nose sprays for one hour before.", "No injections on that day.", "two infusions",
     "Take your antidepressant as usual.", "Are you depressed?", "Hudson Infusions", "Riverside Psychology",
     "Hudson Psychotherapy", "No use sprays para la nariz.", "Infusiones del Sur", "sus inyecciones", "Psicología",
     "un antidepresivo", "si se siente deprimida", "la anestesia", "anesthetics", "under anaesthesia", "disorders",
     "anxieties", "implants", "electrodos", "los trastornos", "tratamientos"],
)  # fmt: skip
def test_clinical_words_are_found(text: str) -> None:
    assert clinical_words(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "Appointment at Riverside, Nov 27, 9:00 AM EST. Dosen Street 12, give us a call.",
        "Mr. Paine of St. Ives paints in Spain; a sedan will take you, and an addition to the impressive migrant hall.",
        "Salimos de la terraza; el sed y el pan, la presión, la psique de Toca, los ivanes, el umbral, la deposición.",
        "Cita en Riverside, vie 27 de noviembre, 9:00 a. m. Hola, Dolores: su visita 3 de marzo de 2027.",
        "Por favor, traiga su lista de medicamentos. Le esperamos en la clínica; llámenos si no puede venir.",
    ],
)
def test_plain_words_are_not_taken_for_clinical_ones(text: str) -> None:
    assert clinical_words(text) == []


@pytest.mark.parametrize(
    ("address", "is_fine"),
    [
        ("12 1/2 Saint James Street\nSuite H4, Henry IV Building", True),
        ("100 River Road, New York, NY 10001", True),
        ("Calle Dolores 12, 3 de 4", True),
        ("Boston TMS and Ketamine Center\n1 Main St", False),
        ("Hudson Infusions, 1 Main St", False),
        ("Torre de Psiquiatría, Calle Mayor 1", False),
    ],
)
def test_address_that_names_a_treatment_is_refused(address: str, is_fine: bool) -> None:
    with nullcontext() if is_fine else pytest.raises(ValidationError, match="bear this address"):
        refuse_clinical_address(address)


def book_every_visit_type(version: ProtocolVersion, patient: Patient, *, now: datetime) -> Course:
    """One session of each visit type of the protocol, hour after hour of one day, with a driver who has an address."""
    course = cast.make_course(patient, [], now=now, version=version)
    for number, visit_type in enumerate(VisitType.objects.filter(version=version), start=1):
        session = cast.new_session(
            course, START + timedelta(hours=number), number=number, now=now, track=version.tracks.first()
        )
        session.visit_type = visit_type
        session.save()
    outbox.course_booked(course, course.sessions.all(), now=now)
    for session in course.sessions.filter(visit_type__sedating=True):
        name_driver(
            session,
            kind=DriverKind.PERSON,
            name="Grace",
            phone="+1 212 555 0101",
            email=GRACE[patient.language],
            now=now,
        )
    return course


def collect_messages(courses: Sequence[Course], *, now: datetime) -> Iterator[mail.EmailMessage]:
    """Everything that goes out from booking to the end, with a change to each session."""
    deliver(now + timedelta(seconds=121))
    yield from mail.outbox
    for course in courses:
        for session in course.sessions.all():
            cast.change(session, now=now, **cast.span(session.start + timedelta(days=1), minutes=45, timezone="UTC"))
        outbox.sessions_changed(course, course.sessions.all(), now=now + timedelta(hours=1))
    for at in (now + timedelta(hours=2), START - timedelta(days=4), START - timedelta(days=2), START):
        deliver(at + timedelta(hours=2))
        yield from mail.outbox
    for course in courses:
        for session in course.sessions.all():
            cast.change(session, now=now, status="cancelled")
        outbox.sessions_changed(course, course.sessions.all(), now=START + timedelta(hours=3))
    deliver(START + timedelta(hours=4))
    yield from mail.outbox


def test_no_message_of_any_library_protocol_names_drug_device_diagnosis_or_count(site: Site, now: datetime) -> None:
    """In both languages: mails and their events, drivers' invites, texts, and the calendar to subscribe to.

    And who reads Spanish reads no English in any of them.
    """
    load_library(now=now)
    found: list[tuple[str, str, str]] = []
    kinds: set[str] = set()
    for version in ProtocolVersion.objects.select_related("protocol").order_by("protocol__code"):
        patients = [factories.make_patient(site=site, given_name="Ada", language=language) for language in LANGUAGES]
        courses = [book_every_visit_type(version, patient, now=now) for patient in patients]
        code = version.protocol.code
        for course in courses:
            found += [(code, "text or feed", word) for text in other_channels(course) for word in clinical_words(text)]
        for message in collect_messages(courses, now=now):
            kinds |= {kind for kind, _ in read_parts(message)}
            if message.to[0] in (patients[1].email, GRACE["es"]):
                found += [(code, str(message.subject), word) for word in english_words(message)]
            for words in [*clinical_parts(message), *open_hints(message)]:
                found += [(code, str(message.subject), word) for word in words]
        assert not Notice.objects.filter(course__in=courses, status=NoticeStatus.FAILED).exists()
    assert found == []
    assert kinds == {"text/plain", "text/html", "text/calendar"}
    told = set(Notice.objects.filter(status=NoticeStatus.SENT).values_list("kind", flat=True))
    assert told >= {"course_summary", "calendar", "changes", "reminder", "driver_reminder", "digest", "driver_calendar"}


def other_channels(course: Course) -> Iterator[str]:
    """What texts and the subscribed calendar would say of the same visits."""
    sessions = list(course.sessions.select_related("visit_type", "site", "patient__home_site").order_by("start"))
    patient, site = course.patient, course.site
    with translation.override(patient.language):
        yield digest_text(sessions, patient=patient, site=site, link=LINK)
        for session in sessions:
            yield reminder_text(session, link=LINK)
    yield UNTOLD.sub("", write_feed(CalendarFeed(patient=patient), sessions, detail=False).decode())


def clinical_parts(message: mail.EmailMessage) -> Iterator[list[str]]:
    yield clinical_words(str(message.subject))
    for part in message.message().walk():
        yield clinical_words(f"{part.get_filename() or ''} {part['From'] or ''} {part['Content-Type']}")
    for kind, content in read_parts(message):
        text = content.decode()
        if kind == "text/html":
            text = strip_tags(text.partition("</head>")[2])
        if kind == "text/calendar":
            text = UNTOLD.sub("", text)
        yield clinical_words(LINKS.sub("", text))


def open_hints(message: mail.EmailMessage) -> Iterator[list[str]]:
    """What stands in the body may tell of a driver; what shows on a lock screen or in a calendar may not."""
    if message.to[0] in GRACE.values():
        return
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


# Detail, for those who chose it


def agree(patient: Patient, *, now: datetime) -> None:
    give_consent(
        patient, purpose=Purpose.DETAIL, wording="Messages may name my treatment.", source=ConsentSource.FORM, now=now
    )


def version_of(family: str, **fields: Any) -> ProtocolVersion:
    version = cast.make_version(publish=False, **fields)
    Protocol.objects.filter(pk=version.protocol_id).update(family=family)
    return ProtocolVersion.objects.get(pk=version.pk)


def event_titles() -> list[str]:
    return [str(event["SUMMARY"]) for message in mail.outbox if (event := read_event(message)) is not None]


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Spravato: dosing visit at Riverside riverside"),
        ("es", "Spravato: cita de administración en Riverside riverside"),
    ],
)
def test_patient_who_chose_detail_reads_treatment_and_visit(
    site: Site, now: datetime, language: str, title: str
) -> None:
    patient = factories.make_patient(site=site, language=language)
    version = version_of("spravato")
    VisitType.objects.filter(version=version).update(name="Dosing visit")
    agree(patient, now=now)
    course = cast.book(patient, [START], now=now, version=version)
    deliver(now + timedelta(seconds=121))
    assert f"   {title.partition(' at ')[0].partition(' en ')[0]}" in mail.outbox[0].body
    [invite] = deliver(START - timedelta(days=10))
    assert invite.startswith(f"REQUEST 0 12-15T14 {title}, ")
    assert event_titles() == [title]
    [reminder] = deliver(datetime(2026, 12, 12, 15, tzinfo=UTC))
    assert title in reminder
    with translation.override(language):
        assert clinical_words(reminder_text(course.sessions.get(), link=LINK)) == []
    [event] = [line for line in feed_lines(course, detail=True) if line.startswith("SUMMARY")]
    assert event == f"SUMMARY:{title}"


def feed_lines(course: Course, *, detail: bool) -> list[str]:
    feed = CalendarFeed(patient=course.patient)
    return write_feed(feed, course.sessions.all(), detail=detail).decode().replace("\r\n ", "").splitlines()


def test_whoever_has_not_chosen_detail_or_takes_it_back_reads_nothing_of_it(site: Site, now: datetime) -> None:
    patient = factories.make_patient(site=site)
    version = version_of("spravato")
    agree(patient, now=now)
    course = cast.book(patient, [START], now=now, version=version)
    deliver(now + timedelta(seconds=121))
    withdraw_consent(patient, purpose=Purpose.DETAIL, source=ConsentSource.FORM, now=now)
    deliver(START - timedelta(days=10))
    assert event_titles() == ["Appointment at Riverside riverside"]
    assert "Spravato" not in mail.outbox[0].body
    assert "SUMMARY:Appointment at Riverside riverside" in feed_lines(course, detail=False)


def test_former_address_of_a_patient_who_chose_detail_reads_nothing_of_it(site: Site, now: datetime) -> None:
    patient = factories.make_patient(site=site, email="ada@work.example")
    agree(patient, now=now)
    cast.book(patient, [START], now=now, version=version_of("ketamine"))
    deliver(now + timedelta(seconds=121))
    deliver(START - timedelta(days=10))
    patient.email = "ada@home.example"
    patient.save()
    told: dict[str, list[str]] = {}
    for minutes in (0, 3):
        deliver(START - timedelta(days=9) + timedelta(minutes=minutes))
        told |= {message.to[0]: clinical_words(str(message.subject)) for message in mail.outbox}
    assert told == {"ada@work.example": [], "ada@home.example": ["Ketamine"]}


def test_driver_of_a_patient_who_chose_detail_reads_nothing_of_it(site: Site, now: datetime) -> None:
    patient = factories.make_patient(site=site)
    agree(patient, now=now)
    version = version_of("ketamine", sedating=True)
    course = cast.book(patient, [START], now=now, version=version)
    name_driver(
        course.sessions.get(), kind=DriverKind.PERSON, name="Grace", phone="+1 212 555 0101",
        email="grace@mail.example", now=now,
    )  # fmt: skip
    deliver(START - timedelta(days=10))
    [message] = [message for message in mail.outbox if message.to == ["grace@mail.example"]]
    assert [words for words in clinical_parts(message) if words] == []


def test_mail_sends_the_reader_to_their_page_for_what_it_may_not_say(patient: Patient, now: datetime) -> None:
    version = cast.make_version(publish=False)
    make = version.tracks.get().visit_type.instructions.create
    make(kind="other", minutes_before=60, text="No nasal spray after {time}.", text_es="Sin aerosol tras {time}.")
    session = cast.book(patient, [START], now=now, version=version).sessions.get()
    deliver(START - timedelta(days=10))
    deliver(datetime(2026, 12, 12, 15, tzinfo=UTC))
    body = str(mail.outbox[0].body)
    assert "nasal" not in body and link_to(session, now=now) in body
    assert page_texts(session, session.visit_type.instructions.all())[1:] == ["No nasal spray after 8:00 AM EST."]
