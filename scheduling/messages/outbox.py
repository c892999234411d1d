"""What is due to whom: rows written in the transaction that causes them, sent later by `delivery`.

Nothing here sends, and the number of queries does not grow with the sessions. What a message says is decided when it
is sent, from what is true then and what the patient was last told; so edits of the same minutes collapse by themselves.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from clinic.writing_rows import write_rows
from protocols.models import Phase
from scheduling.messages.call_hours import OpenDays
from scheduling.messages.driver_notices import queue_driver_notices
from scheduling.messages.reminders import REMINDERS, Timing, Wish, find_unreminded, wish_late_calls, wish_reminders
from scheduling.messages.rows import AGAIN, INSTEAD, new_notice
from scheduling.messages.sms.reach import number_for
from scheduling.messages.told import Told, event_uid, is_ahead, is_invited, is_news, is_news_by_list, record_told
from scheduling.messages.withdrawing import clear_calendars
from scheduling.models import Course, Notice, NoticeChannel, NoticeKind, NoticeStatus, Session


def course_booked(course: Course, sessions: Iterable[Session], *, now: datetime) -> None:
    """Queue the summary, the invites on their horizon, and the reminders of a course just booked."""
    ledger = read_ledger(course, now=now)
    changed = pick(ledger, sessions)
    if any(is_ahead(session, now=now) for session in changed):
        queue_summary(ledger, changed)
    queue_invites(ledger, changed)
    queue_reminders(ledger)
    queue_driver_notices(ledger)
    ledger.write()


def sessions_changed(course: Course, sessions: Iterable[Session], *, now: datetime) -> None:
    """Queue what is due after sessions were moved, cancelled, missed or newly booked; rewrite what waits unsent."""
    courses_changed([(course, sessions)], now=now)


def courses_changed(changes: Sequence[tuple[Course, Iterable[Session]]], *, now: datetime) -> None:
    """The same of several courses, each with its sessions: read and written at once."""
    ledgers = read_ledgers([course for course, _ in changes], now=now)
    for ledger, (_, sessions) in zip(ledgers, changes, strict=True):
        queue_news(ledger, pick(ledger, sessions))
    write_ledgers(ledgers)


def queue_news(ledger: Ledger, changed: Sequence[Session]) -> None:
    """All that follows from a change of these sessions, as the ledger has them."""
    clear_calendars(ledger, changed)
    queue_changes(ledger, changed)
    queue_invites(ledger, changed)
    queue_reminders(ledger)
    queue_driver_notices(ledger)


def driver_changed(course: Course, *, now: datetime) -> None:
    """Queue what is due after a driver was named, confirmed or lost, or a call about them was made."""
    lock_course(course.pk)
    ledger = read_ledger(course, now=now)
    queue_driver_notices(ledger)
    ledger.write()


def lock_course(course_id: int) -> None:
    """Before any notice, as every act does; two that change what waits for a course then take turns."""
    list(Course.objects.select_for_update(no_key=True).filter(pk=course_id).values_list("pk"))


@dataclass
class Ledger:
    """What the outbox looks at, and the rows it is about to write."""

    course: Course
    now: datetime
    waiting: list[Notice]
    sessions: list[Session]
    phases: list[Phase]
    open_days: OpenDays | None  # of the front desk, for those who are phoned
    by_text: bool  # reminders alone
    new: list[Notice] = field(default_factory=list)
    changed: list[Notice] = field(default_factory=list)
    obsolete: set[int] = field(default_factory=set)
    on_paper: list[Session] = field(default_factory=list)

    @property
    def by_mail(self) -> bool:
        return self.open_days is None

    @property
    def gets_invites(self) -> bool:
        return self.course.patient.gets_invites

    @property
    def channels(self) -> set[NoticeChannel]:
        return {NoticeChannel.EMAIL} if self.by_mail else {NoticeChannel.CALL, NoticeChannel.PRINT}

    @property
    def channel_of_reminders(self) -> NoticeChannel:
        if self.by_text:
            return NoticeChannel.SMS
        return NoticeChannel.EMAIL if self.by_mail else NoticeChannel.CALL

    def suits(self, notice: Notice) -> bool:
        """Whether the notice waits where the patient is reached now."""
        if notice.kind in REMINDERS:
            return notice.channel == self.channel_of_reminders
        return notice.channel in self.channels

    def is_unwanted_invite(self, notice: Notice) -> bool:
        return notice.kind == NoticeKind.CALENDAR and not self.gets_invites

    @property
    def due_soon(self) -> datetime:
        return self.now + timedelta(seconds=self.course.site.debounce_seconds)

    @property
    def is_list_on_its_way(self) -> bool:
        """A list with the times before this change is being sent, or was when a worker died."""
        lists = {NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES}
        return any(
            notice.kind in lists and (notice.uncertain or notice.status == NoticeStatus.SENDING)
            for notice in self.waiting
        )

    def find(self, kind: NoticeKind) -> Notice | None:
        """The unsent list of that kind, which a change can still be folded into."""
        for notice in self.waiting:
            if (notice.kind, notice.status) == (kind, NoticeStatus.DUE) and notice.channel in self.channels:
                return notice
        return None

    def add(
        self, kind: NoticeKind, key: str, due_at: datetime, *, session: Session | None = None, by_phone: bool = False
    ) -> None:
        channel = NoticeChannel.EMAIL if self.by_mail and not by_phone else NoticeChannel.CALL
        if kind == NoticeKind.COURSE_SUMMARY and not self.by_mail:
            channel = NoticeChannel.PRINT
        if kind in REMINDERS and not by_phone:
            channel = self.channel_of_reminders
        sequence = session.sequence if session else None
        self.new.append(
            new_notice(
                course=self.course, session=session, kind=kind, key=key, channel=channel,
                sequence=sequence, due_at=due_at, now=self.now,
            )
        )  # fmt: skip

    def drop(self, notice: Notice | None) -> None:
        """Take back a message nobody can have seen."""
        if notice is not None and not notice.uncertain:
            self.obsolete.add(notice.pk)

    def switch_channel(self) -> None:
        """What waits for the way the patient was reached before. A reminder stays the row it is: its time may be past.

        Invites that are dropped here are written anew by `queue_invites`.
        """
        for notice in self.waiting:
            if notice.status != NoticeStatus.DUE or (self.suits(notice) and not self.is_unwanted_invite(notice)):
                continue
            if notice.kind in REMINDERS:
                self.switch_reminder(notice)
            elif notice.kind == NoticeKind.CALENDAR and notice.due_at > self.now:
                self.drop(notice)
        self.waiting = [notice for notice in self.waiting if notice.pk not in self.obsolete]

    def switch_reminder(self, notice: Notice) -> None:
        """A text always, as its consent may be gone.

        What else is due keeps its way, and so does what may have arrived, a call that takes the place of a message, and
        a mail that staff send again.
        """
        stays = notice.due_at <= self.now or notice.uncertain or notice.key.endswith(INSTEAD) or notice.again_of_id
        if notice.channel == NoticeChannel.SMS or not stays:
            notice.channel, notice.attempts = self.channel_of_reminders, 0
            self.changed.append(notice)

    def write(self) -> None:
        write_ledgers([self])


def write_ledgers(ledgers: Sequence[Ledger]) -> None:
    Notice.objects.filter(pk__in={pk for ledger in ledgers for pk in ledger.obsolete}).delete()
    times = ["due_at", "useful_until", "zone"]
    write_rows(
        [notice for ledger in ledgers for notice in ledger.changed], [*times, "key", "sequence", "channel", "attempts"]
    )
    Notice.objects.bulk_create([notice for ledger in ledgers for notice in ledger.new], ignore_conflicts=True)
    for ledger in ledgers:
        if ledger.on_paper:
            told = [Told(session.pk, session.start, not session.is_live) for session in ledger.on_paper]
            record_told(told, at=ledger.now, in_person=True)


def read_ledger(course: Course, *, now: datetime) -> Ledger:
    return read_ledgers([course], now=now)[0]


def read_ledgers(courses: Sequence[Course], *, now: datetime) -> list[Ledger]:
    """Lock what waits first: a message being sent has then either recorded what it said, or is seen as on its way.

    In a number of queries that does not grow with the courses.
    """
    ids = [course.pk for course in courses]
    found = Course.objects.select_related("site", "version", "patient__home_site").in_bulk(ids)
    unsent = Q(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING])
    waiting, sessions, phases = defaultdict(list), defaultdict(list), defaultdict(list)
    for notice in Notice.objects.select_for_update().filter(unsent, course__in=ids).order_by("course_id", "pk"):
        waiting[notice.course_id].append(notice)
    booked = Session.objects.filter(course__in=ids).select_related("visit_type", "announcement")
    for session in booked.order_by("start"):
        sessions[session.course_id].append(session)
    versions = {course.version_id for course in found.values()}
    known = Phase.objects.filter(track__version__in=versions).select_related("track")
    for phase in known.order_by("track", "position"):
        phases[phase.track.version_id].append(phase)
    phoned = {course.site_id: course.site for course in found.values() if not course.patient.gets_email}
    open_days = {pk: OpenDays.read(site) for pk, site in phoned.items()}
    return [
        Ledger(
            course=course,
            now=now,
            waiting=waiting[course.pk],
            sessions=sessions[course.pk],
            phases=phases[course.version_id],
            open_days=None if course.patient.gets_email else open_days[course.site_id],
            by_text=bool(number_for(course.patient)),
        )
        for course in (found[pk] for pk in ids)
    ]


def pick(ledger: Ledger, sessions: Iterable[Session]) -> list[Session]:
    """The sessions as they stand in the database now, whatever the caller's copies say."""
    wanted = {session.pk for session in sessions}
    return [session for session in ledger.sessions if session.pk in wanted]


