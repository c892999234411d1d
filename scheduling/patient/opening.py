"""Whether a link still opens anything, and the claim of an act on it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from scheduling.messages.outbox import lock_course
from scheduling.messages.told import announcement_of, is_told
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
    return LinkState.OPEN if session.status == SessionStatus.BOOKED and is_current(link) else LinkState.CLOSED


def is_current(link: PatientLink) -> bool:
    """Whether it is of the time that holds now.

    A session moved and moved back has another SEQUENCE, and the patient was rightly told nothing: their link stands.
    """
    session = link.session
    told = announcement_of(session)
    told_sequence = told.invited_sequence if told is not None and is_told(session) else None
    return link.sequence == session.sequence or (told_sequence is not None and link.sequence >= told_sequence)


def use_up(link: PatientLink, *, now: datetime) -> bool:
    """Claim the one last act. False says that another one came first, or that the visit has changed meanwhile."""
    if not hold_open(link, now=now):
        return False
    return bool(PatientLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now))


def hold_open(link: PatientLink, *, now: datetime) -> bool:
    """Lock the link, so that its acts come one after another, and look again; False once it is dead.

    Two statements: one that waits for a lock sees the rows it joins as they were before it waited. What is answered
    now is about the session as it stands now.
    """
    lock_course(link.session.course_id)  # first: who changes a visit holds it, and then closes or opens its links
    PatientLink.objects.select_for_update().get(pk=link.pk)
    current = PatientLink.objects.select_related("session__announcement").get(pk=link.pk)
    link.session.sequence = current.session.sequence
    return state_of(current, now=now) == LinkState.OPEN
