"""A pause moves as few visits as can be, or sets them aside until the course goes on."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail

from clinic.models import Patient, PatientAbsence, Resource, Site, User
from protocols.models import Link, Need, Phase, Stage, VisitType
from scheduling.attendance import mark_arrived, mark_completed, mark_missed
from scheduling.booking import plan_and_book, request_course, stop_course
from scheduling.changes import undo_change
from scheduling.course_change import CourseChange
from scheduling.extension import courses_to_extend, extend_course
from scheduling.messages.delivery import deliver_due
from scheduling.models import Change, Course, CourseStatus, Hold, Session
from scheduling.moving import move_session
from scheduling.pausing import ELSEWHERE, pause_course, propose_pause, propose_resume, resume_course
from scheduling.planning import legal_times
from scheduling.rearranging import propose_move, rearrange
from scheduling.refusals import BookingRefused
from scheduling.skipping import propose_skip, skip_session
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, make_implant
from tests.scheduling.living import broken_rules, dates, make_linked, numbers, starts
from tests.scheduling.test_extension import book as book_open_ended
from tests.scheduling.test_storm import at_once, sort_out

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DAILY: dict[str, Any] = {
    "periods": 4, "period_days": 7, "per_period": 5, "min_gap_hours": 18, "max_gap_hours": 144, "slip_days": 5,
    "max_in_count": 5, "max_in_days": 7,
}  # fmt: skip


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Twenty visits, one every weekday from Monday, November 30, to Friday, December 25."""
    return book(patient, DAILY)


def book(patient: Patient, *phases: dict[str, Any]) -> Course:
    wanted = make_course(patient=patient, version=factories.make_protocol(phases=phases), earliest=a_day(7))
    booked = plan_and_book(wanted.pk, now=NOW)
    assert booked.status == "booked", booked.plan_message
    return booked


def pause(course: Course, first: int, last: int | None, *, now: datetime = NOW, by: User | None = None) -> Change:
    days: dict[str, Any] = {"first_on": a_day(first), "last_on": None if last is None else a_day(last)}
    shown = propose_pause(course, **days, now=now)
    change = pause_course(course, **days, reason="Away", expected=shown.fingerprint, now=now, by=by)
    assert change is not None
    course.refresh_from_db()
    return change


def resume(course: Course, on: int, *, now: datetime = NOW) -> Change:
    shown = propose_resume(course, on=a_day(on), now=now)
    change = resume_course(course, on=a_day(on), expected=shown.fingerprint, now=now, by=None)
    assert change is not None
    course.refresh_from_db()
    return change


def midnight(course: Course, on: date) -> datetime:
    return datetime.combine(on, time(0), course.site.zone)


def say(shown: CourseChange) -> list[tuple[date | None, date | None]]:
    """From which day to which, for each visit that changes."""
    return [
        (shift.old_start.date() if shift.old_start else None, shift.new_start.date() if shift.new_start else None)
        for shift in shown.shifts
    ]


def test_a_pause_moves_only_the_visits_in_it_and_the_course_ends_later(course: Course) -> None:
    assert dates(course) == [a_day(7 * week + day) for week in (1, 2, 3, 4) for day in range(5)]
    shown = propose_pause(course, first_on=a_day(14), last_on=a_day(20), now=NOW)
    assert (shown.is_possible, shown.refusals) == (True, ())
    assert say(shown) == [(a_day(14 + day), a_day(35 + day)) for day in range(5)]
    assert (len(shown.moved), shown.added, shown.given_up) == (5, (), ())
    before = starts(course)
    pause(course, 14, 20)
    assert dates(course) == [a_day(7 * week + day) for week in (1, 3, 4, 5) for day in range(5)]
    assert numbers(course) == list(range(1, 21))
    assert sum(before[pk] != start for pk, start in starts(course).items()) == 5
    assert broken_rules(course, now=NOW, since=midnight(course, a_day(14))) == []
    assert Hold.objects.count() == 20
    assert (course.status, course.paused_on, course.paused_until) == ("booked", a_day(14), a_day(20))
    assert (course.pause_reason, course.shift_days) == ("Away", 7)


