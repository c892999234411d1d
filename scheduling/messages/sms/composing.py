"""What a text notice comes to when its time is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Q
from django.utils import translation

from clinic.models import Patient
from scheduling.messages.composed import ByPhone, Later, NotNeeded
from scheduling.messages.composing import pick_week
from scheduling.messages.holding import hold
from scheduling.messages.letters import Letter
from scheduling.messages.links import link_to
from scheduling.messages.papers import put_patients, read_course, read_session
from scheduling.messages.reminders import moment, quiet_hours_of
from scheduling.messages.sms.reach import number_for
from scheduling.messages.sms.writing import digest_text, reminder_text
from scheduling.messages.told import is_ahead
from scheduling.models import Notice, NoticeChannel, NoticeKind, NoticeStatus, Session

# The most that an exemption for health care has ever allowed without consent; with it, a measure of good manners.
MOST_A_DAY = 1
MOST_A_WEEK = 3


@dataclass(frozen=True)
class OtherWay:
    """Not as a text: no consent or no number any more, too many texts already, or too much for one."""


ComposedText = Letter | NotNeeded | Later | ByPhone | OtherWay


def compose_text(notice: Notice, *, now: datetime) -> ComposedText:
    """Decide anew whether it is still wanted, and whether a text may say it."""
    put_patients([notice])
    if notice.useful_until is not None and notice.useful_until <= now:
        return NotNeeded("skipped: late")
    sessions = sessions_of(notice, now=now)
    if not sessions:
        return NotNeeded("skipped: the appointment has changed")
    quiet = quiet_hours_of(notice.course.site, notice.patient.zone)
    if quiet.holds(now):
        return hold(notice, sessions[0], opening=quiet.next_opening(now), now=now)
    if is_told_by_digest(notice, sessions[0], now=now):
        return NotNeeded("skipped: told by the text of the week")
    number = number_for(notice.patient)
    if not number or (notice.again_of_id is None and is_spent(notice.patient, now=now)):
        return OtherWay()
    with translation.override(notice.patient.language):
        text = write(notice, sessions, link=link_to(sessions[0], now=now))
    return Letter(recipient=number, subject="", text=text, html="", facts=text) if text else OtherWay()


def sessions_of(notice: Notice, *, now: datetime) -> list[Session]:
    """What it is about, as it stands now; none where that is not to come any more, or was changed."""
    if notice.kind == NoticeKind.DIGEST:
        return pick_week(notice, (session for session in read_course(notice) if is_ahead(session, now=now)))
    session = read_session(notice)
    return [session] if is_ahead(session, now=now) and session.sequence == notice.sequence else []


def write(notice: Notice, sessions: list[Session], *, link: str) -> str:
    if notice.kind == NoticeKind.DIGEST:
        return digest_text(sessions, patient=notice.patient, site=notice.course.site, link=link)
    return reminder_text(sessions[0], link=link)


def is_told_by_digest(notice: Notice, session: Session, *, now: datetime) -> bool:
    """A single reminder of what the week's text has said the same day; one that asks for a driver goes out."""
    if notice.kind != NoticeKind.REMINDER or notice.again_of_id is not None:
        return False
    midnight = moment(now.astimezone(notice.patient.zone).date(), time(0), notice.patient.zone)
    digests = Notice.objects.filter(course=notice.course_id, kind=NoticeKind.DIGEST, channel=NoticeChannel.SMS)
    ends = digests.filter(status=NoticeStatus.SENT, sent_at__gte=midnight).values_list("useful_until", flat=True)
    return any(end is not None and end - timedelta(days=7) <= session.start < end for end in ends)


def is_spent(patient: Patient, *, now: datetime) -> bool:
    """Whether the patient had their texts of this day or of these seven days, of whichever course."""
    zone = patient.zone
    today = now.astimezone(zone).date()
    since = moment(today - timedelta(days=6), time(0), zone)
    texts = Notice.objects.filter(patient=patient, channel=NoticeChannel.SMS)
    # One that perhaps arrived counts by the time it was due.
    perhaps = Q(status=NoticeStatus.FAILED, uncertain=True, due_at__gte=since)
    had = texts.filter(Q(status=NoticeStatus.SENT, sent_at__gte=since) | perhaps)
    days = [(sent_at or due_at).astimezone(zone).date() for sent_at, due_at in had.values_list("sent_at", "due_at")]
    return days.count(today) >= MOST_A_DAY or len(days) >= MOST_A_WEEK
