"""Follows a site that changed when it reminds, however it was changed: what waits is written anew."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from clinic.models import Site
from scheduling.messages.driver_notices import queue_driver_notices
from scheduling.messages.outbox import queue_reminders, read_ledger
from scheduling.models import Course, ReminderSetting, Session, SessionStatus


def follow_reminder_settings(*, now: datetime) -> int:
    """Answers for how many courses. A run that breaks off is begun again: written twice is written once."""
    known = dict(ReminderSetting.objects.values_list("site", "written_as"))
    count = 0
    for site in Site.objects.all():
        setting = say_setting(site)
        if known.get(site.pk) != setting:
            count += rewrite_reminders(site, now=now)
            ReminderSetting.objects.update_or_create(site=site, defaults={"written_as": setting})
    return count


def say_setting(site: Site) -> str:
    days = " ".join(str(day) for day in site.reminder_days)
    return f"{days} at {site.reminder_time}, quiet {site.quiet_from} to {site.quiet_until}, {site.timezone}"[:200]


def rewrite_reminders(site: Site, *, now: datetime) -> int:
    booked = Session.objects.filter(course__site=site, status=SessionStatus.BOOKED, start__gt=now)
    courses = sorted(set(booked.order_by().values_list("course", flat=True)))
    for course_id in courses:
        rewrite_course(course_id, now=now)
    return len(courses)


@transaction.atomic
def rewrite_course(course_id: int, *, now: datetime) -> None:
    course = Course.objects.select_for_update(no_key=True, of=("self",)).get(pk=course_id)
    ledger = read_ledger(course, now=now)
    queue_reminders(ledger)
    queue_driver_notices(ledger)
    ledger.write()
