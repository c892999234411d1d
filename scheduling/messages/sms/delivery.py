"""Sends the texts that are due: each once, or not at all.

A mail that may have gone out is sent again, as its Message-ID and UID make the second copy harmless. A text has nothing
of the kind. So one that was handed over and then lost sight of is never handed over again: it has failed, with the mark
that it may have arrived, and the front desk phones. What the provider reports later still settles it (`fates`).
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.db import transaction
from django.db.models import F

from scheduling.messages import call_list, outbox
from scheduling.messages.beginning import begin
from scheduling.messages.claiming import LEASE, ours, release
from scheduling.messages.composed import ByPhone, Later, NotNeeded
from scheduling.messages.delivery import Clock, start_clock
from scheduling.messages.letters import Letter
from scheduling.messages.mail import Undelivered, Unreachable
from scheduling.messages.outcomes import give_up_slowly, mark_sent, put_off, refuse, skip, try_again
from scheduling.messages.outcomes import hand_over as hand_over_to_staff
from scheduling.messages.sms.channel import TextChannel, TextRefused, open_channel
from scheduling.messages.sms.composing import OtherWay, compose_text
from scheduling.messages.sms.reach import other_channel
from scheduling.messages.sms.stopping import stop_texts
from scheduling.models import Notice, NoticeChannel, NoticeKind, NoticeStatus

log = logging.getLogger(__name__)

CHUNK = 20
MOST_BREAKS = 2
LONGEST_RUN = timedelta(minutes=4)
# The slowest text takes some twenty seconds.
LATEST_START = LEASE / 2


@dataclass
class Run:
    clock: Clock
    counts: Counter[str] = field(default_factory=Counter)

    @cached_property
    def channel(self) -> TextChannel:
        return open_channel()

    @property
    def is_cut_off(self) -> bool:
        """The provider cannot be used: the rest waits untouched."""
        return self.counts["retry"] >= MOST_BREAKS


def deliver_texts(*, now: datetime, limit: int = 500) -> Counter[str]:
    """Send up to `limit` texts that are due. For one run at a time: two could send a patient two texts a day."""
    run = Run(start_clock(now))
    run.counts["lost sight of"] = settle_lost(now=now)
    while run.counts.total() < limit and run.clock() - now < LONGEST_RUN and not run.is_cut_off:
        batch = claim_texts(now=run.clock(), limit=min(CHUNK, limit - run.counts.total()))
        if not batch:
            break
        claimed_at = run.clock()
        for position, notice in enumerate(batch):
            if run.is_cut_off or run.clock() - claimed_at > LATEST_START:
                release(batch[position:])
                break
            run.counts[deliver_text(notice, run)] += 1
    return +run.counts


def claim_texts(*, now: datetime, limit: int) -> list[Notice]:
    """The week's text before a single visit's, which it may make needless; then what is of use the shortest.

    An empty digest says that nothing was handed over under this claim.
    """
    texts = Notice.objects.filter(channel=NoticeChannel.SMS, status=NoticeStatus.DUE, due_at__lte=now)
    rows = texts.order_by("due_at", F("session").asc(nulls_first=True), "useful_until", "pk")
    with transaction.atomic(durable=True):
        keys = list(rows.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:limit])
        Notice.objects.filter(pk__in=keys).update(
            status=NoticeStatus.SENDING, claimed_until=now + LEASE, attempts=F("attempts") + 1, content_hash=""
        )
    claimed = Notice.objects.filter(pk__in=keys).select_related("patient__home_site", "course__site")
    order = {key: position for position, key in enumerate(keys)}
    return sorted(claimed, key=lambda notice: order[notice.pk])


def settle_lost(*, now: datetime) -> int:
    """What a dead worker left behind: given back if it was not handed over yet, else given up as uncertain."""
    lost = Notice.objects.filter(channel=NoticeChannel.SMS, status=NoticeStatus.SENDING, claimed_until__lte=now)
    lost.filter(content_hash="").update(status=NoticeStatus.DUE, claimed_until=None)
    reason = "the worker died before the provider's answer was written down"
    names = [give_up_as_uncertain(notice, reason, now) for notice in lost.select_related("course__site")]
    return names.count("uncertain")


def deliver_text(notice: Notice, run: Run) -> str:
    """One claimed notice to its end; the answer names what became of it."""
    try:
        composed = compose_text(notice, now=run.clock())
        match composed:
            case NotNeeded(reason):
                return skip(notice, reason)
            case Later(due_at):
                return put_off(notice, due_at)
            case ByPhone(useful_until):
                return hand_over_to_staff(notice, run.clock(), useful_until=useful_until)
            case OtherWay():
                return send_other_way(notice, run.clock())
        if not begin([(notice, composed)], now=run.clock()):
            return "lost"
    except Exception as fault:
        return report_fault(notice, fault, run.clock())
    return hand_over(notice, composed, run)


def hand_over(notice: Notice, letter: Letter, run: Run) -> str:
    """From here on a failure of an unknown kind may be one after the provider took the text."""
    try:
        name = run.channel.send(number=letter.recipient, text=letter.text, reference=str(notice.uuid))
    except TextRefused as fault:
        return refuse_text(notice, fault, run.clock())
    except Unreachable as fault:
        if fault.maybe_accepted:
            return give_up_as_uncertain(notice, fault.reason, run.clock())
        return try_again(notice, fault, run.clock(), uncertain=False)
    except Exception as fault:
        log.error("Notice %s failed: %s", notice.uuid, type(fault).__name__)
        return give_up_as_uncertain(notice, f"fault {type(fault).__name__}", run.clock())
    Notice.objects.filter(pk=notice.pk).update(provider_id=name)
    return mark_sent(notice, run.clock())


def refuse_text(notice: Notice, fault: TextRefused, now: datetime) -> str:
    """A number that the provider knows to have opted out gets no more texts from us, either."""
    name = refuse(notice, fault, now)
    if fault.has_opted_out:
        stop_texts(notice.patient, now=now)
    return name


def give_up_as_uncertain(notice: Notice, reason: str, now: datetime) -> str:
    """Not sent again; the front desk asks whether it arrived."""
    with transaction.atomic():
        count = Notice.objects.filter(ours(notice)).update(
            status=NoticeStatus.FAILED,
            uncertain=True,
            claimed_until=None,
            outcome=f"failed: perhaps delivered, {reason}"[:200],
        )
        if count:
            call_list.call_instead(notice, now=now)
    return "uncertain" if count else "lost"


def send_other_way(notice: Notice, now: datetime) -> str:
    """As a mail, or on the call list, and now. One that has become a call asks for the driver too."""
    with transaction.atomic():
        outbox.lock_course(notice.course_id)
        count = Notice.objects.filter(ours(notice)).update(
            channel=other_channel(notice.patient), status=NoticeStatus.DUE, claimed_until=None, attempts=0
        )
        if count and notice.kind == NoticeKind.DRIVER_REMINDER:
            outbox.driver_changed(notice.course, now=now)
    return "other way" if count else "lost"


def report_fault(notice: Notice, fault: Exception, now: datetime) -> str:
    """One text with a fault must not hold up the others, nor show what it says."""
    log.error("Notice %s failed: %s", notice.uuid, type(fault).__name__)
    return give_up_slowly(notice, Undelivered(f"fault {type(fault).__name__}"), now, name="fault")
