"""The rhythm of an open-ended phase changes from a visit on: what is booked ahead is planned again, and extended so."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from clinic.models import Patient, Resource, Site, User
from protocols.models import DecisionPoint
from scheduling.attendance import mark_arrived, mark_completed
from scheduling.booking import plan_and_book, stop_course
from scheduling.changes import undo_change
from scheduling.decisions import decide
from scheduling.extension import extend_course
from scheduling.models import Change, Course, Hold, Session
from scheduling.refusals import BookingRefused
from scheduling.rhythm import RhythmChoice, propose_rhythm, rhythm_choices, say_rhythm, set_rhythm
from scheduling.skipping import propose_skip, skip_session
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import make_course
from tests.scheduling.living import broken_rules, dates, numbers, starts

pytestmark = pytest.mark.django_db
TWICE: dict[str, Any] = {
    "periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "max_gap_hours": 168, "slip_days": 3,
}  # fmt: skip
WEEKLY: dict[str, Any] = {"periods": 2, "period_days": 7, "per_period": 1, "min_gap_hours": 96, "slip_days": 4}
OPEN: dict[str, Any] = {
    "periods": 1, "period_days": 14, "per_period": 1, "min_gap_hours": 164, "max_gap_hours": 408, "slip_days": 3,
    "open_ended": True,
}  # fmt: skip
NEXT: dict[str, Any] = {"per_period": 1, "period_days": 7}
FORTNIGHT: dict[str, Any] = {"per_period": 1, "period_days": 14}
DAY = timedelta(days=1)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Like Spravato: twice a week for two weeks, weekly for two, then every two weeks: the site plans 56 days ahead."""
    version = factories.make_protocol(phases=(TWICE, WEEKLY, OPEN))
    booked = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    assert (booked.status, booked.open_periods) == ("booked", 2)
    return booked


@pytest.fixture
def later(course: Course, clerk: User) -> datetime:
    """All but the open-ended visits have been; two months are booked ahead."""
    for session in course.sessions.filter(number__lt=7).order_by("start"):
        mark_arrived(session, now=session.start, by=clerk)
        mark_completed(session, now=session.end, by=clerk)
        last = session.end
    extend_course(course.pk, now=last)
    course.refresh_from_db()
    return last


def change_rhythm(course: Course, *, now: datetime, by: User | None = None, **rhythm: int) -> Change:
    shown = propose_rhythm(course, **rhythm, now=now)
    assert shown.is_possible, shown.refusals
    change = set_rhythm(course, **rhythm, expected=shown.fingerprint, now=now, by=by)
    assert change is not None
    course.refresh_from_db()
    return change


def gaps(course: Course, since: int) -> list[int]:
    days = dates(course, number__gte=since)
    return [(b - a).days for a, b in pairwise(days)]


def test_choices_are_the_protocols_rhythms_with_weekly_and_fortnightly(course: Course) -> None:
    assert rhythm_choices(course) == (
        RhythmChoice(2, 7),
        RhythmChoice(1, 7, is_step_back=True),
        RhythmChoice(1, 14, is_current=True),
    )
    assert [choice.name for choice in rhythm_choices(course)] == ["Twice a week", "Weekly", "Every two weeks"]


def test_a_protocol_without_an_open_phase_has_no_choices(patient: Patient, chair: Resource) -> None:
    course = plan_and_book(make_course(patient=patient, version=factories.make_protocol()).pk, now=NOW)
    assert rhythm_choices(course) == ()
    shown = propose_rhythm(course, **NEXT, now=NOW)
    assert [r.message for r in shown.refusals] == ["The protocol of this course has no open-ended phase."]


@pytest.mark.parametrize(
    ("per_period", "period_days", "text"),
    [
        (1, 28, "Every 4 weeks"),
        (3, 7, "Three times a week"),
        (4, 14, "4 times in 2 weeks"),
        (3, 10, "3 visits in 10 days"),
    ],
)
def test_rhythms_are_said_in_words(per_period: int, period_days: int, text: str) -> None:
    assert say_rhythm(per_period, period_days) == text


def test_stepping_back_to_weekly_keeps_what_is_booked_and_fills_the_weeks_between(
    course: Course, later: datetime, clinician: User
) -> None:
    before = starts(course)
    booked = dates(course, number__gte=7)
    assert set(gaps(course, 7)) == {14}
    shown = propose_rhythm(course, **NEXT, now=later)
    assert (shown.moved, shown.given_up, shown.notes) == ((), (), ("From visit 7 on: weekly.",))
    change = change_rhythm(course, **NEXT, now=later, by=clinician)
    assert {pk: start for pk, start in starts(course).items() if pk in before} == before
    assert set(gaps(course, 7)) <= {6, 7, 8} and set(booked) <= set(dates(course))
    assert numbers(course) == list(range(1, len(before) + len(shown.added) + 1))
    assert course.rhythm == [{"first": 7, "per_period": 1, "period_days": 7}]
    assert broken_rules(course, now=later) == []
    assert (change.kind, change.summary, change.made_by) == ("rhythm", "Rhythm: weekly", clinician)


def test_weekly_is_extended_weekly_and_two_weeks_every_two_weeks(course: Course, later: datetime) -> None:
    change_rhythm(course, **NEXT, now=later)
    count = len(numbers(course))
    assert extend_course(course.pk, now=later) == 0
    assert extend_course(course.pk, now=later + 14 * DAY) == 2
    assert max(gaps(course, 7)) <= 9
    change_rhythm(course, **FORTNIGHT, now=later + 14 * DAY)
    kept = course.sessions.live().filter(start__gt=later + 14 * DAY).count()
    assert kept <= count // 2 + 1 and min(gaps(course, 9)) >= 7
    assert extend_course(course.pk, now=later + 30 * DAY) == 1
    assert broken_rules(course, now=later + 30 * DAY) == []
    assert course.rhythm[-1]["period_days"] == 14


