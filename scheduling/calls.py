"""The call list: what patients without e-mail are told by phone or on paper, worked down by staff."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from clinic.models import User
from scheduling.models import Notice, NoticeChannel, NoticeStatus

BY_HAND = (NoticeChannel.CALL, NoticeChannel.PRINT)


def calls_to_make(notices: QuerySet[Notice], *, now: datetime, ahead: timedelta = timedelta()) -> QuerySet[Notice]:
    """Entries that are due, or will be within `ahead`, and still of use."""
    waiting = notices.filter(channel__in=BY_HAND, status=NoticeStatus.DUE, due_at__lte=now + ahead)
    return waiting.filter(Q(useful_until=None) | Q(useful_until__gt=now)).order_by("due_at", "pk")


def mark_call_done(notice: Notice, *, now: datetime, by: User) -> bool:
    """Whether this call was the one that ticked it off: of two clerks, one."""
    waiting = Notice.objects.filter(pk=notice.pk, channel__in=BY_HAND, status=NoticeStatus.DUE)
    return bool(waiting.update(status=NoticeStatus.DONE, sent_at=now, outcome=f"Done by {by}"[:200]))
