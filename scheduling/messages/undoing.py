"""Whether anybody was told of a change, and what of the outbox goes with a change that is undone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from scheduling.messages.outbox import (
    Ledger,
    may_be_news,
    pick,
    queue_news,
    read_ledger,
)
from scheduling.messages.reminders import REMINDERS
from scheduling.messages.told import is_told
from scheduling.models import Announcement, Course, Notice, NoticeKind, NoticeStatus, PickUp, Session

LISTS = (NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES, NoticeKind.DIGEST)
ON_ITS_WAY = "A message about it is being sent at this moment, so this cannot be undone any more."
TOLD = "The patient has been told, so this cannot be undone any more. Change the visits anew instead."


def lock_notices(course_ids: Collection[int]) -> None:
    """What waits, so that no worker takes it while it is decided whether anything has gone out."""
    waiting = Notice.objects.filter(course__in=course_ids, status__in=[NoticeStatus.DUE, NoticeStatus.SENDING])
    list(waiting.select_for_update().order_by("course", "pk").values_list("pk"))


@dataclass(frozen=True)
class Heard:
    """What has gone out, or may have, about some sessions and in the lists of their courses."""

    notices: tuple[tuple[int, int | None, str, datetime | None], ...]
    told_at: Mapping[int, datetime]

    def why_told(self, course_ids: Collection[int], session_ids: Collection[int], *, since: datetime) -> str:
        """A sentence where anybody has heard of these sessions since then, or may have; else empty."""
        about = [
            (status, sent_at)
            for course, session, status, sent_at in self.notices
            if (course in course_ids if session is None else session in session_ids)
        ]
        if any(status in {NoticeStatus.SENDING, NoticeStatus.DUE} for status, _ in about):
            return ON_ITS_WAY
        # What was put on paper with the change itself still lies at the desk, and is printed anew.
        on_paper = any(self.told_at.get(pk, since) > since for pk in session_ids)
        return TOLD if on_paper or any(sent_at and sent_at >= since for _, sent_at in about) else ""


def read_heard(course_ids: Collection[int], session_ids: Collection[int], *, since: datetime) -> Heard:
    """In two queries. A call about what the patient answered tells nothing new."""
    lists = Q(course__in=course_ids, session=None, kind__in=LISTS)
    on_its_way = Q(status=NoticeStatus.SENDING) | Q(status=NoticeStatus.DUE, uncertain=True)
    gone = Q(status__in=[NoticeStatus.SENT, NoticeStatus.DONE], sent_at__gte=since)
    about = Notice.objects.filter(lists | Q(session__in=session_ids)).exclude(kind=NoticeKind.ANSWER)
    rows = about.filter(on_its_way | gone).order_by().values_list("course", "session", "status", "sent_at")
    told = Announcement.objects.filter(session__in=session_ids, told_at__gt=since).values_list("session", "told_at")
    return Heard(tuple(rows), dict(told))


def change_undone(course: Course, sessions: Iterable[Session], *, since: datetime, now: datetime) -> None:
    """Queue what is due now that these sessions are as they were before, and drop what has nothing to say any more."""
    sessions = list(sessions)
    reopen_pick_ups(sessions, since=since, now=now)
    forget_skipped(sessions)
    ledger = read_ledger(course, now=now)
    changed = pick(ledger, sessions)
    queue_news(ledger, changed)
    drop_needless(ledger, changed)
    ledger.write()
    forget_summary(course)


def forget_summary(course: Course) -> None:
    """Of a course that has no visits any more: once it is booked, its summary is due again under the same key."""
    if not course.sessions.exists():
        Notice.objects.filter(course=course, kind=NoticeKind.COURSE_SUMMARY, status=NoticeStatus.DUE).delete()


def reopen_pick_ups(sessions: Collection[Session], *, since: datetime, now: datetime) -> None:
    """A driver who knows of the event, and was not told that it is off, keeps it."""
    ended = PickUp.objects.filter(session__in=sessions, ended_at=since, told_cancelled=False)
    for pick_up in ended.exclude(told_start=None):
        pick_up.ended_at, pick_up.sequence, pick_up.changed_at = None, pick_up.sequence + 1, now
        pick_up.save(update_fields=["ended_at", "sequence", "changed_at"])


def forget_skipped(sessions: Collection[Session]) -> None:
    """A reminder that was left out because the visit had changed is wanted again, under the same key."""
    left_out = Notice.objects.filter(session__in=sessions, sequence=F("session__sequence"), kind__in=REMINDERS)
    left_out.filter(status=NoticeStatus.SKIPPED, outcome="skipped: the appointment has changed").delete()


def drop_needless(ledger: Ledger, sessions: Iterable[Session]) -> None:
    """Messages that would find nothing to say when they are composed; a call would stand on the list for nothing."""
    if not any(may_be_news(session, ledger) for session in ledger.sessions):
        ledger.drop(ledger.find(NoticeKind.CHANGES))
    known = {session.pk for session in sessions if is_known(session, ledger)}
    events = [notice for notice in ledger.waiting if notice.kind == NoticeKind.CALENDAR and notice.session_id in known]
    for notice in events:
        if notice.status == NoticeStatus.DUE and notice.again_of_id is None:
            ledger.drop(notice)
    ledger.new = [n for n in ledger.new if n.kind != NoticeKind.CALENDAR or n.session_id not in known]
    as_told = {row.pk for row in PickUp.objects.filter(session__in=ledger.sessions) if row.is_as_told()}
    for notice in ledger.waiting:
        if notice.pick_up_id in as_told and notice.status == NoticeStatus.DUE:
            ledger.drop(notice)
    ledger.new = [notice for notice in ledger.new if notice.pick_up_id not in as_told]


def is_known(session: Session, ledger: Ledger) -> bool:
    """Whether the event as it stands is in the patient's calendar."""
    told = getattr(session, "announcement", None)
    if told is None or told.invited_sequence is None or not is_told(session):
        return False
    return bool(told.invited_to == ledger.course.patient.email)