def test_fewer_visits_keep_every_other_one_and_give_up_the_rest(course: Course, later: datetime) -> None:
    change_rhythm(course, **NEXT, now=later)
    weekly = dates(course, number__gte=7)
    shown = propose_rhythm(course, **FORTNIGHT, now=later)
    assert (shown.moved, shown.added) == ((), ())
    assert len(shown.given_up) in {len(weekly) // 2, (len(weekly) + 1) // 2}
    change_rhythm(course, **FORTNIGHT, now=later)
    assert dates(course, number__gte=7) == weekly[::2][: len(dates(course, number__gte=7))]
    assert numbers(course) == list(range(1, len(numbers(course)) + 1))
    assert Hold.objects.count() == len(numbers(course))
    assert broken_rules(course, now=later) == []


def test_visits_given_up_by_a_rhythm_do_not_take_up_the_numbers_of_others(course: Course, later: datetime) -> None:
    change_rhythm(course, **NEXT, now=later)
    change_rhythm(course, **FORTNIGHT, now=later)
    for days in (20, 40, 60):
        extend_course(course.pk, now=later + days * DAY)
    assert numbers(course) == list(range(1, len(numbers(course)) + 1))
    assert max(gaps(course, 7)) <= 17
    assert broken_rules(course, now=later + 60 * DAY) == []


def test_a_rhythm_can_change_from_a_later_visit_on(course: Course, later: datetime) -> None:
    ahead = dates(course, number__gte=7)
    change_rhythm(course, **NEXT, from_number=8, now=later)
    assert dates(course, number__in=[7, 8]) == ahead[:2]
    assert set(gaps(course, 8)) <= {6, 7, 8}
    assert broken_rules(course, now=later) == []
    shown = propose_rhythm(course, **FORTNIGHT, from_number=5, now=later)
    assert [r.message for r in shown.refusals] == ["A rhythm changes from visit 7 on, or later."]


def test_twice_a_week_is_planned_as_the_protocol_does_it(course: Course, later: datetime) -> None:
    change_rhythm(course, per_period=2, period_days=7, now=later)
    by_week: dict[date, int] = {}
    for day in dates(course, number__gte=7):
        monday = day - timedelta(days=day.weekday())
        by_week[monday] = by_week.get(monday, 0) + 1
    assert sum(by_week.values()) / len(by_week) > 1.5
    assert broken_rules(course, now=later) == []


def test_a_rhythm_decided_before_the_open_phase_is_booked_holds_when_it_is(
    patient: Patient, chair: Resource, clinician: User
) -> None:
    version = factories.make_protocol(phases=(TWICE, OPEN), publish=False)
    point = DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=4, mode="blocking", question="Does it help?"
    )
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    shown = propose_rhythm(course, **NEXT, now=NOW)
    assert (shown.shifts, shown.notes) == ((), ("It holds from visit 5 on, when that is booked.",))
    change_rhythm(course, **NEXT, now=NOW)
    decide(course, point, outcome="continue", now=NOW, by=clinician)
    course.refresh_from_db()
    assert len(numbers(course)) > 8 and max(gaps(course, 5)) <= 9
    assert course.open_periods == len(numbers(course)) - 4
    assert broken_rules(course, now=NOW) == []


def test_a_number_that_was_skipped_comes_again_in_the_new_rhythm(course: Course, later: datetime) -> None:
    session = course.sessions.get(number=8)
    shown = propose_skip(session, now=later)
    skip_session(session, expected=shown.fingerprint, now=later, by=None)
    change_rhythm(course, **NEXT, now=later)
    assert numbers(course) == list(range(1, len(numbers(course)) + 1))
    assert broken_rules(course, now=later) == []


def test_what_the_protocol_does_not_know_is_refused(course: Course) -> None:
    shown = propose_rhythm(course, per_period=5, period_days=7, now=NOW)
    assert [r.message for r in shown.refusals] == ["The protocol of this course does not know this rhythm."]
    stop_course(course, reason="Moved away", now=NOW)
    shown = propose_rhythm(course, **NEXT, now=NOW)
    assert [r.message for r in shown.refusals] == ["The course is stopped."]


def test_proposing_writes_nothing_and_only_what_was_shown_is_done(course: Course, later: datetime) -> None:
    was, rows = Course.objects.values().get(), list(Session.objects.order_by("pk").values())
    propose_rhythm(course, **NEXT, now=later)
    with pytest.raises(BookingRefused, match="not what was shown"):
        set_rhythm(course, **NEXT, expected="something else", now=later, by=None)
    assert (Course.objects.values().get(), list(Session.objects.order_by("pk").values())) == (was, rows)


def test_a_rhythm_is_undone(course: Course, later: datetime) -> None:
    was, before = Course.objects.values().get(), starts(course)
    one = change_rhythm(course, **NEXT, now=later)
    between, weekly = starts(course), Course.objects.values().get()
    two = change_rhythm(course, **FORTNIGHT, now=later)
    undo_change(two, now=later, by=None)
    assert (starts(course), Course.objects.values().get()) == (between, weekly)
    undo_change(one, now=later, by=None)
    assert (starts(course), Course.objects.values().get()) == (before, was)
