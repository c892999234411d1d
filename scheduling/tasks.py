"""What runs in the background: thin, safe to run twice or at once, and called with ids alone.

The database is the truth and the broker only the faster way: whatever it loses, a sweep finds within a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from scheduling import attendance, batches, extension
from scheduling.claims import claim
from scheduling.messages import delivery
from scheduling.messages.reminder_settings import follow_reminder_settings
from scheduling.messages.sms import delivery as texts
from scheduling.replies import collecting, mailbox

logger = logging.getLogger(__name__)
BATCH = 8
DELIVERY_LIMIT = 10_000
# A sweep that dies is not given out again: beat asks for the next one within the minute.
sweep = partial(shared_task, acks_late=False)


def publish(task: Task, *args: Any) -> None:
    """Hand the task to the broker once the transaction is through; a dead broker never fails the caller."""
    transaction.on_commit(partial(_send, task, args))


def _send(task: Task, args: tuple[Any, ...]) -> None:
    try:
        task.apply_async(args)
    except Exception as error:  # whatever the broker's client may raise: the sweep finds the work
        logger.warning("The broker did not take %s (%s); the sweep will do it.", task.name, type(error).__name__)


def publish_planning(course_ids: Iterable[int]) -> None:
    """Have courses of one site planned, many together."""
    if ids := list(course_ids):
        publish(plan_courses, ids)


@shared_task
def generate_course_calendar(course_id: int) -> None:
    batches.plan_waiting_course(course_id, now=timezone.now())
    publish(deliver_notices)


@shared_task
def plan_courses(course_ids: list[int]) -> None:
    """A batch now and the next in a task of its own: at once they would only race each other for the same seats."""
    try:
        batches.plan_waiting_courses(course_ids[:BATCH], now=timezone.now())
    finally:
        publish_planning(course_ids[BATCH:])
        publish(deliver_notices)


@sweep()
def plan_left_courses() -> None:
    batches.plan_left_courses(now=timezone.now())


@sweep()
def extend_open_courses() -> None:
    now = timezone.now()
    with claim("sweep of courses to extend") as is_ours:
        for course_id in extension.courses_to_extend(now=now) if is_ours else []:
            try:
                extension.extend_course(course_id, now=now)
            except Exception:  # one course must not keep the others from being extended
                logger.exception("Course %s could not be extended.", course_id)


@sweep()
def deliver_notices() -> None:
    delivery.deliver_due(now=timezone.now(), limit=DELIVERY_LIMIT)


@sweep()
def deliver_texts() -> None:
    now = timezone.now()
    with claim("texts") as is_ours:
        if is_ours:
            follow_reminder_settings(now=now)
            texts.deliver_texts(now=now)


@sweep(soft_time_limit=100, time_limit=110)
def collect_replies() -> None:
    """A mailbox that cannot be reached is looked into again a minute later."""
    if not settings.INBOX_URL:
        return
    now = timezone.now()
    with claim("mailbox") as is_ours:
        try:
            counts = collecting.collect(settings.INBOX_URL, now=now) if is_ours else None
        except mailbox.BROKEN as error:  # its text may hold an address
            logger.warning("The mailbox could not be read to its end (%s).", type(error).__name__)
            return
    if counts:
        logger.info("Mail taken in: %s.", ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
        publish(deliver_notices)


@sweep()
def mark_unrecorded_sessions() -> None:
    attendance.mark_unrecorded(now=timezone.now())
