"""Move or cancel one session."""

from __future__ import annotations

from datetime import datetime

from clinic.models import User
from scheduling.models import Session


def move_session(
    session: Session,
    *,
    start: datetime,
    now: datetime,
    by: User | None = None,
    override_reason: str = "",
    seen_at: datetime | None = None,
) -> Session:
    """Move a session to a legal start; with a reason, to any start whose seats are free.

    The caller checks the permission to override. `seen_at` is the session's `changed_at` as the clerk saw it: where
    somebody has changed it since, the move is refused. The old seats are kept until the new ones are held.
    """
    raise NotImplementedError


def cancel_session(
    session: Session, *, reason: str, now: datetime, by: User | None = None, seen_at: datetime | None = None
) -> Session:
    """Give up the session's number for good; the rest of the course stays as it is."""
    raise NotImplementedError
