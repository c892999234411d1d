"""What the front desk tells by phone: the messages of patients without e-mail, or whose address refuses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.utils import translation
from django.utils.translation import gettext as _

from clinic.models import User
from protocols.models import Instruction
from scheduling.messages import outbox
from scheduling.messages.composing import pick_week
from scheduling.messages.driver_calls import ABOUT_DRIVERS, driver_lines, drop_driver_calls
from scheduling.messages.papers import group_by_course, in_any, read_course, read_session, read_sessions
from scheduling.messages.pick_ups import call_driver_instead, told_by_phone, untold_by_phone
from scheduling.messages.rows import INSTEAD, new_notice
from scheduling.messages.told import Told, is_ahead, is_news, record_told
from scheduling.messages.wording import Appointment, describe, preparation_texts, stay_text
from scheduling.models import Announcement, Course, Notice, NoticeChannel, NoticeKind, NoticeStatus, Session
from scheduling.models.session import GONE

BY_STAFF = (NoticeChannel.CALL, NoticeChannel.PRINT)
# Staff read this, whatever language they then speak with the patient.
STAFF_LANGUAGE = "en"
LISTS = (NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES)


@dataclass(frozen=True)
class Call:
    """What to say: the appointments, and for a reminder what to bring to mind."""

    title: str
    appointments: tuple[Appointment, ...]
    lines: tuple[str, ...] = ()


def calls_to_make(notices: QuerySet[Notice], *, now: datetime, ahead: timedelta = timedelta()) -> QuerySet[Notice]:
    """The call list among these notices: what is due or will be within `ahead`, and still of use; the oldest first."""
    waiting = notices.filter(channel__in=BY_STAFF, status=NoticeStatus.DUE, due_at__lte=now + ahead)
    return waiting.filter(Q(useful_until=None) | Q(useful_until__gt=now)).order_by("due_at", "pk")


def mark_called(notice: Notice, *, now: datetime, by: User) -> bool:
    """The patient was told, or has the printed calendar. Marked twice is marked once; False says it was done before."""
    with transaction.atomic():
        outbox.lock_course(notice.course_id)
        waiting = Notice.objects.filter(pk=notice.pk, channel__in=BY_STAFF, status=NoticeStatus.DUE)
        outcome = f"Done by {by}"[:200]
        if not waiting.update(status=NoticeStatus.DONE, sent_at=now, outcome=outcome):
            return False
        if notice.kind in LISTS:
            news = [session for session in read_course(notice) if is_news(session, now=now)]
            facts = [Told(session.pk, session.start, not session.is_live) for session in news]
            record_told(facts, at=now, in_person=True)
        if notice.kind == NoticeKind.DRIVER_CALENDAR:
            told_by_phone(notice)
        if notice.kind in ABOUT_DRIVERS:
            outbox.driver_changed(notice.course, now=now)
    return True


def take_back_call(notice: Notice, *, now: datetime) -> bool:
    """It was not made after all: what it was to tell is news again. False says that it waits already."""
    with transaction.atomic():
        outbox.lock_course(notice.course_id)
        made = Notice.objects.filter(pk=notice.pk, channel__in=BY_STAFF, status=NoticeStatus.DONE)
        called_at = made.values_list("sent_at", flat=True).first()
        if called_at is None:
            return False
        made.update(status=NoticeStatus.DUE, sent_at=None, outcome="")
        if notice.kind in LISTS:
            untell(notice, called_at)
        if notice.kind == NoticeKind.DRIVER_CALENDAR:
            untold_by_phone(notice)
        if notice.kind in ABOUT_DRIVERS:
            outbox.driver_changed(notice.course, now=now)
    return True


def untell(notice: Notice, called_at: datetime) -> None:
    """What was said before that call is not kept; that the patient does not know how it stands is enough."""
    told = Announcement.objects.filter(session__course=notice.course_id, told_at=called_at)
    told.filter(session__status__in=GONE).update(told_cancelled=False)
    told.exclude(session__status__in=GONE).update(came_back=True)


def call_instead(notice: Notice, *, now: datetime, useful_until: datetime | None = None) -> None:
    """Put on the call list what a message could not tell. Times of one course are one call."""
    kind, useful_until = NoticeKind(notice.kind), useful_until or notice.useful_until
    # A proposal that a calendar sent is on the list by itself.
    if kind in {NoticeKind.WITHDRAWAL, NoticeKind.DECLINE_COUNTER}:
        return
    if kind == NoticeKind.DRIVER_CALENDAR:
        call_driver_instead(notice, now=now)
        return
    if kind == NoticeKind.DRIVER_REMINDER:
        drop_driver_calls(notice, until=useful_until)
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
        key=notice.key + INSTEAD,
        channel=NoticeChannel.CALL,
        sequence=notice.sequence,
        due_at=now,
        useful_until=useful_until,
        now=now,
    )
    Notice.objects.bulk_create([row], ignore_conflicts=True)


def expire_calls(*, now: datetime) -> int:
    """Calls nobody made while they were of use."""
    late = Notice.objects.filter(channel__in=BY_STAFF, status=NoticeStatus.DUE, useful_until__lte=now)
    expired = expire_driver_calls(late, now=now)
    with transaction.atomic():
        # Calls of many courses at once: what an act holds is left to the next run, so that nobody waits in a circle.
        keys = list(late.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Notice.objects.filter(pk__in=keys).update(status=NoticeStatus.SKIPPED, outcome="skipped: late")
    return expired + len(keys)


def expire_driver_calls(late: QuerySet[Notice], *, now: datetime) -> int:
    """A reminder by phone that nobody made leaves the driver unasked: the last call takes its place."""
    courses = Course.objects.filter(pk__in=late.filter(kind=NoticeKind.DRIVER_REMINDER).values("course"))
    expired = 0
    for course in courses.order_by("pk"):
        with transaction.atomic():
            outbox.lock_course(course.pk)
            expired += late.filter(course=course).update(status=NoticeStatus.SKIPPED, outcome="skipped: late")
            outbox.driver_changed(course, now=now)
    return expired


def describe_calls(notices: Sequence[Notice], *, now: datetime) -> dict[int, Call]:
    """What to say on the phone, by notice, from what is true now; as many queries for many calls as for one."""
    by_course = group_by_course(read_sessions(in_any({notice.course_id for notice in notices})))
    prefetch_related_objects([notice for notice in notices if notice.pick_up_id], "pick_up")
    about_drivers = {notice.session_id for notice in notices if notice.kind in ABOUT_DRIVERS}
    prefetch_related_objects([row for rows in by_course.values() for row in rows if row.pk in about_drivers], "answers")
    with translation.override(STAFF_LANGUAGE):
        return {notice.pk: describe_call(notice, by_course.get(notice.course_id, ()), now=now) for notice in notices}


def describe_call(notice: Notice, sessions: Sequence[Session], *, now: datetime) -> Call:
    told = pick_sessions(notice, sessions, now=now)
    lines: list[str] = []
    if told and notice.kind in {NoticeKind.REMINDER, NoticeKind.DRIVER_REMINDER}:
        lines = preparation_of(told[0], told[0].visit_type.instructions.all())
    lines += driver_lines(notice, sessions)
    return Call(
        title=notice.get_kind_display(),
        appointments=tuple(describe(session, patient=session.patient, site=session.site) for session in told),
        lines=tuple(lines),
    )


def pick_sessions(notice: Notice, sessions: Sequence[Session], *, now: datetime) -> list[Session]:
    """Those of the course that this call is about."""
    if notice.kind == NoticeKind.CHANGES:
        return [session for session in sessions if is_news(session, now=now)]
    ahead = [session for session in sessions if is_ahead(session, now=now)]
    if notice.kind == NoticeKind.COURSE_SUMMARY:
        return ahead
    if notice.kind == NoticeKind.DIGEST:
        return pick_week(notice, ahead)
    return [session for session in ahead if session.pk == notice.session_id]


def preparation_of(session: Session, instructions: Iterable[Instruction]) -> list[str]:
    stay = [_("The visit lasts %(stay)s.") % {"stay": stay_text(session)}] if session.visit_type.sedating else []
    instructions = list(instructions)
    said = preparation_texts(session, instructions)
    # Who is phoned has no page to read it on; a machine or a relative must not hear it.
    private = [text for text in preparation_texts(session, instructions, on_page=True) if text not in said]
    return [*stay, *said, *(f"To the patient in person only: {text}" for text in private)]
