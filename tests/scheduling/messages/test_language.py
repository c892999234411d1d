"""Each patient reads their own language, and nothing of the other."""

from __future__ import annotations

import gettext
import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from django.core import mail
from django.utils import translation

from clinic.models import Patient, Site
from protocols.library import FOLDER, read_library
from scheduling.messages import call_list
from scheduling.messages.calendar_file import course_calendar, course_calendar_html
from scheduling.messages.letters import write_list_letter
from scheduling.messages.mail import build_mail
from scheduling.messages.sms.writing import digest_text, reminder_text
from scheduling.messages.visit_names import LIBRARY_NAMES, begin_small
from scheduling.messages.wording import (
    clock_phrase,
    day_text,
    moment_text,
    page_texts,
    short_text,
    stay_text,
    time_text,
)
from scheduling.models import Notice, Session
from tests import factories
from tests.catalogue import FILES, read_catalogue, strings_asked_for
from tests.scheduling.messages import cast
from tests.scheduling.messages.english import ENGLISH, english_words
from tests.scheduling.messages.mailbox import deliver

EASTERN = ZoneInfo("America/New_York")
START = datetime(2026, 12, 15, 14, tzinfo=UTC)  # 9:00 in New York


def local(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=EASTERN)  # type: ignore[misc, arg-type]


# The catalogue


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|</?\w+>", text))


def said(message: Message) -> list[str]:
    return [text or "" for text in message.string] if isinstance(message.string, tuple) else [str(message.string)]


def asked(message: Message) -> list[str]:
    return list(message.id) if isinstance(message.id, (list, tuple)) else [str(message.id)]


def test_catalogue_holds_what_is_asked_for_and_nothing_else() -> None:
    wanted = {(text, context) for text, _plural, context, _file in strings_asked_for()}
    held = {(asked(message)[0], message.context or "") for message in read_catalogue() if message.id}
    assert wanted - held == set(), "run python -m tests.catalogue, and translate what it adds"
    assert held - wanted == set(), "run python -m tests.catalogue"


def test_every_string_has_its_spanish_with_the_same_placeholders_and_none_is_fuzzy() -> None:
    messages = [message for message in read_catalogue() if message.id]
    assert len(messages) > 150
    assert [message.id for message in messages if not all(said(message)) or message.fuzzy] == []
    changed = [
        (message.id, message.string)
        for message in messages
        for text in said(message)
        if placeholders(text) != placeholders(asked(message)[0])
    ]
    assert changed == []


def test_a_string_asked_for_in_a_new_template_would_be_missed(tmp_path: Any) -> None:
    """The extractor reads what the compiled template would look up."""
    from tests.catalogue import strings_of_module, strings_of_template

    page = FILES.parents[2] / "messages/templates/messages/invite.txt"
    assert "This is the invitation for your calendar:" in {text for text, *_ in strings_of_template(page)}
    words = {
        (text, plural, context)
        for text, plural, context, _ in strings_of_module(FILES.parents[2] / "messages/wording.py")
    }
    assert ("%(n)d hour", "%(n)d hours", "") in words
    assert ("%(time)s", "%(time)s", "clock time in a sentence") in words


def test_compiled_catalogue_says_what_the_readable_one_does() -> None:
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue())
    compiled.seek(0)
    with (FILES / "django.mo").open("rb") as file:
        assert vars(gettext.GNUTranslations(file))["_catalog"] == vars(gettext.GNUTranslations(compiled))["_catalog"]


def test_visits_of_the_library_are_named_in_the_catalogue() -> None:
    _kinds, protocols = read_library(FOLDER)
    names = {visit.name for read in protocols for visit in read.blueprint.visit_types if visit.is_announced}
    assert names == set(LIBRARY_NAMES)


def test_abbreviations_keep_their_capitals_within_a_sentence() -> None:
    assert [begin_small(name) for name in ("Dosing visit", "IV infusion", "x")] == ["dosing visit", "IV infusion", "x"]


