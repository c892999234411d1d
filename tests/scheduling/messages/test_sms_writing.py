"""One segment of plain letters, whatever the clinic is called; and no word that tells, or that a carrier acts on."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.models import Patient, Site
from scheduling.messages.discretion import clinical_words
from scheduling.messages.sms import writing
from scheduling.messages.sms.alphabet import ONE, TWO, cut, fits, length, plain
from scheduling.messages.sms.writing import digest_text, first_that_fits, reminder_text
from scheduling.models import Session
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.test_discretion import HINTS
from tests.scheduling.messages.texting import nine

LINK = "https://appointments.riverside-clinic.example/v/hYd1nq3vTz0aBcDeFgHiJk"
SHORT_LINK = "https://clinic.example/v/hYd1nq3vTz0aBcDeFgHiJk"
LONGEST_LINK = f"https://{'a' * 62}/v/hYd1nq3vTz0aBcDeFgHiJk"
RESERVED = ("STOP", "CANCEL", "END", "QUIT", "REVOKE", "UNSUBSCRIBE", "ALTO", "PARAR", "CANCELAR", "BAJA", "FIN")


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("mié 3 mar, 10:00 a.\u00a0m.", "mié 3 mar, 10:00 a. m."),
        ("Sáb, Núñez, ó", "Sab, Nuñez, o"),
        ("Clínica Niño – “Über” £5", 'Clinica Niño - "Über" £5'),
        ("10:00\u202fAM", "10:00 AM"),
        ("日本 Clinic 🙂", " Clinic "),
        ("ﬁne", "fine"),
    ],
)
def test_letters_that_a_text_lacks_are_replaced_by_their_likeness(text: str, letters: str) -> None:
    assert plain(text) == letters


@given(st.text(max_size=60))
def test_plain_text_has_only_letters_of_one_segment(text: str) -> None:
    assert set(plain(text)) <= ONE | TWO
    assert plain(plain(text)) == plain(text)


@given(st.text(max_size=60).map(plain), st.integers(2, 50))
def test_cut_text_is_no_longer_than_asked_for(text: str, longest: int) -> None:
    assert length(cut(text, longest)) <= longest


def test_marks_behind_an_escape_count_twice() -> None:
    assert (length("a[b]€"), fits("[" * 80), fits("[" * 81)) == (8, True, False)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Riverside Center for Interventional Care, Springfield", "Riverside Center for Interventional Care"),
        ("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", "Llanfairpwllgwyngyllgogerychwyrndrobwllllan."),
        ("Oak", "Oak"),
    ],
)
def test_long_names_end_early_and_mostly_after_a_word(name: str, shown: str) -> None:
    assert cut(name, 44) == shown


def make_visit(site: Site, now: datetime, **patient: str) -> Session:
    course = cast.make_course(factories.make_patient(site=site, **patient), [nine(22)], now=now)
    return Session.objects.select_related("site", "visit_type", "patient__home_site").get(course=course)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("link", [LINK, LONGEST_LINK])
@pytest.mark.parametrize("place", ["clinic", "video"])
@pytest.mark.parametrize("zone", ["", "America/Argentina/ComodRivadavia"])
def test_reminder_is_one_segment_with_time_link_and_the_way_out(
    site: Site, now: datetime, language: str, link: str, place: str, zone: str
) -> None:
    session = make_visit(site, now, timezone=zone)
    session.visit_type.place = place
    for name in ("Oak", "Riverside riverside", "Center for Advanced Interventional Outpatient Medicine of Springfield"):
        session.site.public_name = name
        with translation.override(language):
            text = reminder_text(session, link=link)
        assert fits(text) and set(text) <= ONE | TWO
        assert link in text and "15" in text and "9:00" in text and "STOP" in text
        assert ("EST" in text) == bool(zone)


@given(name=st.text(max_size=120), link_length=st.integers(40, 96))
@settings(max_examples=600, deadline=None)
def test_no_name_pushes_time_or_link_out(name: str, link_length: int) -> None:
    link = f"https://{'x' * (link_length - 33)}/v/{'t' * 22}"
    text = first_that_fits(
        ["Appointment at %(clinic)s %(when)s. C to confirm, R for a call. %(link)s STOP to opt out"],
        "Appointment %(when)s %(link)s STOP to opt out",
        name=plain(name).strip(),
        values={"when": "Wed Sep 30 10:00 AM", "link": link},
    )
    assert fits(text) and "Wed Sep 30 10:00 AM" in text and link in text and text.endswith("STOP to opt out")


def test_name_that_tells_what_the_visit_is_for_is_left_out(site: Site, now: datetime) -> None:
    session = make_visit(site, now)
    session.site.public_name = "Riverside TMS & Ketamine Center"
    assert reminder_text(session, link=LINK) == (
        f"Appointment Tue Dec 15 9:00 AM. C to confirm, R for a call. {LINK} STOP to opt out"
    )


def test_clinic_with_a_short_name_gets_the_full_sentence(site: Site, now: datetime) -> None:
    session = make_visit(site, now)
    session.site.public_name = "Oak"
    assert reminder_text(session, link=SHORT_LINK) == (
        f"Appointment at Oak Tue Dec 15 9:00 AM. Reply C to confirm, R to be called. Details: {SHORT_LINK} "
        "STOP to opt out"
    )


@pytest.mark.parametrize("language", ["en", "es"])
def test_texts_name_no_treatment_no_driver_and_no_fast(site: Site, now: datetime, language: str) -> None:
    session = make_visit(site, now)
    session.visit_type.name, session.visit_type.sedating = "Ketamine infusion", True
    with translation.override(language):
        texts = [reminder_text(session, link=""), digest_text([session], patient=session.patient, site=site, link="")]
    assert [(clinical_words(text), HINTS.findall(text)) for text in texts] == [([], []), ([], [])]


def patient_sentences() -> list[str]:
    """Every sentence that a text may be made of, in both languages."""
    source = "\n".join(
        (django_settings.BASE_DIR / "scheduling" / name).read_text()
        for name in ("messages/sms/writing.py", "incoming_texts.py")
    )
    english = re.findall(r'_\(\s*"([^"]+)"', source)
    with translation.override("es"):
        return [*english, *map(translation.gettext, english)]


def test_no_text_asks_for_a_word_that_carriers_take_for_an_opt_out() -> None:
    """STOP stands alone and only as the way out; nobody is ever told to answer CANCEL, END or the like."""
    sentences = patient_sentences()
    assert len(sentences) > 20
    for sentence in sentences:
        said = re.findall(r"\b[A-Z]{3,}\b", sentence)
        assert set(said) <= {"STOP"}, sentence
        for word in RESERVED[1:]:
            assert not re.search(rf"\b(?:reply|text|send|answer|responda|envíe|conteste)\s+{word}\b", sentence, re.I)


def test_week_in_another_zone_names_the_zone(site: Site, now: datetime) -> None:
    patient = factories.make_patient(site=site, timezone="America/Los_Angeles")
    course = cast.make_course(patient, [nine(7), nine(8) + timedelta(hours=1)], now=now)
    sessions = list(Session.objects.filter(course=course).select_related("site", "visit_type"))
    assert digest_text(sessions, patient=patient, site=site, link=SHORT_LINK) == (
        f"Your week at Riverside riverside: Mon Nov 30 9:00 AM EST; Tue 10:00 AM EST. Details: {SHORT_LINK} "
        "STOP to opt out"
    )


def test_patient_of_the_clinic_reads_its_name(patient: Patient) -> None:
    assert writing.name_of(patient.home_site) == "Riverside riverside"
