"""The page of one visit: when and where, what it needs, and what the patient can tell us."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse

from clinic.models.site import PatientMoves
from protocols.models.visit import Place
from scheduling.answers import latest_answer
from scheduling.messages.wording import describe, driver_texts, fasting_texts, other_texts, stay_text
from scheduling.models import AnswerKind, Driver, Session
from scheduling.patient.admitting import Visitor, admit

COMING = {AnswerKind.CONFIRMED, AnswerKind.MOVED}


@dataclass(frozen=True)
class Needs:
    """What this visit asks of the patient, as sentences."""

    before: list[str]
    home: list[str]
    prepare: list[str]


@admit()
def show_visit(visitor: Visitor) -> HttpResponse:
    session = visitor.link.session
    answer = latest_answer(session)
    return visitor.show(
        "visit",
        item=describe(session, patient=session.patient, site=session.site, is_cancelled=False),
        initial=f"{session.patient.given_name[:1]}.",
        stay=stay_text(session),
        needs=needs_of(session),
        at_clinic=session.visit_type.place == Place.CLINIC,
        address=[line.strip() for line in session.site.address.splitlines() if line.strip()],
        is_coming=answer is not None and answer.kind in COMING,
        has_moved=answer is not None and answer.kind == AnswerKind.MOVED,
        driver=driver_of(session),
        can_move=session.site.patient_moves != PatientMoves.NO,
    )


def needs_of(session: Session) -> Needs:
    instructions = list(session.visit_type.instructions.all())
    return Needs(
        before=fasting_texts(session, instructions),
        home=driver_texts(session, instructions, on_page=True),
        prepare=other_texts(session, instructions, on_page=True),
    )


def driver_of(session: Session) -> Driver | None:
    """None where nobody has to take the patient home; else who, if anybody has been named."""
    if not session.visit_type.sedating:
        return None
    driver = Driver.objects.filter(session=session).first() or Driver()
    driver.session = session
    return driver
