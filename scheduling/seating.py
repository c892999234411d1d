"""Placed sessions become rows: sessions, the seats they hold, and the drivers they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

import psycopg.errors
from django.db import IntegrityError, transaction
from django.db.models import Q

from clinic.models import Resource, ResourceKind, Site, User
from protocols.models import Track, VisitType
from scheduling import engine
from scheduling.locking import lock_resources
from scheduling.models import Course, Driver, Hold, Session
from scheduling.refusals import BookingRefused, Refusal, refuse
from scheduling.words import say_time

NOT_FREE = "The patient is not free at that time."
Seat = tuple[int, int]
"""A resource's key, and which of its seats."""
NO_SEAT: Seat = (0, 0)


def insert_sessions(
    course: Course,
    protocol: engine.Protocol,
    placed: Sequence[engine.PlacedSession],
    *,
    now: datetime,
    by: User | None,
) -> list[Session]:
    """New rows for placed sessions, with their holds and drivers, or BookingRefused where a seat is taken."""
    tracks = {track.name: track for track in Track.objects.filter(version=course.version_id)}
    visits = {visit.code: visit for visit in VisitType.objects.filter(version=course.version_id)}
    site = course.site
    rows = []
    for at in sorted(placed, key=lambda at: at.start):
        track = protocol.by_name[at.track]
        code = track.visit_of(track.slots[at.number - 1])
        row = Session(
            course=course,
            patient_id=course.patient_id,
            site=site,
            track=tracks[at.track],
            visit_type=visits[code],
            number=at.number,
            status_at=now,
            status_by=by,
            created_at=now,
            changed_at=now,
        )
        set_times(row, at.start, site=site, minutes=protocol.visits[code].minutes)
        rows.append(row)
    holds = [
        hold
        for row, at in zip(rows, sorted(placed, key=lambda at: at.start), strict=True)
        for hold in hold_rows(row, protocol.visits[row.visit_type.code].holds, at.holds)
    ]
    with claiming(rows, holds):
        Session.objects.bulk_create(rows)
        Hold.objects.bulk_create(holds)
        Driver.objects.bulk_create(Driver(session=row, changed_at=now) for row in rows if row.visit_type.sedating)
    return rows


def lock_seats(placed: Iterable[engine.PlacedSession]) -> None:
    """The resources that these sessions would sit on."""
    lock_resources({int(hold.resource) for at in placed for hold in at.holds})


def set_times(session: Session, start: datetime, *, site: Site, minutes: int) -> None:
    """The promised wall-clock time at the site and the instants derived from it; minutes are elapsed."""
    local = start.astimezone(site.zone)
    session.start = start.astimezone(UTC)
    session.end = session.start + timedelta(minutes=minutes)
    session.local_date, session.local_time, session.timezone = local.date(), local.time(), site.timezone


def hold_rows(session: Session, needs: Sequence[engine.HoldNeed], placed: Sequence[engine.PlacedHold]) -> list[Hold]:
    """Unsaved holds of a session, in the order of the visit's needs."""
    return [
        Hold(
            session=session,
            position=position,
            resource_id=int(at.resource),
            seat=at.seat,
            start=session.start + timedelta(minutes=need.begin),
            end=session.start + timedelta(minutes=need.end),
        )
        for position, (need, at) in enumerate(zip(needs, placed, strict=True))
    ]


