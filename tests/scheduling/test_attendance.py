"""Who came is recorded; what was missed is planned again by its phase's policy; a wrong click is undone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from clinic.models import Patient, Resource, Site, User
from protocols.models import Need, Phase, Stage, VisitType
from scheduling.attendance import mark_arrived, mark_completed, mark_missed, mark_unrecorded, undo_attendance
from scheduling.booking import plan_and_book, stop_course
from scheduling.messages.delivery import deliver_due
from scheduling.models import Change, Course, CourseStatus, Hold, Session, SessionStatus
from scheduling.moving import cancel_session
from scheduling.refusals import BookingRefused
from scheduling.snapshots import read_problem
from scheduling.words import say_time
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import at, make_course, make_tms, put_session

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


def book(patient: Patient, *, policy: str = "append", **phase: Any) -> Course:
    """Six visits, two a week, from tomorrow on."""
    values = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2, **phase}
    version = factories.make_protocol(phases=({**values, "missed_policy": policy},))
    return plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)


def after(session: Session) -> datetime:
    return session.start + timedelta(minutes=20)


def times(course: Course) -> list[tuple[int, datetime, str]]:
    found = course.sessions.order_by("start", "pk").values_list("number", "start", "status")
    return [(number, start, str(status)) for number, start, status in found]


# Coming


def test_arrival_and_completion_say_who_and_when_and_let_the_course_run(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient)
    first = course.sessions.get(number=1)
    arrived = mark_arrived(first, now=after(first), by=clerk)
    assert (arrived.status, arrived.status_at, arrived.status_by) == ("arrived", after(first), clerk)
    course.refresh_from_db()
    assert course.status == CourseStatus.RUNNING
    completed = mark_completed(first, now=after(first) + MINUTE, by=clerk)
    assert (completed.status, completed.status_at) == ("completed", after(first) + MINUTE)
    assert completed.holds.count() == 1


def test_a_mark_made_twice_is_made_once(patient: Patient, chair: Resource, clerk: User) -> None:
    first = book(patient).sessions.get(number=1)
    mark_arrived(first, now=after(first), by=clerk)
    assert mark_arrived(first, now=after(first) + MINUTE, by=None).status_at == after(first)


@pytest.mark.parametrize(
    ("status", "act", "message"),
    [
        ("booked", mark_completed, "cannot be marked completed: it is booked"),
        ("cancelled", mark_arrived, "cannot be marked arrived: it is cancelled"),
        ("unrecorded", mark_arrived, "cannot be marked arrived: it is outcome not recorded"),
        ("completed", mark_arrived, "cannot be marked arrived: it is completed"),
    ],
)
def test_marks_out_of_order_are_refused(
    patient: Patient, chair: Resource, clerk: User, status: str, act: Any, message: str
) -> None:
    first = book(patient).sessions.get(number=1)
    Session.objects.filter(pk=first.pk).update(status=status)
    with pytest.raises(BookingRefused, match=message):
        act(first, now=after(first), by=clerk)


def test_nobody_is_marked_before_the_day(patient: Patient, chair: Resource, clerk: User) -> None:
    first = book(patient).sessions.get(number=1)
    early = first.start - timedelta(days=1)
    with pytest.raises(BookingRefused, match="before its day"):
        mark_arrived(first, now=early, by=clerk)
    with pytest.raises(BookingRefused, match="before its day"):
        mark_missed(first, reason="unwell", now=early, by=clerk)


def test_the_last_completion_finishes_the_course_and_its_undoing_lets_it_run_again(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient, periods=1)
    for session in course.sessions.order_by("start"):
        mark_arrived(session, now=after(session), by=clerk)
        mark_completed(session, now=after(session), by=clerk)
    course.refresh_from_db()
    assert (course.status, course.ended_at) == (CourseStatus.FINISHED, after(session))
    assert undo_attendance(session, now=after(session) + MINUTE, by=clerk).status == "arrived"
    course.refresh_from_db()
    assert (course.status, course.ended_at) == (CourseStatus.RUNNING, None)
    assert undo_attendance(session, now=after(session) + MINUTE, by=clerk).status == "booked"


def test_two_clerks_cannot_both_record_one_visit(patient: Patient, chair: Resource, clerk: User) -> None:
    first = book(patient).sessions.get(number=1)
    mark_arrived(first, now=after(first), by=clerk, seen_at=first.changed_at)
    with pytest.raises(BookingRefused, match="Somebody has changed this visit"):
        mark_missed(first, reason="no_show", now=after(first), by=clerk, seen_at=first.changed_at)


# Missing


def test_append_closes_up_and_adds_one_visit_at_the_end(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient)
    before = list(course.sessions.order_by("start"))
    missed = before[1]
    outcome = mark_missed(missed, reason="no_show", now=after(missed), by=clerk)
    new = outcome.replanned[0]
    assert (outcome.session.status, outcome.session.missed_reason) == ("missed", "no_show")
    day = f"{new.local_date:%B} {new.local_date.day}"
    assert outcome.message == f"Planned again on {day} at {say_time(new.local_time)}."
    kept = [(n, s.start, "booked") for n, s in zip((2, 3, 4, 5), before[2:], strict=True)]
    assert times(course) == [
        (1, before[0].start, "booked"),
        (2, missed.start, "missed"),
        *kept,
        (6, new.start, "booked"),
    ]
    assert new.start - before[-1].start >= timedelta(hours=44)
    assert {s.uid for s in before} | {new.uid} == set(course.sessions.values_list("uid", flat=True))
    sequences = dict(course.sessions.filter(pk__in=[s.pk for s in before]).values_list("pk", "sequence"))
    assert sequences == {s.pk: int(s == missed) for s in before}
    assert not Hold.objects.filter(session=missed).exists()
    assert Hold.objects.count() == 6


def test_rebook_finds_a_place_in_the_same_period(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient, policy="rebook", min_gap_hours=20, period_days=7)
    before = list(course.sessions.order_by("start"))
    missed = before[0]
    outcome = mark_missed(missed, reason="ate", now=after(missed), by=clerk)
    new = outcome.replanned[0]
    assert new.number == 1 and len(outcome.replanned) == 1
    assert missed.start < new.start < before[1].start
    assert [s.start for s in course.sessions.filter(status="booked", number__gt=1).order_by("start")] == [
        s.start for s in before[1:]
    ]


def test_rebook_without_a_place_in_its_period_appends(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient, policy="rebook", min_gap_hours=60)
    missed = course.sessions.get(number=1)
    outcome = mark_missed(missed, reason="unwell", now=after(missed), by=clerk)
    assert [s.number for s in outcome.replanned] == [6]


def test_step_back_is_flagged_for_the_clinician(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient, policy="step_back", min_gap_hours=20)
    outcome = mark_missed(course.sessions.get(number=1), reason="no_show", now=at(course.site, 1, 12), by=clerk)
    assert outcome.message.startswith("Planned again on ")
    assert outcome.message.endswith("A clinician should consider stepping back to the earlier schedule.")


def test_where_nothing_fits_the_missed_row_stays_and_the_message_says_so(
    site: Site, patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient)
    missed = course.sessions.get(number=2)
    booked_on = set(course.sessions.values_list("local_date", flat=True))
    for day in range(200):
        if factories.a_day(day) not in booked_on:
            chair.outages.create(start=at(site, day, 0), end=at(site, day + 1, 0))
    outcome = mark_missed(missed, reason="no_show", now=after(missed), by=clerk)
    assert outcome.replanned == []
    assert outcome.message.startswith("No legal time was found")
    assert course.sessions.filter(status="booked").count() == 5
    assert [number for number, _, status in times(course) if status == "missed"] == [2]


def test_a_missed_first_visit_of_another_kind_keeps_its_kind(patient: Patient, site: Site, clerk: User) -> None:
    """The long first visit is planned again as a long one: the others make room for it."""
    factories.make_resource(site=site, kind="tms_device")
    version = factories.make_protocol(
        needs=("tms_device",),
        publish=False,
        phases=(
            {"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 0, "slip_days": 2},
            {"periods": 1, "period_days": 6, "per_period": 4, "min_gap_hours": 20, "slip_days": 4},
        ),
    )
    mapping = VisitType.objects.create(version=version, code="mapping", name="Mapping")
    stage = Stage.objects.create(visit_type=mapping, position=0, name="Mapping", minutes=90, is_treatment=True)
    Need.objects.create(stage=stage, kind=factories.make_kind("tms_device"))
    Phase.objects.filter(track__version=version, position=0).update(visit_type=mapping)
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    missed = course.sessions.get(number=1)
    outcome = mark_missed(missed, reason="no_show", now=after(missed), by=clerk)
    assert outcome.replanned
    booked = list(course.sessions.filter(status="booked").order_by("start"))
    assert [(s.number, s.end - s.start) for s in booked] == [
        (1, timedelta(minutes=90)),
        *[(number, timedelta(minutes=30)) for number in (2, 3, 4, 5)],
    ]
    assert len({s.local_date for s in booked}) == 5
    assert Hold.objects.count() == 5


def test_a_missed_visit_of_a_whole_tms_course_moves_nobody_else(patient: Patient, site: Site, clerk: User) -> None:
    for kind in ("tms_device", "tms_operator"):
        factories.make_resource(site=site, kind=kind)
    course = plan_and_book(make_course(patient=patient, version=make_tms()).pk, now=NOW)
    before = list(course.sessions.order_by("start"))
    outcome = mark_missed(before[4], reason="no_show", now=after(before[4]), by=clerk)
    assert [s.number for s in outcome.replanned] == [36]
    booked = course.sessions.filter(status="booked").order_by("start").values_list("number", "start")
    assert [number for number, _ in booked] == list(range(1, 37))
    assert [start for _, start in booked] == [s.start for s in [*before[:4], *before[5:], *outcome.replanned]]
    again = course.sessions.get(number=10)
    assert len(mark_missed(again, reason="unwell", now=after(again), by=clerk).replanned) == 1
    assert course.sessions.filter(status="booked").count() == 36


def test_a_missed_number_is_not_planned_behind_anyones_back(patient: Patient, chair: Resource, site: Site) -> None:
    """Where no place was found the number stays given up until somebody acts."""
    course = book(patient)
    Session.objects.filter(course=course, number=2).update(status="missed", missed_reason="no_show")
    Hold.objects.filter(session__number=2).delete()
    posed = read_problem(site=site, courses=[course], now=NOW).courses[0]
    assert [(s.number, len(s.holds)) for s in posed.locked] == [(1, 1), (2, 0), (3, 1), (4, 1), (5, 1), (6, 1)]


def test_nothing_is_planned_in_place_of_a_visit_of_a_stopped_course(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient)
    missed = course.sessions.get(number=1)
    stop_course(course, reason="Moved away", now=after(missed))
    outcome = mark_missed(missed, reason="no_show", now=after(missed), by=clerk)
    assert (outcome.replanned, outcome.message) == (
        [],
        "The course was stopped, so nothing is planned in its place.",
    )


# Undoing


@pytest.mark.parametrize("policy", ["append", "rebook"])
def test_a_wrong_missed_click_is_undone_whole(patient: Patient, chair: Resource, clerk: User, policy: str) -> None:
    course = book(patient, policy=policy, min_gap_hours=20)
    before = times(course)
    missed = course.sessions.get(number=2)
    mark_missed(missed, reason="no_show", now=after(missed), by=clerk)
    undone = undo_attendance(missed, now=after(missed) + MINUTE, by=clerk)
    assert (undone.status, undone.missed_reason, undone.sequence) == ("booked", "", 0)
    assert times(course) == before
    assert Change.objects.get().undone_by == clerk
    assert sorted(Hold.objects.values_list("session__number", flat=True)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("policy", ["append", "rebook"])
def test_a_missed_click_that_the_patient_was_told_of_is_taken_back_all_the_same(
    patient: Patient, chair: Resource, clerk: User, policy: str
) -> None:
    course = book(patient, policy=policy, min_gap_hours=20)
    before = times(course)
    missed = course.sessions.get(number=2)
    new = mark_missed(missed, reason="no_show", now=after(missed), by=clerk).replanned[0]
    deliver_due(now=after(missed) + timedelta(hours=2))
    undone = undo_attendance(missed, now=after(missed) + timedelta(hours=3), by=clerk)
    assert (undone.status, undone.missed_reason) == ("booked", "")
    assert [row for row in times(course) if row[2] == "booked"] == before
    new.refresh_from_db()
    assert (new.status, new.sequence) == (SessionStatus.CANCELLED, 1)
    assert sorted(Hold.objects.values_list("session__number", flat=True)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("hours", "status"), [(12, "booked"), (13, "unrecorded")])
@pytest.mark.parametrize("mark", ["missed", "arrived"])
def test_a_mark_taken_back_long_after_the_visit_leaves_it_unrecorded(
    patient: Patient, chair: Resource, clerk: User, mark: str, hours: int, status: str
) -> None:
    first = book(patient).sessions.get(number=1)
    if mark == "missed":
        mark_missed(first, reason="no_show", now=first.end, by=clerk)
    else:
        mark_arrived(first, now=first.end, by=clerk)
    assert undo_attendance(first, now=first.end + timedelta(hours=hours), by=clerk).status == status
    assert (mark_unrecorded(now=first.end + timedelta(hours=13)), first.holds.count()) == (status == "booked", 1)


def test_a_visit_missed_before_its_time_leaves_the_patients_calendar(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient)
    deliver_due(now=NOW + 5 * MINUTE)
    first = course.sessions.get(number=1)
    called = first.start - timedelta(hours=2)
    outcome = mark_missed(first, reason="no_driver", now=called, by=clerk)
    mail.outbox.clear()
    deliver_due(now=called + 5 * MINUTE)
    assert [message.subject.partition(" ")[0] for message in mail.outbox] == ["Changed", "Cancelled:"]
    assert (outcome.session.sequence, outcome.session.announcement.told_cancelled) == (1, True)


def test_a_wrong_missed_click_is_undone_after_its_replacement_was_cancelled(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient)
    before = times(course)
    first = course.sessions.get(number=1)
    outcome = mark_missed(first, reason="no_show", now=after(first), by=clerk)
    cancel_session(outcome.replanned[0], reason="Clicked by mistake", now=after(first) + MINUTE)
    undo_attendance(first, now=after(first) + 2 * MINUTE, by=clerk)
    assert [time for time in times(course) if time[2] != "cancelled"] == before


def test_a_missed_click_is_not_undone_where_its_seat_is_taken(
    site: Site, patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book(patient)
    missed = course.sessions.get(number=2)
    mark_missed(missed, reason="no_show", now=after(missed), by=clerk)
    other = make_course(patient=factories.make_patient(site=site), version=course.version)
    put_session(other, number=1, start=missed.start, seats=(chair,))
    before = times(course)
    with pytest.raises(BookingRefused, match="No chair is free"):
        undo_attendance(missed, now=after(missed) + MINUTE, by=clerk)
    assert times(course) == before


def test_there_is_nothing_to_undo_on_a_booked_visit(patient: Patient, chair: Resource, clerk: User) -> None:
    first = book(patient).sessions.get(number=1)
    with pytest.raises(BookingRefused, match="nothing to take back"):
        undo_attendance(first, now=NOW, by=clerk)


def test_who_came_without_a_driver_misses_the_visit_after_all(patient: Patient, chair: Resource, clerk: User) -> None:
    first = book(patient).sessions.get(number=1)
    mark_arrived(first, now=after(first), by=clerk)
    missed = mark_missed(first, reason="no_driver", now=after(first), by=clerk).session
    assert (missed.status, missed.missed_reason, missed.holds.count()) == ("missed", "no_driver", 0)


# Forgetting


def test_visits_long_over_that_nobody_recorded_are_flagged_once(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient)
    first, second, *_ = course.sessions.order_by("start")
    mark_arrived(first, now=after(first), by=clerk)
    later = second.end + timedelta(hours=12, minutes=1)
    assert mark_unrecorded(now=second.end + timedelta(hours=11)) == 0
    assert (mark_unrecorded(now=later), mark_unrecorded(now=later)) == (1, 0)
    second.refresh_from_db()
    assert (second.status, second.status_at, second.status_by) == ("unrecorded", later, None)
    assert mark_completed(second, now=later, by=clerk).status == "completed"
