"""One way to lock: course, then patient, then resources by id. Whoever writes holds takes these locks in this order.

Whoever writes what waits for a patient goes on from there: course, then its notices, then what the patient was told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

import psycopg.errors
from django.db import OperationalError, connection, transaction

from clinic.models import Patient, Resource
from scheduling.models import Course, Session
from scheduling.refusals import refuse

P = ParamSpec("P")
R = TypeVar("R")
TRANSIENT = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
LOCK_TIMEOUT = "15s"
PAUSE = 0.1
"""Seconds in which the other takes what this one gave up; else the two lock each other out once more."""
BUSY = "The calendar is busy right now. Nothing was changed; please try again."


@contextmanager
def booking_transaction() -> Iterator[None]:
    """A transaction that waits for its locks no longer than a person would."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        yield


def retried(act: Callable[P, R]) -> Callable[P, R]:
    """Run an act once more after a deadlock; one that waited too long for a lock is refused."""

    @wraps(act)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return act(*args, **kwargs)
        except OperationalError as error:
            # Inside somebody else's transaction nothing can be tried again: it is lost as a whole.
            if connection.in_atomic_block or not isinstance(error.__cause__, TRANSIENT):
                raise _busy_or(error) from None
        time.sleep(PAUSE)
        try:
            return act(*args, **kwargs)
        except OperationalError as error:
            raise _busy_or(error) from None

    return wrapper


def _busy_or(error: OperationalError) -> Exception:
    if isinstance(error.__cause__, (*TRANSIENT, psycopg.errors.LockNotAvailable)):
        return refuse(BUSY, rule="busy")
    return error


def lock_course(course_id: int) -> Course:
    """The course as it stands now, its row and its patient's locked."""
    rows = Course.objects.select_for_update(no_key=True, of=("self",)).select_related("site", "patient", "version")
    course = rows.get(pk=course_id)
    lock_patient(course.patient_id)
    return course


def lock_courses(course_ids: Collection[int]) -> list[Course]:
    """Several as they stand now: all courses by id, then all their patients, so that two such acts take turns."""
    rows = Course.objects.select_for_update(no_key=True, of=("self",)).select_related("site", "patient", "version")
    courses = list(rows.filter(pk__in=course_ids).order_by("pk"))
    patients = Patient.objects.select_for_update(no_key=True).filter(pk__in={course.patient_id for course in courses})
    list(patients.order_by("pk").values_list("pk"))
    return courses


def lock_patient(patient_id: int) -> None:
    list(Patient.objects.select_for_update(no_key=True).filter(pk=patient_id).values_list("pk"))


def lock_resources(resource_ids: Collection[int]) -> None:
    """By id, so that two bookings of the same resources wait for each other and never lock each other out."""
    rows = Resource.objects.select_for_update(no_key=True).filter(pk__in=resource_ids).order_by("pk")
    list(rows.values_list("pk"))


def lock_kinds(site_id: int, kinds: Collection[str]) -> None:
    """Every resource of these kinds at the site, before what is free there is read."""
    ids = Resource.objects.filter(site=site_id, kind__in=kinds).values_list("pk", flat=True)
    lock_resources(list(ids))


def lock_session(session_id: int, *, seen_at: datetime | None) -> Session:
    """The session as it stands now, under the lock of its course; refused where it is not as the clerk saw it."""
    session = Session.objects.select_related("site", "track", "visit_type", "patient", "course").get(pk=session_id)
    if seen_at is not None and session.changed_at != seen_at:
        raise refuse(
            "Somebody has changed this visit since you opened it. Look at it again before you change it.",
            session=f"{session.track.name} {session.number}",
            rule="changed",
            time=session.local_start.isoformat(),
        )
    return session