@contextmanager
def claiming(sessions: Sequence[Session], holds: Sequence[Hold]) -> Iterator[None]:
    """Write seats all or none; where the database's last word is no, say what is taken, never by whom."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if not isinstance(error.__cause__, psycopg.errors.ExclusionViolation):
            raise
        # Its own text names the other patient's row.
        raise BookingRefused(
            taken(sessions, holds) or [Refusal("A seat was taken a moment ago.", rule="seat")]
        ) from None


def taken(sessions: Sequence[Session], holds: Sequence[Hold]) -> list[Refusal]:
    """Which of these sessions and holds, not yet written, clash with what is."""
    return _patient_clashes(sessions) + _seat_clashes(holds)


def _patient_clashes(sessions: Sequence[Session]) -> list[Refusal]:
    ours = [session.pk for session in sessions if session.pk]
    spans = (Q(patient=s.patient_id, start__lt=s.end, end__gt=s.start) for s in sessions)
    query = reduce(or_, spans, Q(pk=None))
    there = list(Session.objects.live().filter(query).exclude(pk__in=ours).values_list("start", "end"))
    return [
        Refusal(NOT_FREE, session=label(session), rule="patient", time=local_iso(session.start, session.site))
        for session in sessions
        if any(start < session.end and session.start < end for start, end in there)
    ]


def _seat_clashes(holds: Sequence[Hold]) -> list[Refusal]:
    ours = [hold.session_id for hold in holds if hold.session_id]
    spans = (Q(resource=h.resource_id, seat=h.seat, start__lt=h.end, end__gt=h.start) for h in holds)
    clashing = Hold.objects.filter(reduce(or_, spans, Q(pk=None))).exclude(session__in=ours).select_related("resource")
    there = list(clashing)
    refusals = []
    for hold in holds:
        for other in there:
            same = (other.resource_id, other.seat) == (hold.resource_id, hold.seat)
            if same and other.start < hold.end and hold.start < other.end:
                refusals.append(_seat_refusal(hold, other.resource))
                break
    return refusals


def _seat_refusal(hold: Hold, resource: Resource) -> Refusal:
    site = hold.session.site
    when = hold.start.astimezone(site.zone)
    return Refusal(
        f"{resource.name} is taken on {when:%B} {when.day} at {say_time(when)}.",
        session=label(hold.session),
        rule="seat",
        resource=resource.name,
        time=local_iso(hold.start, site),
    )


def free_seats(
    session: Session, needs: Sequence[engine.HoldNeed], *, prefer: Iterable[Hold] = ()
) -> list[engine.PlacedHold]:
    """A free seat for each need at the session's time, whatever the hours; those of `prefer` first.

    Raises BookingRefused naming each kind of which every seat is taken.
    """
    resources = list(
        Resource.objects.working()
        .filter(site=session.site_id, kind__in={need.kind for need in needs})
        .select_related("kind")
        .order_by("pk")
    )
    busy = _busy_seats(session, resources, needs)
    liked = {(hold.resource_id, hold.seat) for hold in prefer}
    placed: list[Seat] = []
    refusals = []
    for need in needs:
        start, end = (session.start + timedelta(minutes=minute) for minute in (need.begin, need.end))
        seats = sorted(_seats_for(need, resources, placed), key=lambda seat: seat not in liked)
        free = [seat for seat in seats if not any(b[0] == seat and b[1] < end and start < b[2] for b in busy)]
        if not free:
            refusals.append(_kind_refusal(session, need, start))
        placed.append(free[0] if free else NO_SEAT)
        busy.append((placed[-1], start, end))
    if refusals:
        raise BookingRefused(refusals)
    return [
        engine.PlacedHold(need.kind, str(resource), seat) for need, (resource, seat) in zip(needs, placed, strict=True)
    ]


def _busy_seats(
    session: Session, resources: Sequence[Resource], needs: Sequence[engine.HoldNeed]
) -> list[tuple[Seat, datetime, datetime]]:
    """Which seats others hold while the session would last."""
    until = session.start + timedelta(minutes=max((need.end for need in needs), default=0))
    there = Hold.objects.filter(resource__in=resources, start__lt=until, end__gt=session.start)
    others = there.exclude(session=session.pk or 0).values_list("resource_id", "seat", "start", "end")
    return [((resource, seat), start, end) for resource, seat, start, end in others]


def _seats_for(need: engine.HoldNeed, resources: Sequence[Resource], placed: Sequence[Seat]) -> list[Seat]:
    if need.same_as is not None:
        return [placed[need.same_as]]
    able = (r for r in resources if r.kind_id == need.kind and (not need.skill or need.skill in r.skills))
    return [(resource.pk, seat) for resource in able for seat in range(resource.seats)]


def _kind_refusal(session: Session, need: engine.HoldNeed, start: datetime) -> Refusal:
    name = ResourceKind.objects.filter(code=need.kind).values_list("name", flat=True).first() or "seat"
    when = start.astimezone(session.site.zone)
    return Refusal(
        f"No {name} is free on {when:%B} {when.day} at {say_time(when)}.",
        session=label(session),
        rule="seat",
        resource=name,
        time=local_iso(start, session.site),
    )


def label(session: Session) -> str:
    return f"{session.track.name} {session.number}"


def local_iso(at: datetime, site: Site) -> str:
    return at.astimezone(site.zone).isoformat()


def refuse_session(session: Session, message: str, *, rule: str) -> BookingRefused:
    """A refusal that concerns one session, to be raised."""
    return refuse(message, session=label(session), rule=rule, time=local_iso(session.start, session.site))
