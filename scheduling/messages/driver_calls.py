"""Calls while nobody is sure who takes the patient home: one day before, and once more two hours before.

For one visit at most one of them stands at a time. Where the patient is phoned anyway, that call asks for the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from scheduling.messages.call_hours import OpenDays
from scheduling.messages.reminders import Timing, Wish, moment
from scheduling.messages.rows import new_notice
from scheduling.messages.told import is_ahead
from scheduling.messages.wording import moment_text
from scheduling.models import (
    AnswerKind,
    Driver,
    DriverKind,
    DriverStatus,
    Notice,
    NoticeChannel,
    NoticeKind,
    NoticeStatus,
    PickUp,
    Session,
)

if TYPE_CHECKING:
    from scheduling.messages.outbox import Ledger

LAST_CALL = timedelta(hours=2)
ABOUT_DRIVERS = (NoticeKind.DRIVER_CALL, NoticeKind.DRIVER_REMINDER)
DRIVER_REPLIES = (AnswerKind.DRIVER_YES, AnswerKind.DRIVER_NO, AnswerKind.DRIVER_MAYBE)


def queue_driver_calls(ledger: Ledger, drivers: Sequence[Driver]) -> None:
    """Make what waits what is wanted now. A call that was made keeps its key, so none is asked for twice."""
    unsure = [driver for driver in drivers if is_ahead(driver.session, now=ledger.now) and not driver.is_settled]
    wanted = {wish.key: wish for wish in wish_driver_calls(ledger, unsure)} if unsure else {}
    zone = ledger.course.patient.zone.key
    waiting = {n.key: n for n in ledger.waiting if n.kind == NoticeKind.DRIVER_CALL and n.status == NoticeStatus.DUE}
    for key, notice in waiting.items():
        if key not in wanted:
            ledger.drop(notice)
        elif notice.due_at > ledger.now and (notice.due_at, notice.zone) != (wanted[key].due_at, zone):
            notice.due_at, notice.zone = wanted[key].due_at, zone
            ledger.changed.append(notice)
    ledger.new += [new_call(ledger, wish) for key, wish in wanted.items() if key not in waiting]


def new_call(ledger: Ledger, wish: Wish) -> Notice:
    return new_notice(
        course=ledger.course,
        session=wish.session,
        kind=wish.kind,
        key=wish.key,
        channel=NoticeChannel.CALL,
        sequence=wish.session.sequence if wish.session else None,
        due_at=wish.due_at,
        zone=ledger.course.patient.zone.key,
        useful_until=wish.useful_until,
        now=ledger.now,
    )


def wish_driver_calls(ledger: Ledger, unsure: Sequence[Driver]) -> list[Wish]:
    timing = Timing.of(ledger.course)
    open_days = ledger.open_days or OpenDays.read(ledger.course.site)
    made = list(
        Notice.objects.filter(
            session__in=[driver.session_id for driver in unsure],
            kind__in=ABOUT_DRIVERS,
            channel=NoticeChannel.CALL,
            status=NoticeStatus.DONE,
        )
    )
    standing = [*(n for n in ledger.waiting if n.pk not in ledger.obsolete), *ledger.new]
    wishes = []
    for driver in unsure:
        day_before = find_day_before(driver, timing, open_days)
        if not any(asks_anyway(notice, driver, day_before) for notice in standing):
            last_made = find_last_made(made, driver, day_before)
            wishes.append(wish_driver_call(driver, day_before, last_made, now=ledger.now))
    return [wish for wish in wishes if wish is not None]


def find_day_before(driver: Driver, timing: Timing, open_days: OpenDays) -> datetime:
    """One day before on the patient's calendar, at the time of reminders, or when the front desk works before that."""
    visit_on = driver.session.start.astimezone(timing.zone).date()
    due_at = moment(visit_on - timedelta(days=1), timing.at, timing.zone)
    return open_days.last_before(due_at, zone=timing.zone)


def asks_anyway(notice: Notice, driver: Driver, day_before: datetime) -> bool:
    """A reminder by phone for this state of the session, which can still be made the day before."""
    return (
        notice.kind == NoticeKind.DRIVER_REMINDER
        and notice.channel == NoticeChannel.CALL
        and notice.status == NoticeStatus.DUE
        and (notice.session_id, notice.sequence) == (driver.session_id, driver.session.sequence)
        and notice.useful_until is not None
        and notice.useful_until > day_before
    )


