"""What the day board asks while a visit is dragged: where it may begin, what moves with it, and the move itself.

Only reads, but for `book_move`. Every answer is the planner's; the board draws no conclusion of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from clinic.models import Resource
from protocols.models import Track
from scheduling import engine
from scheduling.desk.acting import read_seen_at
from scheduling.desk.base import staff_of
from scheduling.desk.session_acts import FURTHEST, MOVE, RELOAD, acts_for, read_start
from scheduling.desk.undo import tell_done
from scheduling.models import Session
from scheduling.planning import legal_starts_of
from scheduling.rearranging import Rearrangement, Shift, pose_around, propose_move, read_course, rearrange
from scheduling.refusals import BookingRefused
from scheduling.words import count_of, label_of, label_session, say_moment, say_short_day, say_time

LONGEST = timedelta(days=6)
TRYING = 1.2
"""Seconds for which starts are tried at which other visits would have to move: the clerk is dragging meanwhile."""
LOOKING = 3.0


def show_starts(request: HttpRequest, session: Session) -> HttpResponse:
    """Where the visit may begin between two days, by resource of one kind: alone, or with others (`with`: how many).

    With `others=yes` the starts are tried at which other visits of the course would have to move.
    """
    now = timezone.now()
    span = read_span(request, session, now=now)
    on = read_number(request.GET.get("on")) or 0
    kind = Resource.objects.filter(pk=on, site=session.site_id).values_list("kind", flat=True).first() or ""
    if MOVE not in acts_for(session, now=now):
        return JsonResponse({"starts": []})
    rows, problem = read_course(session.course, now=now)
    key, zone = (session.track.name, session.number), session.site.zone
    seats = seats_by_start(problem, key, kind, *span)
    alone = {offer.start for offer in legal_starts_of(problem, key, *span)}
    if request.GET.get("others") == "yes":
        posed = pose_around(problem, rows, key)
        found = dict(try_others(posed, key, nearest_first(set(seats) - alone, session.start)))
    else:
        found = dict.fromkeys(alone, 0)
    return JsonResponse({"starts": [say_start(at, found[at], seats.get(at, []), zone) for at in sorted(found)]})


def seats_by_start(
    problem: engine.Problem, key: tuple[str, int], kind: str, first_on: date, last_on: date
) -> dict[datetime, list[int]]:
    """The resources of the kind that the visit could sit on, by start."""
    given = engine.seats_on(problem, problem.courses[0].id, *key, kind, from_date=first_on, to_date=last_on)
    seats: dict[datetime, list[int]] = {}
    for resource, offers in given.items():
        for offer in offers:
            seats.setdefault(offer.start, []).append(int(resource))
    return seats


def try_others(
    posed: engine.Problem, key: tuple[str, int], starts: Iterable[datetime]
) -> Iterator[tuple[datetime, int]]:
    """The starts that fit when other visits move, with how many do, as far as the time reaches."""
    until = time.monotonic() + TRYING
    around = engine.Around(posed, time_limit=LOOKING)
    current = {at.key: at.start for at in around.course.current}
    for start in starts:
        if time.monotonic() > until:
            return
        plan = around.plan({key: start})
        if plan.planned:
            yield start, sum(at.key in current and at.start != current[at.key] for at in plan.sessions)


def nearest_first(starts: Iterable[datetime], wanted: datetime) -> list[datetime]:
    return sorted(starts, key=lambda start: abs(start - wanted))


def say_start(start: datetime, others: int, seats: list[int], zone: ZoneInfo) -> dict[str, Any]:
    local = start.astimezone(zone)
    return {
        "at": f"{local:%Y-%m-%dT%H:%M}",
        "start": local.isoformat(),
        "said": say_time(local),
        "day": say_short_day(local.date()),
        "on": seats,
        "with": others,
    }


def show_move(request: HttpRequest, session: Session) -> HttpResponse:
    """What else moves where the visit begins at a start, on a resource where one is named; or why it cannot."""
    now = timezone.now()
    start = read_start(request.GET, session, now=now)
    if start is None:
        return JsonResponse({"refused": [RELOAD]})
    shown = propose_move(session, start=start, now=now, on=read_number(request.GET.get("on")))
    if not shown.is_possible:
        return JsonResponse({"refused": [refusal.message for refusal in shown.refusals]})
    zone, several = session.site.zone, Track.objects.filter(version=session.course.version_id).count() > 1
    return JsonResponse(
        {
            "refused": [],
            "expected": shown.fingerprint,
            "label": label_of(session, several=several),
            "from": say_moment(session.local_start),
            "to": say_moment(start.astimezone(zone)),
            "others": [say_shift(shift, zone, several=several) for shift in shown.others],
            "told": say_who_is_told(session, shown),
        }
    )


def say_shift(shift: Shift, zone: ZoneInfo, *, several: bool) -> dict[str, str]:
    old, new = (moment.astimezone(zone) for moment in (shift.old_start, shift.new_start))
    return {
        "label": label_session(shift.track, shift.number, several=several),
        "from": f"{say_short_day(old.date())}, {say_time(old)}",
        "to": f"{say_short_day(new.date())}, {say_time(new)}",
    }


def say_who_is_told(session: Session, shown: Rearrangement) -> str:
    if not shown.shifts:
        return "The time stays: the patient is told nothing."
    return f"{session.patient.full_name} is told within a few minutes."


def book_move(request: HttpRequest, session: Session) -> HttpResponse:
    """Move what was shown, or say in sentences why not (409): nothing is half done."""
    now, seen_at = timezone.now(), read_seen_at(request)
    start = read_start(request.POST, session, now=now)
    if start is None or seen_at is None:
        return refused([RELOAD])
    try:
        moved = rearrange(
            session,
            start=start,
            expected=request.POST.get("expected", ""),
            on=read_number(request.POST.get("on")),
            now=now,
            by=staff_of(request),
            seen_at=seen_at,
        )
    except BookingRefused as refusal:
        return refused([each.message for each in refusal.refusals])
    except ValidationError as fault:
        return refused(fault.messages)
    tell_done(request, say_done(session, moved), now=now)
    return JsonResponse({"done": True})


def refused(sentences: list[str]) -> HttpResponse:
    return JsonResponse({"refused": sentences}, status=409)


def say_done(session: Session, moved: list[Session]) -> str:
    name = session.patient.full_name
    if not moved:
        return f"The visit of {name} sits elsewhere now; its time stays."
    at = next(row for row in moved if row.pk == session.pk)
    others = f", and {count_of(len(moved) - 1, 'other visit')} with it" if len(moved) > 1 else ""
    return f"The visit of {name} is moved to {say_moment(at.local_start)}{others}. {name} is told within a few minutes."


def read_number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 18 else None


def read_span(request: HttpRequest, session: Session, *, now: datetime) -> tuple[date, date]:
    """The days that are asked for, none past and a week of them at most; else the visit's own."""
    today = now.astimezone(session.site.zone).date()
    try:
        first, last = (date.fromisoformat(request.GET.get(name, "")) for name in ("first", "last"))
    except ValueError:
        first = last = session.local_date
    first = min(max(first, today), today + FURTHEST)
    return first, min(last, first + LONGEST)
