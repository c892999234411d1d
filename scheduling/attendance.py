"""Record who came: arrived, completed, missed, and a wrong click undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clinic.models import User
from scheduling.models import Session


@dataclass(frozen=True)
class MissedOutcome:
    """What became of a missed session: the sessions that are new or lie at another time, and a sentence for staff."""

    session: Session
    replanned: list[Session]
    message: str


def mark_arrived(session: Session, *, now: datetime, by: User | None, seen_at: datetime | None = None) -> Session:
    raise NotImplementedError


def mark_completed(session: Session, *, now: datetime, by: User | None, seen_at: datetime | None = None) -> Session:
    raise NotImplementedError


def mark_missed(
    session: Session, *, reason: str, now: datetime, by: User | None, seen_at: datetime | None = None
) -> MissedOutcome:
    """Free its seats and plan its number again by the policy of its phase. `reason` is a MissedReason."""
    raise NotImplementedError


def undo_attendance(session: Session, *, now: datetime, by: User | None, seen_at: datetime | None = None) -> Session:
    """Take back the last mark: completed to arrived, arrived to booked, missed to booked where its time is still free."""
    raise NotImplementedError


def mark_unrecorded(*, now: datetime) -> int:
    """Flag booked sessions that are long over and that nobody recorded; the number of them."""
    raise NotImplementedError
