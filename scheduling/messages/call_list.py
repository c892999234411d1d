"""What the front desk tells by phone: the messages of patients without e-mail, or whose address refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from clinic.models import Site
from scheduling.messages.composing import read_instructions, read_session, read_sessions, week_ahead
from scheduling.messages.letters import LANGUAGE
from scheduling.messages.rows import new_notice
from scheduling.messages.told import Told, is_ahead, is_news, record_told
from scheduling.messages.wording import Appointment, describe, preparation_texts, stay_text
from scheduling.models import Notice, NoticeChannel, NoticeKind, NoticeStatus, Session

BY_STAFF = (NoticeChannel.CALL, NoticeChannel.PRINT)
LISTS = (NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES)


@dataclass(frozen=True)
class Call:
    """What to say: the appointments, and for a reminder what to bring to mind."""

    title: str
    appointments: tuple[Appointment, ...]
    lines: tuple[str, ...] = ()


def waiting_calls(*, sites: models.QuerySet[Site], now: datetime) -> models.QuerySet[Notice]:
    """The call list: what is due to be told by staff, the oldest first."""
    useful = Q(useful_until=None) | Q(useful_until__gt=now)
    calls = Notice.objects.filter(useful, channel__in=BY_STAFF, status=NoticeStatus.DUE, due_at__lte=now)
    return calls.filter(course__site__in=sites).select_related("patient", "course__site", "session")


def mark_called(notice: Notice, *, now: datetime, by: AbstractBaseUser) -> bool:
    """The patient was told, or has the printed calendar. Marked twice is marked once; False says it was done before."""
    with transaction.atomic():
        waiting = Notice.objects.filter(pk=notice.pk, channel__in=BY_STAFF, status=NoticeStatus.DUE)
        outcome = f"done by {by.get_username()}"[:200]
        if not waiting.update(status=NoticeStatus.DONE, sent_at=now, outcome=outcome):
            return False
        if notice.kind in LISTS:
            news = [session for session in read_sessions(notice) if is_news(session, now=now)]
            facts = [Told(session.pk, session.start, not session.is_live) for session in news]
            record_told(facts, at=now, in_person=True)
    return True


def call_instead(notice: Notice, *, now: datetime) -> None:
    """Put on the call list what a message could not tell. Times of one course are one call."""
    kind = NoticeKind(notice.kind)
    if kind == NoticeKind.WITHDRAWAL:
        return
    if kind == NoticeKind.CALENDAR:
        if not is_news(read_session(notice), now=now):
            return
        kind = NoticeKind.CHANGES
    waiting = Notice.objects.filter(course=notice.course_id, channel=NoticeChannel.CALL, status=NoticeStatus.DUE)
    if kind in LISTS and waiting.filter(kind__in=LISTS).exists():
        return
    row = new_notice(
        course=notice.course,
        session_id=None if kind in LISTS else notice.session_id,
        kind=kind,
        key=f"{notice.key}:call",
        channel=NoticeChannel.CALL,
        sequence=notice.sequence,
        due_at=now,
        useful_until=notice.useful_until,
        now=now,
    )
    Notice.objects.bulk_create([row], ignore_conflicts=True)


def expire_calls(*, now: datetime) -> int:
    """Calls nobody made while they were of use."""
    late = Notice.objects.filter(channel__in=BY_STAFF, status=NoticeStatus.DUE, useful_until__lte=now)
    return late.update(status=NoticeStatus.SKIPPED, outcome="skipped: late")


def describe_call(notice: Notice, *, now: datetime) -> Call:
    """What to say on the phone, from what is true now."""
    with translation.override(LANGUAGE):
        sessions = sessions_to_tell(notice, now=now)
        patient, site = notice.patient, notice.course.site
        appointments = tuple(describe(session, patient=patient, site=site) for session in sessions)
        lines: tuple[str, ...] = ()
        if notice.kind in {NoticeKind.REMINDER, NoticeKind.DRIVER_REMINDER} and sessions:
            lines = tuple(preparation_of(sessions[0]))
        return Call(notice.get_kind_display(), appointments, lines)


def sessions_to_tell(notice: Notice, *, now: datetime) -> list[Session]:
    match notice.kind:
        case NoticeKind.DIGEST:
            return week_ahead(notice, now=now)
        case NoticeKind.CHANGES:
            return [session for session in read_sessions(notice) if is_news(session, now=now)]
        case NoticeKind.COURSE_SUMMARY:
            return [session for session in read_sessions(notice) if is_ahead(session, now=now)]
    return [session for session in [read_session(notice)] if is_ahead(session, now=now)]


def preparation_of(session: Session) -> list[str]:
    instructions = read_instructions([session]).get(session.visit_type_id, [])
    stay = [_("The visit lasts %(stay)s.") % {"stay": stay_text(session)}] if session.visit_type.sedating else []
    return [*stay, *preparation_texts(session, instructions)]
