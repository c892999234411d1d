"""What a patient agreed to, and the calendar they subscribe to: shown on their page, changed by one button each."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.consents import consent_for, give_consent, number_of, withdraw_consent
from clinic.models import ConsentSource, Language, Patient, Purpose
from scheduling.desk.acting import press
from scheduling.desk.base import staff_of
from scheduling.feeds import open_feed, revoke_feed
from scheduling.messages.papers import read_refused
from scheduling.refusals import refuse

# Read out in the patient's language, or printed on the form that is signed; the record keeps the words.
WORDINGS = {
    Purpose.SMS: {
        Language.ENGLISH: "You agree that we send text messages about your appointments to this number. They name no "
        "treatment. Your provider may charge for them. Answer STOP at any time and we stop.",
        Language.SPANISH: "Usted acepta que le enviemos mensajes de texto sobre sus citas a este número. No mencionan "
        "ningún tratamiento. Su operador puede cobrarlos. Responda STOP o ALTO cuando quiera y dejaremos de enviarlos.",
    },
    Purpose.DETAIL: {
        Language.ENGLISH: "You agree that our e-mails and calendar invitations name your treatment. Others who see "
        "your mail or your calendar can read it. You can take this back at any time.",
        Language.SPANISH: "Usted acepta que nuestros correos e invitaciones de calendario mencionen su tratamiento. "
        "Quien vea su correo o su calendario podrá leerlo. Puede retirar este permiso cuando quiera.",
    },
}
AGREE, WITHDRAW, SUBSCRIBE, REVOKE = "agree", "withdraw", "subscribe", "revoke"
BY_STAFF = (ConsentSource.STAFF, ConsentSource.FORM)


def describe_contact(patient: Patient) -> dict[str, Any]:
    return {
        "consents": [describe_consent(patient, purpose) for purpose in Purpose],
        "sources": [(source.value, source.label) for source in BY_STAFF],
        "feed": patient.feeds.filter(revoked_at=None).first(),
        "may_subscribe": bool(patient.email),
        "refuses_mail": refuses_mail(patient),
    }


def refuses_mail(patient: Patient) -> bool:
    """Whether a mail to their address was refused for good or came back, and none has arrived since."""
    return bool(patient.email) and (patient.pk, patient.email) in read_refused([patient.pk])


def describe_consent(patient: Patient, purpose: Purpose) -> dict[str, Any]:
    """With the number it would be for; one given for an earlier number does not hold any more."""
    standing = patient.consents.live().filter(purpose=purpose).select_related("given_to").first()
    number = number_of(patient) if purpose == Purpose.SMS else ""
    return {
        "purpose": purpose,
        "label": purpose.label,
        "wording": wording_of(patient, purpose),
        "standing": standing,
        "holds": standing is not None and consent_for(patient, purpose) is not None,
        "number": number,
        "may_agree": purpose != Purpose.SMS or bool(number),
    }


def act_on_contact(request: HttpRequest, patient: Patient, act: str) -> HttpResponse:
    back = reverse("admin:clinic_patient_change", args=[patient.pk])
    return press(request, lambda: DO[act](request, patient), back=back)


def wording_of(patient: Patient, purpose: Purpose) -> str:
    return WORDINGS[purpose][Language(patient.language)]


def _agree(request: HttpRequest, patient: Patient) -> str:
    purpose = read_purpose(request)
    source = request.POST.get("source", "")
    source = source if source in BY_STAFF else ConsentSource.STAFF
    by = staff_of(request)
    give_consent(
        patient, purpose=purpose, wording=wording_of(patient, purpose), source=source, now=timezone.now(), by=by
    )
    return f"Written down: {purpose.label.lower()}."


def _withdraw(request: HttpRequest, patient: Patient) -> str:
    purpose = read_purpose(request)
    withdraw_consent(patient, purpose=purpose, source=ConsentSource.STAFF, now=timezone.now())
    return f"Taken back: {purpose.label.lower()}."


def _subscribe(request: HttpRequest, patient: Patient) -> str:
    open_feed(patient, now=timezone.now())
    return "The patient gets a mail with the address of their calendar. Earlier invitations are taken back."


def _revoke(request: HttpRequest, patient: Patient) -> str:
    revoke_feed(patient, now=timezone.now())
    return "The address of the calendar is dead. The patient gets invitations again."


def read_purpose(request: HttpRequest) -> Purpose:
    given = request.POST.get("purpose", "")
    if given not in Purpose.values:
        raise refuse("Purpose: say what the patient agrees to.")
    return Purpose(given)


DO = {AGREE: _agree, WITHDRAW: _withdraw, SUBSCRIBE: _subscribe, REVOKE: _revoke}
