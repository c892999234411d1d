"""What a mail was: somebody's answer from a calendar, a message of ours that came back, or something for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class CalendarReply:
    """An iTIP REPLY or COUNTER (RFC 5546 3.2.3, 3.2.7), of which only this much is ever read.

    A `start` without a zone is the clock of the clinic. `is_automatic`: a machine wrote it, so no mail answers it.
    """

    method: str
    uid: str
    senders: frozenset[str]
    attendee: str
    partstat: str
    sequence: int
    stamped_at: datetime | None
    start: datetime | None = None
    comment: str = ""
    is_automatic: bool = False


@dataclass(frozen=True)
class Bounce:
    """A delivery status report (RFC 3464) or a complaint (RFC 5965) about a message of ours."""

    message_ids: tuple[str, ...]
    status: str  # 5.1.1, or "spam" for a complaint
    is_final: bool


class Left(StrEnum):
    """Why a mail is left alone. The words are kept, so they say nothing of what the mail says."""

    HUMAN = "written by a person"
    AUTOMATIC = "an automatic answer"
    CALENDAR = "a calendar message that is no reply"
    REPORT = "a delivery report without a failure"
    TOO_LARGE = "larger than 256 KiB"
    TOO_COMPLEX = "too many parts, or headers too long"
    UNREADABLE = "a calendar reply that cannot be read"
    UNREADABLE_REPORT = "a delivery report that cannot be read"


Mail = CalendarReply | Bounce | Left


def fold(address: str) -> str:
    """Addresses are compared without regard to case; no mail server in use tells `Ann@` from `ann@`."""
    return address.strip().casefold()