def queue_summary(ledger: Ledger, sessions: Sequence[Session]) -> None:
    """The list of the whole course. One on paper counts as told at once: nobody reports when it was handed over."""
    if (waiting := ledger.find(NoticeKind.COURSE_SUMMARY)) is not None:
        postpone(ledger, waiting)
        for notice in ledger.waiting:
            if notice.kind == NoticeKind.CALENDAR and notice.due_at < ledger.due_soon:
                postpone(ledger, notice)  # no invite before the list that explains it
    else:
        ledger.add(NoticeKind.COURSE_SUMMARY, f"summary:{ledger.course.uuid}", ledger.due_soon)
    if not ledger.by_mail:
        ledger.on_paper += [session for session in sessions if session.visit_type.is_announced]


def queue_changes(ledger: Ledger, changed: Sequence[Session]) -> None:
    """One list of changed times, unless the summary has not gone out and will say them anyway."""
    summary = ledger.find(NoticeKind.COURSE_SUMMARY)
    if summary is not None and (ledger.by_mail or summary.due_at > ledger.now):
        queue_summary(ledger, changed)
        return
    news = [session for session in changed if may_be_news(session, ledger)]
    if not news:
        return
    if (waiting := ledger.find(NoticeKind.CHANGES)) is not None:
        postpone(ledger, waiting)
    else:
        ledger.add(NoticeKind.CHANGES, f"changes:{ledger.course.uuid}:{fingerprint(news)}", ledger.due_soon)


