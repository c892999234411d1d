"""Texts of sedating visits and the calls beside them: for one visit never two, and never none while nobody is sure."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from clinic.models import Patient, Site
from scheduling.messages import outbox
from scheduling.messages.sms.delivery import deliver_texts
from scheduling.messages.sms.fates import record_fate
from scheduling.messages.sms.stopping import stop_texts
from scheduling.models import Course, Notice
from tests import factories
from tests.scheduling import driving
from tests.scheduling.messages import cast
from tests.scheduling.messages.texting import NUMBER, deliver, make_texted, nine, ten
from tests.scheduling.messages.twilio_stand_in import StandIn

NOW = factories.NOW
MINUTE = timedelta(minutes=1)
AT_TEN = ten(21)
REMINDER, DRIVER = ("driver_reminder", AT_TEN, "due"), ("driver_call", AT_TEN, "due")


def book_sedating(patient: Patient) -> Course:
    """A visit on day 22 that waits for the text and the call of the day before, both at ten."""
    course = driving.book_sedating(patient, [nine(22)], now=NOW)
    Notice.objects.filter(key__endswith=":3").update(status="sent", sent_at=ten(19))
    assert driving.calls(course) == [DRIVER]
    return course


def calls_by(course: Course, moment: datetime) -> list[str]:
    return [kind for kind, due_at, _status in driving.calls(course, status="due") if due_at <= moment]


def test_a_text_that_arrived_after_all_leaves_the_call_about_the_driver(site: Site, stand_in: StandIn) -> None:
    course = book_sedating(make_texted(site))
    stand_in.answer = "lose"
    deliver_texts(now=AT_TEN)
    assert calls_by(course, AT_TEN + MINUTE) == ["driver_reminder"]
    text = Notice.objects.get(channel="sms", key__endswith=":1")
    record_fate(text.uuid, provider_id="SM1", status="delivered", code="", now=AT_TEN + MINUTE)
    assert calls_by(course, AT_TEN + MINUTE) == ["driver_call"]


def test_a_text_that_becomes_a_call_asks_for_the_driver_too(site: Site, stand_in: StandIn) -> None:
    course = book_sedating(make_texted(site, channel="print", email=""))
    Patient.objects.update(phone="212 555 0102")  # no consent for that one
    assert deliver(stand_in, AT_TEN) == []
    assert driving.calls(course, status="due") == [REMINDER]


def test_a_text_stopped_when_it_was_due_is_one_call(site: Site, stand_in: StandIn) -> None:
    patient = make_texted(site, channel="print", email="")
    course = book_sedating(patient)
    stop_texts(patient, now=AT_TEN + MINUTE)
    assert driving.calls(course, status="due") == [REMINDER]


@pytest.mark.django_db(transaction=True)
def test_a_report_of_a_stop_waits_its_turn_behind_an_act_on_the_course(site: Site, stand_in: StandIn) -> None:
    """Whoever has the notice and wants the course, while another has the course and wants the notice, waits forever."""
    course = cast.book(make_texted(site), [nine(22)], now=NOW)
    text = Notice.objects.get(key__endswith=":3")
    Notice.objects.filter(pk=text.pk).update(
        status="sending", claimed_until=ten(20), content_hash="said", recipient=NUMBER
    )
    answers: list[Any] = []

    def act() -> None:
        with transaction.atomic():
            outbox.lock_course(course.pk)
            time.sleep(0.7)
            outbox.sessions_changed(course, [], now=ten(19))
        answers.append("acted")

    def report() -> None:
        time.sleep(0.3)
        answers.append(record_fate(text.uuid, provider_id="SM1", status="undelivered", code="21610", now=ten(19)))

    run_together(act, report)
    assert answers == ["acted", "failed"]


def run_together(*acts: Callable[[], None]) -> None:
    def run(act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    threads = [Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
