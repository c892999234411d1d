"""Another time for one visit: what is offered, what else it would move, and the patient's word for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.http import HttpResponse

from clinic.models.site import PatientMoves
from scheduling.messages.wording import clock_text, day_text, moment_text, own_time_text
from scheduling.models import Session
from scheduling.offers import MOST_MOVES, Offer, find_obstacle, offer_times
from scheduling.patient import acts
from scheduling.patient.admitting import Visitor, admit
from scheduling.rearranging import Shift, propose_move
from scheduling.refusals import BookingRefused

FORM = "%Y%m%dT%H%MZ"


@dataclass(frozen=True)
class Choice:
    """One time that can be had."""

    url: str
    clock: str
    own_time: str
    others: int  # how many other visits would move with it


@dataclass(frozen=True)
class Move:
    before: str
    after: str
    own_time: str = ""


@admit()
def show_times(visitor: Visitor) -> HttpResponse:
    session = visitor.link.session
    if session.site.patient_moves == PatientMoves.NO:
        return visitor.show("call_to_move")
    offers = offer_times(session, now=visitor.now)
    return visitor.show(
        "times",
        days=group_by_day(visitor, offers),
    )


def group_by_day(visitor: Visitor, offers: Iterable[Offer]) -> list[tuple[str, list[Choice]]]:
    """Days as headings, on the site's calendar."""
    zone = ZoneInfo(visitor.link.session.timezone)
    local = sorted(((offer.start.astimezone(zone), offer) for offer in offers), key=lambda pair: pair[0])
    return [
        (day_text(pairs[0][0]), [choice_of(visitor, start, offer) for start, offer in pairs])
        for pairs in (list(group) for _, group in groupby(local, key=lambda pair: pair[0].date()))
    ]


def choice_of(visitor: Visitor, start: datetime, offer: Offer) -> Choice:
    at = offer.start.astimezone(UTC).strftime(FORM)
    url = visitor.address("patient_take_time", at=at)
    return Choice(url, clock_text(start), own_time_text(start, visitor.link.patient), len(offer.moves))


@admit("POST")
def take_time(visitor: Visitor, at: str) -> HttpResponse:
    """GET shows what the time means; POST is the patient's word for it."""
    session, start = visitor.link.session, read_time(at)
    if session.site.patient_moves == PatientMoves.NO:
        return visitor.show("call_to_move")
    if start is None or find_obstacle(session, now=visitor.now):
        return visitor.show("time_gone", status=404)
    if visitor.request.method == "POST":
        return agree(visitor, start)
    shown = propose_move(session, start=start, now=visitor.now, most=MOST_MOVES)
    if not shown.is_possible or start == session.start:
        return visitor.show("time_gone", status=404)
    zone = ZoneInfo(session.timezone)
    local = start.astimezone(zone)
    return visitor.show(
        "take_time",
        take_url=visitor.address("patient_take_time", at=at),
        expected=shown.fingerprint,
        mine=Move(moment_text(session.local_start), moment_text(local), own_time_text(local, session.patient)),
        others=[move_of(shift, zone) for shift in shown.others],
        is_direct=session.site.patient_moves == PatientMoves.DIRECT,
    )


def agree(visitor: Visitor, start: datetime) -> HttpResponse:
    """What was shown is moved, or wished for, and nothing else; a time that was taken meanwhile is offered no more."""
    session, expected = visitor.link.session, visitor.request.POST.get("expected", "")
    try:
        is_done = acts.choose_time(visitor.link, start=start, expected=expected, now=visitor.now)
    except BookingRefused:
        return visitor.show("time_gone", status=409)
    if not is_done:
        return visitor.go()
    if session.site.patient_moves != PatientMoves.DIRECT:
        return visitor.show_used(status=200)
    return visitor.go_to_link(Session.objects.get(pk=session.pk))


def move_of(shift: Shift, zone: ZoneInfo) -> Move:
    return Move(moment_text(shift.old_start.astimezone(zone)), moment_text(shift.new_start.astimezone(zone)))


def read_time(at: str) -> datetime | None:
    try:
        return datetime.strptime(at, FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