def may_be_news(session: Session, ledger: Ledger) -> bool:
    """Whether a list may have to tell it. Whether it really does shows when the list is composed."""
    if not ledger.gets_invites:
        return is_news(session, now=ledger.now)
    if ledger.is_list_on_its_way and session.visit_type.is_announced and not is_invited(session):
        return True
    return is_news_by_list(session, site=ledger.course.site, now=ledger.due_soon)


def fingerprint(sessions: Iterable[Session]) -> str:
    """Names this state of these sessions, so that the same change asked twice is one message."""
    states = sorted(f"{session.uuid}:{session.sequence}:{session.status}" for session in sessions)
    return hashlib.sha256("|".join(states).encode()).hexdigest()[:32]


def postpone(ledger: Ledger, notice: Notice) -> None:
    """Wait for further corrections, from the last one on."""
    if notice.status == NoticeStatus.DUE:
        notice.due_at = ledger.due_soon
        ledger.changed.append(notice)


def queue_invites(ledger: Ledger, sessions: Sequence[Session]) -> None:
    """A patient with a calendar to subscribe to gets none."""
    if ledger.gets_invites:
        for session in sessions:
            queue_invite(ledger, session)


def queue_invite(ledger: Ledger, session: Session) -> None:
    waiting = find_waiting_invites(ledger, session)
    known = is_invited(session) or may_be_invited(ledger, session)
    if is_ahead(session, now=ledger.now):
        horizon = session.start - timedelta(days=ledger.course.site.invite_days)
        due_at = ledger.due_soon if known else max(ledger.due_soon, horizon)
    elif known and not session.is_live:
        due_at = ledger.due_soon
    else:
        for notice in waiting:
            ledger.drop(notice)
        return
    if not waiting:
        ledger.add(NoticeKind.CALENDAR, f"calendar:{event_uid(session)}:{session.sequence}", due_at, session=session)
        return
    kept, *others = waiting
    # It keeps its key: that of the session's new state may be another row's, also one that has gone out.
    kept.due_at, kept.sequence = due_at, session.sequence
    ledger.changed.append(kept)
    for notice in others:
        ledger.drop(notice)


