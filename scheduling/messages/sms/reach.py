"""Who gets their reminders as texts, and at which number."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max

from clinic.consents import number_of
from clinic.models import Consent, Patient, Purpose, ReminderChannel
from scheduling.messages.sms.channel import is_configured
from scheduling.models import Notice, NoticeChannel, NoticeStatus


def number_for(patient: Patient) -> str:
    """Empty where reminders go as everything else: not wished, no consent for this number, or no way to send."""
    return numbers_for([patient])[patient.pk]


def numbers_for(patients: Iterable[Patient]) -> dict[int, str]:
    """For many patients in two queries; their home sites are to be at hand."""
    found = {patient.pk: "" for patient in patients}
    texted = {patient.pk: patient for patient in patients if patient.reminders_by == ReminderChannel.SMS}
    if not texted or not is_configured():
        return found
    refused = read_refusals(texted)
    consents = Consent.objects.live().filter(patient__in=texted, purpose=Purpose.SMS)
    for key, number, given_at in consents.values_list("patient", "number", "given_at"):
        refused_at = refused.get((key, number))
        # Who agrees anew after a refusal may have opted in again: the number is tried once more.
        if number == number_of(texted[key]) and (refused_at is None or refused_at <= given_at):
            found[key] = number
    return found


def read_refusals(patients: Iterable[int]) -> dict[tuple[int, str], datetime]:
    """When a number last refused texts for good. One given up for now, or in doubt, is no refusal."""
    failed = Notice.objects.filter(patient__in=list(patients), channel=NoticeChannel.SMS, status=NoticeStatus.FAILED)
    rows = failed.filter(failed_at__isnull=False).order_by().values_list("patient", "recipient")
    return {(patient, number): at for patient, number, at in rows.annotate(at=Max("failed_at"))}


def other_channel(patient: Patient) -> NoticeChannel:
    """Where a reminder goes that is not to be a text."""
    return NoticeChannel.EMAIL if patient.gets_email else NoticeChannel.CALL


def channel_for(patient: Patient, *, number: str) -> NoticeChannel:
    return NoticeChannel.SMS if number else other_channel(patient)
