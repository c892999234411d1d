"""The event in a driver's own calendar: one for each address, kept where the session and its driver are.

It has a UID and a SEQUENCE of its own, so that nothing of the patient's event shows in it (RFC 5546 2.1.4, 3.2.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from scheduling.messages.rows import INSTEAD, new_notice
from scheduling.models import Driver, Notice, NoticeChannel, NoticeKind, NoticeStatus, PickUp, Session

if TYPE_CHECKING:
    from scheduling.messages.outbox import Ledger

# Whoever drives is there when the visit ends, which may be a little before its planned end.
BE_THERE = timedelta(minutes=15)


@dataclass(frozen=True)
class PickUpTold:
    """What a message, or a call where there is no `sequence`, said about a pick-up."""

    pick_up_id: int
    start: datetime
    end: datetime
    cancelled: bool
    sequence: int | None = None


def span_of(session: Session) -> tuple[datetime, datetime]:
    """From a quarter of an hour before the visit's planned end until that end; elapsed time."""
    return session.end - BE_THERE, session.end


def queue_pick_ups(ledger: Ledger, drivers: Sequence[Driver]) -> None:
    """Change the events to what holds now, and queue the messages that say so."""
    sessions = [driver.session_id for driver in drivers]
    standing = {row.session_id: row for row in PickUp.objects.filter(session__in=sessions, ended_at=None)}
    changed = [row for driver in drivers if (row := change_standing(driver, standing, ledger.now)) is not None]
    new = [row for driver in drivers if (row := pick_up_wanted(driver, standing, ledger.now)) is not None]
    PickUp.objects.bulk_update(changed, ["start", "end", "ended_at", "sequence", "changed_at"])
    PickUp.objects.bulk_create(new)
    by_session = {driver.session_id: driver.session for driver in drivers}
    for row in changed + new:
        queue_pick_up(ledger, row, by_session[row.session_id])


def change_standing(driver: Driver, standing: dict[int, PickUp], now: datetime) -> PickUp | None:
    """The event where it has to change: it ends with its driver and its session, and moves with the session."""
    pick_up, session = standing.get(driver.session_id), driver.session
    if pick_up is None:
        return None
    if not (session.is_live and driver.wants_invite and pick_up.email.casefold() == driver.email.casefold()):
        del standing[driver.session_id]
        pick_up.ended_at = now
    elif (pick_up.start, pick_up.end) != span_of(session):
        pick_up.start, pick_up.end = span_of(session)
    else:
        return None
    pick_up.sequence, pick_up.changed_at = pick_up.sequence + 1, now
    return pick_up


def pick_up_wanted(driver: Driver, standing: dict[int, PickUp], now: datetime) -> PickUp | None:
    session = driver.session
    start, end = span_of(session)
    if session.pk in standing or not session.is_live or not driver.wants_invite or end <= now:
        return None
    return PickUp(session=session, email=driver.email, start=start, end=end, created_at=now, changed_at=now)


def queue_pick_up(ledger: Ledger, pick_up: PickUp, session: Session) -> None:
    """One message for each state; changes made before it goes are folded into it."""
    ours = [notice for notice in ledger.waiting if notice.pick_up_id == pick_up.pk]
    maybe_told = any(notice.uncertain or notice.status == NoticeStatus.SENDING for notice in ours)
    by_mail = [n for n in ours if n.status == NoticeStatus.DUE and n.channel == NoticeChannel.EMAIL]
    if pick_up.ended_at is not None:
        for call in (n for n in ours if n.channel == NoticeChannel.CALL):
            # Another driver was told already by whoever named them; a session that is off is still to be told.
            if session.is_live or not pick_up.is_told:
                ledger.drop(call)
        if not pick_up.is_told and not maybe_told:
            for notice in by_mail:
                ledger.drop(notice)
            return
    key = f"pick-up:{pick_up.uid}:{pick_up.sequence}"
    if by_mail:
        notice = by_mail[0]
        notice.due_at, notice.key, notice.sequence = ledger.due_soon, key, pick_up.sequence
        ledger.changed.append(notice)
        return
    ledger.new.append(
        new_notice(
            course=ledger.course,
            session=session,
            pick_up=pick_up,
            kind=NoticeKind.DRIVER_CALENDAR,
            key=key,
            sequence=pick_up.sequence,
            due_at=ledger.due_soon,
            now=ledger.now,
        )
    )


def find_pick_up(notice: Notice) -> PickUp | None:
    return find_pick_ups([notice]).get(notice.pk)


def find_pick_ups(notices: Sequence[Notice]) -> dict[int, PickUp]:
    """By notice. Of a message that is sent again, what the first one was about."""
    rows = Notice.objects.filter(pk__in=[notice.pk for notice in notices])
    keys = dict(rows.order_by().values_list("pk", Coalesce("pick_up", "again_of__pick_up")))
    found = PickUp.objects.in_bulk({key for key in keys.values() if key is not None})
    return {pk: found[key] for pk, key in keys.items() if key in found}


def call_driver_instead(notice: Notice, *, now: datetime) -> None:
    """The driver's address takes no mail: somebody phones, once, however often the time changes until then."""
    pick_up = find_pick_up(notice)
    if pick_up is None or pick_up.is_as_told() or pick_up.is_over(now=now):
        return
    waiting = Notice.objects.filter(pick_up=pick_up, channel=NoticeChannel.CALL, status=NoticeStatus.DUE)
    if waiting.exists():
        return
    row = new_notice(
        course=notice.course,
        session_id=notice.session_id,
        pick_up=pick_up,
        kind=NoticeKind.DRIVER_CALENDAR,
        key=notice.key + INSTEAD,
        channel=NoticeChannel.CALL,
        sequence=pick_up.sequence,
        due_at=now,
        useful_until=max(pick_up.end, pick_up.told_end or pick_up.end),
        now=now,
    )
    Notice.objects.bulk_create([row], ignore_conflicts=True)


def told_by_phone(notice: Notice) -> None:
    """Somebody called the driver and said what holds now."""
    pick_up = find_pick_up(notice)
    if pick_up is not None:
        record_pick_up(PickUpTold(pick_up.pk, pick_up.start, pick_up.end, pick_up.ended_at is not None))


def untold_by_phone(notice: Notice) -> None:
    """Nobody called after all: the driver knows of a pick-up, but not how it stands."""
    pick_up = find_pick_up(notice)
    if pick_up is not None and pick_up.is_as_told():
        PickUp.objects.filter(pk=pick_up.pk).update(told_cancelled=False, told_end=F("told_start"))


def record_pick_up(told: PickUpTold | None) -> None:
    """Write down what the driver knows; of two messages the one with the higher SEQUENCE has the last word."""
    if told is None:
        return
    rows = PickUp.objects.filter(pk=told.pick_up_id)
    facts = {"told_start": told.start, "told_end": told.end, "told_cancelled": told.cancelled}
    if told.sequence is None:
        rows.update(**facts)
    else:
        rows.filter(Q(told_sequence=None) | Q(told_sequence__lte=told.sequence)).update(
            told_sequence=told.sequence, **facts
        )
