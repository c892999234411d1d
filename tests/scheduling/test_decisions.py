"""Nothing beyond a blocking point is booked until a clinician decides; a review is shown when it is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.models import Closure, Patient, Resource, Site, User
from protocols.models import DecisionPoint, ProtocolVersion
from scheduling.booking import plan_and_book
from scheduling.decisions import decide, due_decisions
from scheduling.extension import courses_to_extend, extend_course
from scheduling.models import Course, CourseStatus, Hold, Session
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import make_course

pytestmark = pytest.mark.django_db
PHASES: tuple[dict[str, Any], ...] = (
    {"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44},
    {"periods": 3, "period_days": 7, "per_period": 1, "min_gap_hours": 100, "max_gap_hours": 240},
)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair")


@pytest.fixture
def version(db: None) -> ProtocolVersion:
    """Four visits in two weeks, a decision, three weekly ones; a review after the second."""
    version = factories.make_protocol(phases=PHASES, publish=False)
    track = version.tracks.get()
    DecisionPoint.objects.create(version=version, track=track, after_number=2, mode="review", question="How is it?")
    DecisionPoint.objects.create(version=version, track=track, after_number=4, mode="blocking", question="Go on?")
    version.status, version.published_at = "published", NOW
    version.save()
    return version


@pytest.fixture
def course(patient: Patient, version: ProtocolVersion, chair: Resource) -> Course:
    return plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)


@pytest.fixture
def review(version: ProtocolVersion) -> DecisionPoint:
    return version.decision_points.get(mode="review")


@pytest.fixture
def blocking(version: ProtocolVersion) -> DecisionPoint:
    return version.decision_points.get(mode="blocking")


def start_of(course: Course, number: int) -> datetime:
    return course.sessions.get(number=number).start


def numbers(course: Course) -> list[int]:
    return list(course.sessions.filter(status="booked").order_by("start").values_list("number", flat=True))


def test_points_are_due_once_their_session_has_begun(
    course: Course, review: DecisionPoint, blocking: DecisionPoint, clinician: User
) -> None:
    assert due_decisions(course, now=start_of(course, 2) - timedelta(minutes=1)) == []
    assert due_decisions(course, now=start_of(course, 2)) == [review]
    decide(course, review, outcome="continue", now=start_of(course, 2), by=clinician)
    assert due_decisions(course, now=start_of(course, 4)) == [blocking]


def test_going_on_books_what_lies_beyond(course: Course, blocking: DecisionPoint, clinician: User) -> None:
    assert numbers(course) == [1, 2, 3, 4]
    before = list(course.sessions.values())
    now = start_of(course, 4)
    decision = decide(course, blocking, outcome="continue", now=now, by=clinician)
    assert (decision.outcome, decision.decided_at, decision.decided_by) == ("continue", now, clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6, 7]
    assert list(course.sessions.filter(number__lte=4).order_by("pk").values()) == before
    assert Hold.objects.count() == 7
    first = course.sessions.get(number=1).local_date
    weeks = [(s.local_date - first).days // 7 for s in course.sessions.filter(number__gt=4).order_by("start")]
    assert weeks == [2, 3, 4]


def test_a_late_decision_lets_the_windows_lie_later(course: Course, blocking: DecisionPoint, clinician: User) -> None:
    late = start_of(course, 4) + timedelta(days=40)
    decide(course, blocking, outcome="continue", now=late, by=clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6, 7]
    assert start_of(course, 5) > late
    course.refresh_from_db()
    assert course.shift_days and course.shift_days > 20


def test_deciding_twice_returns_what_was_decided_and_another_answer_is_refused(
    course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    now = start_of(course, 4)
    first = decide(course, blocking, outcome="continue", now=now, by=clinician)
    assert decide(course, blocking, outcome="continue", now=now + timedelta(hours=1), by=clinician) == first
    with pytest.raises(BookingRefused, match="decided before: continue"):
        decide(course, blocking, outcome="stop", now=now, by=clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6, 7]


def test_stopping_cancels_what_is_to_come(course: Course, review: DecisionPoint, clinician: User) -> None:
    now = start_of(course, 2) + timedelta(minutes=20)
    decide(course, review, outcome="stop", now=now, by=clinician)
    course.refresh_from_db()
    assert (course.status, course.ended_at) == (CourseStatus.STOPPED, now)
    assert numbers(course) == [1, 2]


def test_a_step_back_repeats_the_last_period_and_asks_again_after_it(
    course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    before = list(course.sessions.order_by("pk").values())
    now = start_of(course, 4)
    decide(course, blocking, outcome="step_back", now=now, by=clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6]
    assert list(course.sessions.filter(number__lte=4).order_by("pk").values()) == before
    first = course.sessions.get(number=1).local_date
    assert [(s.local_date - first).days // 7 for s in course.sessions.filter(number__gt=4)] == [2, 2]
    assert start_of(course, 5) - start_of(course, 4) >= timedelta(hours=44)
    course.refresh_from_db()
    assert (course.added_visits, course.plan_message) == ({"main/4": 2}, "")
    assert (blocking in due_decisions(course, now=now), courses_to_extend(now=now)) == (False, [])
    assert blocking in due_decisions(course, now=start_of(course, 6))


def test_after_a_step_back_going_on_books_the_rest_behind_what_was_repeated(
    course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    decide(course, blocking, outcome="step_back", now=start_of(course, 4), by=clinician)
    decide(course, blocking, outcome="continue", now=start_of(course, 6), by=clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    first = course.sessions.get(number=1).local_date
    weeks = [(s.local_date - first).days // 7 for s in course.sessions.filter(number__gt=6).order_by("start")]
    assert weeks == [3, 4, 5]


def test_a_step_back_clicked_twice_repeats_once_and_one_more_is_decided_after_it(
    course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    now = start_of(course, 4)
    for _ in range(2):
        decide(course, blocking, outcome="step_back", now=now, by=clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6]
    decide(course, blocking, outcome="step_back", now=start_of(course, 6), by=clinician)
    assert numbers(course) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_repeated_period_that_cannot_be_booked_is_tried_again(
    site: Site, course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    now = start_of(course, 4)
    closure = Closure.objects.create(site=site, first_on=a_day(14), last_on=a_day(120))
    decide(course, blocking, outcome="step_back", now=now, by=clinician)
    course.refresh_from_db()
    assert numbers(course) == [1, 2, 3, 4] and course.plan_message
    closure.delete()
    assert (courses_to_extend(now=now), extend_course(course.pk, now=now)) == ([course.pk], 2)
    assert (numbers(course), courses_to_extend(now=now)) == ([1, 2, 3, 4, 5, 6], [])


def test_a_step_back_answers_a_review(course: Course, review: DecisionPoint, clinician: User) -> None:
    now = start_of(course, 2)
    decide(course, review, outcome="step_back", now=now, by=clinician)
    assert (due_decisions(course, now=now), numbers(course)) == ([], [1, 2, 3, 4])


def test_where_the_rest_cannot_be_booked_the_decision_stands_and_is_tried_again(
    site: Site, course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    now = start_of(course, 4)
    closure = Closure.objects.create(site=site, first_on=a_day(14), last_on=a_day(120))
    decide(course, blocking, outcome="continue", now=now, by=clinician)
    course.refresh_from_db()
    assert numbers(course) == [1, 2, 3, 4] and course.plan_message
    closure.delete()
    assert courses_to_extend(now=now) == [course.pk]
    assert extend_course(course.pk, now=now) == 3
    course.refresh_from_db()
    assert (numbers(course), course.plan_message, courses_to_extend(now=now)) == ([1, 2, 3, 4, 5, 6, 7], "", [])


def test_a_point_of_another_protocol_and_an_unknown_answer_are_refused(
    course: Course, blocking: DecisionPoint, clinician: User
) -> None:
    other = factories.make_protocol(publish=False)
    point = DecisionPoint.objects.create(
        version=other, track=other.tracks.get(), after_number=1, mode="review", question="?"
    )
    with pytest.raises(BookingRefused, match="does not belong"):
        decide(course, point, outcome="continue", now=NOW, by=clinician)
    with pytest.raises(BookingRefused, match="Decide to continue"):
        decide(course, blocking, outcome="perhaps", now=NOW, by=clinician)
    assert not course.decisions.exists() and Session.objects.count() == 4
