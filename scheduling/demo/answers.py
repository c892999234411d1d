"""What the invented patients have answered about their next visits: most come, some need the front desk."""

from __future__ import annotations

from datetime import datetime, timedelta

from clinic.models import Site
from protocols.models.visit import Place
from scheduling.answers import record_answer
from scheduling.drivers import name_driver
from scheduling.models import Answer, AnswerKind, AnswerSource, DriverKind, Session
from scheduling.offers import ask_for_time, offer_times

NEXT_DAYS = timedelta(days=4)
# Of every five visits one stays without an answer, and one has a driver who has not agreed yet.
SILENT, UNSURE, OF = 4, 3, 5


def play_answers(site: Site, *, now: datetime) -> None:
    """Asked twice, nothing is said twice."""
    related = ("patient", "visit_type", "site", "track", "driver")
    ahead = Session.objects.to_come(now=now).filter(site=site).exclude(visit_type__place=Place.EXTERNAL)
    ahead = ahead.select_related(*related).order_by("start", "pk")
    for session in ahead.filter(start__lt=now + NEXT_DAYS):
        answer_for(session, now=now)
    if not Answer.objects.filter(session__site=site, needs_staff=True).exists():
        for session, ask in zip(ahead.filter(start__gte=now + NEXT_DAYS), (decline, wish), strict=False):
            ask(session, now=now)


def answer_for(session: Session, *, now: datetime) -> None:
    place = (session.patient.birth_date.toordinal() if session.patient.birth_date else 0) + session.number
    if place % OF == SILENT:
        return
    is_sure = place % OF != UNSURE
    if is_sure:
        say(session, AnswerKind.CONFIRMED, now=now)
    if session.visit_type.sedating and not session.driver.name:
        name = f"Sam {session.patient.family_name}"
        phone = f"+1 212 555 01{place % 100:02}"
        name_driver(session, kind=DriverKind.PERSON, name=name, phone=phone, now=now, confirmed=is_sure)


def decline(session: Session, *, now: datetime) -> None:
    say(session, AnswerKind.CANNOT_COME, now=now, comment="Asks to be called.", needs_staff=True)


def wish(session: Session, *, now: datetime) -> None:
    if offers := offer_times(session, now=now, limit=4):
        key = f"demonstration:{session.uuid}"
        ask_for_time(session, start=offers[0].start, expected=offers[0].expected, key=key, now=now)


def say(session: Session, kind: AnswerKind, *, now: datetime, comment: str = "", needs_staff: bool = False) -> None:
    record_answer(
        patient=session.patient,
        session=session,
        kind=kind,
        source=AnswerSource.PAGE,
        key=f"demonstration:{session.uuid}",
        now=now,
        sequence=session.sequence,
        comment=comment,
        needs_staff=needs_staff,
    )