def test_proposing_a_pause_writes_nothing(course: Course) -> None:
    rows, was = list(Session.objects.order_by("pk").values()), Course.objects.values().get()
    propose_pause(course, first_on=a_day(14), last_on=a_day(20), now=NOW)
    propose_pause(course, first_on=a_day(14), last_on=None, now=NOW)
    assert (list(Session.objects.order_by("pk").values()), Course.objects.values().get()) == (rows, was)


def test_a_pause_of_part_of_a_week_moves_no_more_than_the_visits_in_it(course: Course) -> None:
    before = starts(course)
    pause(course, 16, 18)
    assert a_day(16) not in dates(course) and a_day(18) not in dates(course)
    assert sum(before[pk] != start for pk, start in starts(course).items()) == 3
    assert broken_rules(course, now=NOW, since=midnight(course, a_day(16))) == []


def test_a_pause_between_two_rhythms_keeps_both(patient: Patient, chair: Resource) -> None:
    twice = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "max_gap_hours": 168, "slip_days": 3}
    weekly = {"periods": 3, "period_days": 7, "per_period": 1, "min_gap_hours": 96, "slip_days": 4}
    course = book(patient, twice, weekly)
    first = dates(course)[0]
    pause(course, 14, 27)
    assert broken_rules(course, now=NOW, since=midnight(course, a_day(14))) == []
    assert not [day for day in dates(course) if a_day(14) <= day <= a_day(27)]
    assert (numbers(course), dates(course)[0]) == (list(range(1, 10)), first)


def test_nothing_is_planned_or_offered_in_the_days_of_a_pause(course: Course) -> None:
    pause(course, 14, 20)
    for number, day in ((5, 11), (6, 21)):
        session = course.sessions.get(number=number)
        offered = legal_times(session, now=NOW, first_on=a_day(11), last_on=a_day(21))
        assert {offer.start.astimezone(course.site.zone).date() for offer in offered} == {a_day(day)}


@pytest.mark.parametrize("number", [5, 6])
def test_visits_before_and_after_a_pause_can_be_moved(course: Course, number: int) -> None:
    pause(course, 14, 20)
    session = course.sessions.get(number=number)
    later = session.start + timedelta(hours=1)
    shown = propose_move(session, start=later, now=NOW)
    assert [shift.session_id for shift in shown.shifts] == [session.pk]
    assert move_session(session, start=later, now=NOW).start == later
    shown = propose_move(session, start=later + timedelta(hours=2), now=NOW)
    rearrange(session, start=shown.start, expected=shown.fingerprint, now=NOW)
    course.refresh_from_db()
    assert (course.shift_days, len(dates(course))) == (7, 20)


def test_what_has_happened_stays_and_a_course_under_way_pauses_too(course: Course, clerk: User) -> None:
    first = course.sessions.get(number=1)
    mark_arrived(first, now=first.start, by=clerk)
    mark_completed(first, now=first.end, by=clerk)
    kept = Session.objects.filter(pk=first.pk).values().get()
    pause(course, 8, 11, now=first.end)
    assert Session.objects.filter(pk=first.pk).values().get() == kept
    assert (course.status, dates(course)[:2]) == ("running", [a_day(7), a_day(14)])
    assert broken_rules(course, now=first.end, since=midnight(course, a_day(8))) == []


def test_a_pause_over_the_first_visit_lets_the_course_begin_later(course: Course) -> None:
    pause(course, 7, 25)
    assert dates(course)[0] == a_day(28)
    assert (numbers(course), len(dates(course))) == (list(range(1, 21)), 20)
    assert broken_rules(course, now=NOW) == []


def test_a_pause_without_a_visit_in_it_is_kept_and_nothing_moves(course: Course) -> None:
    before = starts(course)
    assert propose_pause(course, first_on=a_day(12), last_on=a_day(13), now=NOW).notes == (
        "No visit lies in these days.",
    )
    pause(course, 12, 13)
    assert (starts(course), course.paused_on) == (before, a_day(12))


