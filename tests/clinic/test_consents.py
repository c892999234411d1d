"""What patients agree to: recorded with its words, for one number, and taken back at once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from clinic.consents import consent_for, give_consent, number_of, withdraw_consent
from clinic.models import Consent, Patient, Purpose, User
from clinic.phone_numbers import to_e164

WORDS = "We may text you about your appointments. Reply STOP to end."


@pytest.fixture
def patient(patient: Patient) -> Patient:
    patient.phone = "(212) 555-0101"
    patient.save()
    return patient


def agree(patient: Patient, now: datetime, **fields: object) -> Consent:
    values: dict[str, object] = {"purpose": Purpose.SMS, "wording": WORDS, "source": "staff", **fields}
    return give_consent(patient, now=now, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("212 555 0101", "US", "+12125550101"),
        ("+1 (212) 555-0101", "ES", "+12125550101"),
        ("1-212-555-0101", "US", "+12125550101"),
        ("612 34 56 78", "ES", "+34612345678"),
        ("+52 55 1234 5678", "US", "+525512345678"),
        ("212 555 0101 x12", "US", ""),  # a switchboard
        ("555 0100", "US", ""),
        ("", "US", ""),
        ("nonsense", "US", ""),
    ],
)
def test_numbers_have_one_form(text: str, country: str, number: str) -> None:
    assert to_e164(text, country=country) == number


def test_number_is_read_as_one_of_the_country_of_the_site(patient: Patient) -> None:
    patient.phone = "612 34 56 78"
    assert number_of(patient) == ""
    patient.home_site.holiday_country = "ES"
    assert number_of(patient) == "+34612345678"


def test_consent_records_number_words_source_time_and_to_whom(patient: Patient, now: datetime, clerk: User) -> None:
    agree(patient, now, by=clerk)
    assert list(Consent.objects.values_list("purpose", "number", "wording", "source", "given_at", "given_to")) == [
        ("sms", "+12125550101", WORDS, "staff", now, clerk.pk)
    ]


def test_consent_given_twice_is_one(patient: Patient, now: datetime) -> None:
    assert agree(patient, now) == agree(patient, now + timedelta(days=1))
    assert Consent.objects.count() == 1


def test_other_words_are_another_consent(patient: Patient, now: datetime) -> None:
    agree(patient, now)
    new = agree(patient, now + timedelta(days=1), wording="Other words.", source="form")
    assert (consent_for(patient, "sms"), Consent.objects.live().count(), Consent.objects.count()) == (new, 1, 2)


def test_consent_holds_for_the_number_it_was_given_for_however_it_is_written(patient: Patient, now: datetime) -> None:
    given = agree(patient, now)
    patient.phone = "+1 212 555 0101"
    assert consent_for(patient, Purpose.SMS) == given


def test_changed_number_needs_a_new_consent(patient: Patient, now: datetime) -> None:
    agree(patient, now)
    patient.phone = "212 555 0102"
    patient.save()
    assert consent_for(patient, Purpose.SMS) is None
    assert agree(patient, now + timedelta(days=1)) == consent_for(patient, Purpose.SMS)
    numbers = list(Consent.objects.order_by("given_at").values_list("number", "withdrawn_at"))
    assert numbers == [("+12125550101", now + timedelta(days=1)), ("+12125550102", None)]


def test_consent_to_texts_needs_a_number_that_they_reach(patient: Patient, now: datetime) -> None:
    patient.phone = "555 0100"
    patient.save()
    with pytest.raises(ValidationError) as fault:
        agree(patient, now)
    assert fault.value.message_dict == {"phone": ["This phone number is none that a text message can reach."]}


def test_consent_without_words_is_refused(patient: Patient, now: datetime) -> None:
    with pytest.raises(ValidationError) as fault:
        agree(patient, now, wording=" ")
    assert fault.value.message_dict == {"wording": ["What the patient was shown or told is missing."]}


def test_withdrawn_consent_ends_at_once_and_reminders_go_the_other_way(patient: Patient, now: datetime) -> None:
    patient.reminders_by = "sms"
    patient.save()
    given = agree(patient, now)
    assert withdraw_consent(patient, purpose="sms", source="sms", now=now + timedelta(hours=1)) == given
    given.refresh_from_db()
    patient.refresh_from_db()
    assert (given.withdrawn_at, given.withdrawn_by, patient.reminders_by) == (
        now + timedelta(hours=1),
        "sms",
        "channel",
    )
    assert consent_for(patient, "sms") is None
    assert withdraw_consent(patient, purpose="sms", source="sms", now=now + timedelta(hours=2)) is None


def test_detail_needs_no_number_and_stands_apart_from_texts(patient: Patient, now: datetime) -> None:
    Patient.objects.update(phone="")
    given = agree(patient, now, purpose="detail", wording="Messages may name my treatment.")
    assert (given.number, consent_for(patient, "detail"), consent_for(patient, "sms")) == ("", given, None)
    withdraw_consent(patient, purpose="detail", source="staff", now=now)
    assert consent_for(patient, "detail") is None


def test_the_database_keeps_one_live_consent_for_each_purpose(patient: Patient, now: datetime) -> None:
    given = agree(patient, now)
    with pytest.raises(IntegrityError, match="a_consent_is_given_once"), transaction.atomic():
        Consent.objects.create(
            patient=patient, purpose="sms", number="+12125550102", wording=WORDS, source="staff", given_at=now
        )
    with pytest.raises(IntegrityError, match="consent_to_texts_names_its_number"), transaction.atomic():
        Consent.objects.filter(pk=given.pk).update(number="")
