"""Sends what is due, once: claim with a lease, send outside any transaction, mark.

Between the server's acceptance and our mark lies the one moment in which a crash makes us send again. The second copy
has the same Message-ID, SEQUENCE and UID; docs/messages.md tells what that means for the patient.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from scheduling.messages import call_list
from scheduling.messages.composed import ByPhone, Later, NotNeeded
from scheduling.messages.composing import compose
from scheduling.messages.contacts import follow_contacts
from scheduling.messages.letters import Letter
from scheduling.messages.mail import PostOffice, Refused, Undelivered, Unreachable, build_mail
from scheduling.messages.papers import read_papers
from scheduling.messages.rows import new_notice
from scheduling.messages.told import record_told
from scheduling.models import Announcement, Notice, NoticeChannel, NoticeKind, NoticeStatus

log = logging.getLogger(__name__)

# Longer than the slowest exchange with a server, some ten steps of EMAIL_TIMEOUT each, begun at the latest moment.
LEASE = timedelta(minutes=5)
# No message is begun later than this after it was claimed, so that even the slowest ends within the lease.
LATEST_START = LEASE / 2
# A run ends well before the time limit of its task.
LONGEST_RUN = timedelta(minutes=4)
CHUNK = 20
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=32)
# After so many refusals "for now" (4xx, about five hours) a message is given up; an unreachable server is no refusal.
MOST_ATTEMPTS = 14
MOST_BREAKS = 2

Clock = Callable[[], datetime]


def deliver_due(*, now: datetime, limit: int = 200) -> Counter[str]:
    """Send up to `limit` messages that are due, and count what became of them."""
    clock = start_clock(now)
    follow_contacts(now=now)
    call_list.expire_calls(now=now)
    counts: Counter[str] = Counter()
    with PostOffice() as office:
        while counts.total() < limit and clock() - now < LONGEST_RUN and counts["retry"] < MOST_BREAKS:
            claimed_at = clock()
            batch = claim_due(now=claimed_at, limit=min(CHUNK, limit - counts.total()))
            if not batch:
                break
            for notice in batch:
                if counts["retry"] >= MOST_BREAKS or clock() - claimed_at > LATEST_START:
                    release(notice)
                else:
                    counts[deliver(notice, office, clock)] += 1
    return counts


def start_clock(now: datetime) -> Clock:
    """`now`, going on: leases are about time that really passes while servers are slow."""
    started = monotonic()
    return lambda: now + timedelta(seconds=monotonic() - started)


def claim_due(*, now: datetime, limit: int) -> list[Notice]:
    """Take what is due, and what a dead worker left behind; nobody else gets these rows before the lease ends."""
    free = Q(status=NoticeStatus.DUE) | Q(status=NoticeStatus.SENDING, claimed_until__lte=now)
    due = Notice.objects.filter(free, channel=NoticeChannel.EMAIL, due_at__lte=now)
    left_behind = When(status=NoticeStatus.SENDING, then=Value(True))
    with transaction.atomic(durable=True):
        rows = due.filter(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING]).order_by("due_at", "pk")
        keys = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        Notice.objects.filter(pk__in=keys).update(
            uncertain=Case(left_behind, default=F("uncertain")),
            status=NoticeStatus.SENDING,
            claimed_until=now + LEASE,
            attempts=F("attempts") + 1,
        )
    claimed = Notice.objects.filter(pk__in=keys).select_related("patient__home_site", "course__site")
    return list(claimed.order_by("due_at", "pk"))


def ours(notice: Notice) -> Q:
    """The claim, as a condition: false once the lease ran out and another took the row."""
    return Q(pk=notice.pk, status=NoticeStatus.SENDING, claimed_until=notice.claimed_until)


def deliver(notice: Notice, office: PostOffice, clock: Clock) -> str:
    """One claimed notice to its end; the answer names what became of it."""
    composed_at = clock()
    try:
        composed = compose(notice, read_papers([notice], now=composed_at), now=composed_at)
        match composed:
            case NotNeeded(reason):
                return settle(notice, NoticeStatus.SKIPPED, reason, "skipped")
            case Later(due_at):
                return put_off(notice, due_at)
            case ByPhone():
                return hand_over(notice, composed_at)
        if not begin(notice, composed):
            return "lost"
        office.send(build_mail(composed, site=notice.course.site, message_id=notice.message_id, now=composed_at))
    except Refused as fault:
        return refuse(notice, fault, clock())
    except Unreachable as fault:
        return try_again(notice, fault, clock(), uncertain=fault.maybe_accepted)
    except Exception as fault:  # one message with a fault must not hold up the others, nor show what it says
        log.error("Notice %s failed: %s", notice.uuid, type(fault).__name__)
        return give_up_slowly(notice, Undelivered(f"fault {type(fault).__name__}"), clock(), name="fault")
    return finish(notice, composed, composed_at, clock())


def begin(notice: Notice, letter: Letter) -> bool:
    """Write down what is about to be said. Content that an earlier attempt did not have is another message."""
    if notice.uncertain and notice.content_hash != letter.content_hash:
        notice.message_id = f"<{notice.uuid}.{notice.attempts}@{notice.message_id.rpartition('@')[2]}"
    notice.recipient, notice.content_hash = letter.recipient, letter.content_hash
    return bool(
        Notice.objects.filter(ours(notice)).update(
            recipient=notice.recipient, content_hash=notice.content_hash, message_id=notice.message_id
        )
    )


def finish(notice: Notice, letter: Letter, composed_at: datetime, now: datetime) -> str:
    """Mark it sent, and what the patient knows with it. Losing the claim here means another sent it, too."""
    with transaction.atomic():
        count = Notice.objects.filter(ours(notice)).update(
            status=NoticeStatus.SENT, sent_at=now, claimed_until=None, uncertain=False, outcome="sent"
        )
        record_told(letter.told, at=composed_at)
        if letter.withdraws_from:
            withdraw(notice, letter.withdraws_from, now)
        forget_address(notice)
    return "sent" if count else "lost"


def withdraw(notice: Notice, address: str, now: datetime) -> None:
    """The patient's address changed and nobody said so: the old one still shows the event."""
    row = new_notice(
        course=notice.course,
        session_id=notice.session_id,
        kind=NoticeKind.WITHDRAWAL,
        key=f"withdrawal:{notice.key}",
        recipient=address,
        sequence=notice.sequence,
        due_at=now,
        now=now,
    )
    Notice.objects.bulk_create([row], ignore_conflicts=True)


