"""What was handed over is kept for staff to read, with links that lead nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from clinic.models import Patient, Site
from scheduling.messages import delivery
from scheduling.messages.copies import cut_links
from scheduling.messages.links import link_to
from scheduling.messages.tokens import derive_token
from scheduling.models import Notice, NoticeCopy
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_parts
from tests.scheduling.messages.sink import Sink

NOW = factories.NOW
DUE = NOW + timedelta(minutes=3)
START = datetime(2026, 12, 1, 14, tzinfo=UTC)
TOKEN = derive_token("visit", "someone")


def test_copy_is_the_message_with_its_links_cut(patient: Patient) -> None:
    course = cast.book(patient, [START], now=NOW)
    deliver(DUE)
    message = mail.outbox[1]
    link = link_to(course.sessions.get(), now=DUE)
    assert link in message.body
    copy = NoticeCopy.objects.get(notice__kind="calendar")
    assert (copy.message_id, copy.recipient, copy.subject) == (
        message.extra_headers["Message-ID"],
        patient.email,
        message.subject,
    )
    assert copy.text == message.body.replace(link[-22:], f"{link[-22:-18]}…")
    assert copy.event == dict(read_parts(message))["text/calendar"].decode()
    assert link[-22:] not in copy.text + copy.event


@pytest.mark.parametrize("page", ["v", "f"])
@pytest.mark.parametrize("at", [None, 3, 20, 24, 26, 30, 44])
def test_link_is_cut_wherever_an_event_folds_it(page: str, at: int | None, settings: Any) -> None:
    link = f"{settings.PUBLIC_URL}/{page}/{TOKEN}"
    folded = link if at is None else f"{link[:at]}\r\n {link[at:]}"
    cut = cut_links(f"See {folded} please.")
    assert TOKEN[5:] not in cut.replace("\r\n ", "")
    assert cut.replace("\r\n ", "") == f"See {link[:-22]}{TOKEN[:4]}… please."


def test_other_addresses_stay_whole() -> None:
    text = f"https://elsewhere.example/v/{TOKEN} and call us"
    assert cut_links(text) == text


def test_calendar_to_subscribe_to_is_cut_under_its_own_scheme(settings: Any) -> None:
    host = settings.PUBLIC_URL.partition("://")[2]
    assert cut_links(f"webcal://{host}/f/{TOKEN}.ics") == f"webcal://{host}/f/{TOKEN[:4]}….ics"


def test_attempt_that_says_the_same_again_keeps_one_copy(site: Site, sink: Sink) -> None:
    cast.book(factories.make_patient(site=site), [START], now=NOW)
    sink.at = {"DATA": "drop"}
    delivery.deliver_due(now=DUE)
    delivery.deliver_due(now=DUE + timedelta(minutes=2))
    notices = Notice.objects.filter(status="sent")
    assert sorted(NoticeCopy.objects.values_list("message_id", flat=True)) == sorted(
        notices.values_list("message_id", flat=True)
    )


def test_attempt_that_may_have_said_something_else_keeps_a_copy_of_each(site: Site, sink: Sink) -> None:
    course = cast.book(factories.make_patient(site=site), [START], now=NOW)
    Notice.objects.filter(kind="course_summary").delete()
    sink.at = {"DATA": "lose"}
    delivery.deliver_due(now=DUE)
    cast.move(course.sessions.get(), START + timedelta(days=1), now=DUE + timedelta(seconds=10))
    delivery.deliver_due(now=DUE + timedelta(minutes=5))
    assert set(NoticeCopy.objects.values_list("message_id", flat=True)) == set(sink.accepted)
    assert [copy.event.count("DTSTART:202612") for copy in NoticeCopy.objects.all()] == [1, 1]


def test_what_was_surely_not_handed_over_leaves_no_copy(site: Site, sink: Sink) -> None:
    course = cast.book(factories.make_patient(site=site), [START], now=NOW)
    Notice.objects.filter(kind="course_summary").delete()
    sink.at = {"RCPT": "450 later"}
    delivery.deliver_due(now=DUE)
    assert NoticeCopy.objects.count() == 1
    cast.cancel(course.sessions.get(), now=DUE + timedelta(seconds=10))
    delivery.deliver_due(now=DUE + timedelta(minutes=5))
    assert (NoticeCopy.objects.count(), sink.accepted.total()) == (0, 0)
