"""What patients text us, taken in once. A text can be forged, so it changes no visit; it is recorded, or it is a call.

Whoever wants no more texts gets none from that moment on. START brings nothing back: a consent is given anew to a
person, who records its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from clinic.consents import consent_for, number_of
from clinic.models import Consent, Patient, Purpose
from scheduling.answers import record_answer
from scheduling.locking import retried
from scheduling.messages.sms.stopping import stop_texts
from scheduling.messages.sms.words import Meaning, read_text, says_more
from scheduling.messages.sms.writing import answer_text, when_text
from scheduling.messages.told import is_ahead
from scheduling.models import (
    AnswerKind,
    AnswerSource,
    Inbound,
    InboundSource,
    Notice,
    NoticeChannel,
    Session,
    SessionStatus,
)


@dataclass(frozen=True)
class Text:
    """As it came in; `has_replied` where the provider has answered a STOP itself."""

    key: str
    number: str
    body: str
    has_replied: bool = False


@retried  # a provider brings a text once: STOP must not be lost to a deadlock
@transaction.atomic
def take_text(text: Text, *, now: datetime) -> str:
    """Do what it asks for, once; the answer is what to reply, in the patient's language, or nothing."""
    row, is_new = Inbound.objects.get_or_create(
        key=f"sms:{text.key}", defaults={"source": InboundSource.SMS, "kind": "text", "received_at": now}
    )
    if not is_new:
        return ""
    patients = find_patients(text.number)
    if not patients:
        row.kind, row.outcome = "unknown", "nobody has this number"
        row.save(update_fields=["kind", "outcome"])
        return ""
    meaning = read_text(text.body)
    row.kind, row.outcome = "text", meaning
    row.patient = patients[0] if len(patients) == 1 else None
    row.save(update_fields=["kind", "outcome", "patient"])
    may_reply = any(consent_for(patient, Purpose.SMS) for patient in patients)
    sentence = obey(text, meaning, patients, now=now)
    return "" if text.has_replied or (not may_reply and meaning != Meaning.START) else sentence


def find_patients(number: str) -> list[Patient]:
    """Everybody who ever agreed to texts at this number and still has it, or has not taken the consent back."""
    consents = Consent.objects.filter(purpose=Purpose.SMS, number=number).select_related("patient__home_site")
    found = {
        consent.patient_id: consent.patient
        for consent in consents.order_by("patient_id", "given_at")
        if consent.withdrawn_at is None or number_of(consent.patient) == number
    }
    return list(found.values())


def obey(text: Text, meaning: Meaning, patients: Sequence[Patient], *, now: datetime) -> str:
    if meaning in {Meaning.STOP, Meaning.CANCEL}:
        return stop(text, meaning, patients, now=now)
    patient, session = whom_it_is_about(text.number, patients, now=now)
    with translation.override(patient.language):
        match meaning:
            case Meaning.START:
                return say(_("To get text messages from %(clinic)s again, please call us."), patient)
            case Meaning.HELP:
                return say(_("%(clinic)s texts you about your appointments. STOP to opt out, or call us."), patient)
            case Meaning.CONFIRM if session is not None:
                return confirm(text, patient, session, now=now)
        record(text, AnswerKind.CALL_WANTED, patient, session, now=now, needs_staff=True)
        return say(_("Thank you. %(clinic)s will call you."), patient)


def stop(text: Text, meaning: Meaning, patients: Sequence[Patient], *, now: datetime) -> str:
    """For everybody at that number. CANCEL may be meant for the visit: it stands, and somebody asks.

    Whatever else a text says beside its STOP is for somebody to read, as it may be no opt-out at all.
    """
    patient, session = whom_it_is_about(text.number, patients, now=now)
    is_cancel = meaning == Meaning.CANCEL
    needs_staff = is_cancel or says_more(text.body)
    for each in patients:
        stop_texts(each, now=now)
        about = session if each == patient else None
        record(text, AnswerKind.OPTED_OUT, each, about, now=now, needs_staff=needs_staff and each == patient)
    with translation.override(patient.language):
        if is_cancel:
            return say(_("You get no more texts from %(clinic)s. Your appointment stands; we will call you."), patient)
        return say(_("You get no more text messages from %(clinic)s."), patient)


def confirm(text: Text, patient: Patient, session: Session, *, now: datetime) -> str:
    """Of a visit that was changed since the text, somebody tells the new time."""
    last = last_text(text.number, patient)
    sequence = last.sequence if last is not None and last.session_id == session.pk else session.sequence
    is_stale = sequence != session.sequence
    record(text, AnswerKind.CONFIRMED, patient, session, now=now, needs_staff=is_stale, sequence=sequence)
    if is_stale:
        return say(_("Thank you. %(clinic)s will call you."), patient)
    return say(_("Thank you. %(clinic)s expects you %(when)s."), patient, when=when_text(session, patient))


def whom_it_is_about(number: str, patients: Sequence[Patient], *, now: datetime) -> tuple[Patient, Session | None]:
    """The visit of the last text to that number, if it is to come; else the next one of those who share it."""
    texts = Notice.objects.filter(
        patient__in=patients, channel=NoticeChannel.SMS, recipient=number, sent_at__isnull=False
    )
    last = texts.order_by("-sent_at", "-pk").select_related("session__visit_type", "session__course").first()
    by_pk = {patient.pk: patient for patient in patients}
    if last is not None and last.session is not None and is_ahead(last.session, now=now):
        return by_pk[last.patient_id], last.session
    mine = [last.patient_id] if last is not None else list(by_pk)
    booked = Session.objects.filter(patient__in=mine, status=SessionStatus.BOOKED, start__gt=now)
    for session in booked.select_related("visit_type", "course").order_by("start", "pk"):
        if is_ahead(session, now=now):
            return by_pk[session.patient_id], session
    return by_pk[last.patient_id] if last is not None else patients[0], None


def last_text(number: str, patient: Patient) -> Notice | None:
    texts = Notice.objects.filter(patient=patient, channel=NoticeChannel.SMS, recipient=number, sent_at__isnull=False)
    return texts.order_by("-sent_at", "-pk").first()


def record(
    text: Text,
    kind: AnswerKind,
    patient: Patient,
    session: Session | None,
    *,
    now: datetime,
    needs_staff: bool,
    sequence: int | None = None,
) -> None:
    record_answer(
        patient=patient, session=session, kind=kind, source=AnswerSource.SMS, key=f"sms:{text.key}:{patient.pk}",
        now=now, sequence=sequence, comment=text.body, needs_staff=needs_staff,
    )  # fmt: skip


def say(sentence: str, patient: Patient, **values: str) -> str:
    return answer_text(sentence, patient.home_site, **values)
