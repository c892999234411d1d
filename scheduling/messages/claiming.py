"""Takes due notices for one worker, for the length of a lease; nobody else gets them before it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from scheduling.messages.allowance import Allowances, read_allowances
from scheduling.models import Notice, NoticeChannel, NoticeStatus

# Longer than the slowest exchange with a server, some ten steps of EMAIL_TIMEOUT each, begun at the latest moment.
LEASE = timedelta(minutes=5)
BY_MACHINE = (NoticeChannel.EMAIL,)
# What composing asks of a notice itself; sites are built once, however many notices name them.
BESIDE_NOTICE = ("patient__home_site", "course__site", "course__version")


def claim_due(*, now: datetime, limit: int) -> list[Notice]:
    """Take what is due, and what a dead worker left behind, as far as each site's limit of mails allows."""
    with transaction.atomic(durable=True):
        keys = pick_due(read_allowances(now=now), now=now, limit=limit)
        # What a dead worker had not begun (`beginning`), it has not handed over.
        left_behind = When(status=NoticeStatus.SENDING, content_hash__gt="", then=Value(True))
        Notice.objects.filter(pk__in=keys).update(
            uncertain=Case(left_behind, default=F("uncertain")),
            status=NoticeStatus.SENDING,
            claimed_until=now + LEASE,
            attempts=F("attempts") + 1,
        )
    claimed = Notice.objects.filter(pk__in=keys).prefetch_related(*BESIDE_NOTICE)
    return list(claimed.order_by("due_at", "pk"))


def due_rows(*, now: datetime) -> QuerySet[Notice]:
    """In the order of the index `notice_waiting`, which holds nothing that has come to its end."""
    free = Q(status=NoticeStatus.DUE) | Q(status=NoticeStatus.SENDING, claimed_until__lte=now)
    waiting = Notice.objects.filter(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING], due_at__lte=now)
    rows = waiting.filter(free, channel__in=BY_MACHINE).order_by("due_at", "pk")
    return rows.select_for_update(skip_locked=True, of=("self",))


def pick_due(allowances: Allowances, *, now: datetime, limit: int) -> list[int]:
    rows = due_rows(now=now)
    if not allowances:
        return list(rows.values_list("pk", flat=True)[:limit])
    rows = rows.exclude(allowances.spent())
    return allowances.take(rows.values_list("pk", "channel", "course__site")[:limit])


def ours(notice: Notice) -> Q:
    """The claim, as a condition: false once the lease ran out and another took the row."""
    return Q(pk=notice.pk, status=NoticeStatus.SENDING, claimed_until=notice.claimed_until)


def release(notices: Sequence[Notice]) -> None:
    """Give back what was not begun; that was no attempt."""
    claims = Notice.objects.filter(pk__in=keys_of(notices), status=NoticeStatus.SENDING)
    claims.filter(claimed_until__in={notice.claimed_until for notice in notices}).update(
        status=NoticeStatus.DUE, claimed_until=None, attempts=F("attempts") - 1
    )


def keys_of(notices: Iterable[Notice]) -> list[int]:
    return [notice.pk for notice in notices]
