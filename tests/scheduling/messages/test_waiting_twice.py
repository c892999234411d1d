"""Two invites of one visit wait at once: one given back after an outage, one of a change made meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic.consents import give_consent
from clinic.models import Patient, Site
from scheduling.incoming_texts import Text, take_text
from scheduling.messages import contacts, delivery, reminder_settings
from scheduling.messages.again import send_again
from scheduling.messages.claiming import claim_due, release
from scheduling.messages.contacts import follow_contact
from scheduling.models import Course, Notice, ReminderSetting
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.texting import NUMBER, make_texted, nine

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW
MINUTE = timedelta(minutes=1)
LATER = NOW + 3 * MINUTE


def book_with_two_invites(patient: Patient) -> Course:
    """The mail server is down while the visit moves."""
    course = cast.book(patient, [nine(5), nine(30)], now=NOW)
    claimed = claim_due(now=LATER, limit=100)
    cast.move(course.sessions.get(number=1), nine(6), now=LATER)
    release(claimed)
    assert invites(course, status="due") == [(0, "due"), (1, "due")]
    return course


def invites(course: Course, **wanted: Any) -> list[tuple[int | None, str]]:
    rows = Notice.objects.filter(course=course, kind="calendar", session__number=1, **wanted).order_by("pk")
    return [(row.sequence, row.status) for row in rows]


def test_what_waits_twice_is_one_invite_once_the_course_is_written_anew(site: Site) -> None:
    course = book_with_two_invites(factories.make_patient(site=site))
    follow_contact(course.pk, now=LATER)
    assert invites(course) == [(1, "due")]


def test_one_course_with_two_invites_stops_nobodys_mail(site: Site, stand_in: Any) -> None:
    patient, other = factories.make_patient(site=site, phone=NUMBER), factories.make_patient(site=site)
    course = book_with_two_invites(patient)
    give_consent(patient, purpose="sms", wording="May we?", source="staff", now=LATER)
    Patient.objects.filter(pk=patient.pk).update(reminders_by="sms")
    cast.book(other, [nine(5)], now=LATER)
    delivery.deliver_due(now=LATER + timedelta(hours=1))
    delivery.deliver_due(now=LATER + timedelta(hours=2))
    assert Notice.objects.filter(patient=other, status="sent").count() == 2
    assert invites(course) == [(1, "sent")]


def test_two_invites_do_not_keep_a_patient_from_stopping_texts(site: Site, stand_in: Any) -> None:
    patient = make_texted(site)
    book_with_two_invites(patient)
    take_text(Text("1", NUMBER, "STOP"), now=LATER + MINUTE)
    assert list(patient.consents.live()) == []
    assert set(Notice.objects.filter(patient=patient, kind="reminder").values_list("channel")) == {("email",)}


def test_an_older_invite_given_back_after_the_newer_went_out_is_no_hindrance(site: Site) -> None:
    course = book_with_two_invites(factories.make_patient(site=site))
    newer = Notice.objects.filter(course=course, kind="calendar", session__number=1, sequence=1)
    newer.update(status="sent", sent_at=LATER)
    follow_contact(course.pk, now=LATER + MINUTE)
    assert invites(course) == [(1, "due"), (1, "sent")]


def test_an_invite_that_staff_send_again_is_left_to_itself(site: Site, clerk: Any) -> None:
    course = cast.book(factories.make_patient(site=site), [nine(5)], now=NOW)
    delivery.deliver_due(now=LATER)
    sent = Notice.objects.get(kind="calendar")
    again = send_again(sent, now=LATER + MINUTE, by=clerk)
    follow_contact(course.pk, now=LATER + MINUTE)
    again.refresh_from_db()
    assert (again.status, again.key, again.due_at) == ("due", f"again:{sent.uuid}:1", LATER + MINUTE)


def test_a_course_with_a_fault_holds_up_no_other(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the fault is; the log names its kind and the course."""
    faulty, sound = (cast.book(factories.make_patient(site=site), [nine(5)], now=NOW) for _ in range(2))
    Patient.objects.update(channel="print")
    fail_for(faulty, contacts, monkeypatch)
    delivery.deliver_due(now=NOW + MINUTE)
    channels = Notice.objects.filter(kind="reminder").order_by("course").values_list("course", "channel").distinct()
    assert list(channels) == [(faulty.pk, "email"), (sound.pk, "call")]
    assert caplog.messages == [f"Course {faulty.pk} could not be followed: ZeroDivisionError"]


def test_a_site_with_a_faulty_course_is_written_anew_until_all_are(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty, _sound = (cast.book(factories.make_patient(site=site), [nine(5)], now=NOW) for _ in range(2))
    with monkeypatch.context() as patch:
        fail_for(faulty, reminder_settings, patch)
        assert reminder_settings.follow_reminder_settings(now=NOW) == 1
    assert caplog.messages == [f"Course {faulty.pk} could not be written anew: ZeroDivisionError"]
    assert not ReminderSetting.objects.exists()
    assert reminder_settings.follow_reminder_settings(now=NOW) == 2
    assert reminder_settings.follow_reminder_settings(now=NOW) == 0


def fail_for(course: Course, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = module.queue_reminders

    def fail(ledger: Any) -> None:
        if ledger.course.pk == course.pk:
            raise ZeroDivisionError("a name")
        queue(ledger)

    monkeypatch.setattr(module, "queue_reminders", fail)