def test_only_what_was_shown_is_done(course: Course, chair: Resource) -> None:
    days: dict[str, Any] = {"first_on": a_day(14), "last_on": a_day(20)}
    shown = propose_pause(course, **days, now=NOW)
    PatientAbsence.objects.create(
        patient=course.patient, start=midnight(course, a_day(35)), end=midnight(course, a_day(36))
    )
    before = list(Session.objects.order_by("pk").values())
    with pytest.raises(BookingRefused, match="not what was shown"):
        pause_course(course, **days, reason="Away", expected=shown.fingerprint, now=NOW, by=None)
    assert list(Session.objects.order_by("pk").values()) == before
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (-1, 5, "A pause begins today or later."),
        (9, 8, "The last day of the pause lies before its first."),
        (9, 900, "A pause cannot lie more than two years ahead."),
    ],
)
def test_days_that_are_no_pause_are_refused(course: Course, first: int, last: int, sentence: str) -> None:
    shown = propose_pause(course, first_on=a_day(first), last_on=a_day(last), now=NOW)
    assert ([r.message for r in shown.refusals], shown.is_possible) == ([sentence], False)


def test_a_course_that_is_not_under_way_cannot_be_paused(course: Course) -> None:
    stop_course(course, reason="Moved away", now=NOW)
    shown = propose_pause(course, first_on=a_day(9), last_on=None, now=NOW)
    assert [r.message for r in shown.refusals] == ["The course is stopped."]


def test_a_pause_over_the_operation_is_refused(site: Site, patient: Patient, chair: Resource) -> None:
    days: dict[str, Any] = {"earliest_start": a_day(10), "latest_start": a_day(10)}
    asked = request_course(
        patient=patient, site=site, version=make_implant(), anchor_at=at(site, 10, 12), now=NOW, **days
    )
    anchored = plan_and_book(asked.pk, now=NOW)
    shown = propose_pause(anchored, first_on=a_day(8), last_on=a_day(12), now=NOW)
    assert [r.message for r in shown.refusals] == [ELSEWHERE]


def test_a_pause_without_end_sets_the_visits_aside_and_frees_their_seats(course: Course) -> None:
    shown = propose_pause(course, first_on=a_day(14), last_on=None, now=NOW)
    assert (len(shown.given_up), shown.moved, shown.notes) == (
        15,
        (),
        ("15 visits are set aside: planned again when the course goes on.",),
    )
    pause(course, 14, None)
    aside = course.sessions.filter(set_aside=True)
    assert (aside.count(), aside.filter(status="cancelled").count(), Hold.objects.count()) == (15, 15, 5)
    assert set(aside.values_list("cancel_reason", flat=True)) == {"Away"}
    assert (course.status, course.paused_on, course.paused_until) == (CourseStatus.PAUSED, a_day(14), None)
    assert dates(course) == [a_day(7 + day) for day in range(5)]


def test_going_on_plans_the_same_visits_again_from_that_day(course: Course) -> None:
    pause(course, 14, None)
    uids = dict(course.sessions.values_list("pk", "uid"))
    now = NOW + timedelta(days=20)
    shown = propose_resume(course, on=a_day(28), now=now)
    assert (len(shown.added), shown.moved, shown.given_up) == (15, (), ())
    resume(course, 28, now=now)
    assert dates(course, number__gt=5) == [a_day(28 + 7 * week + day) for week in range(3) for day in range(5)]
    assert dict(course.sessions.values_list("pk", "uid")) == uids
    assert (course.sessions.filter(set_aside=True).count(), Hold.objects.count()) == (0, 20)
    assert (course.status, course.paused_on, course.paused_until) == ("booked", a_day(14), a_day(27))
    assert course.shift_days == 14
    assert broken_rules(course, now=now) == []


def test_a_course_that_had_begun_runs_again(course: Course, clerk: User) -> None:
    first = course.sessions.get(number=1)
    mark_arrived(first, now=first.start, by=clerk)
    pause(course, 14, None, now=first.end)
    resume(course, 21, now=first.end)
    assert (course.status, len(dates(course))) == ("running", 20)