def forget_address(notice: Notice) -> None:
    """After a withdrawal, also one that could not be delivered, nothing more is due to that address."""
    if notice.kind == NoticeKind.WITHDRAWAL:
        there = Announcement.objects.filter(session=notice.session_id, invited_to=notice.recipient)
        there.update(invited_to="", invited_sequence=None)


def settle(notice: Notice, status: NoticeStatus, outcome: str, name: str) -> str:
    forget_address(notice)
    count = Notice.objects.filter(ours(notice)).update(status=status, outcome=outcome, claimed_until=None)
    return name if count else "lost"


def put_off(notice: Notice, due_at: datetime) -> str:
    """Not its turn yet; that is no attempt."""
    count = Notice.objects.filter(ours(notice)).update(
        status=NoticeStatus.DUE, due_at=due_at, claimed_until=None, attempts=F("attempts") - 1
    )
    return "later" if count else "lost"


def release(notice: Notice) -> None:
    put_off(notice, notice.due_at)


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
    with transaction.atomic():
        name = settle(notice, NoticeStatus.FAILED, f"failed: {fault.reason}", "failed")
        if name == "failed":
            call_list.call_instead(notice, now=now)
    return name


def hand_over(notice: Notice, now: datetime) -> str:
    """The patient has no address that takes mail: what this notice would say is for the call list."""
    with transaction.atomic():
        name = settle(notice, NoticeStatus.SKIPPED, "skipped: told by phone instead", "call")
        if name == "call":
            call_list.call_instead(notice, now=now)
    return name
