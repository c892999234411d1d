"""Follows a patient whose address, channel or time zone changed, whoever changed it, in whatever form."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from clinic.models import Channel, Patient, ReminderChannel
from clinic.models.patient import BY_EMAIL
from scheduling.locking import retried
from scheduling.messages.driver_notices import queue_driver_notices
from scheduling.messages.outbox import (
    queue_changes,
    queue_invites,
    queue_reminders,
    read_ledger,
)
from scheduling.messages.reminders import REMINDERS
from scheduling.messages.rows import AGAIN, INSTEAD
from scheduling.messages.sms.reach import channel_for, numbers_for
from scheduling.messages.subscriptions import follow_subscriptions
from scheduling.messages.withdrawing import clear_calendars
from scheduling.models import (
    Course,
    Notice,
    NoticeChannel,
    NoticeKind,
    NoticeStatus,
    Session,
    SessionStatus,
)
from scheduling.models.session import GONE

log = logging.getLogger(__name__)

GETS_MAIL = Q(patient__channel__in=BY_EMAIL) & ~Q(patient__email="")
GETS_INVITES = Q(patient__channel=Channel.EMAIL) & ~Q(patient__email="")
ZONE = Coalesce(NullIf("patient__timezone", Value("")), "patient__home_site__timezone")
TIMED = REMINDERS | {NoticeKind.DRIVER_CALL}


def follow_contacts(*, now: datetime) -> int:
    """Write anew what waits for patients who are not where it would go; answers for how many courses."""
    switched = follow_subscriptions(now=now)
    courses = courses_out_of_reach(now=now)
    courses |= courses_in_another_zone(now=now)
    courses |= set(Course.objects.filter(patient__in=switched).values_list("pk", flat=True))
    for course_id in sorted(courses):
        try_to_follow(course_id, now=now)
    return len(courses)


def try_to_follow(course_id: int, *, now: datetime) -> None:
    """One course with a fault must not hold up the mail of all others, nor a patient's STOP."""
    try:
        follow_contact(course_id, now=now)
    except Exception as fault:
        log.error("Course %s could not be followed: %s", course_id, type(fault).__name__)


def courses_out_of_reach(*, now: datetime) -> set[int]:
    """Events that stand in the calendar of another address, and reminders that wait for the wrong channel."""
    ahead = Q(status=SessionStatus.BOOKED, start__gt=now)
    is_off = Q(status__in=GONE) | Q(start__lte=now)
    in_vain = is_off & Q(announcement__told_start__gt=now, announcement__told_cancelled=False)
    invited = Session.objects.filter(ahead | in_vain, announcement__invited_to__gt="")
    elsewhere = invited.exclude(GETS_INVITES & Q(announcement__invited_to=F("patient__email")))
    waiting = Notice.objects.filter(status=NoticeStatus.DUE, due_at__gt=now, kind__in=REMINDERS)
    waiting = waiting.exclude(key__endswith=INSTEAD).filter(attempts=0)  # one that was tried has found its way
    others = waiting.exclude(patient__reminders_by=ReminderChannel.SMS)
    misled = others.filter(
        Q(channel=NoticeChannel.EMAIL) & ~GETS_MAIL
        | Q(channel=NoticeChannel.CALL) & GETS_MAIL
        | Q(channel=NoticeChannel.SMS)
    )
    by_text = waiting.filter(patient__reminders_by=ReminderChannel.SMS)
    courses = {*elsewhere.values_list("course", flat=True), *misled.values_list("course", flat=True)}
    return courses | misled_of_texted(by_text)


def courses_in_another_zone(*, now: datetime) -> set[int]:
    """Reminders that wait for an hour of a clock that is not the patient's any more."""
    waiting = Notice.objects.filter(status=NoticeStatus.DUE, due_at__gt=now, kind__in=TIMED, attempts=0)
    untouched = waiting.filter(uncertain=False).exclude(Q(key__startswith=AGAIN) | Q(key__endswith=INSTEAD))
    return set(untouched.exclude(zone=ZONE).order_by().values_list("course", flat=True))


def misled_of_texted(waiting: QuerySet[Notice]) -> set[int]:
    """Whether their consent is one to the number they have today, no query can tell."""
    rows = set(waiting.order_by().values_list("course", "channel", "patient"))
    patients = Patient.objects.select_related("home_site").in_bulk({patient for _course, _channel, patient in rows})
    numbers = numbers_for(patients.values())
    wanted = {key: channel_for(patient, number=numbers[key]) for key, patient in patients.items()}
    return {course for course, channel, patient in rows if channel != wanted[patient]}


@retried
@transaction.atomic
def follow_contact(course_id: int, *, now: datetime) -> None:
    """Take the events out of the calendar of the old address, and invite at the new one."""
    course = (
        Course.objects.select_for_update(no_key=True, of=("self",)).select_related("site", "patient").get(pk=course_id)
    )
    ledger = read_ledger(course, now=now)
    withdrawn = clear_calendars(ledger, ledger.sessions)
    ledger.switch_channel()
    if ledger.by_mail and not ledger.gets_invites and ledger.find(NoticeKind.COURSE_SUMMARY) is None:
        queue_changes(ledger, ledger.sessions)  # what an invite was about to tell
    elif withdrawn:
        queue_changes(ledger, withdrawn)  # of these, what their calendar was about to tell
    queue_invites(ledger, ledger.sessions)
    queue_reminders(ledger)
    queue_driver_notices(ledger)
    ledger.write()
