"""Send a message once more, because staff ask for it: the patient deleted it, never saw it, or can be reached again.

It is a message of its own, and says what holds now even where nothing has changed: an invite repeats its UID and
SEQUENCE with a newer DTSTAMP.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from clinic.models import User
from scheduling.messages.composing import pick_week
from scheduling.messages.papers import read_course, read_refused, read_session
from scheduling.messages.pick_ups import find_pick_up
from scheduling.messages.rows import AGAIN, new_notice
from scheduling.messages.told import announcement_of, is_ahead, is_expected_in_vain
from scheduling.models import Notice, NoticeChannel, NoticeKind, NoticeStatus, Session
from scheduling.refusals import refuse

BY_MACHINE = {NoticeChannel.EMAIL, NoticeChannel.SMS}
ENDED = {NoticeStatus.SENT, NoticeStatus.FAILED, NoticeStatus.SKIPPED}
LISTS = {NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES}
REMINDERS = {NoticeKind.REMINDER, NoticeKind.DRIVER_REMINDER}


@transaction.atomic
def send_again(notice: Notice, *, now: datetime, by: User, despite_refusal: bool = False) -> Notice:
    """Asked twice before it has gone out, it is the same one.

    An address that refused mail for good is tried again only `despite_refusal`: by somebody who knows that it works.
    """
    notice = Notice.objects.select_for_update(of=("self",)).select_related("course__site", "patient").get(pk=notice.pk)
    waiting = notice.repetitions.filter(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING]).first()
    if waiting is not None:
        return waiting
    if fault := reason_against(notice, now=now) or ("" if despite_refusal else refusal_of(notice)):
        raise refuse(fault)
    again = repeat(notice, now=now, by=by)
    again.save()
    return again


def repeat(notice: Notice, *, now: datetime, by: User) -> Notice:
    """Where it names its recipient itself, as a withdrawal does, so does this. A reminder is of use up to the visit."""
    session = notice.session
    is_reminder = notice.kind in REMINDERS and session is not None
    is_withdrawal = notice.kind == NoticeKind.WITHDRAWAL
    return new_notice(
        course=notice.course,
        session=session,
        kind=notice.kind,
        key=f"{AGAIN}{notice.uuid}:{notice.repetitions.count() + 1}",
        channel=notice.channel,
        sequence=session.sequence if session is not None and not is_withdrawal else notice.sequence,
        recipient=notice.recipient,
        event_uid=notice.event_uid,
        answer=notice.answer,
        pick_up=notice.pick_up,
        due_at=now,
        useful_until=session.start if is_reminder and session is not None else notice.useful_until,
        now=now,
        again_of=notice,
        asked_by=by,
    )


def reason_against(notice: Notice, *, now: datetime) -> str:
    """Why it makes no sense, in one sentence; empty where it does."""
    if notice.channel not in BY_MACHINE:
        return "Only e-mails and text messages can be sent again; this one is for the front desk."
    if notice.status not in ENDED:
        return "This message is still waiting to be sent."
    if notice.kind in LISTS and not any(is_ahead(session, now=now) for session in read_course(notice)):
        return "No visit of this course is still to come."
    if notice.kind == NoticeKind.DIGEST and not pick_week(notice, ahead_of(notice, now=now)):
        return "No visit of that week is still to come."
    if notice.session_id is not None and notice.kind != NoticeKind.DRIVER_CALENDAR:
        fault = reason_of_session(notice, read_session(notice), now=now)
        if fault:
            return fault
    return reason_of_address(notice)


def ahead_of(notice: Notice, *, now: datetime) -> list[Session]:
    return [session for session in read_course(notice) if is_ahead(session, now=now)]


def reason_of_session(notice: Notice, session: Session, *, now: datetime) -> str:
    told = announcement_of(session)
    ends_at = max(session.start, told.told_start) if told is not None else session.start
    if ends_at <= now:
        return "This visit is over; there is nothing left to say about it."
    if session.is_live:
        is_expected = is_ahead(session, now=now) or is_expected_in_vain(session, now=now)
        return "" if is_expected else "This visit has begun; there is nothing left to say about it."
    if notice.kind in REMINDERS:
        return "This visit is cancelled; there is nothing to bring to mind."
    if notice.kind == NoticeKind.CALENDAR and not (told is not None and told.invited_to) and not notice.recipient:
        return "This visit was cancelled before it was in the patient's calendar."
    return ""


def reason_of_address(notice: Notice) -> str:
    patient, kind = notice.patient, notice.kind
    if notice.channel != NoticeChannel.EMAIL or kind in {NoticeKind.WITHDRAWAL, NoticeKind.DRIVER_CALENDAR}:
        return ""
    if not patient.email:
        return "This patient has no e-mail address; enter one first."
    if not patient.gets_email:
        return "This patient gets printed calendars and phone calls, no e-mail."
    if kind == NoticeKind.CALENDAR and not patient.gets_invites:
        return "This patient subscribes to a calendar and gets no invites."
    return ""


def refusal_of(notice: Notice) -> str:
    """An address that refused mail stays refused until it is corrected, or until it takes a message again."""
    if notice.channel != NoticeChannel.EMAIL:
        return ""
    if (notice.patient_id, address_of(notice)) not in read_refused([notice.patient_id]):
        return ""
    return "This address has refused mail for good. Correct it first; or, if it works again, say so and send once more."


def address_of(notice: Notice) -> str:
    """Where it would go now."""
    if notice.kind == NoticeKind.WITHDRAWAL:
        return notice.recipient
    if notice.kind == NoticeKind.DRIVER_CALENDAR:
        pick_up = find_pick_up(notice)
        return pick_up.email if pick_up is not None else notice.recipient
    return notice.patient.email
