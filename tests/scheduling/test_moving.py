"""One session moves or is cancelled; the rest of its course stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic.models import Patient, Resource, Site
from protocols.models import ProtocolVersion
from scheduling.booking import plan_and_book
from scheduling.models import Course, CourseStatus, Hold, Session, SessionStatus
from scheduling.moving import cancel_session, move_session
from scheduling.planning import find_openings, legal_times
from scheduling.refusals import BookingRefused, Refusal
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, put_session

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Four visits, two a week, the first tomorrow."""
    return plan_and_book(make_course(patient=patient, version=factories.make_protocol()).pk, now=NOW)


@pytest.fixture
def second(course: Course) -> Session:
    return course.sessions.get(number=2)


def other_course(site: Site, version: ProtocolVersion) -> Course:
    return make_course(patient=factories.make_patient(site=site), version=version)


def rows() -> list[Any]:
    return [*Session.objects.order_by("pk").values(), *Hold.objects.order_by("pk").values()]


def test_legal_times_keep_every_rule_of_the_course(
    site: Site, course: Course, second: Session, chair: Resource
) -> None:
    taken = other_course(site, course.version)
    put_session(taken, number=1, start=at(site, 3, 9), seats=(chair,))
    first, third = course.sessions.get(number=1), course.sessions.get(number=3)
    times = legal_times(second, now=NOW, first_on=a_day(0), last_on=a_day(30))
    starts = {time.start for time in times}
    assert second.start in starts
    assert at(site, 3, 9) not in starts and at(site, 3, 8, 45) not in starts
    assert at(site, 3, 9, 30) in starts
    assert all(first.start + timedelta(hours=44) <= s <= third.start - timedelta(hours=44) for s in starts)
    assert {time.holds[0].resource for time in times} == {str(chair.pk)}


def test_move_session_keeps_uid_and_raises_sequence(site: Site, course: Course, second: Session) -> None:
    goal = legal_times(second, now=NOW, first_on=a_day(0), last_on=a_day(30))[-1].start
    moved = move_session(second, start=goal, now=NOW + MINUTE)
    moved.refresh_from_db()
    assert (moved.uid, moved.sequence, moved.status) == (second.uid, 1, SessionStatus.BOOKED)
    assert (moved.start, moved.end - moved.start) == (goal, timedelta(minutes=30))
    local = goal.astimezone(site.zone)
    assert (moved.local_date, moved.local_time, moved.changed_at) == (local.date(), local.time(), NOW + MINUTE)
    assert [(h.start, h.end) for h in moved.holds.all()] == [(moved.start, moved.end)]
    assert Hold.objects.count() == 4


def test_moving_to_where_it_is_changes_nothing(second: Session) -> None:
    before = rows()
    assert move_session(second, start=second.start, now=NOW).sequence == 0
    assert rows() == before


def test_an_illegal_move_lists_every_reason_and_changes_nothing(
    site: Site, course: Course, second: Session, chair: Resource
) -> None:
    taken = other_course(site, course.version)
    put_session(taken, number=1, start=at(site, 2, 17, 50), seats=(chair,))
    before = rows()
    with pytest.raises(BookingRefused) as refused:
        move_session(second, start=at(site, 2, 17, 50), now=NOW)
    found = {(r.session, r.rule, r.resource) for r in refused.value.refusals}
    assert found == {("main 2", "gap", ""), ("main 2", "opening", ""), ("main 2", "seat", "chair")}
    assert rows() == before


def test_an_override_with_its_reason_breaks_rules_but_never_takes_a_taken_seat(
    site: Site, course: Course, second: Session, chair: Resource
) -> None:
    evening = at(site, 2, 20)
    moved = move_session(second, start=evening, now=NOW, override_reason="Flight on Thursday")
    assert (moved.start, moved.override_reason, moved.sequence) == (evening, "Flight on Thursday", 1)
    taken = other_course(site, course.version)
    put_session(taken, number=1, start=at(site, 2, 21), seats=(chair,))
    with pytest.raises(BookingRefused) as refused:
        move_session(second, start=at(site, 2, 21), now=NOW, override_reason="Please")
    assert refused.value.refusals == (
        Refusal("No chair is free on November 25 at 9:00 PM.", "main 2", "seat", "chair", "2026-11-25T21:00:00-05:00"),
    )
    assert Hold.objects.get(session=second).start == evening


