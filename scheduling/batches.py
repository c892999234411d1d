"""Plan courses that wait for it: one, many together, or whatever was left lying. Safe to run twice, and at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

from django.db.models import F

from scheduling.booking import book_course, plan_and_book
from scheduling.claims import claim
from scheduling.models import Course, CourseStatus
from scheduling.planning import propose_courses
from scheduling.refusals import BookingRefused

logger = logging.getLogger(__name__)

# A course whose planning kills the worker comes back each time: after so many attempts it is left to people.
MOST_ATTEMPTS = 3
# Younger ones are on their way through the broker.
PATIENCE = timedelta(minutes=1)
SWEEP_LIMIT = 20
# Together, time also buys better plans; alone it only cuts short what a busy machine takes long for.
SECONDS_TOGETHER = 2.0
SECONDS_ALONE = 60.0
GIVEN_UP = (
    f"Planning came to no end in {MOST_ATTEMPTS} attempts. Ask for it once more; "
    "where that does not help either, tell the administrator."
)


def plan_waiting_course(course_id: int, *, now: datetime) -> None:
    """Plan and book one course, unless it is done, or another process is at it."""
    with claim("plan course", course_id) as is_ours:
        if is_ours and _begin_attempt(course_id):
            plan_and_book(course_id, now=now, time_limit=SECONDS_ALONE)
            _end_attempts([course_id])


def plan_waiting_courses(course_ids: Iterable[int], *, now: datetime) -> None:
    """Plan courses of one site together, so that none takes the only seat another could have."""
    with ExitStack() as claims:
        ours = [pk for pk in sorted(set(course_ids)) if claims.enter_context(claim("plan course", pk))]
        fresh = Course.objects.filter(pk__in=ours, status=CourseStatus.PLANNING, plan_attempts=0)
        together = [course for course in fresh.order_by("pk") if _begin_attempt(course.pk)]
        if len(together) > 1:
            _book_together(together, now=now)
    # What is left: a lost race, a course that does not fit, and whatever has broken a worker before.
    _plan_each(sorted(set(course_ids)), now=now)


def _book_together(courses: Sequence[Course], *, now: datetime) -> None:
    limit = SECONDS_TOGETHER * len(courses)
    for proposal in propose_courses(courses, now=now, time_limit=limit):
        if proposal.is_planned:
            try:
                book_course(proposal.course, plan=proposal.plan, now=now)
            except BookingRefused:
                logger.info("Course %s lost a race and is planned again.", proposal.course.pk)
    _end_attempts([course.pk for course in courses])


def plan_left_courses(*, now: datetime) -> int:
    """Plan what nobody has planned although it was asked for a while ago: the broker was down, or a worker died."""
    with claim("sweep of courses to plan") as is_ours:
        if not is_ours:
            return 0
        waiting = Course.objects.filter(status=CourseStatus.PLANNING, requested_at__lte=now - PATIENCE)
        left = list(waiting.order_by("requested_at", "pk").values_list("pk", flat=True)[:SWEEP_LIMIT])
        _plan_each(left, now=now)
    return len(left)


def _plan_each(course_ids: Iterable[int], *, now: datetime) -> None:
    for course_id in course_ids:
        try:
            plan_waiting_course(course_id, now=now)
        except Exception:  # one course must not keep the others from being planned
            logger.exception("Course %s could not be planned.", course_id)


def _begin_attempt(course_id: int) -> bool:
    """Count the attempt before it is made: an attempt that kills the process is counted too."""
    waiting = Course.objects.filter(pk=course_id, status=CourseStatus.PLANNING)
    if waiting.filter(plan_attempts__lt=MOST_ATTEMPTS).update(plan_attempts=F("plan_attempts") + 1):
        return True
    waiting.update(status=CourseStatus.INFEASIBLE, plan_message=GIVEN_UP, relaxations=[], plan_attempts=0)
    return False


def _end_attempts(course_ids: Iterable[int]) -> None:
    Course.objects.filter(pk__in=list(course_ids)).exclude(status=CourseStatus.PLANNING).update(plan_attempts=0)
