"""Whether a link still opens anything, and the claim of an act on it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from scheduling.models import PatientLink, SessionStatus


class LinkState(Enum):
    OPEN = auto()
    USED = auto()
    CLOSED = auto()


def state_of(link: PatientLink, *, now: datetime) -> LinkState:
    """Bound to one session as it stood, and to one person; over when the visit begins."""
    session = link.session
    if link.expires_at <= now or session.start <= now or link.patient_id != session.patient_id:
        return LinkState.CLOSED
    if link.used_at is not None:
        return LinkState.USED
    is_current = session.status == SessionStatus.BOOKED and session.sequence == link.sequence
    return LinkState.OPEN if is_current else LinkState.CLOSED


def use_up(link: PatientLink, *, now: datetime) -> bool:
    """Claim the one last act. False says that another one came first, or that the visit has changed meanwhile."""
    if not hold_open(link, now=now):
        return False
    return bool(PatientLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now))


def hold_open(link: PatientLink, *, now: datetime) -> bool:
    """Lock the link, so that its acts come one after another, and look again; False once it is dead.

    Two statements: one that waits for a lock sees the rows it joins as they were before it waited.
    """
    PatientLink.objects.select_for_update().get(pk=link.pk)
    current = PatientLink.objects.select_related("session").get(pk=link.pk)
    return state_of(current, now=now) == LinkState.OPEN
