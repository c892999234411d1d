"""Sessions that are booked take other times and seats: the one place where a new time raises SEQUENCE."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from clinic.writing_rows import write_rows
from scheduling import engine
from scheduling.models import Course, Hold, Session
from scheduling.posing import Key
from scheduling.seating import claiming, hold_rows, set_times

PARKED = timedelta(days=365 * 400)
"""Out of the way of every true time while rows trade places."""
WRITTEN = [
    "start",
    "end",
    "local_date",
    "local_time",
    "timezone",
    "sequence",
    "override_reason",
    "changed_at",
]
Placed = tuple[Session, engine.PlacedSession]


@dataclass(frozen=True)
class Moving:
    """What one course's rows take: new times and seats, by key."""

    course: Course
    protocol: engine.Protocol
    rows: Mapping[Key, Placed]


def move_rows(course: Course, protocol: engine.Protocol, rows: Mapping[Key, Placed], *, now: datetime) -> list[Session]:
    """Write new times and seats; the sessions that moved. Those that only changed seats are told to nobody.

    One transaction: nobody else sees the old seats free before the new ones are held.
    """
    return move_together([Moving(course, protocol, rows)], now=now)[0]


def move_together(movings: Sequence[Moving], *, now: datetime) -> list[list[Session]]:
    """The same of several courses, in their order: all leave their seats before any takes one, so they may trade."""
    held = _read_seats([row for moving in movings for row, _ in moving.rows.values()])
    written: list[Session] = []
    holds: list[Hold] = []
    told = []
    for moving in movings:
        changed = _changed(moving, held)
        told.append([row for row, visit, at in changed if _set_time(moving.course, row, visit, at, now=now)])
        written += [row for row, _, _ in changed]
        holds += [hold for row, visit, at in changed for hold in hold_rows(row, visit.holds, at.holds)]
    _write(written, holds)
    return told


def _changed(
    moving: Moving, held: Mapping[int, list[engine.PlacedHold]]
) -> list[tuple[Session, engine.Visit, engine.PlacedSession]]:
    placed = [(row, moving.protocol.visit_of(*key), at) for key, (row, at) in moving.rows.items()]
    return [(row, visit, at) for row, visit, at in placed if _differs(row, held[row.pk], at, visit)]


def _set_time(course: Course, row: Session, visit: engine.Visit, at: engine.PlacedSession, *, now: datetime) -> bool:
    """Whether the patient has to be told."""
    was = (row.start, row.end)
    set_times(row, at.start, site=course.site, minutes=visit.minutes)
    row.changed_at = now
    if (row.start, row.end) == was:
        return False
    row.sequence += 1
    row.override_reason = ""
    return True


def _read_seats(rows: Sequence[Session]) -> Mapping[int, list[engine.PlacedHold]]:
    held: dict[int, list[engine.PlacedHold]] = defaultdict(list)
    kept = Hold.objects.filter(session__in=rows).order_by("session", "position")
    for session_id, kind, resource, seat in kept.values_list("session_id", "resource__kind", "resource_id", "seat"):
        held[session_id].append(engine.PlacedHold(kind, str(resource), seat))
    return held


def _differs(row: Session, held: Sequence[engine.PlacedHold], at: engine.PlacedSession, visit: engine.Visit) -> bool:
    return (row.start, list(held), row.end - row.start) != (at.start, list(at.holds), timedelta(minutes=visit.minutes))


def _write(rows: Sequence[Session], holds: Sequence[Hold]) -> None:
    with claiming(rows, holds):
        Hold.objects.filter(session__in=rows).delete()
        if len(rows) > 1:
            # Out of each other's way first: two sessions of one patient may trade places.
            ids = [row.pk for row in rows]
            Session.objects.filter(pk__in=ids).update(start=F("start") + PARKED, end=F("end") + PARKED)
        write_rows(rows, WRITTEN)
        Hold.objects.bulk_create(holds)
