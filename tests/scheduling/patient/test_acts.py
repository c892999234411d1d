"""What a patient does on the page: once, whatever is pressed twice, and never more than the link allows."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from clinic.models import Site
from scheduling.answers import handle_answer, record_answer
from scheduling.models import Answer, Driver, Hold, Notice, PatientLink, Session
from tests.scheduling.patient.visiting import BOB, NOW, path_to, read, send, text_of


def answers() -> list[tuple[str, str, int | None, bool, str]]:
    fields = ("kind", "source", "sequence", "needs_staff", "comment")
    return list(Answer.objects.order_by("pk").values_list(*fields))


def rows() -> list[Any]:
    return [list(Session.objects.values()), list(Hold.objects.values())]


def is_used(visit: Session) -> bool:
    return PatientLink.objects.get(session=visit, sequence=visit.sequence).used_at is not None


def test_confirming_is_an_answer_and_leaves_the_visit_and_the_link_as_they_are(visit: Session) -> None:
    before = rows()
    path = path_to(visit)
    response = send(f"{path}/confirm")
    assert (response.status_code, response["Location"]) == (303, path)
    assert answers() == [("confirmed", "page", 0, False, "")]
    assert (rows(), is_used(visit), Notice.objects.filter(kind="answer").exists()) == (before, False, False)


def test_confirming_twice_is_one_answer(visit: Session) -> None:
    path = path_to(visit)
    first, second = Client(), Client()
    for browser in (first, second, first):  # a double click, and another tab
        assert browser.post(f"{path}/confirm").status_code == 303
    assert len(answers()) == 1
    assert "You have told us that you will come." in text_of(second.get(path))


def test_confirming_after_a_reply_said_otherwise_counts_again(visit: Session, clock: time_machine.Traveller) -> None:
    path = path_to(visit)
    send(f"{path}/confirm")
    clock.shift(3600)
    record_answer(
        patient=visit.patient,
        session=visit,
        kind="declined",
        source="calendar",
        key="reply",
        now=NOW + timedelta(hours=1),
        sequence=0,
    )
    assert "I will come" in text_of(read(path))
    clock.shift(3600)
    send(f"{path}/confirm")
    assert [kind for kind, *_ in answers()] == ["confirmed", "declined", "confirmed"]
    assert "You have told us that you will come." in text_of(read(path))


def test_naming_a_driver_confirms_them_and_is_an_answer(visit: Session) -> None:
    path = path_to(visit)
    response = send(f"{path}/driver", **BOB)
    assert (response.status_code, response["Location"]) == (303, path)
    driver = Driver.objects.get(session=visit)
    assert (driver.status, driver.kind, driver.name, driver.phone, driver.email, driver.is_settled) == (
        "confirmed",
        *BOB.values(),
        True,
    )
    assert (answers(), is_used(visit)) == ([("driver", "page", 0, False, "")], False)


def test_naming_the_same_driver_twice_is_one_answer_and_another_is_another(
    visit: Session, clock: time_machine.Traveller
) -> None:
    path = path_to(visit)
    for name in ("Bob Miller", "Bob Miller", "Eve Stone"):
        clock.shift(60)
        send(f"{path}/driver", **{**BOB, "name": name, "email": ""})
    assert len(answers()) == 2
    assert Driver.objects.get(session=visit).name == "Eve Stone"


def test_driver_without_name_and_phone_is_not_saved_and_the_form_says_what_is_missing(visit: Session) -> None:
    response = send(f"{path_to(visit)}/driver", kind="person", name="", phone="none", email="bob at home")
    said = text_of(response)
    assert "Nothing is saved yet. Please check:" in said
    for fault in (
        "The name of the driver is missing.",
        "The phone number of the driver is not one, such as +1 212 555 0101.",
        "The e-mail address of the driver is not one, such as name@example.com.",
    ):
        assert said.count(fault) == 2  # above the form, and at its field
    assert 'value="bob at home"' in response.content.decode()
    assert (answers(), Driver.objects.get(session=visit).status) == ([], "needed")


def test_ride_service_is_offered_and_taken_only_where_the_site_allows_it(visit: Session) -> None:
    path = path_to(visit)
    assert "A taxi or ride service" not in text_of(read(f"{path}/driver"))
    assert "somebody the patient knows must take them home" in text_of(send(f"{path}/driver", kind="ride_service"))
    assert Driver.objects.get(session=visit).status == "needed"
    Site.objects.update(allows_ride_service=True)
    assert "A taxi or ride service" in text_of(read(f"{path}/driver"))
    send(f"{path}/driver", kind="ride_service", name="", phone="")
    driver = Driver.objects.get(session=visit)
    assert (driver.status, driver.kind, driver.name) == ("confirmed", "ride_service", "")
    assert "a taxi or ride service takes you home" in text_of(read(path))


def test_driver_form_never_shows_who_was_named(visit: Session) -> None:
    path = path_to(visit)
    send(f"{path}/driver", **BOB)
    page = read(f"{path}/driver").content.decode()
    assert not {value for value in BOB.values() if f'value="{value}"' in page} - {"person"}


def test_saying_that_they_cannot_come_is_work_for_staff_and_cancels_nothing(visit: Session) -> None:
    before = rows()
    response = send(f"{path_to(visit)}/cannot-come", call="1")
    assert response.status_code == 200
    assert "The clinic will call you. Nothing is cancelled until you have spoken." in text_of(response)
    assert answers() == [("cannot_come", "page", 0, True, "Asks to be called.")]
    assert (rows(), is_used(visit)) == (before, True)
    call = Notice.objects.get(kind="answer")
    assert (call.channel, call.status, call.session, call.due_at) == ("call", "due", visit, NOW)


def test_saying_it_twice_is_one_call_and_says_what_happened(visit: Session) -> None:
    path = path_to(visit)
    browser = Client()
    browser.post(f"{path}/cannot-come")
    again = browser.post(f"{path}/cannot-come")
    assert again.status_code == 410
    assert "We know that you cannot come" in text_of(again)
    assert (len(answers()), Notice.objects.filter(kind="answer").count()) == (1, 1)


@pytest.mark.parametrize("act", ["/confirm", "/driver", "/cannot-come", "/time/20261216T1500Z"])
def test_other_tab_sees_what_happened_and_has_no_effect(visit: Session, act: str) -> None:
    path = path_to(visit)
    other_tab = Client()
    assert other_tab.get(path).status_code == 200
    send(f"{path}/cannot-come")
    before = answers(), rows(), list(Driver.objects.values())
    response = other_tab.post(path + act, BOB)
    assert response.status_code == 410
    assert "We know that you cannot come" in text_of(response)
    assert (answers(), rows(), list(Driver.objects.values())) == before


def test_form_without_its_sign_is_refused_with_a_page_for_patients(visit: Session) -> None:
    response = Client(enforce_csrf_checks=True).post(f"{path_to(visit)}/cannot-come")
    assert response.status_code == 403
    assert "Nothing was changed." in text_of(response)
    assert "Riverside" not in text_of(response)
    assert (response["Cache-Control"], answers(), is_used(visit)) == ("no-store", [], False)


@pytest.mark.django_db(transaction=True)
def test_eight_presses_at_once_are_one_answer(visit: Session) -> None:
    path = path_to(visit)
    start = Barrier(8)
    statuses: list[int] = []

    def press() -> None:
        start.wait()
        statuses.append(Client().post(f"{path}/cannot-come").status_code)
        connection.close()

    threads = [Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses)[0] == 200 and set(statuses) <= {200, 303, 410}
    assert (len(answers()), Notice.objects.filter(kind="answer").count()) == (1, 1)


def test_a_link_is_of_use_again_once_staff_have_acted_and_the_visit_stays(visit: Session) -> None:
    path = path_to(visit)
    send(f"{path}/cannot-come")
    assert is_used(visit)
    answer = Answer.objects.get(kind="cannot_come")
    assert handle_answer(answer, how="Comes after all", now=NOW, by=None)
    assert not is_used(visit)
    send(f"{path}/cannot-come")
    waiting = Notice.objects.filter(kind="answer", status="due")
    assert (is_used(visit), Answer.objects.filter(kind="cannot_come").count(), waiting.count()) == (True, 2, 1)
