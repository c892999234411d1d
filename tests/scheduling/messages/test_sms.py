"""Reminders as texts: to whom, what they say, how many, and what becomes of them."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from clinic.consents import give_consent, withdraw_consent
from clinic.models import Patient, Site
from scheduling.messages.contacts import follow_contacts
from scheduling.messages.sms.composing import OtherWay, compose_text
from scheduling.messages.sms.delivery import claim_texts, deliver_texts
from scheduling.messages.sms.reach import number_for
from scheduling.models import Notice
from tests import factories
from tests.scheduling.messages import cast, mailbox
from tests.scheduling.messages.texting import NUMBER, deliver, make_texted, nine, ten, waiting
from tests.scheduling.messages.twilio_stand_in import SENDER, StandIn


@pytest.fixture
def patient(site: Site) -> Patient:
    return make_texted(site)


def test_reminders_go_out_as_texts_and_the_rest_as_mail(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    assert waiting(patient) == [("reminder", "sms", "12-12 10:00"), ("reminder", "sms", "12-14 10:00")]
    assert mailbox.deliver(nine(9))[0] == "Your appointments at Riverside riverside"
    assert deliver(stand_in, ten(19)) == [
        "Appointment at Riverside riverside Tue Dec 15 9:00 AM. C to confirm, R for a call. "
        "https://clinic.example/v/TOKEN STOP to opt out"
    ]
    assert deliver(stand_in, ten(19)) == []
    assert mailbox.deliver(ten(19)) == []


def test_text_goes_to_the_number_in_one_form_and_comes_back_with_its_reference(
    patient: Patient, stand_in: StandIn, now: datetime
) -> None:
    Patient.objects.update(phone="(212) 555-0101")
    cast.book(patient, [nine(22)], now=now)
    deliver(stand_in, ten(19))
    [fields] = stand_in.accepted
    notice = Notice.objects.get(channel="sms", status="sent")
    fields.pop("Body")
    assert fields == {
        "To": NUMBER,
        "From": SENDER,
        "ValidityPeriod": "1800",
        "StatusCallback": f"https://clinic.example/in/sms-status/{notice.uuid}",
    }
    assert (notice.recipient, notice.provider_id, notice.outcome) == (NUMBER, f"SM{1:032x}", "sent")


def test_text_as_sent_is_kept_without_what_opens_the_page(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    deliver(stand_in, ten(19))
    [copy] = Notice.objects.get(channel="sms", status="sent").copies.all()
    token = stand_in.accepted[0]["Body"].partition("/v/")[2][:22]
    assert (copy.recipient, f"/v/{token[:4]}… STOP" in copy.text, token in copy.text) == (NUMBER, True, False)


def test_without_consent_no_text_goes_out(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    patient.consents.all().delete()
    cast.book(patient, [nine(22)], now=now)
    assert waiting(patient) == [("reminder", "email", "12-12 10:00"), ("reminder", "email", "12-14 10:00")]
    assert deliver(stand_in, ten(19)) == []


@pytest.mark.parametrize("channel", ["email", "print"])
def test_consent_taken_back_moves_what_waits(patient: Patient, stand_in: StandIn, now: datetime, channel: str) -> None:
    Patient.objects.update(channel=channel)
    cast.book(patient, [nine(22)], now=now)
    withdraw_consent(patient, purpose="sms", source="staff", now=nine(1))
    assert follow_contacts(now=nine(1)) == 1
    assert [row[1] for row in waiting(patient)] == ["email", "email"] if channel == "email" else ["call", "call"]
    assert deliver(stand_in, ten(19)) == []


def test_new_consent_brings_the_texts_back(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    consent = patient.consents.get()
    patient.consents.update(withdrawn_at=now, withdrawn_by="staff")
    cast.book(patient, [nine(22)], now=now)
    assert follow_contacts(now=now) == 0
    type(consent).objects.update(withdrawn_at=None)
    assert follow_contacts(now=now) == 1
    assert [row[1] for row in waiting(patient)] == ["sms", "sms"]
    assert follow_contacts(now=now) == 0


def test_changed_number_gets_no_text_even_at_the_last_moment(
    patient: Patient, stand_in: StandIn, now: datetime
) -> None:
    cast.book(patient, [nine(22)], now=now)
    Patient.objects.update(phone="212 555 0102")
    assert deliver_texts(now=ten(19)) == Counter({"other way": 1})
    assert stand_in.accepted == []
    assert "Reminder: Appointment at Riverside riverside, Tue, Dec 15, 9:00 AM EST" in mailbox.deliver(ten(19))


def test_number_changed_between_claim_and_text_gets_none(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    [notice] = claim_texts(now=ten(19), limit=10)
    Patient.objects.update(phone="212 555 0102")
    assert isinstance(compose_text(notice, now=ten(19)), OtherWay)


def test_installation_without_texts_reminds_the_other_way(patient: Patient, settings: Any, now: datetime) -> None:
    settings.SMS_URL = ""
    cast.book(patient, [nine(22)], now=now)
    assert [row[1] for row in waiting(patient)] == ["email", "email"]


def test_texts_already_queued_go_the_other_way_when_texting_is_switched_off(
    patient: Patient, settings: Any, now: datetime
) -> None:
    cast.book(patient, [nine(22)], now=now)
    settings.SMS_URL = ""
    assert deliver_texts(now=ten(19)) == Counter({"other way": 1})


def test_files_hold_the_texts_where_nothing_is_to_leave_the_machine(
    patient: Patient, settings: Any, tmp_path: Path, now: datetime
) -> None:
    settings.SMS_URL = f"file://{tmp_path / 'sms'}"
    cast.book(patient, [nine(22)], now=now)
    assert deliver_texts(now=ten(19)) == Counter(sent=1)
    notice = Notice.objects.get(status="sent", channel="sms")
    [file] = (tmp_path / "sms").iterdir()
    begins = "To: +12125550101\n\nAppointment at Riverside riverside Tue Dec 15 9:00 AM. "
    assert (file.name, file.read_text()[: len(begins)]) == (f"{notice.uuid}.txt", begins)


def test_moved_and_cancelled_visits_are_not_reminded_of(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    course = cast.book(patient, [nine(22), nine(29)], now=now)
    cast.move(course.sessions.get(number=1), nine(23), now=nine(1))
    cast.cancel(course.sessions.get(number=2), now=nine(1))
    assert [deliver(stand_in, ten(day))[:1] for day in (19, 20, 21, 22)] == [
        [],
        ["Appointment at Riverside riverside Wed Dec 16 9:00 AM. C to confirm, R for a call. "
         "https://clinic.example/v/TOKEN STOP to opt out"],
        [],
        ["Appointment at Riverside riverside Wed Dec 16 9:00 AM. C to confirm, R for a call. "
         "https://clinic.example/v/TOKEN STOP to opt out"],
    ]  # fmt: skip


def test_sedating_visit_is_a_text_like_any_other(site: Site, stand_in: StandIn, now: datetime) -> None:
    version = cast.make_version(sedating=True)
    cast.book(make_texted(site), [nine(22)], now=now, version=version)
    assert deliver(stand_in, ten(19)) == [
        "Appointment at Riverside riverside Tue Dec 15 9:00 AM. C to confirm, R for a call. "
        "https://clinic.example/v/TOKEN STOP to opt out"
    ]


# How many


def daily(first: int, days: int = 5) -> list[datetime]:
    return [nine(first + day) for day in range(days)]


def test_daily_visits_are_one_text_a_week(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    version = cast.make_version(phases=cast.DAILY)
    cast.book(patient, [*daily(7), *daily(14)], now=now, version=version)
    texts = {day: deliver(stand_in, ten(day)) for day in range(2, 20)}
    assert {day: found for day, found in texts.items() if found} == {
        4: [
            "Appointment at Riverside riverside Mon Nov 30 9:00 AM. C to confirm, R for a call. "
            "https://clinic.example/v/TOKEN STOP to opt out"
        ],
        6: [
            "Your week at Riverside riverside: Mon Nov 30, Tue, Wed, Thu, Fri 9:00 AM. Details: "
            "https://clinic.example/v/TOKEN STOP to opt out"
        ],
        13: [
            "Your week at Riverside riverside: Mon Dec 7, Tue, Wed, Thu, Fri 9:00 AM. Details: "
            "https://clinic.example/v/TOKEN STOP to opt out"
        ],
    }
    told = Notice.objects.get(session__number=1, outcome="skipped: told by the text of the week")
    assert (told.kind, told.status) == ("reminder", "skipped")


def test_week_names_the_times_of_each_day(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    version = cast.make_version(phases=cast.DAILY)
    hour = timedelta(hours=1)
    cast.book(patient, [nine(7), nine(8) + hour, nine(9) + hour, nine(10)], now=now, version=version)
    assert "Your week at Riverside riverside: Mon Nov 30 9:00 AM; Tue, Wed 10:00 AM; Thu 9:00 AM. " in "".join(
        deliver(stand_in, ten(6))
    )


def test_week_that_no_text_can_hold_goes_out_as_mail(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    version = cast.make_version(phases=({"periods": 4, "period_days": 7, "per_period": 15, "min_gap_hours": 2},))
    starts = [nine(7 + day) + timedelta(hours=hour, minutes=15 * day) for day in range(5) for hour in (0, 2, 4)]
    cast.book(patient, starts, now=now, version=version)
    mailbox.deliver(ten(5))
    Notice.objects.filter(kind="reminder").delete()
    assert deliver_texts(now=ten(6)) == Counter({"other way": 1})
    assert "Your week at Riverside riverside" in mailbox.deliver(ten(6))


def test_patient_of_two_courses_gets_at_most_one_text_a_day_and_three_in_seven_days(
    patient: Patient, stand_in: StandIn, now: datetime
) -> None:
    """The rest goes the other way: of 16 reminders in two merged courses none is lost."""
    for hour in (0, 3):
        starts = [nine(day) + timedelta(hours=hour) for day in (8, 12, 15, 19)]
        cast.book(patient, starts, now=now)
    sent: list[date] = []
    mails: list[str] = []
    for day in range(4, 20):
        sent += [ten(day).date()] * len(deliver(stand_in, ten(day)))
        mails += [subject for subject in mailbox.deliver(ten(day)) if subject.startswith("Reminder")]
    assert max(Counter(sent).values()) == 1
    for last in sent:
        assert sum(last - timedelta(days=6) <= other <= last for other in sent) <= 3
    skipped = Notice.objects.filter(kind="reminder", status="skipped").count()
    assert (len(sent) + len(mails), skipped) == (16, 0)


def test_over_the_measure_a_patient_without_mail_is_phoned(site: Site, stand_in: StandIn, now: datetime) -> None:
    patient = make_texted(site, channel="print", email="")
    for hour in (0, 3):
        cast.book(patient, [nine(22) + timedelta(hours=hour)], now=now)
    assert len(deliver(stand_in, ten(19))) == 1
    calls = Notice.objects.filter(channel="call", kind="reminder", status="due")
    assert [call.due_at for call in calls] == [ten(19)]


# What the provider does


def test_refusal_for_good_is_a_call_and_bars_the_number(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    stand_in.answer = (400, 21614)
    assert deliver_texts(now=ten(19)) == Counter(failed=1)
    failed = Notice.objects.get(status="failed")
    call = Notice.objects.get(channel="call", status="due")
    assert (failed.outcome, call.session_id) == ("failed: the text provider answered 21614", failed.session_id)
    assert follow_contacts(now=ten(19)) == 1
    assert ("reminder", "email", "12-14 10:00") in waiting(patient)
    assert deliver(stand_in, ten(21)) == []


def test_number_that_told_the_provider_stop_gets_nothing_more(
    patient: Patient, stand_in: StandIn, now: datetime
) -> None:
    cast.book(patient, [nine(22)], now=now)
    stand_in.answer = (400, 21610)
    deliver_texts(now=ten(19))
    patient.refresh_from_db()
    assert (patient.reminders_by, patient.consents.live().count()) == ("channel", 0)
    assert not Notice.objects.filter(channel="sms", status="due").exists()


def test_consent_given_after_an_opt_out_is_good_for_the_same_number(
    patient: Patient, stand_in: StandIn, now: datetime
) -> None:
    cast.book(patient, [nine(22), nine(50)], now=now)
    stand_in.answer = (400, 21610)
    deliver_texts(now=ten(19))
    Patient.objects.update(reminders_by="sms")
    give_consent(patient, purpose="sms", wording="May we text you again?", source="staff", now=ten(20))
    patient.refresh_from_db()
    assert number_for(patient) == NUMBER
    assert follow_contacts(now=ten(20)) == 1
    assert len(deliver(stand_in, ten(21))) == 1


def test_provider_that_stays_busy_does_not_bar_the_number(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22), nine(50)], now=now)
    Notice.objects.filter(channel="sms", due_at__lte=ten(19)).update(attempts=13)
    stand_in.answer = (429, 20429)
    assert deliver_texts(now=ten(19)) == Counter(failed=1)
    assert Notice.objects.get(status="failed").outcome == "failed: the text provider answered 20429"
    assert number_for(patient) == NUMBER


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((429, 20429), "to be tried again: the text provider answered 20429"),
        ((503, 20503), "to be tried again: the text provider answered 20503"),
        ((401, 20003), "to be tried again: the text provider refuses us (20003)"),
        ((400, 21606), "to be tried again: the text provider refuses us (21606)"),
    ],
)
def test_what_was_surely_not_taken_is_tried_again(
    patient: Patient, stand_in: StandIn, now: datetime, answer: tuple[int, int], outcome: str
) -> None:
    cast.book(patient, [nine(22)], now=now)
    stand_in.answer = answer
    deliver_texts(now=ten(19))
    row = Notice.objects.get(due_at__gt=ten(19), due_at__lt=ten(20))
    assert (row.status, row.outcome, row.uncertain, len(stand_in.accepted)) == ("due", outcome, False, 0)
    assert len(deliver(stand_in, ten(19) + timedelta(minutes=2))) == 1


def test_provider_that_is_not_there_is_tried_again(patient: Patient, settings: Any, now: datetime) -> None:
    settings.SMS_URL = "twilio://AC1:secret@127.0.0.1:1?from=+12125550199"
    cast.book(patient, [nine(22)], now=now)
    assert deliver_texts(now=ten(19)) == Counter(retry=1)
    assert not Notice.objects.filter(status="failed").exists()


def test_after_two_failures_the_rest_waits_untouched(site: Site, settings: Any, now: datetime) -> None:
    version = cast.make_version()
    for digit in range(4):
        cast.book(make_texted(site, phone=f"212 555 010{digit}"), [nine(22)], now=now, version=version)
    settings.SMS_URL = "twilio://AC1:secret@127.0.0.1:1?from=+12125550199"
    assert deliver_texts(now=ten(19)) == Counter(retry=2)
    tried = Notice.objects.filter(due_at__lte=ten(20), channel="sms").order_by("attempts")
    assert list(tried.values_list("status", "attempts")) == [("due", 0), ("due", 0), ("due", 1), ("due", 1)]


@pytest.mark.parametrize("answer", ["lose", "garbage", "stall", "drop", (500, 20500)])
def test_text_that_was_perhaps_taken_is_not_sent_again_but_phoned(
    patient: Patient, stand_in: StandIn, now: datetime, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduling.messages.sms.twilio_channel.TIMEOUT", 1)
    cast.book(patient, [nine(22)], now=now)
    stand_in.answer = answer
    assert deliver_texts(now=ten(19)) == Counter(uncertain=1)
    taken = len(stand_in.accepted)
    assert taken == (0 if answer == "drop" or isinstance(answer, tuple) else 1)
    for minutes in range(1, 30):
        deliver_texts(now=ten(19) + timedelta(minutes=minutes))
    assert len(stand_in.accepted) == taken
    failed = Notice.objects.get(status="failed")
    assert (failed.uncertain, failed.outcome[:26]) == (True, "failed: perhaps delivered,")
    assert Notice.objects.filter(channel="call", status="due", session=failed.session).count() == 1


def test_doubtful_text_does_not_bar_the_number(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    stand_in.answer = "lose"
    deliver_texts(now=ten(19))
    assert follow_contacts(now=ten(19)) == 0
    assert len(deliver(stand_in, ten(21))) == 1


# When


def test_no_text_goes_out_in_the_quiet_hours(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    at_night = ten(19) + timedelta(hours=13)  # the worker was down all day
    assert deliver_texts(now=at_night) == Counter(later=1)
    assert len(deliver(stand_in, nine(20) - timedelta(minutes=61))) == 0
    assert len(deliver(stand_in, nine(20) - timedelta(minutes=60))) == 1


def test_quiet_hours_are_those_of_the_patient(site: Site, stand_in: StandIn, now: datetime) -> None:
    patient = make_texted(site, timezone="America/Los_Angeles")
    Site.objects.update(reminder_time=time(7))
    cast.book(patient, [nine(22)], now=now)
    assert waiting(patient) == [("reminder", "sms", "12-12 08:00"), ("reminder", "sms", "12-14 08:00")]
    assert "Tue Dec 15 9:00 AM EST." in deliver(stand_in, nine(19) + timedelta(hours=2))[0]


def test_text_that_waited_too_long_is_left_out(patient: Patient, stand_in: StandIn, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    assert deliver_texts(now=nine(22)) == Counter(skipped=2)
    assert stand_in.accepted == []


def test_log_names_no_patient_and_no_text(
    patient: Patient, stand_in: StandIn, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cast.book(patient, [nine(22)], now=now)
    for day, answer in ((19, (400, 21211)), (21, None)):
        stand_in.answer = answer
        deliver_texts(now=ten(day))
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert [word for word in ("5550101", "Appointment", "Basic", "/v/") if word in written] == []


def test_run_ends_at_its_limit_and_looks_for_nothing_in_few_queries(
    site: Site, stand_in: StandIn, now: datetime, django_assert_num_queries: Any
) -> None:
    version = cast.make_version()
    for digit in range(10, 40):
        cast.book(make_texted(site, phone=f"212 555 01{digit}"), [nine(22)], now=now, version=version)
    assert deliver_texts(now=ten(19), limit=1) == Counter(sent=1)
    assert deliver_texts(now=ten(19)) == Counter(sent=29)
    mail.outbox.clear()
    with django_assert_num_queries(5):  # nothing left: what was lost sight of, and one claim
        deliver_texts(now=ten(19))


@pytest.mark.parametrize("count", [0, 1])
def test_following_consents_makes_few_queries(
    site: Site, settings: Any, now: datetime, count: int, django_assert_max_num_queries: Any
) -> None:
    version = cast.make_version()
    for digit in range(30 if count else 1):
        cast.book(make_texted(site, phone=f"212 555 01{digit:02}"), [nine(22)], now=now, version=version)
    with django_assert_max_num_queries(12):
        assert follow_contacts(now=now) == 0


def test_another_site_has_its_own_name(other_site: Site, stand_in: StandIn, now: datetime) -> None:
    other_site.public_name = "Clínica Niño – Ärzte & Co, “Norte”"
    other_site.save()
    patient = make_texted(other_site)
    cast.book(patient, [nine(22)], now=now)
    [text] = deliver(stand_in, ten(19) + timedelta(hours=3))
    assert text.startswith("Appointment at Clinica Niño - Ärzte & Co Tue Dec 15 6:00 AM. ")


def test_factory_patient_without_wish_for_texts_gets_none(site: Site, stand_in: StandIn, now: datetime) -> None:
    patient = factories.make_patient(site=site, phone=NUMBER)
    cast.book(patient, [nine(22)], now=now)
    assert [row[1] for row in waiting(patient)] == ["email", "email"]