# Dates, times, plurals


@pytest.mark.parametrize(
    ("language", "at", "day", "time", "phrase", "short"),
    [
        ("en", local(2027, 3, 3, 14, 30), "Wednesday, March 3, 2027", "2:30 PM EST", "2:30 PM EST", "Wed, Mar 3"),
        ("en", local(2027, 3, 15, 0, 5), "Monday, March 15, 2027", "12:05 AM EDT", "12:05 AM EDT", "Mon, Mar 15"),
        ("es", local(2027, 3, 3, 14, 30), "miércoles, 3 de marzo de 2027", "2:30 p. m. EST", "las 2:30 p. m. EST",
         "mié 3 de marzo"),
        ("es", local(2027, 3, 15, 13), "lunes, 15 de marzo de 2027", "1:00 p. m. EDT", "la 1:00 p. m. EDT",
         "lun 15 de marzo"),
        ("es", local(2026, 11, 1, 1, 5), "domingo, 1 de noviembre de 2026", "1:05 a. m. EDT", "la 1:05 a. m. EDT",
         "dom 1 de noviembre"),
        ("es", local(2026, 12, 15, 12), "martes, 15 de diciembre de 2026", "12:00 p. m. EST", "las 12:00 p. m. EST",
         "mar 15 de diciembre"),
    ],
)  # fmt: skip
def test_days_and_times_have_the_form_of_the_language(
    language: str, at: datetime, day: str, time: str, phrase: str, short: str
) -> None:
    with translation.override(language):
        texts = (day_text(at), time_text(at), clock_phrase(at), moment_text(at), short_text(at))
    assert tuple(text.replace("\u00a0", " ") for text in texts) == (
        day,
        time,
        phrase,
        f"{day}, {time}",
        f"{short}, {time}",
    )


@pytest.mark.parametrize(
    ("language", "minutes", "text"),
    [
        ("en", 61, "1 hour 1 minute"),
        ("en", 130, "2 hours 10 minutes"),
        ("es", 61, "1 hora y 1 minuto"),
        ("es", 130, "2 horas y 10 minutos"),
        ("es", 45, "45 minutos"),
    ],
)
def test_lengths_have_their_plurals(language: str, minutes: int, text: str) -> None:
    with translation.override(language):
        assert stay_text(Session(start=START, end=START + timedelta(minutes=minutes))) == text


@pytest.mark.parametrize(
    ("language", "title", "first", "day"),
    [
        ("en", "December 2026", "Sun", "Tuesday, December 15, 2026"),
        ("es", "Diciembre de 2026", "lun", "martes, 15 de diciembre de 2026"),
    ],
)
def test_printed_calendar_speaks_the_patients_language_and_begins_its_weeks_as_they_do(
    site: Site, now: datetime, language: str, title: str, first: str, day: str
) -> None:
    course = cast.book(factories.make_patient(site=site, channel="print", language=language), [START], now=now)
    page = course_calendar(course, now=now)
    [month] = page.months
    assert (month.title, month.weekdays[0], page.appointments[0].day) == (title, first, day)
    assert (month.weeks[0][0].on.weekday() == 0) is (language == "es")
    html = course_calendar_html(course, now=now)
    assert f'lang="{language}"' in html
    assert language == "en" or ENGLISH.findall(re.sub(r"<[^>]*>|1 Main Street", " ", html)) == []


def test_staff_read_english_about_a_patient_who_reads_spanish(site: Site, now: datetime) -> None:
    course = cast.book(factories.make_patient(site=site, channel="print", language="es"), [START], now=now)
    call = Notice.objects.filter(course=course, kind="reminder")[0]
    said = call_list.describe_calls([call], now=now)[call.pk]
    assert said.appointments[0].day == "Tuesday, December 15, 2026"


# What the patient must do