def test_a_visit_missed_while_the_course_is_paused_is_planned_again_when_it_goes_on(
    course: Course, clerk: User
) -> None:
    pause(course, 14, None)
    missed = course.sessions.get(number=5)
    mark_missed(missed, reason="no_show", now=missed.end, by=clerk)
    resume(course, 14, now=missed.end)
    assert (len(dates(course)), numbers(course)) == (20, list(range(1, 21)))
    assert broken_rules(course, now=missed.end) == []


def test_the_last_visit_missed_while_the_course_is_paused_is_planned_again_too(course: Course, clerk: User) -> None:
    """The pause began behind it, so there was nothing to set aside."""
    last = course.sessions.get(number=20)
    pause(course, 35, None, now=last.start)
    mark_missed(last, reason="no_show", now=last.end, by=clerk)
    resume(course, 42, now=last.end + timedelta(days=3))
    assert (len(dates(course)), dates(course)[-1] >= a_day(42)) == (20, True)


def test_no_visit_is_moved_into_a_pause_without_end(patient: Patient, chair: Resource) -> None:
    course = book(patient, {"periods": 4, "period_days": 7, "per_period": 1, "min_gap_hours": 44, "slip_days": 6})
    pause(course, 10, None)
    [session] = course.sessions.live()
    offers = legal_times(session, now=NOW, first_on=a_day(7), last_on=a_day(20))
    assert {offer.start.astimezone(course.site.zone).date() for offer in offers} <= {a_day(7), a_day(8), a_day(9)}
    shown = propose_move(session, start=at(course.site, 11, 9), now=NOW)
    assert not shown.is_possible


def test_a_second_pause_does_not_let_the_first_be_forgotten(course: Course) -> None:
    pause(course, 14, 18)
    for first, last in ((28, 32), (8, 10), (28, None)):
        shown = propose_pause(course, first_on=a_day(first), last_on=a_day(last) if last else None, now=NOW)
        assert [refusal.message for refusal in shown.refusals] == [
            "The course is paused from Mon, Dec 7 to Fri, Dec 11 already. "
            "End that pause first, or enter these days as an absence."
        ]
    pause(course, 16, 25)
    assert (course.paused_on, course.paused_until) == (a_day(14), a_day(25))
    assert not [day for day in dates(course) if a_day(14) <= day <= a_day(25)]
    assert (len(dates(course)), broken_rules(course, now=NOW, since=midnight(course, a_day(14)))) == (20, [])
    pause(course, 32, 33, now=midnight(course, a_day(30)))
    assert (course.paused_on, course.paused_until) == (a_day(32), a_day(33))


def test_a_pause_that_is_prolonged_without_end_begins_where_it_began(course: Course) -> None:
    pause(course, 14, 18)
    pause(course, 16, None)
    assert (course.status, course.paused_on, course.paused_until) == (CourseStatus.PAUSED, a_day(14), None)
    assert all(day < a_day(14) for day in dates(course))


def test_a_paused_course_that_never_began_begins_when_it_goes_on(course: Course) -> None:
    pause(course, 5, None)
    assert dates(course) == []
    now = NOW + timedelta(days=30)
    resume(course, 42, now=now)
    assert (dates(course)[0], len(dates(course))) == (a_day(42), 20)
    assert broken_rules(course, now=now) == []


def test_a_pause_is_ended_early_and_its_days_are_offered_again(course: Course) -> None:
    pause(course, 14, 20)
    before = starts(course)
    assert propose_resume(course, on=a_day(16), now=NOW).notes == (
        "The visits stay where they are; move those that can come earlier.",
    )
    resume(course, 16)
    assert (course.paused_on, course.paused_until, starts(course)) == (a_day(14), a_day(15), before)
    resume_early = propose_resume(course, on=a_day(10), now=NOW)
    assert resume_early.is_possible
    resume(course, 10)
    assert (course.paused_on, course.paused_until) == (None, None)


def test_only_a_paused_course_goes_on(course: Course) -> None:
    shown = propose_resume(course, on=a_day(9), now=NOW)
    assert [r.message for r in shown.refusals] == ["The course is not paused."]


