"""The waiting list: who would take a place that is set free, or an earlier one, and what they were offered by phone."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from clinic.models import Site, User
from scheduling.booking import TO_BOOK, book_course
from scheduling.changes import recording
from scheduling.engine import CoursePlan
from scheduling.locking import booking_transaction, lock_course, retried
from scheduling.models import Course, CourseStatus, Session, WaitingEntry, WaitingOffer
from scheduling.models.change import ChangeKind
from scheduling.models.course import LIVE
from scheduling.models.waiting import WaitingOutcome
from scheduling.rearranging import rearrange
from scheduling.refusals import refuse

MAY_WAIT = (*LIVE, CourseStatus.INFEASIBLE)
BOOKED = "Course booked from the waiting list"
OVER = "This course has ended: it cannot wait for a place."
CLOSED = "This course does not wait any more. Nothing was changed; please look at the list again."
BOOKED_SINCE = "This course has been booked meanwhile. Nothing was changed; please look at the list again."


def waiting_at(sites: QuerySet[Site] | list[Site]) -> QuerySet[WaitingEntry]:
    """Whose turn is first: by need, then by how long they wait."""
    rows = WaitingEntry.objects.waiting().filter(course__site__in=sites, course__status__in=MAY_WAIT)
    related = ("course__patient", "course__site", "course__version__protocol")
    return rows.select_related(*related).order_by("need", "added_at", "pk")


def add_to_waiting(
    course: Course, *, need: int, short_notice_hours: int, now: datetime, by: User | None = None
) -> WaitingEntry:
    """Put the course on the list; one that waits already keeps its place, with the need as it was said last."""
    with transaction.atomic():
        course = lock_course(course.pk)
        if course.status not in MAY_WAIT:
            raise refuse(OVER, rule="status")
        wish = {"need": need, "short_notice_hours": short_notice_hours}
        made = {**wish, "added_at": now, "added_by": by}
        entry, _ = WaitingEntry.objects.update_or_create(
            course=course, closed_at=None, defaults=wish, create_defaults=made
        )
    return entry


def withdraw(entry: WaitingEntry, *, now: datetime, by: User | None = None) -> bool:
    """Take the course off the list; False where somebody has done so already."""
    return _close(entry, WaitingOutcome.WITHDRAWN, now=now, by=by)


def put_back(entry: WaitingEntry) -> WaitingEntry:
    """Undo that the course was taken off the list: its place in it is the old one."""
    with transaction.atomic():
        course = lock_course(entry.course_id)
        if course.status not in MAY_WAIT:
            raise refuse(OVER, rule="status")
        if other := course.waiting_entries.waiting().first():
            return other
        WaitingEntry.objects.filter(pk=entry.pk).update(closed_at=None, closed_by=None, outcome="")
    entry.refresh_from_db()
    return entry


def decline_offer(entry: WaitingEntry, *, start: datetime, now: datetime, by: User | None = None) -> WaitingOffer:
    """Write down that they were asked and said no; the same time is not offered to them again. Asked twice, once."""
    with transaction.atomic():
        entry = _lock_entry(entry)
        offer, _ = WaitingOffer.objects.get_or_create(
            entry=entry, start=start, taken=False, defaults={"asked_at": now, "asked_by": by}
        )
    return offer


def take_back_decline(offer: WaitingOffer) -> bool:
    """A wrong click: they were not asked, or have not said no."""
    deleted, _ = WaitingOffer.objects.filter(pk=offer.pk, taken=False).delete()
    return bool(deleted)


@retried
def take_course(entry: WaitingEntry, *, plan: CoursePlan, now: datetime, by: User | None = None) -> Course:
    """Book the whole plan that was offered, or nothing. Who waits may start later than was asked at first."""
    with booking_transaction():
        course = lock_course(entry.course_id)
        entry = _lock_entry(entry)
        if course.status not in TO_BOOK:
            raise refuse(BOOKED_SINCE, rule="status")
        first = min(at.start for at in plan.sessions)
        with recording([course], kind=ChangeKind.ADDED, summary=BOOKED, now=now, by=by):
            course.latest_start = max(course.latest_start, first.astimezone(course.site.zone).date())
            course.save(update_fields=["latest_start"])
            booked = book_course(course, plan=plan, now=now, by=by)
        _close_as_taken(entry, first, now=now, by=by)
    return booked


@retried
def take_earlier(
    entry: WaitingEntry,
    *,
    session: Session,
    start: datetime,
    expected: str,
    now: datetime,
    by: User | None = None,
) -> list[Session]:
    """Move the visit, and what was shown to move with it, or nothing. `expected` is the fingerprint of the moves."""
    with booking_transaction():
        lock_course(entry.course_id)
        entry = _lock_entry(entry)
        moved = rearrange(session, start=start, expected=expected, now=now, by=by)
        _close_as_taken(entry, start, now=now, by=by)
    return moved


def _lock_entry(entry: WaitingEntry) -> WaitingEntry:
    locked = WaitingEntry.objects.select_for_update().filter(pk=entry.pk, closed_at=None).first()
    if locked is None:
        raise refuse(CLOSED, rule="changed")
    return locked


def _close_as_taken(entry: WaitingEntry, start: datetime, *, now: datetime, by: User | None) -> None:
    WaitingOffer.objects.create(entry=entry, start=start, taken=True, asked_at=now, asked_by=by)
    _close(entry, WaitingOutcome.BOOKED, now=now, by=by)


def _close(entry: WaitingEntry, outcome: str, *, now: datetime, by: User | None) -> bool:
    waiting = WaitingEntry.objects.waiting().filter(pk=entry.pk)
    return bool(waiting.update(closed_at=now, closed_by=by, outcome=outcome))