def find_last_made(made: Iterable[Notice], driver: Driver, day_before: datetime) -> datetime | None:
    """When somebody last asked for a driver as of the day before; not before one fell through, nor for another time."""
    times = [
        notice.sent_at
        for notice in made
        if notice.sent_at is not None
        and (notice.session_id, notice.sequence) == (driver.session_id, driver.session.sequence)
        and (notice.kind == NoticeKind.DRIVER_CALL or max(notice.due_at, notice.sent_at) >= day_before)
        and (driver.lost_at is None or notice.sent_at >= driver.lost_at)
    ]
    return max(times, default=None)


def wish_driver_call(driver: Driver, day_before: datetime, last_made: datetime | None, *, now: datetime) -> Wish | None:
    """The call of the day before, at once where that is past; made in vain, one more two hours before the visit."""
    session = driver.session
    last = session.start - LAST_CALL
    if last_made is None:
        turn, due_at = "first", max(day_before, now)
    elif last_made < last:
        turn, due_at = "last", max(last, now)
    else:
        return None
    lost = int(driver.lost_at.timestamp() * 1000) if driver.lost_at else 0
    key = f"driver-call:{session.uuid}:{session.sequence}:{lost}:{turn}"
    return Wish(key, NoticeKind.DRIVER_CALL, due_at, session.start, session, by_phone=True)


def drop_driver_calls(reminder: Notice, *, until: datetime | None) -> None:
    """The reminder becomes a call, which asks for the driver too: one call, not two.

    A call that another act has just locked is left to that act: nobody waits here, where a notice is already held.
    """
    calls = Notice.objects.filter(session=reminder.session_id, kind=NoticeKind.DRIVER_CALL, status=NoticeStatus.DUE)
    if until is not None:
        calls = calls.filter(due_at__lt=until)
    found = list(calls.select_for_update(skip_locked=True).values_list("pk", flat=True))
    Notice.objects.filter(pk__in=found).delete()


def driver_lines(notice: Notice, sessions: Sequence[Session]) -> list[str]:
    """What a call is to say or to ask about the driver, from what is true now."""
    session = next((session for session in sessions if session.pk == notice.session_id), None)
    driver: Driver | None = getattr(session, "driver", None)
    if session is None or driver is None:
        return []
    if notice.kind == NoticeKind.DRIVER_CALENDAR and notice.pick_up is not None:
        return say_pick_up(notice.pick_up, driver)
    if notice.kind in ABOUT_DRIVERS and session.is_live:
        found = say_driver(driver, allows_ride_service=session.site.allows_ride_service)
        if has_declined(session, driver):
            found.append("Their calendar has since declined the pick-up: ask again, or phone them.")
        return found
    return []


def has_declined(session: Session, driver: Driver) -> bool:
    """A reply can be forged, so the driver stays who they are; whoever phones the patient should know of it."""
    replies = [answer for answer in session.answers.all() if answer.kind in DRIVER_REPLIES]
    last = max(replies, key=lambda answer: (answer.stamped_at or answer.given_at, answer.pk), default=None)
    return last is not None and last.kind == AnswerKind.DRIVER_NO and last.given_at > driver.changed_at


def say_driver(driver: Driver, *, allows_ride_service: bool) -> list[str]:
    """Who it is, and what to ask."""
    if driver.is_settled:
        return [f"{who(driver)} takes them home."]
    if driver.status != DriverStatus.NEEDED:
        return [f"Named, but not confirmed for this time: {who(driver)}. Ask whether that holds."]
    found = ["Nobody is named yet to take them home. Ask for a name and a phone number."]
    return [*found, "A taxi or ride service will do."] if allows_ride_service else found


def say_pick_up(pick_up: PickUp, driver: Driver) -> list[str]:
    """For the driver, whose address refuses mail."""
    zone = ZoneInfo(driver.session.timezone)
    call = f"The driver's address refuses mail. Please phone {who(driver)}:"
    if pick_up.ended_at is not None:
        known = (pick_up.told_start or pick_up.start).astimezone(zone)
        return [f"{call} nobody needs to be picked up on {moment_text(known)}."]
    return [f"{call} pick-up on {moment_text(pick_up.start.astimezone(zone))}."]


def who(driver: Driver) -> str:
    parts = [driver.name, driver.phone]
    if driver.kind == DriverKind.RIDE_SERVICE:
        parts.insert(0, "A taxi or ride service")
    return ", ".join(part for part in parts if part)
