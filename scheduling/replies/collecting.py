"""Collects the mail that came to the address of our invites: each message once, whatever breaks in between.

What was understood is marked as seen; everything else stays as it is, for people. A message is taken in and kept in
one transaction, and marked after it. A connection that breaks loses at most a mark, which the next run makes up for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from time import monotonic

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from scheduling.models import Inbound, InboundSource
from scheduling.replies.mail import Left
from scheduling.replies.mailbox import Folder, open_folder, read_account
from scheduling.replies.reading import MOST_BYTES
from scheduling.replies.taken import LEFT_ALONE, UNDERSTOOD, Taken
from scheduling.replies.taking_in import keep, take_in

LOOK_BACK = timedelta(days=7)  # of days on the server's calendar; an outage longer than this is for people
UNREADABLE = "unreadable"  # as it is counted; nothing is kept of it
NOT_HANDED_OVER = (IMAPClientError, TypeError, ValueError)  # refused, or not in the form of the protocol
LONGEST_RUN = 45  # seconds; the next run goes on


def collect(url: str, *, now: datetime) -> Counter[str]:
    """What became of the new messages, counted."""
    ends = monotonic() + LONGEST_RUN
    day = (now - LOOK_BACK).date()
    counts: Counter[str] = Counter()
    with open_folder(read_account(url)) as folder:
        for uid in list_new(folder, folder.list_since(day)):
            if monotonic() > ends:
                break
            counts[take_in_one(folder, uid, now=now)] += 1
        folder.mark_seen(list_understood(folder, folder.list_unseen_since(day)))
    return counts


def list_new(folder: Folder, uids: Iterable[int]) -> list[int]:
    keys = {folder.key(uid): uid for uid in uids}
    known = set(Inbound.objects.filter(key__in=keys).values_list("key", flat=True))
    return [uid for key, uid in keys.items() if key not in known]


def take_in_one(folder: Folder, uid: int, *, now: datetime) -> str:
    """What is too large is not even fetched. What the server cannot hand over is asked for again in the next run."""
    try:
        raw = None if folder.size_of(uid) > MOST_BYTES else folder.read(uid)
    except IMAPClientAbortError:  # the connection is gone
        raise
    except NOT_HANDED_OVER:
        return UNREADABLE
    source, key = InboundSource.MAILBOX, folder.key(uid)
    if raw is None:
        return keep(Taken(LEFT_ALONE, Left.TOO_LARGE), source=source, key=key, now=now).kind
    return take_in(raw, source=source, key=key, now=now).kind


def list_understood(folder: Folder, uids: Iterable[int]) -> list[int]:
    keys = {folder.key(uid): uid for uid in uids}
    understood = Inbound.objects.filter(key__in=keys, kind__in=UNDERSTOOD).values_list("key", flat=True)
    return sorted(keys[key] for key in understood)
