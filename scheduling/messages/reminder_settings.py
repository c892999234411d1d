"""Follows a site that changed when it reminds, however it was changed: what waits is written anew."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from clinic.models import Site
from scheduling.messages.driver_notices import queue_driver_notices
from scheduling.messages.outbox import queue_reminders, read_ledger
from scheduling.models import Course, ReminderSetting, Session, SessionStatus

log = logging.getLogger(__name__)


def follow_reminder_settings(*, now: datetime) -> int:
    """Answers for how many courses. A run that left one out is begun again: written twice is written once."""
    known = dict(ReminderSetting.objects.values_list("site", "written_as"))
    count = 0
    for site in Site.objects.all():
        setting = say_setting(site)
        if known.get(site.pk) != setting:
            written = rewrite_reminders(site, now=now)
            count += written.count(True)
            if all(written):
                ReminderSetting.objects.update_or_create(site=site, defaults={"written_as": setting})
    return count


def say_setting(site: Site) -> str:
    days = " ".join(str(day) for day in site.reminder_days)
    return f"{days} at {site.reminder_time}, quiet {site.quiet_from} to {site.quiet_until}, {site.timezone}"[:200]


def rewrite_reminders(site: Site, *, now: datetime) -> list[bool]:
    """For each course with a visit to come, whether it was done."""
    booked = Session.objects.filter(course__site=site, status=SessionStatus.BOOKED, start__gt=now)
    courses = sorted(set(booked.order_by().values_list("course", flat=True)))
    return [try_to_rewrite(course_id, now=now) for course_id in courses]


def try_to_rewrite(course_id: int, *, now: datetime) -> bool:
    """One course with a fault must not hold up the others."""
    try:
        rewrite_course(course_id, now=now)
    except Exception as fault:
        log.error("Course %s could not be written anew: %s", course_id, type(fault).__name__)
        return False
    return True


@transaction.atomic
def rewrite_course(course_id: int, *, now: datetime) -> None:
    course = Course.objects.select_for_update(no_key=True, of=("self",)).get(pk=course_id)
    ledger = read_ledger(course, now=now)
    queue_reminders(ledger)
    queue_driver_notices(ledger)
    ledger.write()
