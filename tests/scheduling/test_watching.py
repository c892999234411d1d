"""How long a patient is watched: from when the treatment was given, else from the plan, and never less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clinic.models import Patient, User
from scheduling.attendance import mark_arrived, mark_completed, mark_missed, mark_treated, undo_attendance
from scheduling.models import Session
from scheduling.refusals import BookingRefused
from scheduling.watching import Watch, WatchTask, find_watch
from tests import factories
from tests.factories import NOW
from tests.scheduling.watched import make_watched

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def here(patient: Patient, clerk: User) -> Session:
    """A patient who came at eight for two hours of watching."""
    course = factories.make_course(patient=patient, version=make_watched())
    return mark_arrived(factories.make_session(course=course, start=NOW, minutes=155), now=NOW, by=clerk)


def refused(message: str) -> str:
    return f"^{message}$"


def test_without_a_recorded_treatment_the_watching_is_counted_from_the_plan(here: Session) -> None:
    watch = Watch(
        begins=NOW + 25 * MINUTE,
        until=NOW + 145 * MINUTE,
        planned_until=NOW + 145 * MINUTE,
        is_recorded=False,
        tasks=(WatchTask("Blood pressure", NOW + 65 * MINUTE),),
    )
    assert find_watch(here) == watch
    assert [watch.has_begun(now=NOW + minutes * MINUTE) for minutes in (24, 25)] == [False, True]


def test_a_treatment_given_late_is_watched_for_as_long_from_then_on(here: Session, clerk: User) -> None:
    given = NOW + 40 * MINUTE
    watch = Watch(
        begins=given,
        until=given + 2 * HOUR,
        planned_until=NOW + 145 * MINUTE,
        is_recorded=True,
        tasks=(WatchTask("Blood pressure", given + 40 * MINUTE),),
    )
    assert mark_treated(here, at=given, now=given, by=clerk, seen_at=here.changed_at) == watch
    here.refresh_from_db()
    assert (here.status, here.treated_at, here.changed_at, find_watch(here)) == ("arrived", given, given, watch)
    assert [watch.next_task(now=given + minutes * MINUTE) for minutes in (39, 40)] == [watch.tasks[0], None]


def test_the_time_of_a_treatment_can_be_put_right(here: Session, clerk: User) -> None:
    mark_treated(here, at=NOW + 40 * MINUTE, now=NOW + 40 * MINUTE, by=clerk)
    watch = mark_treated(here, at=NOW + 30 * MINUTE, now=NOW + 45 * MINUTE, by=clerk)
    assert watch.until == NOW + 150 * MINUTE


@pytest.mark.parametrize("minutes", [41, -24 * 60])
def test_a_treatment_is_not_given_later_than_now_nor_on_another_day(here: Session, clerk: User, minutes: int) -> None:
    with pytest.raises(BookingRefused, match=r"^Time: the treatment was given on the day of the visit, and not later"):
        mark_treated(here, at=NOW + minutes * MINUTE, now=NOW + 40 * MINUTE, by=clerk)
    here.refresh_from_db()
    assert here.treated_at is None


def test_a_treatment_long_before_the_visit_is_a_slip_of_the_hour(patient: Patient, clerk: User) -> None:
    """2:30 in the morning for a visit at two in the afternoon: the watching would have been over before it began."""
    start = NOW + 6 * HOUR
    course = factories.make_course(patient=patient, version=make_watched())
    session = mark_arrived(factories.make_session(course=course, start=start, minutes=155), now=start, by=clerk)
    with pytest.raises(BookingRefused, match=r"^Time: this is more than two hours before the visit\."):
        mark_treated(session, at=start - 12 * HOUR + 30 * MINUTE, now=start + HOUR, by=clerk)
    session.refresh_from_db()
    assert session.treated_at is None
    assert mark_treated(session, at=start - HOUR, now=start + HOUR, by=clerk).until == start + HOUR


def test_a_time_by_the_clock_of_the_clinic_counts_elapsed_minutes_too(patient: Patient, clerk: User) -> None:
    start = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    course = factories.make_course(patient=patient, version=make_watched())
    session = mark_arrived(factories.make_session(course=course, start=start, minutes=155), now=start, by=clerk)
    at = (start + HOUR).astimezone(session.site.zone)
    assert mark_treated(session, at=at, now=start + HOUR, by=clerk).until == start + 3 * HOUR


def test_a_clock_change_makes_the_watching_neither_longer_nor_shorter(patient: Patient, clerk: User) -> None:
    """The hours are elapsed ones: 0:30 in the night the clocks go back, in a clinic that is open then."""
    start = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    course = factories.make_course(patient=patient, version=make_watched())
    session = mark_arrived(factories.make_session(course=course, start=start, minutes=155), now=start, by=clerk)
    watch = mark_treated(session, at=start + HOUR, now=start + HOUR, by=clerk)
    local = watch.until.astimezone(session.site.zone)
    assert (watch.until - start, f"{local:%H:%M}") == (3 * HOUR, "02:30")


def test_who_has_not_come_or_has_gone_is_not_watched(here: Session, clerk: User) -> None:
    mark_completed(here, now=NOW + 3 * HOUR, by=clerk)
    here.refresh_from_db()
    assert find_watch(here) is None
    with pytest.raises(BookingRefused, match=refused("This visit cannot be marked treated: it is completed.")):
        mark_treated(here, at=NOW, now=NOW + 3 * HOUR, by=clerk)


def test_after_a_visit_without_monitoring_nobody_is_watched(patient: Patient, clerk: User) -> None:
    course = factories.make_course(patient=patient, version=factories.make_protocol())
    session = mark_arrived(factories.make_session(course=course, start=NOW), now=NOW, by=clerk)
    assert find_watch(session) is None
    with pytest.raises(BookingRefused, match=refused("Nobody is watched after this visit.")):
        mark_treated(session, at=NOW, now=NOW, by=clerk)


def test_marks_are_taken_back_one_by_one(here: Session, clerk: User) -> None:
    mark_treated(here, at=NOW + HOUR, now=NOW + HOUR, by=clerk)
    mark_completed(here, now=NOW + 3 * HOUR, by=clerk)
    seen = []
    for minute in range(3):
        session = undo_attendance(here, now=NOW + 3 * HOUR + minute * MINUTE, by=clerk)
        seen.append((session.status, session.treated_at))
    assert seen == [("arrived", NOW + HOUR), ("arrived", None), ("booked", None)]


def test_who_was_treated_did_not_miss_the_visit(here: Session, clerk: User) -> None:
    mark_treated(here, at=NOW + HOUR, now=NOW + HOUR, by=clerk)
    with pytest.raises(BookingRefused, match=refused("This visit was not missed: the treatment was given.")):
        mark_missed(here, reason="unwell", now=NOW + HOUR, by=clerk)


def test_the_second_clerk_to_record_a_treatment_sees_that_it_was(here: Session, clerk: User) -> None:
    seen_at = here.changed_at
    mark_treated(here, at=NOW + HOUR, now=NOW + HOUR, by=clerk, seen_at=seen_at)
    with pytest.raises(BookingRefused, match=r"^Somebody has changed this visit since you opened it\."):
        mark_treated(here, at=NOW + 2 * HOUR, now=NOW + 2 * HOUR, by=clerk, seen_at=seen_at)
    here.refresh_from_db()
    assert here.treated_at == NOW + HOUR
