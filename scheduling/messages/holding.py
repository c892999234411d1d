"""What becomes of a reminder that the quiet hours hold. Pure."""

from __future__ import annotations

from datetime import datetime

from scheduling.messages.composed import ByPhone, Later
from scheduling.messages.reminders import SHORTEST_NOTICE
from scheduling.messages.told import is_ahead
from scheduling.models import Notice, NoticeKind, Session


def hold(notice: Notice, session: Session | None, *, opening: datetime, now: datetime) -> Later | ByPhone:
    """It waits for the end of the quiet, and has then perhaps come too late to be sent.

    The last one of a sedating visit is not lost to that: the front desk phones, until the visit starts.
    """
    if (
        session is not None
        and is_last_of_sedating(notice, session, now=now)
        and opening >= session.start - SHORTEST_NOTICE
    ):
        return ByPhone(useful_until=session.start)
    return Later(opening)


def is_last_of_sedating(notice: Notice, session: Session, *, now: datetime) -> bool:
    """No other reminder of the visit follows it, and what it says is still to come."""
    return (
        notice.kind == NoticeKind.DRIVER_REMINDER
        and notice.useful_until is not None
        and notice.useful_until >= session.start - SHORTEST_NOTICE
        and is_ahead(session, now=now)
        and session.sequence == notice.sequence
    )
