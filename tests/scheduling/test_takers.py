"""Who of the waiting list could have a place now, in which order, and what becomes of an offer."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from clinic.models import Outage, Patient, Resource, Site, User
from protocols.models import ProtocolVersion
from scheduling.booking import book_course
from scheduling.changes import FreedSpan, undo_change
from scheduling.models import Change, Course, Hold, Notice, Session, WaitingEntry, WaitingOffer
from scheduling.planning import propose_course
from scheduling.refusals import BookingRefused
from scheduling.takers import Taker, find_takers
from scheduling.waiting import (
    BOOKED_SINCE,
    CLOSED,
    add_to_waiting,
    decline_offer,
    put_back,
    take_back_decline,
    take_course,
    take_earlier,
    withdraw,
)
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course

pytestmark = pytest.mark.django_db
ONCE = ({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},)
WEEKLY = ({"periods": 3, "period_days": 7, "per_period": 1, "min_gap_hours": 44, "slip_days": 6},)


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def version(chair: Resource) -> ProtocolVersion:
    """One visit of two hours."""
    return factories.make_protocol(code="once", phases=ONCE, minutes=120)


def wait(
    site: Site, version: ProtocolVersion, *, need: int = 3, days: int = 0, hours: int = 4, **fields: Any
) -> WaitingEntry:
    """A course of another patient that has waited for so many days."""
    course = make_course(patient=factories.make_patient(site=site), version=version, status="infeasible", **fields)
    return add_to_waiting(course, need=need, short_notice_hours=hours, now=NOW - timedelta(days=days))


def book(site: Site, version: ProtocolVersion, *, earliest: int, latest: int, hour: int = 9) -> Course:
    course = make_course(
        patient=factories.make_patient(site=site),
        version=version,
        earliest=a_day(earliest),
        latest=a_day(latest),
        preferred_time=time(hour),
    )
    return book_course(course, plan=propose_course(course, now=NOW).plan, now=NOW)


def two_hours(site: Site, chair: Resource, day: int, hour: int) -> FreedSpan:
    return FreedSpan(chair.pk, 0, at(site, day, hour), at(site, day, hour + 2))


def outline(takers: list[Taker]) -> list[tuple[WaitingEntry, datetime, int]]:
    return [(taker.entry, taker.start, taker.filled_minutes) for taker in takers]


def test_the_most_urgent_comes_first_then_who_waits_longest(site: Site, version: ProtocolVersion) -> None:
    routine = wait(site, version, need=3, days=30)
    soon = wait(site, version, need=2, days=1)
    sooner = wait(site, version, need=2, days=9)
    urgent = wait(site, version, need=1)
    assert [taker.entry for taker in find_takers(site=site, now=NOW)] == [urgent, sooner, soon, routine]
    assert Session.objects.count() == 0


def test_of_equal_need_whoever_fills_more_of_the_freed_time_comes_before_whoever_waits_longer(
    site: Site, version: ProtocolVersion, chair: Resource
) -> None:
    half = factories.make_protocol(code="half", phases=ONCE, minutes=60)
    longest, fits = wait(site, half, days=30), wait(site, version, days=2)
    takers = find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 3, 13)])
    assert outline(takers) == [(fits, at(site, 3, 13), 120), (longest, at(site, 3, 13), 60)]


def test_seats_that_nobody_of_the_list_can_use_are_offered_to_nobody(
    site: Site, version: ProtocolVersion, chair: Resource
) -> None:
    wait(site, version)
    device = factories.make_resource(site=site, kind="tms_device")
    assert find_takers(site=site, now=NOW, spans=[two_hours(site, device, 3, 13)]) == []


def test_nobody_is_called_to_a_visit_before_their_notice(site: Site, version: ProtocolVersion, chair: Resource) -> None:
    wait(site, version, hours=48)
    assert find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 1, 10)]) == []
    [taker] = find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 2, 10)])
    assert (taker.start, taker.filled_minutes) == (at(site, 2, 10), 120)


def test_who_waits_may_start_after_the_last_day_that_was_asked_for_and_is_booked_so(
    site: Site, version: ProtocolVersion, chair: Resource, clerk: User
) -> None:
    entry = wait(site, version, earliest=a_day(1), latest=a_day(1))
    [taker] = find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 7, 14)])
    assert taker.proposal is not None
    booked = take_course(entry, plan=taker.proposal.plan, now=NOW, by=clerk)
    assert (booked.status, booked.latest_start) == ("booked", a_day(7))
    assert list(booked.sessions.values_list("start", flat=True)) == [at(site, 7, 14)]
    entry.refresh_from_db()
    assert (entry.outcome, entry.closed_at, entry.closed_by) == ("booked", NOW, clerk)
    assert list(WaitingOffer.objects.values_list("entry", "start", "taken", "asked_by")) == [
        (entry.pk, at(site, 7, 14), True, clerk.pk)
    ]


def test_a_course_booked_from_the_list_by_mistake_is_undone_and_waits_again(
    site: Site, version: ProtocolVersion, chair: Resource, clerk: User
) -> None:
    entry = wait(site, version, earliest=a_day(1), latest=a_day(1))
    before = Course.objects.values().get(), WaitingEntry.objects.values().get()
    [taker] = find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 7, 14)])
    assert taker.proposal is not None
    take_course(entry, plan=taker.proposal.plan, now=NOW, by=clerk)
    undo_change(Change.objects.get(), now=NOW + timedelta(minutes=1), by=clerk)
    put_back(entry)
    assert (Course.objects.values().get(), WaitingEntry.objects.values().get()) == before
    assert (Session.objects.count(), Hold.objects.count()) == (0, 0)
    assert Notice.objects.count() == 0
    take_course(entry, plan=taker.proposal.plan, now=NOW + timedelta(minutes=2), by=clerk)
    assert Notice.objects.filter(kind="course_summary", status="due").count() == 1


def test_a_start_before_the_first_day_that_was_asked_for_is_not_offered(
    site: Site, version: ProtocolVersion, chair: Resource
) -> None:
    wait(site, version, earliest=a_day(4), latest=a_day(9))
    assert find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 2, 10)]) == []


def test_a_place_that_is_taken_meanwhile_is_refused_and_they_stay_on_the_list(
    site: Site, version: ProtocolVersion, chair: Resource
) -> None:
    entry = wait(site, version, preferred_time=time(10))
    [taker] = find_takers(site=site, now=NOW)
    other = factories.make_course(patient=factories.make_patient(site=site), version=version)
    factories.make_session(course=other, start=taker.start, minutes=120, resources=(chair,))
    assert taker.proposal is not None
    with pytest.raises(BookingRefused, match="Chair 1"):
        take_course(entry, plan=taker.proposal.plan, now=NOW)
    entry.refresh_from_db()
    assert (entry.closed_at, WaitingOffer.objects.count(), entry.course.sessions.count()) == (None, 0, 0)


def test_a_place_is_booked_once_by_two_clerks(site: Site, version: ProtocolVersion) -> None:
    entry = wait(site, version)
    [taker] = find_takers(site=site, now=NOW)
    assert taker.proposal is not None
    take_course(entry, plan=taker.proposal.plan, now=NOW)
    with pytest.raises(BookingRefused, match=CLOSED):
        take_course(entry, plan=taker.proposal.plan, now=NOW)
    assert WaitingOffer.objects.count() == 1


def test_a_course_that_was_booked_past_the_list_is_not_booked_again(site: Site, version: ProtocolVersion) -> None:
    entry = wait(site, version)
    [taker] = find_takers(site=site, now=NOW)
    assert taker.proposal is not None
    book_course(entry.course, plan=taker.proposal.plan, now=NOW)
    with pytest.raises(BookingRefused, match=BOOKED_SINCE):
        take_course(entry, plan=taker.proposal.plan, now=NOW)


def test_what_they_declined_is_not_offered_again_until_that_is_taken_back(
    site: Site, version: ProtocolVersion, clerk: User
) -> None:
    entry = wait(site, version, earliest=a_day(1), latest=a_day(1))
    [taker] = find_takers(site=site, now=NOW)
    offers = [decline_offer(entry, start=taker.start, now=NOW, by=clerk) for _ in range(2)]
    assert offers[0] == offers[1]
    assert taker.start not in [other.start for other in find_takers(site=site, now=NOW)]
    assert [take_back_decline(offers[0]), take_back_decline(offers[0])] == [True, False]
    assert [again.start for again in find_takers(site=site, now=NOW)] == [taker.start]


def test_the_next_visit_of_a_running_course_comes_earlier_and_no_other_moves(site: Site, chair: Resource) -> None:
    weekly = factories.make_protocol(code="weekly", phases=WEEKLY, minutes=30)
    course = book(site, weekly, earliest=1, latest=1)
    first, second, third = course.sessions.order_by("start")
    Session.objects.filter(pk=first.pk).update(status="completed")
    Course.objects.filter(pk=course.pk).update(status="running")
    entry = add_to_waiting(course, need=1, short_notice_hours=24, now=NOW)
    late = at(site, 10, 16)
    Hold.objects.filter(session=second).update(start=late, end=late + timedelta(minutes=30))
    Session.objects.filter(pk=second.pk).update(
        start=late, end=late + timedelta(minutes=30), local_time=time(16), local_date=a_day(10)
    )
    now = first.end
    [taker] = find_takers(site=site, now=now, spans=[FreedSpan(chair.pk, 0, at(site, 8, 10), at(site, 8, 11))])
    assert taker.moved is not None
    shown = [(shift.session_id, shift.old_start, shift.new_start) for shift in taker.moved.shifts]
    assert shown == [(second.pk, late, at(site, 8, 10))]
    moved = take_earlier(entry, session=second, start=taker.start, expected=taker.moved.fingerprint, now=now)
    assert [(row.pk, row.start, row.sequence) for row in moved] == [(second.pk, at(site, 8, 10), 1)]
    assert list(course.sessions.order_by("number").values_list("start", flat=True)) == [
        first.start,
        at(site, 8, 10),
        third.start,
    ]
    entry.refresh_from_db()
    assert entry.outcome == "booked"


def test_before_its_first_visit_the_whole_course_comes_earlier(site: Site, chair: Resource) -> None:
    dense = ({"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44},)
    version = factories.make_protocol(code="twice", phases=dense, minutes=60)
    course = book(site, version, earliest=14, latest=14)
    Course.objects.filter(pk=course.pk).update(earliest_start=a_day(1))
    course.refresh_from_db()
    entry = add_to_waiting(course, need=2, short_notice_hours=4, now=NOW)
    [taker] = find_takers(site=site, now=NOW, spans=[two_hours(site, chair, 2, 9)])
    assert (taker.start.astimezone(site.zone).date(), taker.moved and len(taker.moved.shifts)) == (a_day(2), 4)
    first = course.sessions.earliest("start")
    assert taker.moved is not None
    take_earlier(entry, session=first, start=taker.start, expected=taker.moved.fingerprint, now=NOW)
    starts = list(course.sessions.order_by("number").values_list("start", flat=True))
    assert starts == sorted(shift.new_start for shift in taker.moved.shifts)


def test_an_earlier_hour_of_the_same_day_is_not_worth_a_call(site: Site, chair: Resource) -> None:
    weekly = factories.make_protocol(code="weekly", phases=WEEKLY, minutes=30)
    course = book(site, weekly, earliest=1, latest=1, hour=16)
    add_to_waiting(course, need=1, short_notice_hours=4, now=NOW)
    assert find_takers(site=site, now=NOW) == []


def test_moves_are_refused_where_they_are_not_those_that_were_shown(site: Site, chair: Resource) -> None:
    weekly = factories.make_protocol(code="weekly", phases=WEEKLY, minutes=30)
    course = book(site, weekly, earliest=7, latest=7)
    Course.objects.filter(pk=course.pk).update(earliest_start=a_day(1))
    entry = add_to_waiting(course, need=2, short_notice_hours=4, now=NOW)
    [taker] = find_takers(site=site, now=NOW)
    assert taker.session is not None
    with pytest.raises(BookingRefused, match="not what was shown"):
        take_earlier(entry, session=taker.session, start=taker.start, expected="0" * 32, now=NOW)
    entry.refresh_from_db()
    assert (entry.closed_at, WaitingOffer.objects.count()) == (None, 0)


def test_courses_that_are_paused_or_over_and_other_sites_are_not_looked_at(
    site: Site, other_site: Site, version: ProtocolVersion
) -> None:
    for fields in ({"status": "paused", "paused_on": a_day()}, {"status": "stopped"}):
        entry = wait(site, version)
        Course.objects.filter(pk=entry.course_id).update(**fields)
    wait(other_site, version)
    assert find_takers(site=site, now=NOW) == []


def test_a_visit_while_the_chair_is_out_is_not_offered(site: Site, version: ProtocolVersion, chair: Resource) -> None:
    wait(site, version, earliest=a_day(1), latest=a_day(1))
    Outage.objects.create(resource=chair, start=at(site, 0, 0), end=at(site, 5, 0))
    assert find_takers(site=site, now=NOW) == []


def test_put_on_the_list_twice_a_course_keeps_its_place_with_the_need_said_last(
    patient: Patient, version: ProtocolVersion, clerk: User
) -> None:
    course = make_course(patient=patient, version=version, status="infeasible")
    first = add_to_waiting(course, need=3, short_notice_hours=24, now=NOW, by=clerk)
    again = add_to_waiting(course, need=1, short_notice_hours=4, now=NOW + timedelta(days=3))
    assert (again.pk, again.need, again.short_notice_hours, again.added_at) == (first.pk, 1, 4, NOW)
    assert (again.added_by, WaitingEntry.objects.count()) == (clerk, 1)


def test_a_course_that_has_ended_cannot_wait(patient: Patient, version: ProtocolVersion) -> None:
    course = make_course(patient=patient, version=version, status="finished")
    with pytest.raises(BookingRefused, match="has ended"):
        add_to_waiting(course, need=3, short_notice_hours=24, now=NOW)


def test_taken_off_the_list_and_put_back_an_entry_is_as_it_was(
    site: Site, version: ProtocolVersion, clerk: User
) -> None:
    entry = wait(site, version, need=1, days=5)
    before = WaitingEntry.objects.values().get()
    assert [withdraw(entry, now=NOW, by=clerk), withdraw(entry, now=NOW, by=clerk)] == [True, False]
    gone = WaitingEntry.objects.get()
    assert (gone.closed_at, gone.closed_by, gone.outcome) == (NOW, clerk, "withdrawn")
    assert put_back(entry) == entry
    assert WaitingEntry.objects.values().get() == before


def test_put_back_beside_a_newer_entry_the_newer_one_stands(site: Site, version: ProtocolVersion) -> None:
    old = wait(site, version)
    withdraw(old, now=NOW)
    new = add_to_waiting(old.course, need=1, short_notice_hours=4, now=NOW)
    assert (put_back(old), WaitingEntry.objects.waiting().count()) == (new, 1)


def test_only_so_many_are_looked_at_in_one_go(site: Site, version: ProtocolVersion) -> None:
    entries = [wait(site, version, days=9 - number) for number in range(3)]
    assert [taker.entry for taker in find_takers(site=site, now=NOW, at_most=2)] == entries[:2]
    assert [taker.entry for taker in find_takers(site=site, now=NOW, skip=2, at_most=2)] == entries[2:]
    assert datetime(2026, 11, 24, tzinfo=UTC) <= min(t.start for t in find_takers(site=site, now=NOW))


def test_who_declines_a_plan_is_offered_another_one(site: Site, version: ProtocolVersion, clerk: User) -> None:
    entry = wait(site, version)
    seen = set()
    for _ in range(3):
        [taker] = find_takers(site=site, now=NOW)
        seen.add(taker.start)
        decline_offer(entry, start=taker.start, now=NOW, by=clerk)
    assert len(seen) == 3


def test_undoing_what_the_list_gave_lets_them_wait_as_before(site: Site, version: ProtocolVersion, clerk: User) -> None:
    entry = wait(site, version, days=9)
    before = WaitingEntry.objects.values().get()
    [taker] = find_takers(site=site, now=NOW)
    assert taker.proposal is not None
    take_course(entry, plan=taker.proposal.plan, now=NOW, by=clerk)
    undo_change(Change.objects.get(), now=NOW + timedelta(minutes=1), by=clerk)
    assert (WaitingEntry.objects.values().get(), WaitingOffer.objects.count()) == (before, 0)
    assert outline(find_takers(site=site, now=NOW)) == [(entry, taker.start, 0)]


def test_undoing_leaves_one_turn_to_who_waits_anew(site: Site, version: ProtocolVersion, clerk: User) -> None:
    entry = wait(site, version)
    [taker] = find_takers(site=site, now=NOW)
    assert taker.proposal is not None
    take_course(entry, plan=taker.proposal.plan, now=NOW, by=clerk)
    new = add_to_waiting(entry.course, need=1, short_notice_hours=4, now=NOW)
    undo_change(Change.objects.get(), now=NOW + timedelta(minutes=1), by=clerk)
    assert WaitingEntry.objects.waiting().get() == new
