"""What becomes of a claimed notice, written down while the claim holds. Each function names the outcome."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import F

from scheduling.messages import call_list
from scheduling.messages.claiming import ours
from scheduling.messages.copies import forget_copies
from scheduling.messages.letters import Letter
from scheduling.messages.mail import Refused, Undelivered
from scheduling.messages.pick_ups import record_pick_up
from scheduling.messages.rows import new_notice
from scheduling.messages.told import event_uid, record_told
from scheduling.models import Announcement, Notice, NoticeKind, NoticeStatus, Session

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=32)
# After so many refusals "for now" (4xx, about five hours) a message is given up; an unreachable server is no refusal.
MOST_ATTEMPTS = 14


def finish(notice: Notice, letter: Letter, composed_at: datetime, now: datetime) -> str:
    """Mark it sent, and what the patient knows with it. Losing the claim here means another sent it, too."""
    is_called_off = notice.kind == NoticeKind.CALENDAR and letter.method == "CANCEL"
    if not (letter.told or letter.pick_up or is_called_off):
        return mark_sent(notice, now)
    with transaction.atomic():
        name = mark_sent(notice, now)
        record_told(letter.told, at=composed_at)
        record_pick_up(letter.pick_up)
        if letter.withdraws_from:
            withdraw(notice, letter, now)
        if is_called_off:
            retire_event(notice, letter, composed_at)
    return name


def mark_sent(notice: Notice, now: datetime) -> str:
    count = Notice.objects.filter(ours(notice)).update(
        status=NoticeStatus.SENT, sent_at=now, claimed_until=None, uncertain=False, outcome="sent"
    )
    return "sent" if count else "lost"


def withdraw(notice: Notice, letter: Letter, now: datetime) -> None:
    """An attempt that broke off may have brought the event to a former address."""
    row = new_notice(
        course=notice.course,
        session_id=notice.session_id,
        event_uid=letter.event_uid,
        kind=NoticeKind.WITHDRAWAL,
        key=f"withdrawal:{notice.key}",
        recipient=letter.withdraws_from,
        sequence=notice.sequence,
        due_at=now,
        now=now,
    )
    Notice.objects.bulk_create([row], ignore_conflicts=True)


def retire_event(notice: Notice, letter: Letter, at: datetime) -> None:
    """A visit that stands, or stands again by now, is another event from now on."""
    session = Session.objects.select_related("announcement").get(notices=notice)
    if event_uid(session) != letter.event_uid or (letter.told and not session.is_live):
        return
    retired = {"event_uid": uuid4(), "invited_to": "", "invited_sequence": None}
    unheard = {"told_start": session.start, "told_at": at, "came_back": True}  # nobody knows of it by any message
    Announcement.objects.update_or_create(session=session, defaults=retired, create_defaults=retired | unheard)


def settle(notice: Notice, status: NoticeStatus, outcome: str, name: str, **fields: datetime | None) -> str:
    count = Notice.objects.filter(ours(notice)).update(status=status, outcome=outcome, claimed_until=None, **fields)
    return name if count else "lost"


def skip(notice: Notice, reason: str) -> str:
    """What an earlier attempt wrote down, and surely never handed over, was not said."""
    if notice.content_hash and not notice.uncertain:
        forget_copies(notice)
    if notice.kind == NoticeKind.CALENDAR:
        # What was not said may have to be said later, of the same state: to who comes back from a subscription.
        Notice.objects.filter(ours(notice)).update(key=f"skipped:{notice.uuid}")
    return settle(notice, NoticeStatus.SKIPPED, reason, "skipped")


def put_off(notice: Notice, due_at: datetime) -> str:
    """Not its turn yet; that is no attempt."""
    count = Notice.objects.filter(ours(notice)).update(
        status=NoticeStatus.DUE, due_at=due_at, claimed_until=None, attempts=F("attempts") - 1
    )
    return "later" if count else "lost"


def try_again(notice: Notice, fault: Undelivered, now: datetime, *, uncertain: bool) -> str:
    """Later, and each time later still."""
    pause = min(FIRST_PAUSE * 2 ** min(notice.attempts - 1, 10), LONGEST_PAUSE)
    count = Notice.objects.filter(ours(notice)).update(
        status=NoticeStatus.DUE,
        due_at=now + pause,
        claimed_until=None,
        uncertain=notice.uncertain or uncertain,
        outcome=f"to be tried again: {fault.reason}",
    )
    return "retry" if count else "lost"


def refuse(notice: Notice, fault: Refused, now: datetime) -> str:
    if fault.is_permanent:
        return fail(notice, fault, now)
    return give_up_slowly(notice, fault, now, name="refused for now")


def give_up_slowly(notice: Notice, fault: Undelivered, now: datetime, *, name: str) -> str:
    if notice.attempts >= MOST_ATTEMPTS:
        return fail(notice, fault, now)
    try_again(notice, fault, now, uncertain=False)
    return name


def fail(notice: Notice, fault: Undelivered, now: datetime) -> str:
    """The end of the message; somebody phones instead."""
    refused_at = now if isinstance(fault, Refused) and fault.is_permanent else None
    with transaction.atomic():
        name = settle(notice, NoticeStatus.FAILED, f"failed: {fault.reason}", "failed", failed_at=refused_at)
        if name == "failed":
            call_list.call_instead(notice, now=now)
    return name


def hand_over(notice: Notice, now: datetime, *, useful_until: datetime | None = None) -> str:
    """It cannot be sent, or not in time: what this notice would say is for the call list."""
    with transaction.atomic():
        name = settle(notice, NoticeStatus.SKIPPED, "skipped: told by phone instead", "call")
        if name == "call":
            call_list.call_instead(notice, now=now, useful_until=useful_until)
    return name
