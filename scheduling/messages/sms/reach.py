"""Who gets their reminders as texts, and at which number."""

from __future__ import annotations

from collections.abc import Iterable

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
    consents = Consent.objects.live().filter(patient__in=texted, purpose=Purpose.SMS)
    for key, number in consents.values_list("patient", "number"):
        if number == number_of(texted[key]):
            found[key] = number
    for key, number in refused_numbers(texted):
        if found[key] == number:
            found[key] = ""
    return found


def refused_numbers(patients: Iterable[int]) -> list[tuple[int, str]]:
    """Texts refused for good; one of which nobody knows whether it arrived is no refusal."""
    failed = Notice.objects.filter(patient__in=list(patients), channel=NoticeChannel.SMS, status=NoticeStatus.FAILED)
    return list(failed.filter(uncertain=False).order_by().values_list("patient", "recipient").distinct())


def other_channel(patient: Patient) -> NoticeChannel:
    """Where a reminder goes that is not to be a text."""
    return NoticeChannel.EMAIL if patient.gets_email else NoticeChannel.CALL


def channel_for(patient: Patient, *, number: str) -> NoticeChannel:
    return NoticeChannel.SMS if number else other_channel(patient)
