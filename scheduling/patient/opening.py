"""Whether a link still opens anything, and the claim of an act on it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from django.db.models import F

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
    unused = PatientLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now)
    as_it_stood = unused.filter(session__sequence=F("sequence"), session__status=SessionStatus.BOOKED)
    return bool(as_it_stood.update(used_at=now))


def hold_open(link: PatientLink, *, now: datetime) -> bool:
    """Lock the link for an act that leaves it open, so that such acts come one after another; False once it is dead."""
    rows = PatientLink.objects.select_related("session").select_for_update(of=("self",))
    return state_of(rows.get(pk=link.pk), now=now) == LinkState.OPEN
