"""Sends what is due, once: claim with a lease, send outside any transaction, mark.

Between the server's acceptance and our mark lies the one moment in which a crash makes us send again. The second copy
has the same Message-ID, SEQUENCE and UID; docs/messages.md tells what that means for the patient.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scheduling.messages import call_list
from scheduling.messages.allowance import next_allowance
from scheduling.messages.beginning import Written, begin
from scheduling.messages.claiming import LEASE, claim_due, release
from scheduling.messages.composed import ByPhone, Composed, Later, NotNeeded
from scheduling.messages.composing import compose
from scheduling.messages.contacts import follow_contacts
from scheduling.messages.letters import Letter
from scheduling.messages.mail import PostOffice, Refused, Undelivered, Unreachable, build_mail
from scheduling.messages.outcomes import finish, give_up_slowly, hand_over, put_off, refuse, skip, try_again
from scheduling.messages.papers import read_papers
from scheduling.models import Notice

log = logging.getLogger(__name__)

# No lot is begun later than this after it was claimed, so that even its slowest message ends within the lease.
LATEST_START = LEASE / 2
# Then other tasks get their turn, and beat's next run goes on. A worker told to stop is done before it is killed, too.
LONGEST_RUN = timedelta(seconds=45)
CHUNK = 100
LOT = 20
# What was composed longer ago is composed anew before it is handed over: the visit may have moved meanwhile.
FRESH = timedelta(seconds=2)
# A run waits at most so long for a site whose mails of this minute are spent; after that the next run goes on.
PATIENCE = timedelta(seconds=10)
MOST_BREAKS = 2

Clock = Callable[[], datetime]


@dataclass
class Run:
    office: PostOffice
    clock: Clock
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_cut_off(self) -> bool:
        """The server cannot be used: the rest waits untouched."""
        return self.counts["retry"] >= MOST_BREAKS


def deliver_due(*, now: datetime, limit: int = 10_000) -> Counter[str]:
    """Send up to `limit` messages that are due, and count what became of them."""
    clock = start_clock(now)
    follow_contacts(now=now)
    call_list.expire_calls(now=now)
    with PostOffice() as office:
        run = Run(office, clock)
        while run.counts.total() < limit and clock() - now < LONGEST_RUN and not run.is_cut_off:
            claimed = claim_due(now=clock(), limit=min(CHUNK, limit - run.counts.total()))
            if claimed:
                deliver_chunk(claimed, run)
            elif not await_allowance(run):
                break
    return +run.counts


def start_clock(now: datetime) -> Clock:
    """`now`, going on: leases are about time that really passes while servers are slow."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)


def await_allowance(run: Run) -> bool:
    """Wait for a site whose mails of this minute are spent, unless that keeps the worker from other work for long."""
    now = run.clock()
    again_at = next_allowance(now=now)
    if again_at is None or again_at > now + PATIENCE:
        return False
    time.sleep(max((again_at - now).total_seconds(), 0.1))
    return True


def deliver_chunk(claimed: Sequence[Notice], run: Run) -> None:
    latest_start = run.clock() + LATEST_START
    waiting = list(claimed)
    while waiting and not run.is_cut_off and run.clock() <= latest_start:
        lot, waiting = take_lot(waiting)
        waiting = deliver_lot(lot, run) + waiting
    if waiting:
        release(waiting)


def take_lot(notices: Sequence[Notice]) -> tuple[list[Notice], list[Notice]]:
    """The first of each patient, and the rest: what they are told next depends on what they were told before."""
    lot: dict[int, Notice] = {}
    rest = []
    for notice in notices:
        if len(lot) < LOT and notice.patient_id not in lot:
            lot[notice.patient_id] = notice
        else:
            rest.append(notice)
    return list(lot.values()), rest


def deliver_lot(lot: Sequence[Notice], run: Run) -> list[Notice]:
    """Each to its end; those whose turn did not come while what they say was fresh come back."""
    composed_at = run.clock()
    written = compose_lot(lot, run, composed_at)
    begun = begin(written, now=composed_at)
    run.counts["lost"] += len(written) - len(begun)
    for position, (notice, letter) in enumerate(begun):
        if run.is_cut_off or (position and run.clock() - composed_at > FRESH):
            return [notice for notice, _letter in begun[position:]]
        run.counts[send(notice, letter, run, composed_at)] += 1
    return []


def compose_lot(lot: Sequence[Notice], run: Run, now: datetime) -> list[Written]:
    """What is to be sent; the others are settled."""
    papers = read_papers(lot, now=now)
    written = []
    for notice in lot:
        try:
            composed = compose(notice, papers, now=now)
        except Exception as fault:
            run.counts[report_fault(notice, fault, now)] += 1
            continue
        if isinstance(composed, Letter):
            written.append((notice, composed))
        else:
            run.counts[settle_unsent(notice, composed, now)] += 1
    return written


def settle_unsent(notice: Notice, composed: Composed, now: datetime) -> str:
    match composed:
        case NotNeeded(reason):
            return skip(notice, reason)
        case Later(due_at):
            return put_off(notice, due_at)
        case ByPhone(useful_until):
            return hand_over(notice, now, useful_until=useful_until)
    raise TypeError(composed)


def send(notice: Notice, letter: Letter, run: Run, composed_at: datetime) -> str:
    """One message from our hands into the server's, and the mark; the answer names what became of it."""
    try:
        mail = build_mail(letter, site=notice.course.site, message_id=notice.message_id, now=composed_at)
        run.office.send(mail)
    except Refused as fault:
        return refuse(notice, fault, run.clock())
    except Unreachable as fault:
        return try_again(notice, fault, run.clock(), uncertain=fault.maybe_accepted)
    except Exception as fault:
        return report_fault(notice, fault, run.clock())
    return finish(notice, letter, composed_at, run.clock())


def report_fault(notice: Notice, fault: Exception, now: datetime) -> str:
    """One message with a fault must not hold up the others, nor show what it says."""
    log.error("Notice %s failed: %s", notice.uuid, type(fault).__name__)
    return give_up_slowly(notice, Undelivered(f"fault {type(fault).__name__}"), now, name="fault")
