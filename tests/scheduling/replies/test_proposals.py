"""A time proposed from a calendar gets a mail that says that the appointment stands (RFC 5546 3.2.8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from scheduling.answers import handle_answer
from scheduling.messages import delivery
from scheduling.messages.discretion import names_treatment
from scheduling.messages.ics import write_declined_counter
from scheduling.models import Announcement, Answer, Notice
from tests import factories
from tests.scheduling.messages import cast as courses
from tests.scheduling.messages.libical import complaints
from tests.scheduling.messages.mailbox import deliver, read_parts
from tests.scheduling.replies.cast import (
    MESSAGE_ID,
    NOW,
    UID,
    WANTED,
    every_row,
    make_invited,
    open_calls,
    read_fixture,
    say,
    take,
)

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(minutes=1)
TEXT = """Hello Ines,

Your calendar sent us another time for this appointment. Nothing has changed yet: it stands as it is.

"""


def propose() -> None:
    say(method="COUNTER", start=WANTED)


def send() -> list[mail.EmailMessage]:
    mail.outbox.clear()
    delivery.deliver_due(now=SOON)
    return list(mail.outbox)


def notice() -> tuple[str, str]:
    return Notice.objects.values_list("status", "outcome").get(kind="decline_counter")


def test_the_mail_declines_the_proposal_and_says_that_the_clinic_will_call() -> None:
    make_invited()
    propose()
    [message] = send()
    parts = read_parts(message)
    assert [kind for kind, _content in parts] == ["text/plain", "text/html", "text/calendar"]
    text = parts[0][1].decode()
    assert text.startswith(TEXT)
    assert "We will call you to find a time that suits you." in text
    assert (message.to, message.subject) == (["Ines.Ibarra@mail.example"], "The time you proposed: Riverside")
    assert not names_treatment(f"{message.subject} {text}")
    assert 'method="DECLINECOUNTER"' in str(message.message()) or "method=DECLINECOUNTER" in str(message.message())
    assert [line for line in parts[2][1].decode().splitlines() if not line.startswith("DTSTAMP")] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Cadence//Appointments//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:DECLINECOUNTER",
        "BEGIN:VEVENT",
        f"UID:{UID}",
        "SEQUENCE:1",
        "ORGANIZER;CN=Riverside:mailto:appointments@clinic.example",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    assert (notice(), send()) == (("sent", "sent"), [])


@pytest.mark.libical
def test_libical_accepts_the_answer_but_for_the_sequence_that_rfc_5546_demands_above_zero() -> None:
    fields: dict[str, Any] = {"uid": str(UID), "organizer": ("front@clinic.example", "Riverside"), "now": NOW}
    assert complaints(write_declined_counter(sequence=0, **fields)) == []
    [complaint] = complaints(write_declined_counter(sequence=1, **fields))
    assert complaint.endswith("restrictions for SEQUENCE property. Expected 0 instances of the property and got 1")


def test_an_answer_that_came_back_is_no_second_call() -> None:
    make_invited()
    propose()
    send()
    Notice.objects.filter(kind="decline_counter").update(message_id=MESSAGE_ID)
    take(read_fixture("bounce-postfix"), now=SOON)
    assert (notice()[0], open_calls()) == ("failed", [("answer", "countered")])


def test_the_mail_changes_nothing_that_the_patient_was_told() -> None:
    make_invited()
    propose()
    before = every_row(but={"Notice", "NoticeCopy"})
    send()
    assert every_row(but={"Notice", "NoticeCopy"}) == before


def test_a_visit_that_was_moved_meanwhile_is_told_by_its_update_alone() -> None:
    session = make_invited()
    propose()
    courses.move(session, WANTED, now=NOW)
    assert [line.split()[0] for line in deliver(NOW + timedelta(minutes=3))] == ["REQUEST"]
    assert notice() == ("skipped", "skipped: the appointment has changed")


def test_a_proposal_that_staff_have_settled_gets_no_mail() -> None:
    make_invited()
    propose()
    handle_answer(Answer.objects.get(), how="Called", now=NOW, by=factories.make_user())
    assert deliver(SOON) == []
    assert notice() == ("skipped", "skipped: the proposal is settled")


def test_an_address_that_is_not_the_patients_any_more_gets_no_mail() -> None:
    session = make_invited()
    propose()
    Announcement.objects.filter(session=session).update(invited_to="old@mail.example")
    Notice.objects.exclude(kind="decline_counter").delete()
    send()
    assert notice()[0] == "skipped"