def test_where_the_rest_does_not_fit_going_on_says_why(course: Course, chair: Resource) -> None:
    pause(course, 14, None)
    chair.active = False
    chair.save()
    shown = propose_resume(course, on=a_day(28), now=NOW)
    assert not shown.is_possible and "chair" in shown.refusals[0].message
    course.refresh_from_db()
    assert course.status == "paused"


def test_an_open_ended_course_is_not_extended_while_it_is_paused(site: Site) -> None:
    course = book_open_ended(site)
    pause(course, 20, None)
    now = NOW + timedelta(days=40)
    assert (courses_to_extend(now=now), extend_course(course.pk, now=now)) == ([], 0)
    resume(course, 42, now=now)
    assert courses_to_extend(now=now) == [course.pk]
    assert extend_course(course.pk, now=now) > 0
    assert broken_rules(course, now=now) == []


def test_an_open_ended_course_pauses_with_a_known_end_and_is_extended_behind_it(site: Site) -> None:
    course = book_open_ended(site)
    count = len(dates(course))
    pause(course, 14, 40)
    assert (len(dates(course)), [d for d in dates(course) if a_day(14) <= d <= a_day(40)]) == (count, [])
    now = NOW + timedelta(days=42)
    extend_course(course.pk, now=now)
    assert len(dates(course)) > count
    assert broken_rules(course, now=now) == []


def test_a_pause_and_going_on_are_undone_one_after_the_other(course: Course, clerk: User) -> None:
    def rows() -> list[dict[str, Any]]:
        kept = [f.attname for f in Session._meta.concrete_fields if f.attname not in {"sequence", "changed_at"}]
        return list(Session.objects.order_by("pk").values(*kept))

    before, was = rows(), Course.objects.values().get()
    paused = pause(course, 14, None, by=clerk)
    between = rows()
    resumed = resume(course, 28)
    undo_change(resumed, now=NOW, by=clerk)
    assert rows() == between
    undo_change(paused, now=NOW, by=clerk)
    assert (rows(), Course.objects.values().get()) == (before, was)
    assert (paused.kind, paused.summary) == ("paused", "Paused from Mon, Dec 7 on")


def test_a_number_that_was_given_up_does_not_hold_back_those_before_it(course: Course) -> None:
    session = course.sessions.get(number=8)
    skip_session(session, expected=propose_skip(session, now=NOW).fingerprint, now=NOW, by=None)
    pause(course, 14, None)
    resume(course, 28)
    assert (numbers(course), course.sessions.get(number=8).status) == ([*range(1, 8), *range(9, 21)], "cancelled")
    assert dates(course)[5:8] == [a_day(28), a_day(29), a_day(31)]
    assert broken_rules(course, now=NOW, since=midnight(course, a_day(14))) == []
    pause(course, 28, 34)
    assert dates(course)[5:8] == [a_day(35), a_day(37), a_day(38)] or len(dates(course)) == 19
    assert broken_rules(course, now=NOW, since=midnight(course, a_day(28))) == []


def test_the_patient_is_told_once_of_a_pause_and_of_what_stands_again(course: Course) -> None:
    deliver_due(now=NOW + 5 * MINUTE)
    invited = set(course.sessions.filter(announcement__invited_to__gt="").values_list("pk", flat=True))
    uids = dict(course.sessions.values_list("pk", "announcement__event_uid"))
    mail.outbox.clear()
    pause(course, 7, None, now=NOW + 10 * MINUTE)
    deliver_due(now=NOW + 60 * MINUTE)
    cancelled = [message for message in mail.outbox if "METHOD:CANCEL" in str(message.message())]
    assert len(cancelled) == len(invited) > 0
    assert len(mail.outbox) - len(cancelled) <= 1
    mail.outbox.clear()
    resume(course, 14, now=NOW + 70 * MINUTE)
    deliver_due(now=NOW + 120 * MINUTE)
    again = dict(course.sessions.filter(pk__in=invited).values_list("pk", "announcement__event_uid"))
    assert all(again[pk] and again[pk] != uids[pk] for pk in invited)
    assert not [message for message in mail.outbox if "METHOD:CANCEL" in str(message.message())]