def test_an_override_cannot_put_a_patient_in_two_places(site: Site, other_site: Site, course: Course) -> None:
    elsewhere = make_course(patient=course.patient, version=course.version, site=other_site)
    put_session(elsewhere, number=1, start=at(site, 2, 20))
    before = rows()
    with pytest.raises(BookingRefused) as refused:
        move_session(course.sessions.get(number=2), start=at(site, 2, 20, 15), now=NOW, override_reason="Please")
    assert [(r.message, r.rule) for r in refused.value.refusals] == [
        ("The patient is not free at that time.", "patient")
    ]
    assert rows() == before


def test_a_move_onto_a_part_of_its_own_time_is_fine(site: Site, second: Session) -> None:
    goal = second.start + timedelta(minutes=15)
    assert move_session(second, start=goal, now=NOW).start == goal


@pytest.mark.parametrize("status", [SessionStatus.ARRIVED, SessionStatus.CANCELLED, SessionStatus.COMPLETED])
def test_only_a_booked_session_moves(second: Session, status: str) -> None:
    Session.objects.filter(pk=second.pk).update(status=status)
    with pytest.raises(BookingRefused, match="This visit cannot be moved"):
        move_session(second, start=second.start + timedelta(hours=1), now=NOW)


def test_a_visit_that_is_over_is_neither_moved_nor_cancelled(course: Course) -> None:
    first = course.sessions.get(number=1)
    later, before = first.start + timedelta(hours=5), rows()
    with pytest.raises(BookingRefused, match="it is over"):
        move_session(first, start=later, now=first.end, override_reason="The patient came late")
    with pytest.raises(BookingRefused, match="it is over"):
        cancel_session(first, reason="The patient is away", now=first.end)
    assert rows() == before
    assert move_session(first, start=later, now=first.end - MINUTE).start == later


def test_no_session_moves_into_the_past(second: Session) -> None:
    with pytest.raises(BookingRefused, match="into the past"):
        move_session(second, start=NOW - MINUTE, now=NOW, override_reason="Please")


def test_the_second_of_two_clerks_is_told_to_look_again(second: Session) -> None:
    seen_at = second.changed_at
    goal = second.start + timedelta(minutes=15)
    move_session(second, start=goal, now=NOW + MINUTE, seen_at=seen_at)
    with pytest.raises(BookingRefused, match="Somebody has changed this visit"):
        move_session(second, start=goal + timedelta(minutes=15), now=NOW + 2 * MINUTE, seen_at=seen_at)
    with pytest.raises(BookingRefused, match="Somebody has changed this visit"):
        cancel_session(second, reason="Away", now=NOW + 2 * MINUTE, seen_at=seen_at)


def test_cancel_session_frees_its_seats_and_gives_up_its_number(course: Course, second: Session) -> None:
    cancelled = cancel_session(second, reason="Away", now=NOW + MINUTE)
    assert (cancelled.status, cancelled.sequence, cancelled.cancel_reason) == ("cancelled", 1, "Away")
    assert (Hold.objects.filter(session=second).count(), Hold.objects.count()) == (0, 3)
    assert cancel_session(second, reason="Again", now=NOW + 2 * MINUTE).changed_at == NOW + MINUTE
    third = course.sessions.get(number=3)
    assert move_session(third, start=third.start + timedelta(minutes=15), now=NOW).sequence == 1


def test_a_course_whose_last_visit_is_cancelled_is_finished(course: Course) -> None:
    for session in course.sessions.all():
        cancel_session(session, reason="Away", now=NOW)
    course.refresh_from_db()
    assert (course.status, course.ended_at) == (CourseStatus.FINISHED, NOW)


def test_find_openings_offers_free_starts_with_their_seats(site: Site, course: Course, chair: Resource) -> None:
    visit_type = course.version.visit_types.get()
    day = course.sessions.get(number=1)
    found = find_openings(site=site, visit_type=visit_type, first_on=day.local_date, last_on=day.local_date, now=NOW)
    starts = [placed.start for placed in found]
    assert day.start not in starts
    assert starts[0] == at(site, 1, 8) and starts[-1] == at(site, 1, 17, 30)
    assert {placed.holds[0].resource for placed in found} == {str(chair.pk)}
