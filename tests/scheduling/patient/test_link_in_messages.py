"""Which messages lead to the page of a visit: those of one visit, each to the same one until it moves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from clinic.models import Patient
from scheduling.messages.links import link_to
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event, read_parts
from tests.scheduling.patient.visiting import NOW, START

SOON = timedelta(minutes=3)


def links_in(message: EmailMessage) -> list[set[str]]:
    """The addresses in each part: text, HTML, and the event where there is one."""
    return [set(re.findall(r"http[^\s\"<]+/v/[\w-]+", content.decode())) for _, content in read_parts(message)]


@pytest.mark.parametrize("language", ["en", "es"])
def test_invite_and_reminders_bear_one_link_and_list_and_event_none(patient: Patient, language: str) -> None:
    patient.language = language
    patient.save()
    session = cast.book(patient, [START - timedelta(days=12)], now=NOW).sessions.get()
    link = link_to(session, now=NOW)
    deliver(NOW + SOON)
    summary, invite = mail.outbox
    assert links_in(summary) == [set(), set()]
    assert links_in(invite) == [{link}, {link}, set()]
    assert "/v/" not in invite.subject and "/v/" not in read_event(invite).to_ical().decode()
    for days in (9, 11):
        deliver(session.start - timedelta(days=12 - days, hours=-1))
        [reminder] = mail.outbox
        assert links_in(reminder) == [{link}, {link}]


def test_update_bears_the_link_of_the_new_time_and_cancellation_none(patient: Patient) -> None:
    session = cast.book(patient, [START - timedelta(days=12)], now=NOW).sessions.get()
    before = link_to(session, now=NOW)
    deliver(NOW + SOON)
    cast.move(session, session.start + timedelta(hours=1), now=NOW + 2 * SOON)
    deliver(NOW + 3 * SOON)
    [update] = mail.outbox
    link = link_to(session, now=NOW)
    assert (links_in(update), link != before) == ([{link}, {link}, set()], True)
    cast.cancel(session, now=NOW + 4 * SOON)
    deliver(NOW + 5 * SOON)
    [cancellation] = mail.outbox
    assert links_in(cancellation) == [set(), set(), set()]
