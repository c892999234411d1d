"""What composing looks at: read at one moment for many notices, in a number of queries that does not grow with them.

No two notices of one lot speak to the same patient (`delivery.take_lot`), so that none is composed from what another
of the lot is about to change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Max, Min, Q, prefetch_related_objects
from django.db.models.functions import Coalesce

from clinic.models import Channel, Consent, Patient
from clinic.models.consent import Purpose
from protocols.models import Instruction
from scheduling.messages.links import open_links
from scheduling.messages.pick_ups import find_pick_ups
from scheduling.messages.subscriptions import feeds_of, find_in_two_calendars
from scheduling.models import (
    CalendarFeed,
    Notice,
    NoticeChannel,
    NoticeKind,
    NoticeStatus,
    PickUp,
    Session,
    SessionStatus,
)

# The messages of one session that lead to its page. A list names many sessions and leads to none.
# Those that name the calendar to subscribe to, or wait until an invited patient has only that.
ABOUT_FEEDS = {NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES, NoticeKind.FEED_LINK}
LINKED = {NoticeKind.CALENDAR, NoticeKind.REMINDER, NoticeKind.DRIVER_REMINDER}
# With the session of a notice come all it may speak of; what many share is read once.
BESIDE_SESSION = ("announcement", "driver")
SHARED = ("visit_type__instructions", "site", "patient__home_site")


@dataclass
class Papers:
    """Ask it by notice, session or patient; nothing here reads again."""

    sessions: dict[int, Session]
    by_course: dict[int, list[Session]] = field(default_factory=dict)
    ahead: dict[int, set[int]] = field(default_factory=dict)
    unsent_summaries: dict[int, datetime] = field(default_factory=dict)
    invites_sent: dict[int, list[tuple[int, datetime]]] = field(default_factory=dict)
    refused: set[tuple[int, str]] = field(default_factory=set)
    consents: dict[tuple[int, str], Consent] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)
    feeds: dict[int, CalendarFeed] = field(default_factory=dict)
    in_two_calendars: set[int] = field(default_factory=set)
    pick_ups: dict[int, PickUp] = field(default_factory=dict)
    first_sending: dict[int, int] = field(default_factory=dict)

    def session_of(self, notice: Notice) -> Session:
        """With its visit type and instructions, site, patient, driver, and what the patient was told."""
        return self.sessions[notice.session_id or 0]

    def course_of(self, notice: Notice) -> list[Session]:
        """Every session of the course, by time."""
        return self.by_course.get(notice.course_id, [])

    def instructions_of(self, session: Session) -> list[Instruction]:
        return list(session.visit_type.instructions.all())

    def has_other_courses(self, notice: Notice) -> bool:
        """Whether the patient has appointments to come that a list of this course does not name."""
        return bool(self.ahead.get(notice.patient_id, set()) - {notice.course_id})

    def unsent_summary(self, notice: Notice) -> datetime | None:
        """When the course's first list is due, where it has not gone out yet."""
        return self.unsent_summaries.get(notice.course_id)

    def invites_since(self, notice: Notice) -> set[int]:
        """The sessions of the course whose calendar message went out since the notice was queued."""
        sent = self.invites_sent.get(notice.course_id, [])
        return {session_id for session_id, at in sent if at >= notice.created_at}

    def is_refused(self, patient: Patient, address: str) -> bool:
        return (patient.pk, address) in self.refused

    def reachable_address(self, patient: Patient) -> str:
        """Empty where the patient wants no mail, or their address has refused it for good."""
        if not patient.gets_email or self.is_refused(patient, patient.email):
            return ""
        return patient.email

    def consent_of(self, patient: Patient, purpose: str) -> Consent | None:
        """The patient's live consent to that purpose."""
        return self.consents.get((patient.pk, purpose))

    def wants_detail(self, patient: Patient) -> bool:
        """Whether their mails and their calendar may name the treatment."""
        return self.consent_of(patient, Purpose.DETAIL) is not None

    def feed_of(self, patient: Patient) -> CalendarFeed | None:
        """What the patient may be told the address of."""
        return self.feeds.get(patient.pk)

    def is_in_two_calendars(self, patient: Patient) -> bool:
        """Whether an event still stands in the calendar by an invite, and is about to be taken out."""
        return patient.pk in self.in_two_calendars

    def pick_up_of(self, notice: Notice) -> PickUp | None:
        """The event of a driver's calendar that the notice tells."""
        return self.pick_ups.get(notice.pk)

    def is_being_told(self, pick_up: PickUp, *, before: Notice) -> bool:
        """Another message about it is on its way: what it said is known once it has arrived."""
        return self.first_sending.get(pick_up.pk, before.pk) < before.pk

    def link_to(self, session: Session) -> str:
        """The address of the session's page; empty where the session is not to come or its notice bears no link."""
        return self.links.get(session.pk, "")


