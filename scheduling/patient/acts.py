"""What a patient does on their page. Each act is one transaction with the claim on its link; done twice, done once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clinic.models.site import PatientMoves
from scheduling.answers import latest_answer, record_answer
from scheduling.drivers import name_driver
from scheduling.locking import booking_transaction, retried
from scheduling.models import Answer, AnswerKind, AnswerSource, PatientLink
from scheduling.offers import ask_for_time, take_offer
from scheduling.patient.opening import hold_open, use_up

PLEASE_CALL = "Asks to be called."
LAST_ACTS = (AnswerKind.CANNOT_COME, AnswerKind.MOVE_WANTED, AnswerKind.MOVED)


@retried
def confirm(link: PatientLink, *, now: datetime) -> bool:
    """The patient will come. Said again after something else was said, it counts again."""
    with booking_transaction():
        if not hold_open(link, now=now):
            return False
        last = latest_answer(link.session)
        if last is None or last.kind != AnswerKind.CONFIRMED:
            record(link, AnswerKind.CONFIRMED, now=now)
    return True


@retried
def tell_driver(link: PatientLink, *, kind: str, name: str, phone: str, email: str, now: datetime) -> bool:
    """Who takes the patient home; naming the same again changes nothing."""
    with booking_transaction():
        if not hold_open(link, now=now):
            return False
        driver = name_driver(link.session, kind=kind, name=name, phone=phone, email=email, now=now)
        if driver.changed_at == now:
            record(link, AnswerKind.DRIVER, now=now)
    return True


@retried
def cannot_come(link: PatientLink, *, please_call: bool, now: datetime) -> bool:
    """Work for the front desk: nothing is given up until somebody has spoken with the patient."""
    with booking_transaction():
        if not use_up(link, now=now):
            return False
        comment = PLEASE_CALL if please_call else ""
        record(link, AnswerKind.CANNOT_COME, now=now, comment=comment, needs_staff=True)
    return True


@retried
def choose_time(link: PatientLink, *, start: datetime, expected: str, now: datetime) -> bool:
    """Move the visit, or ask the front desk to; BookingRefused where it is not to be had any more as it was shown."""
    session = link.session
    with booking_transaction():
        if not use_up(link, now=now):
            return False
        if session.site.patient_moves == PatientMoves.DIRECT:
            take_offer(session, start=start, now=now, expected_sequence=session.sequence, expected=expected)
            session.refresh_from_db(fields=["sequence"])
            record(link, AnswerKind.MOVED, now=now, sequence=session.sequence, wanted_start=start)
        else:
            ask_for_time(session, start=start, now=now, key=next_key(link, AnswerKind.MOVE_WANTED), expected=expected)
    return True


def record(link: PatientLink, kind: AnswerKind, *, now: datetime, sequence: int | None = None, **fields: Any) -> Answer:
    return record_answer(
        patient=link.patient,
        session=link.session,
        kind=kind,
        source=AnswerSource.PAGE,
        key=next_key(link, kind),
        now=now,
        sequence=link.session.sequence if sequence is None else sequence,
        **fields,
    )


def next_key(link: PatientLink, kind: AnswerKind) -> str:
    """Under the lock of the link, so that its number stands for one press of one button."""
    beginning = f"page:{link.uuid}:{kind}:"
    return f"{beginning}{Answer.objects.filter(key__startswith=beginning).count() + 1}"


def last_act(link: PatientLink) -> Answer | None:
    """What a link was used up for."""
    done = Answer.objects.filter(session=link.session_id, key__startswith=f"page:{link.uuid}:", kind__in=LAST_ACTS)
    return done.order_by("-pk").first()
