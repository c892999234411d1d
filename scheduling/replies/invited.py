"""Whom a calendar reply is about: the UID names the event, and the address must be the one that we invited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from scheduling.messages.outbox import lock_course
from scheduling.models import Announcement, PickUp, Session
from scheduling.replies.mail import CalendarReply, fold


@dataclass(frozen=True)
class Invited:
    """Who was invited to what, and what their calendar shows. `told_sequence` is of the event, not of the session."""

    session: Session
    address: str
    told_sequence: int
    sequence: int
    is_as_told: bool  # the calendar shows what holds now
    is_driver: bool = False


def find_invited(uid: str) -> Invited | None:
    """Locked with the course, so that two replies of one person are taken in one after the other.

    The course comes first: whoever writes its notices holds them, and then wants what the patient was told.
    """
    try:
        key = UUID(uid)
    except ValueError:
        return None
    course_id = find_course(key)
    if course_id is None:
        return None
    lock_course(course_id)
    return find_patient(key) or find_driver(key)


def find_course(uid: UUID) -> int | None:
    told = Announcement.objects.filter(names_event(uid)).values_list("session__course", flat=True)
    return told.first() or PickUp.objects.filter(uid=uid).values_list("session__course", flat=True).first()


def names_event(uid: UUID) -> Q:
    return Q(event_uid=uid) | Q(event_uid=None, session__uid=uid)


def find_patient(uid: UUID) -> Invited | None:
    rows = Announcement.objects.select_for_update(of=("self",)).select_related(
        "session__patient", "session__course__site"
    )
    told = rows.filter(names_event(uid)).exclude(invited_to="").first()
    if told is None or told.invited_sequence is None:
        return None
    session = told.session
    is_as_told = told.told_start == session.start and not told.told_cancelled and session.is_live
    return Invited(session, told.invited_to, told.invited_sequence, session.sequence, is_as_told)


def find_driver(uid: UUID) -> Invited | None:
    rows = PickUp.objects.select_for_update(of=("self",)).select_related("session__patient", "session__course__site")
    event = rows.filter(uid=uid).first()
    if event is None or event.told_sequence is None:
        return None
    is_as_told = event.ended_at is None and event.is_as_told()
    return Invited(event.session, event.email, event.told_sequence, event.sequence, is_as_told, is_driver=True)


def is_from(reply: CalendarReply, invited: Invited) -> bool:
    return fold(invited.address) == reply.attendee and reply.attendee in reply.senders


def is_current(reply: CalendarReply, invited: Invited) -> bool:
    """Whether it answers the time that holds now (RFC 5546 2.1.5).

    A session moved and moved back has another SEQUENCE, and a calendar that was rightly told nothing.
    """
    return reply.sequence >= invited.sequence or (invited.is_as_told and reply.sequence >= invited.told_sequence)


def is_to_come(session: Session, *, now: datetime) -> bool:
    return session.status == "booked" and session.start > now