def find_waiting_invites(ledger: Ledger, session: Session) -> list[Notice]:
    """Two where one that a worker gave back waits beside that of a later change. First what may have arrived.

    What staff send again is a message of its own.
    """
    found = [
        notice
        for notice in ledger.waiting
        if (notice.kind, notice.session_id, notice.status) == (NoticeKind.CALENDAR, session.pk, NoticeStatus.DUE)
        and notice.again_of_id is None
    ]
    return sorted(found, key=lambda notice: (not notice.uncertain, -(notice.sequence or 0)))


def may_be_invited(ledger: Ledger, session: Session) -> bool:
    """Whether an invite is on its way, or was when a worker died."""
    return any(
        notice.kind == NoticeKind.CALENDAR
        and notice.session_id == session.pk
        and (notice.uncertain or notice.status == NoticeStatus.SENDING)
        for notice in ledger.waiting
    )


def queue_reminders(ledger: Ledger) -> None:
    """Make what waits what is wanted now. A reminder that went out keeps its key, so none goes out twice."""
    timing = Timing.of(ledger.course)
    drop_outdated_repetitions(ledger)
    rows = [n for n in ledger.waiting if n.kind in REMINDERS and not n.key.startswith(AGAIN)]
    waiting = {notice.key.removesuffix(INSTEAD): notice for notice in rows}
    wishes = wish_reminders(
        ledger.course, ledger.sessions, ledger.phases, timing=timing, now=ledger.now, waiting=waiting
    )
    if ledger.open_days is not None and not ledger.by_text:
        wishes = ledger.open_days.list_calls(wishes, zone=timing.zone)
    unreminded = leave_out_reminded(find_unreminded(ledger.sessions, wishes, now=ledger.now))
    wishes += wish_late_calls(unreminded, now=ledger.now)
    wanted = {wish.key: wish for wish in wishes}
    for key, notice in waiting.items():
        if key not in wanted and notice.status == NoticeStatus.DUE:
            ledger.drop(notice)
    for key, wish in wanted.items():
        if key in waiting:
            retime(ledger, waiting[key], wish, zone=timing.zone.key)
            continue
        ledger.add(wish.kind, key, wish.due_at, session=wish.session, by_phone=wish.by_phone)
        ledger.new[-1].useful_until, ledger.new[-1].zone = wish.useful_until, timing.zone.key


def drop_outdated_repetitions(ledger: Ledger) -> None:
    """A call for a reminder that staff sent again in vain stays as long as its visit stands as it was."""
    standing = {(session.pk, session.sequence) for session in ledger.sessions if is_ahead(session, now=ledger.now)}
    for notice in ledger.waiting:
        is_repetition = notice.kind in REMINDERS and notice.key.startswith(AGAIN) and notice.key.endswith(INSTEAD)
        if is_repetition and notice.session_id and (notice.session_id, notice.sequence) not in standing:
            ledger.drop(notice)


def retime(ledger: Ledger, notice: Notice, wish: Wish, *, zone: str) -> None:
    """Reminders are set to another time of day, or another zone. What is due, or was tried, keeps its time."""
    is_untouched = notice.status == NoticeStatus.DUE and notice.due_at > ledger.now and not notice.attempts
    wanted = (wish.due_at, wish.useful_until, zone)
    if is_untouched and (notice.due_at, notice.useful_until, notice.zone) != wanted:
        notice.due_at, notice.useful_until, notice.zone = wanted
        ledger.changed.append(notice)


def leave_out_reminded(sessions: Sequence[Session]) -> list[Session]:
    """Without those whose driver reminder, for this SEQUENCE, has had its turn."""
    if not sessions:
        return []
    rows = Notice.objects.filter(
        session__in=sessions, kind=NoticeKind.DRIVER_REMINDER, key__startswith="reminder:"
    ).exclude(status=NoticeStatus.DUE)
    told = set(rows.values_list("session_id", "sequence"))
    return [session for session in sessions if (session.pk, session.sequence) not in told]