def test_who_was_told_nothing_yet_hears_only_of_the_course_as_it_is(course: Course) -> None:
    pause(course, 14, None)
    resume(course, 21)
    deliver_due(now=NOW + 60 * MINUTE)
    assert not [message for message in mail.outbox if "METHOD:CANCEL" in str(message.message())]


def test_a_visit_missed_while_the_course_is_paused_says_what_becomes_of_it(course: Course) -> None:
    pause(course, 14, None)
    missed = course.sessions.get(number=5)
    told = mark_missed(missed, reason="no_show", now=missed.end, by=None).message
    assert told == "The course is paused: the visit is planned again when it goes on."


@pytest.mark.django_db(transaction=True)
def test_of_two_clerks_who_pause_at_once_the_second_is_refused(patient: Patient, chair: Resource) -> None:
    course = book(patient, DAILY)
    days: dict[str, Any] = {"first_on": a_day(14), "last_on": a_day(20)}
    shown = propose_pause(course, **days, now=NOW)
    act = partial(pause_course, course, **days, reason="", expected=shown.fingerprint, now=NOW, by=None)
    won, refused = sort_out(at_once([act, act]))
    assert (len(won), len(refused)) == (1, 1)
    assert (Change.objects.count(), Hold.objects.count(), len(dates(course))) == (1, 20, 20)
    assert broken_rules(course, now=NOW, since=midnight(course, a_day(14))) == []


def test_a_longer_first_visit_in_the_pause_takes_the_place_of_the_first_one_behind_it(
    patient: Patient, chair: Resource
) -> None:
    version = factories.make_protocol(phases=(DAILY,), publish=False)
    longer = VisitType.objects.create(version=version, code="mapping", name="Mapping")
    stage = Stage.objects.create(visit_type=longer, position=0, name="Mapping", minutes=60, is_treatment=True)
    Need.objects.create(stage=stage, kind=chair.kind)
    daily = version.tracks.get().phases.get()
    one = {"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 18}
    Phase.objects.filter(pk=daily.pk).update(position=1)
    Phase.objects.create(track=daily.track, position=0, name="mapping", visit_type=longer, **one)
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(make_course(patient=patient, version=version, earliest=a_day(7)).pk, now=NOW)
    before = starts(course)
    inside = sum(a_day(7) <= day <= a_day(9) for day in dates(course))
    pause(course, 7, 9)
    assert sum(before[pk] != start for pk, start in starts(course).items()) == inside + 1
    first = course.sessions.get(number=1)
    assert (first.visit_type, first.local_date) == (longer, a_day(10))
    assert broken_rules(course, now=NOW) == []


def test_visits_set_aside_are_given_up_for_good_when_the_course_is_stopped(course: Course, clerk: User) -> None:
    pause(course, 14, None)
    stop_course(course, reason="Moved away", now=NOW, by=clerk)
    assert (course.sessions.filter(set_aside=True).count(), dates(course)) == (0, [])
    stopped = Change.objects.get(kind="stopped")
    undo_change(stopped, now=NOW, by=clerk)
    course.refresh_from_db()
    assert (course.status, course.sessions.filter(set_aside=True).count(), len(dates(course))) == ("paused", 15, 5)


def test_a_visit_that_asks_for_one_after_it_is_named_when_that_is_set_aside(patient: Patient, chair: Resource) -> None:
    version = make_linked(publish=False)
    Link.objects.filter(version=version).update(type="at_least", count=1)
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(make_course(patient=patient, version=version, earliest=a_day(7)).pk, now=NOW)
    first_on = course.sessions.get(track__name="after", number=2).local_date
    shown = propose_pause(course, first_on=first_on, last_on=None, now=NOW)
    assert shown.notes == (
        "3 visits are set aside: planned again when the course goes on.",
        "Without the visits that must follow within their hours stay: Main 2. Consider pausing a few days later.",
    )
    assert len(propose_pause(course, first_on=a_day(14), last_on=None, now=NOW).notes) == 1
