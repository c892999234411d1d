"""The demonstration's past: courses asked for weeks ago, planned with the clock of that day, and played day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from clinic.models import Site, User
from protocols.holds import treatment_span
from protocols.models import Gate
from protocols.models.visit import Place
from scheduling.attendance import mark_arrived, mark_completed, mark_missed, mark_treated
from scheduling.booking import plan_and_book
from scheduling.decisions import decide, due_decisions
from scheduling.due_forms import forms_due, mark_sent
from scheduling.models import Course, MissedReason, Session, SessionStatus
from scheduling.models.course import DecisionOutcome
from scheduling.referral_file import Referral
from scheduling.referrals import Progress, import_referrals
from scheduling.watching import find_watch

# A referral comes in so many days before its course may start.
NOTICE = timedelta(days=4)
DESK_OPENS_AT = time(8, 0)
FORMS_BEFORE = timedelta(days=4)
# What does not go as planned: referral and number of the visit in its course.
MISSED = {
    ("R-1001", 9): MissedReason.NO_SHOW,
    ("R-1002", 6): MissedReason.UNWELL,
    ("R-1003", 5): MissedReason.NO_DRIVER,
    ("R-1005", 4): MissedReason.NO_SHOW,
    ("R-1007", 2): MissedReason.ATE,
    ("R-1008", 7): MissedReason.CLINIC,
}
UNRECORDED = {("R-1005", 11)}
# Its decision waits for a clinician.
UNDECIDED = {"R-1004"}


def play_past(
    referrals: Sequence[Referral],
    *,
    site: Site,
    now: datetime,
    clerk: User,
    clinician: User,
    progress: Progress | None = None,
) -> None:
    """Import, plan and book these referrals and record their visits, from the first request up to `now`."""
    today = now.astimezone(site.zone).date()
    first = min(referral.earliest_start for referral in referrals) - NOTICE
    days = (today - first).days + 1
    for offset in range(days):
        day = first + timedelta(days=offset)
        morning = datetime.combine(day, DESK_OPENS_AT, tzinfo=site.zone)
        asked = [row for row in referrals if max(row.earliest_start - NOTICE, first) == day]
        if asked and morning < now:
            request_courses(asked, site=site, now=morning, clerk=clerk)
        record_visits(site, day=day, now=now, clerk=clerk)
        evening = datetime.combine(day, time(20), tzinfo=site.zone)
        if evening < now:
            send_forms(site, now=evening, clerk=clerk)
            decide_what_is_due(site, now=evening, clinician=clinician)
        if progress:
            progress(offset + 1, days)


def request_courses(referrals: Sequence[Referral], *, site: Site, now: datetime, clerk: User) -> None:
    report = import_referrals(referrals, site=site, now=now, by=clerk)
    for course_id in report.added:
        plan_and_book(course_id, now=now, by=clerk)


def record_visits(site: Site, *, day: date, now: datetime, clerk: User) -> None:
    """What the front desk records on one day; a visit that is still going on has only arrived."""
    visits = (
        Session.objects.filter(site=site, local_date=day, status=SessionStatus.BOOKED, start__lte=now)
        .exclude(visit_type__place=Place.EXTERNAL)
        .select_related("course")
        .order_by("start", "pk")
    )
    for visit in visits:
        key = (visit.course.reference, visit.number)
        if key in UNRECORDED:
            continue
        if key in MISSED and not _was_missed(visit):
            mark_missed(visit, reason=MISSED[key], now=visit.start + timedelta(minutes=20), by=clerk)
            continue
        arrived = mark_arrived(visit, now=visit.start, by=clerk)
        record_treatment(arrived, now=now, clerk=clerk)
        if visit.end <= now:
            mark_completed(arrived, now=visit.end, by=clerk)


def record_treatment(visit: Session, *, now: datetime, clerk: User) -> None:
    """Where the patient is watched: given when the plan says."""
    given = visit.start + timedelta(minutes=treatment_span(visit.visit_type)[1])
    if given <= now and find_watch(visit) is not None:
        mark_treated(visit, at=given, now=given, by=clerk)


def _was_missed(visit: Session) -> bool:
    """Planned again after it was missed, the number is kept the second time."""
    return Session.objects.filter(
        course=visit.course_id, track=visit.track_id, number=visit.number, status=SessionStatus.MISSED
    ).exists()


def decide_what_is_due(site: Site, *, now: datetime, clinician: User) -> None:
    for course in Course.objects.live().filter(site=site).exclude(reference__in=UNDECIDED).order_by("pk"):
        for point in due_decisions(course, now=now):
            decide(course, point, outcome=DecisionOutcome.CONTINUE, now=now, by=clinician)


def send_forms(site: Site, *, now: datetime, clerk: User) -> None:
    """What is due after visits goes out some days before it must."""
    soon = now.astimezone(site.zone).date() + FORMS_BEFORE
    for visit in forms_due([site]).filter(due_on__lte=soon).select_related("course", "site"):
        mark_sent(visit, Gate.objects.get(pk=visit.form_id), now=now, by=clerk)