def fill_instructions(version: Any) -> None:
    make = version.tracks.get().visit_type.instructions.create
    make(kind="no_food", minutes_before=120)
    make(kind="no_drink", minutes_before=480 + 60)
    make(kind="driver", text="An adult must take you home.", text_es="Un adulto debe llevarle a casa.")
    make(kind="bring", text="Your list.", text_es="Su lista.")
    make(kind="other", text="Nothing in Spanish here.")
    make(kind="other", minutes_before=60, text="No nasal spray after {time}.", text_es="Sin aerosol nasal tras {time}.")


def test_page_says_everything_in_the_language_of_the_page(patient: Patient, now: datetime) -> None:
    version = cast.make_version(sedating=True, publish=False)
    fill_instructions(version)
    session = cast.make_course(patient, [START], now=now, version=version, minutes=165).sessions.get()
    instructions = list(session.visit_type.instructions.all())
    assert page_texts(session, instructions) == [
        "Please plan to stay for 2 hours 45 minutes, until 11:45 AM EST.",
        "Please do not eat anything after 7:00 AM EST.",
        "Please do not drink anything after 12:00 AM EST.",
        "An adult must take you home.",
        "No driving until the next day, after restful sleep.",
        "You may drive again on Wednesday, December 16, 2026 at the earliest.",
        "Please bring: Your list.",
        "Nothing in Spanish here.",
        "No nasal spray after 8:00 AM EST.",
    ]
    with translation.override("es"):
        assert [text.replace("\u00a0", " ") for text in page_texts(session, instructions)] == [
            "Por favor, cuente con quedarse 2 horas y 45 minutos, hasta las 11:45 a. m. EST.",
            "Por favor, no coma nada después de las 7:00 a. m. EST.",
            "Por favor, no beba nada después de las 12:00 a. m. EST.",
            "Un adulto debe llevarle a casa.",
            "No conduzca hasta el día siguiente, después de un sueño reparador.",
            "No vuelva a conducir antes del miércoles, 16 de diciembre de 2026.",
            "Por favor, traiga: Su lista.",
            "Nothing in Spanish here.",
            "Sin aerosol nasal tras las 8:00 a. m. EST.",
        ]


def test_instruction_the_evening_before_names_its_day_in_spanish(patient: Patient, now: datetime) -> None:
    version = cast.make_version(publish=False)
    version.tracks.get().visit_type.instructions.create(kind="no_food", minutes_before=600)
    session = cast.make_course(patient, [START], now=now, version=version).sessions.get()
    with translation.override("es"):
        [_stay, text] = page_texts(session, session.visit_type.instructions.all())
    assert text.replace("\u00a0", " ") == (
        "Por favor, no coma nada después de las 11:00 p. m. EST del lunes, 14 de diciembre de 2026."
    )


# Whole messages


def read_all(*ats: datetime) -> list[mail.EmailMultiAlternatives]:
    found: list[Any] = []
    for at in ats:
        deliver(at)
        found += mail.outbox
    return found


