"""What patients text us, over the webhook as Twilio calls it: signed, once, and never trusted with a visit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator

from clinic.consents import consent_for
from clinic.models import Patient, Site
from scheduling.messages.contacts import follow_contacts
from scheduling.messages.sms.alphabet import ONE, fits
from scheduling.messages.sms.words import says_more
from scheduling.models import Answer, Inbound, Notice, Session
from tests.scheduling.messages import cast
from tests.scheduling.messages.test_sms_words import CANCEL, STOP, corpus
from tests.scheduling.messages.texting import NUMBER, deliver, make_texted, nine, ten, waiting
from tests.scheduling.messages.twilio_stand_in import SENDER, TOKEN, StandIn, run_stand_in


@pytest.fixture
def stand_in(settings: Any) -> Iterator[StandIn]:
    with run_stand_in(settings) as running:
        yield running


@pytest.fixture
def patient(site: Site) -> Patient:
    return make_texted(site)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: ten(20))


def post(path: str, fields: dict[str, str], *, token: str = TOKEN, address: str = "https://clinic.example") -> Any:
    """As Twilio posts it: the signature covers the public address and all fields."""
    signature = RequestValidator(token).compute_signature(f"{address}{path}", fields)
    return Client().post(path, fields, headers={"X-Twilio-Signature": signature})


def text(body: str, *, sid: str = "SM1", number: str = NUMBER, **fields: str) -> str:
    """The reply, if there is one."""
    response = post("/in/sms", {"MessageSid": sid, "From": number, "To": SENDER, "Body": body, **fields})
    assert (response.status_code, response["Content-Type"]) == (200, "text/xml")
    found = re.findall(r"<Message>(.*)</Message>", response.content.decode())
    return str(found[0]) if found else ""


def answers() -> list[tuple[str, str, int | None, bool, str]]:
    rows = Answer.objects.select_related("session").order_by("pk")
    return [
        (row.kind, row.source, row.session.number if row.session else None, row.needs_staff, row.comment)
        for row in rows
    ]


def calls() -> int:
    return Notice.objects.filter(channel="call", kind="answer", status="due").count()


@pytest.fixture
def session(patient: Patient, stand_in: StandIn, now: datetime) -> Session:
    """Of which the patient has had a text."""
    course = cast.book(patient, [nine(22), nine(29)], now=now)
    deliver(stand_in, ten(19))
    return course.sessions.get(number=1)


@pytest.mark.parametrize("body", [*corpus(STOP)[::4], "no más"])
def test_opt_out_is_obeyed_at_once(patient: Patient, session: Session, body: str) -> None:
    assert text(body) == "You get no more text messages from Riverside riverside. +1 555 0100"
    patient.refresh_from_db()
    assert (consent_for(patient, "sms"), patient.reminders_by) == (None, "channel")
    assert patient.consents.get().withdrawn_by == "sms"
    assert {channel for _kind, channel, _at in waiting(patient)} == {"email"}
    needs_staff = says_more(body)
    assert answers() == [("opted_out", "sms", 1, needs_staff, body)]
    session.refresh_from_db()
    assert (session.status, session.sequence, calls()) == ("booked", 0, int(needs_staff))


def test_opt_out_that_says_more_than_that_is_read_by_somebody(patient: Patient, session: Session) -> None:
    assert text("Stop, I have pain") == "You get no more text messages from Riverside riverside. +1 555 0100"
    assert (consent_for(patient, "sms"), calls()) == (None, 1)
    assert answers() == [("opted_out", "sms", 1, True, "Stop, I have pain")]


def test_nothing_goes_out_after_an_opt_out_not_even_what_was_due(
    patient: Patient, session: Session, stand_in: StandIn
) -> None:
    text("STOP")
    before = len(stand_in.accepted)
    for day in range(20, 32):
        deliver(stand_in, ten(day))
    assert len(stand_in.accepted) == before
    assert not Notice.objects.filter(channel="sms", status__in=["due", "sending"]).exists()


@pytest.mark.parametrize("body", corpus(CANCEL)[::3])
def test_bare_cancel_is_an_opt_out_and_a_call_and_cancels_nothing(
    patient: Patient, session: Session, body: str
) -> None:
    assert text(body) == (
        "You get no more texts from Riverside riverside. Your appointment stands; we will call you. +1 555 0100"
    )
    assert (consent_for(patient, "sms"), calls()) == (None, 1)
    assert answers() == [("opted_out", "sms", 1, True, body)]
    session.refresh_from_db()
    assert (session.status, session.sequence) == ("booked", 0)


@pytest.mark.parametrize("body", ["C", "yes", "Sí", "ok"])
def test_c_confirms_the_visit_of_the_text(session: Session, body: str) -> None:
    assert text(body) == "Thank you. Riverside riverside expects you Tue Dec 15 9:00 AM. +1 555 0100"
    assert (answers(), calls()) == ([("confirmed", "sms", 1, False, body)], 0)


def test_confirming_a_time_that_has_changed_is_a_call(session: Session) -> None:
    cast.move(session, nine(23), now=ten(19))
    assert text("C") == "Thank you. Riverside riverside will call you. +1 555 0100"
    assert (answers(), calls()) == ([("confirmed", "sms", 1, True, "C")], 1)
    assert Answer.objects.get().is_stale


def test_confirming_when_no_visit_is_to_come_is_a_call(session: Session) -> None:
    cast.cancel(*Session.objects.all(), now=ten(19))
    assert text("C") == "Thank you. Riverside riverside will call you. +1 555 0100"
    assert answers() == [("call_wanted", "sms", None, True, "C")]


@pytest.mark.parametrize("body", ["R", "call me", "Can I come at 3?", "", "Please cancel my appointment on Tuesday"])
def test_anything_else_is_a_call_with_what_was_written(patient: Patient, session: Session, body: str) -> None:
    assert text(body) == "Thank you. Riverside riverside will call you. +1 555 0100"
    assert (answers(), calls()) == ([("call_wanted", "sms", 1, True, body)], 1)
    assert consent_for(patient, "sms") is not None


def test_start_brings_no_consent_back(patient: Patient, session: Session) -> None:
    text("STOP")
    assert (
        text("START", sid="SM2") == "To get text messages from Riverside riverside again, please call us. +1 555 0100"
    )
    assert consent_for(patient, "sms") is None
    assert text("hello?", sid="SM3") == ""  # no text but that to somebody who wants none
    assert [row[0] for row in answers()] == ["opted_out", "call_wanted"]


def test_help_says_who_we_are(session: Session) -> None:
    assert text("HELP") == (
        "Riverside riverside texts you about your appointments. STOP to opt out, or call us. +1 555 0100"
    )
    assert answers() == []


def test_text_delivered_twice_is_taken_once(session: Session) -> None:
    assert text("R") != ""
    assert text("R") == ""
    assert (len(answers()), calls(), Inbound.objects.count()) == (1, 1, 1)


def test_provider_that_answers_stop_itself_leaves_us_silent(patient: Patient, session: Session) -> None:
    assert text("STOP", OptOutType="STOP") == ""
    assert consent_for(patient, "sms") is None


def test_unknown_number_leaves_nothing_but_the_row(session: Session) -> None:
    assert text("C", number="+13105550100") == ""
    assert answers() == []
    assert list(Inbound.objects.values_list("kind", "outcome", "patient")) == [
        ("unknown", "nobody has this number", None)
    ]


def test_row_holds_what_was_meant_and_never_what_was_said(patient: Patient, session: Session) -> None:
    text("Can I bring my sister?")
    assert list(Inbound.objects.values_list("source", "key", "kind", "outcome", "patient")) == [
        ("sms", "sms:SM1", "text", "other", patient.pk)
    ]


def test_number_shared_by_two_is_silent_for_both(site: Site, patient: Patient, session: Session, now: datetime) -> None:
    child = make_texted(site)
    cast.book(child, [nine(25)], now=now)
    text("stop")
    assert (consent_for(patient, "sms"), consent_for(child, "sms")) == (None, None)
    assert [(row[0], row[2]) for row in answers()] == [("opted_out", 1), ("opted_out", None)]
    assert not Notice.objects.filter(channel="sms", status="due").exists()


def test_number_shared_by_two_confirms_the_visit_of_the_last_text(
    site: Site, patient: Patient, session: Session, stand_in: StandIn, now: datetime
) -> None:
    child = make_texted(site)
    cast.book(child, [nine(23)], now=now)
    deliver(stand_in, ten(20))
    text("C")
    assert Answer.objects.get().patient == child


def test_opt_out_of_a_number_the_patient_gave_up_is_obeyed(patient: Patient, session: Session) -> None:
    Patient.objects.update(phone="212 555 0102")
    text("STOP")
    assert not patient.consents.live().exists()


def test_replies_are_in_the_language_of_the_patient_and_one_segment(patient: Patient, session: Session) -> None:
    Patient.objects.update(language="es")
    Site.objects.update(public_name="Centro Médico de la Universidad del Estado, Clínica de Día del Norte y del Sur")
    for number, body in enumerate(["C", "R", "HELP", "START", "CANCEL"]):
        reply = text(body, sid=f"SM{number}")
        assert fits(reply) and set(reply) <= ONE, reply
        assert "Thank you" not in reply and "call us" not in reply


# Only Twilio


@pytest.mark.parametrize(
    "change", [{"token": "another"}, {"address": "https://evil.example"}], ids=["another token", "another address"]
)
def test_what_twilio_has_not_signed_is_not_there(session: Session, change: dict[str, str]) -> None:
    response = post("/in/sms", {"MessageSid": "SM1", "From": NUMBER, "Body": "STOP"}, **change)
    assert (response.status_code, Inbound.objects.count(), Answer.objects.count()) == (404, 0, 0)


def test_changed_field_breaks_the_signature(session: Session) -> None:
    fields = {"MessageSid": "SM1", "From": NUMBER, "Body": "hello"}
    signature = RequestValidator(TOKEN).compute_signature("https://clinic.example/in/sms", fields)
    response = Client().post("/in/sms", {**fields, "Body": "STOP"}, headers={"X-Twilio-Signature": signature})
    assert (response.status_code, Answer.objects.count()) == (404, 0)


@pytest.mark.parametrize("url", ["", "file:///tmp/sms"])
def test_without_an_account_there_is_no_such_address(session: Session, settings: Any, url: str) -> None:
    settings.SMS_URL = url
    assert post("/in/sms", {"MessageSid": "SM1", "From": NUMBER, "Body": "STOP"}).status_code == 404


def test_reading_the_address_does_nothing(session: Session) -> None:
    assert (Client().get("/in/sms").status_code, Inbound.objects.count()) == (405, 0)


def test_call_that_names_no_text_is_refused(session: Session) -> None:
    assert post("/in/sms", {"Body": "STOP"}).status_code == 400


# What became of our texts


def fate(notice: Notice, status: str, *, code: str = "", sid: str = f"SM{1:032x}") -> int:
    fields = {"MessageSid": sid, "MessageStatus": status, **({"ErrorCode": code} if code else {})}
    return int(post(f"/in/sms-status/{notice.uuid}", fields).status_code)


@pytest.fixture
def notice(session: Session) -> Notice:
    return Notice.objects.get(channel="sms", status="sent")


def test_delivered_text_is_marked(notice: Notice) -> None:
    assert [fate(notice, "sent"), fate(notice, "delivered"), fate(notice, "sent")] == [204, 204, 204]
    notice.refresh_from_db()
    assert (notice.status, notice.outcome) == ("sent", "delivered")


@pytest.mark.parametrize(("code", "channel"), [("30006", "email"), ("30003", "sms")])
def test_undelivered_text_is_a_call_and_only_a_dead_number_is_barred(
    patient: Patient, notice: Notice, code: str, channel: str
) -> None:
    assert [fate(notice, "undelivered", code=code), fate(notice, "undelivered", code=code)] == [204, 204]
    notice.refresh_from_db()
    assert (notice.status, notice.outcome) == ("failed", f"failed: the text was not delivered ({code})")
    assert Notice.objects.filter(channel="call", session=notice.session, status="due").count() == 1
    follow_contacts(now=ten(20))
    assert {row[1] for row in waiting(patient)} - {"call"} == {channel}


def test_report_that_the_number_has_opted_out_ends_the_texts(patient: Patient, notice: Notice) -> None:
    fate(notice, "failed", code="21610")
    assert consent_for(patient, "sms") is None


def test_report_of_another_text_changes_nothing(notice: Notice) -> None:
    fate(notice, "undelivered", sid="SMother")
    assert Notice.objects.get(pk=notice.pk).status == "sent"


def test_unsigned_report_is_not_there(notice: Notice) -> None:
    path = f"/in/sms-status/{notice.uuid}"
    assert Client().post(path, {"MessageStatus": "undelivered", "MessageSid": notice.provider_id}).status_code == 404
    assert Notice.objects.get(pk=notice.pk).status == "sent"
