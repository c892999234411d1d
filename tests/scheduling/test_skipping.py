"""A visit that is skipped is given up, the others stay, and nothing stands that could only follow it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic.models import Patient, Resource, Site, User
from scheduling.attendance import mark_arrived
from scheduling.booking import plan_and_book
from scheduling.changes import undo_change
from scheduling.extension import extend_course
from scheduling.models import Change, Course, Hold, Session
from scheduling.moving import cancel_session
from scheduling.refusals import BookingRefused
from scheduling.skipping import propose_skip, skip_session
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import make_course
from tests.scheduling.living import broken_rules, dates, make_linked, numbers, starts
from tests.scheduling.test_extension import book as book_open_ended

pytestmark = pytest.mark.django_db
TWICE: dict[str, Any] = {"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44}


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    wanted = make_course(patient=patient, version=factories.make_protocol(phases=(TWICE,)), earliest=a_day(7))
    return plan_and_book(wanted.pk, now=NOW)


@pytest.fixture
def linked(patient: Patient, chair: Resource) -> Course:
    """Three infusions, a visit a day to three days after each."""
    return plan_and_book(make_course(patient=patient, version=make_linked(), earliest=a_day(7)).pk, now=NOW)


def skip(session: Session, **fields: Any) -> Change:
    shown = propose_skip(session, now=NOW)
    change = skip_session(session, **{"expected": shown.fingerprint, "now": NOW, "by": None, **fields})
    assert change is not None
    return change


def test_a_skipped_visit_is_given_up_and_the_others_keep_their_times(course: Course, clerk: User) -> None:
    before = starts(course)
    session = course.sessions.get(number=2)
    shown = propose_skip(session, now=NOW)
    assert [(s.number, s.new_start, s.session_id) for s in shown.shifts] == [(2, None, session.pk)]
    change = skip(session, reason="On a journey", by=clerk)
    del before[session.pk]
    assert (starts(course), numbers(course), Hold.objects.count()) == (before, [1, 3, 4], 3)
    session.refresh_from_db()
    assert (session.status, session.cancel_reason, session.number, session.status_by) == (
        "cancelled",
        "On a journey",
        2,
        clerk,
    )
    assert (change.kind, change.made_by) == ("cancelled", clerk)
    assert broken_rules(course, now=NOW) == []


def test_what_is_allowed_only_after_the_visit_is_given_up_with_it(linked: Course) -> None:
    infusion = linked.sessions.get(track__name="main", number=2)
    shown = propose_skip(infusion, now=NOW)
    assert [(s.track, s.number) for s in shown.given_up] == [("main", 2), ("after", 2)]
    assert shown.notes == ("What must follow this visit within its hours is given up with it.",)
    skip(infusion)
    left = linked.sessions.live().values_list("track__name", "number")
    assert sorted(left) == [("after", 1), ("after", 3), ("main", 1), ("main", 3)]


def test_the_visit_that_follows_is_skipped_alone(linked: Course) -> None:
    skip(linked.sessions.get(track__name="after", number=2))
    assert sorted(linked.sessions.live().values_list("track__name", "number")) == [
        ("after", 1), ("after", 3), ("main", 1), ("main", 2), ("main", 3),
    ]  # fmt: skip


def test_a_visit_that_another_can_only_follow_is_not_cancelled_alone(linked: Course) -> None:
    infusion = linked.sessions.get(track__name="main", number=2)
    with pytest.raises(BookingRefused, match="After 2 can only follow this visit"):
        cancel_session(infusion, reason="asked", now=NOW)
    assert linked.sessions.live().count() == 6
    cancel_session(linked.sessions.get(track__name="after", number=2), reason="asked", now=NOW)
    cancel_session(infusion, reason="asked", now=NOW)
    left = linked.sessions.live().values_list("track__name", "number")
    assert sorted(left) == [("after", 1), ("after", 3), ("main", 1), ("main", 3)]


def test_the_last_that_others_can_only_follow_is_not_cancelled_before_them(linked: Course) -> None:
    for number in (1, 2):
        skip(linked.sessions.get(track__name="main", number=number))
    with pytest.raises(BookingRefused, match="After 3 can only follow this visit"):
        cancel_session(linked.sessions.get(track__name="main", number=3), reason="asked", now=NOW)
    cancel_session(linked.sessions.get(track__name="after", number=3), reason="asked", now=NOW)
    cancel_session(linked.sessions.get(track__name="main", number=3), reason="asked", now=NOW)
    assert linked.sessions.live().count() == 0


def test_the_last_visit_of_its_kind_is_not_skipped(linked: Course) -> None:
    infusions = linked.sessions.filter(track__name="main").order_by("number")
    skip(infusions[0])
    skip(infusions[1])
    shown = propose_skip(infusions[2], now=NOW)
    assert [r.message for r in shown.refusals] == [
        "This is the only visit of its kind that is left: stop the course instead."
    ]


def test_a_visit_that_has_begun_is_not_skipped(course: Course, clerk: User) -> None:
    first = course.sessions.get(number=1)
    shown = propose_skip(first, now=first.start)
    assert [r.rule for r in shown.refusals] == ["past"]
    mark_arrived(first, now=first.start, by=clerk)
    shown = propose_skip(first, now=first.start)
    assert [r.message for r in shown.refusals] == ["This visit cannot be skipped: it is arrived."]


def test_who_sees_an_old_visit_does_not_skip_it(course: Course) -> None:
    session = course.sessions.get(number=2)
    with pytest.raises(BookingRefused, match="changed this visit since"):
        skip(session, seen_at=session.changed_at - timedelta(minutes=1))
    assert numbers(course) == [1, 2, 3, 4]


def test_a_skipped_number_is_not_planned_again(site: Site) -> None:
    course = book_open_ended(site)
    skip(course.sessions.get(number=4))
    extend_course(course.pk, now=NOW + timedelta(days=16))
    assert numbers(course) == [1, 2, 3, 5, 6]


def test_skipping_is_undone(linked: Course) -> None:
    before, days = starts(linked), dates(linked)
    change = skip(linked.sessions.get(track__name="main", number=2))
    undo_change(change, now=NOW, by=None)
    assert (starts(linked), dates(linked), Hold.objects.count()) == (before, days, 6)
