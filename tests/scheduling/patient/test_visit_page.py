"""What the page of one visit says, to whom, and in which language."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clinic.models import Patient
from protocols.models import VisitType
from scheduling.answers import record_answer
from scheduling.drivers import name_driver
from scheduling.messages.discretion import names_treatment
from scheduling.models import Session
from tests.scheduling.patient.visiting import BOB, NOW, book_visit, path_to, read, text_of


def section(page: str, name: str) -> list[str]:
    """The sentences under a heading."""
    part = page.split(f"<h2>{name}</h2>")[1].split("</section>")[0]
    return [text.replace("\u00a0", " ") for text in re.findall(r"<li>(.*?)</li>", part)]


def test_page_says_when_where_how_long_and_all_the_visit_needs(visit: Session) -> None:
    response = read(path_to(visit))
    page, said = response.content.decode(), text_of(response)
    assert response.status_code == 200
    assert re.search(r"<h1>(.*?)</h1>", page)[1] == "Appointment at Riverside riverside"  # type: ignore[index]
    assert (
        "Tuesday, December 15, 2026 9:00 AM EST For A. Length 2 hours 45 minutes, until 11:45 AM EST "
        "Place Riverside riverside 1 Main Street, Springfield Phone +1 555 0100"
    ) in said
    assert section(page, "Before you come") == [
        "Please do not eat anything after 7:00 AM EST.",
        "Please do not drink anything after 8:30 AM EST.",
    ]
    assert section(page, "Getting home") == [
        "Please arrange for someone to take you home afterwards.",
        "No driving until the next day, after restful sleep.",
        "You may drive again on Wednesday, December 16, 2026 at the earliest.",
    ]
    assert section(page, "How to prepare") == [
        "Please bring: A list of what you take.",
        "No nasal spray in the hour before esketamine.",
    ]


@pytest.mark.parametrize(("language", "time"), [("en", "9:00 AM EST"), ("es", "9:00 a. m. EST")])
def test_no_line_ends_within_a_time(visit: Session, language: str, time: str) -> None:
    page = read(f"{path_to(visit)}?lang={language}").content.decode()
    assert (time.replace(" ", "\u00a0") in page, time in page) == (True, False)


def test_only_the_instructions_may_tell_of_the_treatment_and_no_name_is_shown(visit: Session) -> None:
    page = read(path_to(visit)).content.decode()
    said = re.sub(r"<[^>]+>", " ", page.split("<h2>How to prepare</h2>")[0])
    assert names_treatment(said) is False
    for secret in (visit.patient.given_name, visit.patient.family_name, visit.patient.email, visit.visit_type.name):
        assert f">{secret}" not in page and f" {secret}<" not in page
    assert "Abbott" not in page


def test_visit_that_does_not_sedate_asks_for_no_driver(patient: Patient) -> None:
    page = read(path_to(book_visit(patient, sedating=False)))
    assert "home" not in text_of(page)


def test_patient_elsewhere_reads_both_clocks(visit: Session) -> None:
    Patient.objects.update(timezone="America/Los_Angeles")
    assert "9:00 AM EST 6:00 AM PST where you are" in text_of(read(path_to(visit)))


def test_visit_by_video_names_no_address(visit: Session) -> None:
    with connection.cursor() as cursor:  # a published protocol never changes
        cursor.execute("set session_replication_role = replica")
        VisitType.objects.update(place="video")
        cursor.execute("set session_replication_role = origin")
    said = text_of(read(path_to(visit)))
    assert "Place By video Phone" in said
    assert "1 Main Street" not in said


def test_page_speaks_the_patients_language_until_they_choose_the_other(visit: Session) -> None:
    def spoken(path: str) -> str:
        return re.search(r'<html lang="(\w+)">', read(path).content.decode())[1]  # type: ignore[index]

    path = path_to(visit)
    assert [spoken(path), spoken(f"{path}?lang=es"), spoken(f"{path}?lang=xx")] == ["en", "es", "en"]
    Patient.objects.update(language="es")
    assert [spoken(path), spoken(f"{path}?lang=en")] == ["es", "en"]
    assert "Martes, 15 de diciembre de 2026" in text_of(read(path))
    assert "Nada de aerosol nasal en la hora antes de la esketamina." in text_of(read(path))


def test_chosen_language_stays_with_every_link_and_form(visit: Session) -> None:
    page = read(f"{path_to(visit)}?lang=es").content.decode()
    own = set(re.findall(rf'(?:href|action)="({re.escape(path_to(visit))}[^"]*)"', page))
    assert own
    assert {address for address in own if not address.endswith("?lang=es")} == set()


def test_page_shows_what_was_answered(visit: Session) -> None:
    path = path_to(visit)
    assert "I will come" in text_of(read(path))
    record_answer(
        patient=visit.patient, session=visit, kind="confirmed", source="page", key="1", now=NOW, sequence=visit.sequence
    )
    name_driver(visit, **BOB, now=NOW)
    said = text_of(read(path))
    assert "Thank you. You have told us that you will come." in said
    assert "You have told us who takes you home. Change" in said
    assert "I will come" not in said
    assert "Bob" not in said and "0101" not in said  # another person's name and number


def test_driver_who_agreed_to_another_time_is_asked_for_again(visit: Session) -> None:
    name_driver(visit, **BOB, now=NOW)
    Session.objects.update(start=visit.start.replace(hour=15), end=visit.end.replace(hour=18))
    assert "You need someone to take you home from this visit. Please tell us who." in text_of(read(path_to(visit)))


@pytest.mark.parametrize("page", ["", "/driver", "/cannot-come", "/time"])
def test_pages_are_kept_nowhere_found_nowhere_and_passed_on_to_nobody(visit: Session, page: str) -> None:
    response = read(path_to(visit, page))
    names = ("Cache-Control", "X-Robots-Tag", "Referrer-Policy", "X-Frame-Options", "X-Content-Type-Options")
    assert [response[name] for name in names] == ["no-store", "noindex, nofollow", "strict-origin", "DENY", "nosniff"]
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert not re.search(r"<script|<style| style=| on\w+=|src=\"http|href=\"http", response.content.decode())


def test_page_asks_few_queries(visit: Session) -> None:
    path = path_to(visit)
    with CaptureQueriesContext(connection) as queries:
        read(path)
    assert len(queries) == 4  # the link with what was told, the last answer, the driver, the instructions
