"""A patient changes how they are reached while a reminder waits, whose own time may be past by then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from clinic.consents import give_consent
from clinic.models import Patient, Site
from scheduling.messages import delivery
from scheduling.messages.again import send_again
from scheduling.messages.contacts import follow_contacts
from scheduling.messages.sms.delivery import deliver_texts
from scheduling.messages.sms.stopping import stop_texts
from scheduling.models import Course, Notice
from tests import factories
from tests.scheduling import driving
from tests.scheduling.messages import cast, mailbox
from tests.scheduling.messages.sink import Sink
from tests.scheduling.messages.texting import NUMBER, deliver, make_texted, nine, ten
from tests.scheduling.messages.twilio_stand_in import StandIn

NOW = factories.NOW
MINUTE = timedelta(minutes=1)


def book_reminded_once(patient: Patient, *, after_nine: timedelta = timedelta()) -> Course:
    """A visit on day 22; all but the reminder of the day before has gone out."""
    course = cast.book(patient, [nine(22) + after_nine], now=NOW)
    Notice.objects.exclude(key__endswith=":1").update(status="sent", sent_at=ten(19))
    return course


def last(course: Course) -> tuple[str, str]:
    """Channel and state of the reminder of the day before."""
    return course.notices.values_list("channel", "status").get(key__startswith="reminder:", key__endswith=":1")


def switch_to_texts(patient: Patient) -> None:
    give_consent(patient, purpose="sms", wording="May we?", source="staff", now=ten(21))
    Patient.objects.filter(pk=patient.pk).update(reminders_by="sms")


def test_a_reminder_that_waits_is_the_same_row_on_the_other_channel(site: Site, stand_in: StandIn) -> None:
    patient = factories.make_patient(site=site, phone=NUMBER)
    cast.book(patient, [nine(22)], now=NOW)
    before = list(Notice.objects.filter(kind="reminder").values("pk", "key", "due_at", "useful_until"))
    switch_to_texts(patient)
    follow_contacts(now=NOW + MINUTE)
    texts = Notice.objects.filter(kind="reminder", channel="sms")
    assert list(texts.values("pk", "key", "due_at", "useful_until")) == before
    Patient.objects.update(channel="print", reminders_by="channel")
    follow_contacts(now=NOW + 2 * MINUTE)
    assert list(Notice.objects.filter(kind="reminder", channel="call").values_list("pk")) == [
        (row["pk"],) for row in before
    ]


def test_a_text_tried_in_vain_is_a_mail_after_a_stop(site: Site, stand_in: StandIn) -> None:
    patient = make_texted(site)
    course = book_reminded_once(patient)
    stand_in.answer = (429, 20429)
    assert deliver(stand_in, ten(21)) == []
    stop_texts(patient, now=ten(21) + timedelta(seconds=20))
    assert last(course) == ("email", "due")
    assert mailbox.deliver(ten(21) + 3 * MINUTE) == [
        "Reminder: Appointment at Riverside riverside, Tue, Dec 15, 9:00 AM EST"
    ]


def test_a_mail_tried_in_vain_is_not_lost_when_the_patient_chooses_texts(
    site: Site, stand_in: StandIn, sink: Sink
) -> None:
    patient = factories.make_patient(site=site, phone=NUMBER)
    course = book_reminded_once(patient)
    sink.at = {"RCPT": "450 later"}
    delivery.deliver_due(now=ten(21))
    switch_to_texts(patient)
    sink.at = {}
    delivery.deliver_due(now=ten(21) + MINUTE / 2)
    assert last(course) == ("email", "due")
    delivery.deliver_due(now=ten(21) + 3 * MINUTE)
    assert last(course) == ("email", "sent")


def test_a_text_too_many_is_a_mail_that_outlasts_a_broken_server(site: Site, stand_in: StandIn, sink: Sink) -> None:
    patient = make_texted(site)
    course = book_reminded_once(patient)
    had = cast.book(patient, [nine(18), nine(19), nine(20)], now=NOW)
    texts = Notice.objects.filter(course=had, kind="reminder")
    for back, notice in enumerate(texts[:3]):
        texts.filter(pk=notice.pk).update(status="sent", sent_at=ten(20 - back))
    texts.filter(status="due").delete()
    deliver_texts(now=ten(21))
    assert last(course) == ("email", "due")
    sink.at = {"RCPT": "450 later"}
    delivery.deliver_due(now=ten(21) + MINUTE)
    sink.at = {}
    delivery.deliver_due(now=ten(21) + MINUTE + MINUTE / 2)
    delivery.deliver_due(now=ten(21) + 10 * MINUTE)
    assert last(course) == ("email", "sent")


def test_a_text_that_the_quiet_hours_hold_is_a_mail_in_the_morning(site: Site, stand_in: StandIn) -> None:
    patient = make_texted(site)
    course = book_reminded_once(patient, after_nine=timedelta(hours=5))
    late = ten(21) + timedelta(hours=11, minutes=5)  # no worker until 21:05
    assert deliver(stand_in, late) == []
    Patient.objects.update(reminders_by="channel")
    assert mailbox.deliver(late + timedelta(hours=1)) == []
    mailbox.deliver(ten(22) - timedelta(hours=2))
    assert last(course) == ("email", "sent")


def test_a_call_for_a_late_visit_stays_a_call_when_the_patient_goes_back_to_mail(site: Site, stand_in: StandIn) -> None:
    patient = make_texted(site)
    course = driving.book_sedating(patient, [nine(22)], now=ten(21) + MINUTE)
    before = driving.calls(course)
    Patient.objects.update(reminders_by="channel")
    follow_contacts(now=ten(21) + 2 * MINUTE)
    stop_texts(patient, now=ten(21) + 3 * MINUTE)
    assert [kind for kind, _due_at, _status in before] == ["driver_reminder"]
    assert driving.calls(course) == before


def test_a_mail_that_staff_send_again_and_the_server_puts_off_stays_a_mail(
    site: Site, stand_in: StandIn, sink: Sink, clerk: Any
) -> None:
    patient = factories.make_patient(site=site, phone=NUMBER)
    cast.book(patient, [nine(22)], now=NOW)
    delivery.deliver_due(now=ten(19))
    sent = Notice.objects.get(kind="reminder", status="sent")
    again = send_again(sent, now=ten(19) + MINUTE, by=clerk)
    sink.at = {"RCPT": "450 later"}
    delivery.deliver_due(now=ten(19) + MINUTE)
    switch_to_texts(patient)
    follow_contacts(now=ten(19) + MINUTE + MINUTE / 2)
    again.refresh_from_db()
    assert (again.channel, again.status, again.attempts) == ("email", "due", 1)