def read_papers(notices: Sequence[Notice], *, now: datetime) -> Papers:
    """Everything as it stands now, not when the notices were claimed: their patients, too."""
    put_patients(notices)
    lists = {notice.course_id for notice in notices if notice.session_id is None}
    sessions = read_sessions(Q(pk__in=[notice.session_id for notice in notices if notice.session_id]) | in_any(lists))
    papers = Papers({session.pk: session for session in sessions})
    patients = {notice.patient_id for notice in notices}
    if lists:
        papers.by_course = group_by_course(session for session in sessions if session.course_id in lists)
        papers.ahead = read_ahead(patients, now=now)
        papers.unsent_summaries = read_unsent_summaries(lists)
        papers.invites_sent = read_invites_sent(lists, since=min(notice.created_at for notice in notices))
    # Staff who send once more to an address that refused mail know why: it is tried.
    papers.refused = read_refused({notice.patient_id for notice in notices if notice.again_of_id is None})
    consents = Consent.objects.live().filter(patient__in=patients)
    papers.consents = {(consent.patient_id, consent.purpose): consent for consent in consents}
    named = [session for session in sessions if papers.wants_detail(session.patient)]
    prefetch_related_objects(named, "course__version__protocol")
    read_feeds(papers, [notice.patient for notice in notices if notice.kind in ABOUT_FEEDS], now=now)
    read_pick_ups(papers, [notice for notice in notices if notice.kind == NoticeKind.DRIVER_CALENDAR])
    linked = [papers.session_of(notice) for notice in notices if notice.kind in LINKED and notice.session_id]
    papers.links = open_links({session for session in linked if is_to_come(session, now)}, now=now)
    return papers


def put_patients(notices: Sequence[Notice]) -> None:
    """The chunk that was claimed with them may be minutes old, and the patient have another address by now."""
    rows = Patient.objects.select_related("home_site").in_bulk({notice.patient_id for notice in notices})
    for notice in notices:
        notice.patient = rows.get(notice.patient_id, notice.patient)


def read_feeds(papers: Papers, patients: Iterable[Patient], *, now: datetime) -> None:
    subscribed = [patient for patient in patients if patient.channel == Channel.FEED]
    if subscribed:
        papers.feeds = feeds_of(subscribed)
        papers.in_two_calendars = find_in_two_calendars(subscribed, now=now)


def read_pick_ups(papers: Papers, notices: Sequence[Notice]) -> None:
    if not notices:
        return
    papers.pick_ups = find_pick_ups(notices)
    sending = Notice.objects.filter(pick_up__in=papers.pick_ups.values(), status=NoticeStatus.SENDING)
    papers.first_sending = dict(sending.order_by().values_list("pick_up").annotate(Min("pk")))


def in_any(courses: Iterable[int]) -> Q:
    return Q(course__in=list(courses))


def read_sessions(wanted: Q) -> list[Session]:
    """Sites, patients and visit types are shared among the rows: built once, however many sessions name them."""
    rows = Session.objects.filter(wanted).select_related(*BESIDE_SESSION).prefetch_related(*SHARED)
    return list(rows.order_by("start", "pk"))


def read_session(notice: Notice) -> Session:
    [session] = read_sessions(Q(pk=notice.session_id))
    return session


def read_course(notice: Notice) -> list[Session]:
    return read_sessions(Q(course=notice.course_id))


def group_by_course(sessions: Iterable[Session]) -> dict[int, list[Session]]:
    found: dict[int, list[Session]] = defaultdict(list)
    for session in sessions:
        found[session.course_id].append(session)
    return dict(found)


def is_to_come(session: Session, now: datetime) -> bool:
    return session.status == SessionStatus.BOOKED and session.start > now


def read_ahead(patients: Iterable[int], *, now: datetime) -> dict[int, set[int]]:
    """For each patient the courses with visits to come that are announced."""
    booked = Session.objects.filter(patient__in=patients, status=SessionStatus.BOOKED, start__gt=now)
    found: dict[int, set[int]] = defaultdict(set)
    for patient, course in booked.exclude(visit_type__place="external").values_list("patient", "course").distinct():
        found[patient].add(course)
    return dict(found)


def read_unsent_summaries(courses: Iterable[int]) -> dict[int, datetime]:
    summaries = Notice.objects.filter(course__in=courses, kind=NoticeKind.COURSE_SUMMARY, channel=NoticeChannel.EMAIL)
    unsent = summaries.filter(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING])
    return dict(unsent.order_by().values_list("course").annotate(Max("due_at")))


def read_invites_sent(courses: Iterable[int], *, since: datetime) -> dict[int, list[tuple[int, datetime]]]:
    told = Notice.objects.filter(course__in=courses, kind=NoticeKind.CALENDAR, sent_at__gte=since)
    found: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for course, session, at in told.order_by().values_list("course", "session", "sent_at"):
        if session and at:
            found[course].append((session, at))
    return dict(found)


def read_refused(patients: Iterable[int]) -> set[tuple[int, str]]:
    """Patients with the addresses that refuse their mail for good: none of theirs was taken there since."""
    mails = Notice.objects.filter(patient__in=list(patients), channel=NoticeChannel.EMAIL).order_by()
    pairs = mails.values_list("patient", "recipient")
    failed = pairs.filter(status=NoticeStatus.FAILED).annotate(at=Max(Coalesce("failed_at", "sent_at", "due_at")))
    refused = {(patient, address): at for patient, address, at in failed}
    if not refused:
        return set()
    patients = {patient for patient, _address in refused}
    sent = pairs.filter(status=NoticeStatus.SENT, patient__in=patients).annotate(at=Max("sent_at"))
    taken = {(patient, address): at for patient, address, at in sent}
    return {pair for pair, at in refused.items() if pair not in taken or taken[pair] < at}