def test_no_message_of_any_kind_to_a_reader_of_spanish_holds_english(site: Site, now: datetime) -> None:
    patient = factories.make_patient(site=site, language="es", given_name="Ada", timezone="America/Chicago")
    version = cast.make_version(sedating=True, phases=cast.DAILY, publish=False)
    fill_instructions(version)
    version.tracks.get().visit_type.instructions.filter(text_es="", kind="other").delete()
    course = cast.book(patient, [START + timedelta(days=day) for day in (0, 1, 2, 3)], now=now, version=version)
    sent = read_all(now + timedelta(minutes=3), START - timedelta(days=10), datetime(2026, 12, 12, 16, tzinfo=UTC),
                    datetime(2026, 12, 13, 16, tzinfo=UTC), datetime(2026, 12, 14, 16, tzinfo=UTC))  # fmt: skip
    sessions = list(course.sessions.order_by("number"))
    cast.move(sessions[2], START + timedelta(days=6), now=datetime(2026, 12, 14, 17, tzinfo=UTC))
    cast.cancel(sessions[3], now=datetime(2026, 12, 14, 17, tzinfo=UTC))
    patient.email = "ada@elsewhere.example"
    patient.save()
    sent += read_all(datetime(2026, 12, 14, 18, tzinfo=UTC), datetime(2026, 12, 14, 19, tzinfo=UTC))
    kinds = set(Notice.objects.filter(course=course, status="sent").values_list("kind", flat=True))
    assert kinds >= {"course_summary", "calendar", "driver_reminder", "digest", "withdrawal"}
    assert len(sent) > 8
    assert {(str(message.subject), word) for message in sent for word in english_words(message)} == set()
    assert {re.search(r'<html lang="(\w+)"', str(message.alternatives[0][0])).group(1) for message in sent} == {"es"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("template", "context"),
    [
        ("decline_counter", {}),
        ("feed_link", {"feed_address": "https://x.example/f", "feed_link": "webcal://x.example/f"}),
        ("changes", {"everything": True}),
        ("changes", {"nothing_left": True}),
        ("changes", {"others_by_calendar": True}),
        ("summary", {"has_others": True}),
    ],
)
def test_rare_mails_to_a_reader_of_spanish_hold_no_english(
    site: Site, now: datetime, template: str, context: dict[str, Any]
) -> None:
    patient = factories.make_patient(site=site, language="es")
    session = cast.make_course(patient, [START], now=now).sessions.get()
    with translation.override("es"):
        letter = write_list_letter([session], patient, site, patient.email, template=template, subject="", **context)
    message = build_mail(letter, site=site, message_id="<a@clinic.example>", now=now)
    assert len(letter.text) > 100 and english_words(message) == []


def test_two_patients_of_one_lot_each_read_their_own_language(site: Site, now: datetime) -> None:
    for language in ("es", "en", "es"):
        cast.book(factories.make_patient(site=site, language=language), [START + timedelta(days=40)], now=now)
    assert sorted(deliver(now + timedelta(minutes=3))) == [
        "Sus citas en Riverside riverside",
        "Sus citas en Riverside riverside",
        "Your appointments at Riverside riverside",
    ]
    assert translation.get_language() == "en-us"


def test_day_after_which_they_may_drive_is_that_after_the_visit_ends(patient: Patient, now: datetime) -> None:
    version = cast.make_version(sedating=True, publish=False)
    late = datetime(2026, 12, 16, 4, 30, tzinfo=UTC)  # 23:30 on the 15th; it ends at 1:15 on the 16th
    session = cast.make_course(patient, [late], now=now, version=version, minutes=105).sessions.get()
    assert session.local_date == date(2026, 12, 15)
    assert page_texts(session, [])[-1] == "You may drive again on Thursday, December 17, 2026 at the earliest."


# Texts


def test_texts_in_spanish_are_one_segment_and_offer_no_word_that_means_stop(site: Site, now: datetime) -> None:
    Site.objects.filter(pk=site.pk).update(public_name="Centro Riverside")
    patient = factories.make_patient(site=Site.objects.get(pk=site.pk), language="es")
    course = cast.make_course(patient, [START + timedelta(days=day) for day in (0, 1, 2)], now=now)
    sessions = list(course.sessions.order_by("number"))
    link = "https://citas.example/v/AbCdEfGhIjKlMnOpQrStUv"
    with translation.override("es"):
        assert reminder_text(sessions[0], link=link) == (
            "Cita en Centro Riverside: mar 15 de diciembre 9:00 a. m.; C: confirmar, R: llamada. "
            f"{link} STOP para salir"
        )
        assert digest_text(sessions, patient=patient, site=sessions[0].site, link=link) == (
            f"Su semana en Centro Riverside: mar 15 de diciembre, mié, jue 9:00 a. m.; más: {link} STOP para salir"
        ).replace("á", "a")
