"""What patients agree to, and take back: the only writer of consents.

A consent to text messages is one to a number (47 CFR 64.1200). Whoever has another number now is asked again, so
`consent_for` compares the numbers each time; nothing has to notice that a record was changed.
"""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from clinic.models import Consent, ConsentSource, Patient, Purpose, ReminderChannel, User
from clinic.phone_numbers import to_e164

DEFAULT_COUNTRY = "US"


def number_of(patient: Patient) -> str:
    """The patient's number in E.164 form, read as one of the country of their home site; empty where it is none."""
    return to_e164(patient.phone, country=patient.home_site.holiday_country or DEFAULT_COUNTRY)


def consent_for(patient: Patient, purpose: Purpose | str) -> Consent | None:
    """The consent that holds now; to texts, only one that was given for the number the patient has today."""
    consent = patient.consents.live().filter(purpose=purpose).first()
    if consent is not None and purpose == Purpose.SMS and consent.number != number_of(patient):
        return None
    return consent


@transaction.atomic
def give_consent(
    patient: Patient,
    *,
    purpose: Purpose | str,
    wording: str,
    source: ConsentSource | str,
    now: datetime,
    by: User | None = None,
) -> Consent:
    """Record that the patient agreed to these words. Agreed to twice is one consent; a new number begins a new one."""
    patient = lock(patient)
    number = number_of(patient) if purpose == Purpose.SMS else ""
    if purpose == Purpose.SMS and not number:
        raise ValidationError({"phone": "This phone number is none that a text message can reach."})
    if not wording.strip():
        raise ValidationError({"wording": "What the patient was shown or told is missing."})
    standing = patient.consents.live().filter(purpose=purpose).first()
    if standing is not None:
        if (standing.number, standing.wording) == (number, wording.strip()):
            return standing
        end(standing, source=source, now=now)
    return Consent.objects.create(
        patient=patient,
        purpose=purpose,
        number=number,
        wording=wording.strip(),
        source=source,
        given_at=now,
        given_to=by,
    )


@transaction.atomic
def withdraw_consent(
    patient: Patient, *, purpose: Purpose | str, source: ConsentSource | str, now: datetime
) -> Consent | None:
    """At once, and for good: texts again only after a new consent. None says that there was nothing to withdraw."""
    patient = lock(patient)
    standing = patient.consents.live().filter(purpose=purpose).first()
    if standing is not None:
        end(standing, source=source, now=now)
    if purpose == Purpose.SMS and patient.reminders_by == ReminderChannel.SMS:
        patient.reminders_by = ReminderChannel.AS_ABOVE
        patient.save(update_fields=["reminders_by"])
    return standing


def lock(patient: Patient) -> Patient:
    return Patient.objects.select_for_update(no_key=True, of=("self",)).select_related("home_site").get(pk=patient.pk)


def end(consent: Consent, *, source: ConsentSource | str, now: datetime) -> None:
    consent.withdrawn_at, consent.withdrawn_by = now, source
    consent.save(update_fields=["withdrawn_at", "withdrawn_by"])
