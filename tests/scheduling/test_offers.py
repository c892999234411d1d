"""Other times for a visit: a choice to look through, taken at once or as a wish, and never more than was shown."""

from __future__ import annotations

import time as clock
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from clinic.models import Outage, Patient, PatientAbsence, Resource, Site, User
from scheduling.booking import plan_and_book, request_course, stop_course
from scheduling.drivers import name_driver
from scheduling.models import Answer, Course, Driver, Hold, Notice, Session
from scheduling.moving import move_session
from scheduling.offers import Offer, approve_wish, ask_for_time, decline_wish, offer_times, spread, take_offer
from scheduling.rearranging import propose_move
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, make_implant, make_tms, put_session
from tests.scheduling.driving import BOB
from tests.scheduling.test_storm import at_once, sort_out

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
QUERIES = 25
WEEKLY = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}


@pytest.fixture
def site(db: None) -> Site:
    return factories.make_site(code="riverside", patient_moves="direct")


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Six visits on Tuesdays and Fridays at nine, the first tomorrow; 44 hours between them."""
    return book(patient)


@pytest.fixture
def second(course: Course) -> Session:
    return course.sessions.get(number=2)


@pytest.fixture
def daily(patient: Patient, site: Site) -> Course:
    """Five visits a week at nine, 20 hours between them."""
    for kind in ("tms_device", "tms_operator"):
        factories.make_resource(site=site, kind=kind)
    return book(patient, version=make_tms())


def book(patient: Patient, **fields: Any) -> Course:
    version = fields.pop("version", None) or factories.make_protocol(phases=(WEEKLY,))
    booked = plan_and_book(make_course(patient=patient, version=version, **fields).pk, now=NOW)
    assert booked.status == "booked", booked.plan_message
    return booked


def said(offers: list[Offer], site: Site) -> list[tuple[str, int]]:
    """Each offer as weekday, day and time, and how many others move."""
    return [(f"{offer.start.astimezone(site.zone):%a %d %H:%M}", len(offer.moves)) for offer in offers]


def rows() -> list[Any]:
    return [*Session.objects.order_by("pk").values(), *Hold.objects.order_by("pk").values(), *Notice.objects.values()]


def take(session: Session, offer: Offer, **fields: Any) -> list[Session]:
    values = {"now": NOW, "expected_sequence": session.sequence, "expected": offer.expected, **fields}
    return take_offer(session, start=offer.start, **values)


# What is offered


def test_times_lie_on_the_nearest_days_each_with_every_part_of_the_day(second: Session, site: Site) -> None:
    offers = offer_times(second, now=NOW)
    assert said(offers, site) == [
        ("Thu 26 08:00", 0),
        ("Thu 26 09:00", 0),
        ("Thu 26 12:00", 0),
        ("Thu 26 15:00", 0),
        ("Fri 27 08:45", 0),
        ("Fri 27 09:45", 0),
        ("Fri 27 12:00", 0),
        ("Fri 27 15:00", 0),
    ]


def test_every_offer_can_be_taken_as_it_was_shown(course: Course, second: Session) -> None:
    for offer in offer_times(second, now=NOW):
        shown = propose_move(second, start=offer.start, now=NOW, most=3)
        assert (shown.is_possible, shown.others, shown.fingerprint) == (True, offer.moves, offer.expected)


def test_where_few_times_move_nothing_else_some_follow_that_move_other_visits(daily: Course, site: Site) -> None:
    offers = offer_times(daily.sessions.get(number=6), now=NOW)
    assert said(offers, site) == [
        ("Tue 01 08:45", 0),
        ("Tue 01 09:45", 0),
        ("Tue 01 10:45", 0),
        ("Tue 01 12:00", 0),
        ("Tue 01 13:15", 1),
        ("Tue 01 15:00", 1),
    ]
    seventh = daily.sessions.get(number=7)
    assert {shift.session_id for offer in offers for shift in offer.moves} == {seventh.pk}
    for offer in offers[4:]:
        (shift,) = offer.moves
        assert (shift.number, shift.old_start) == (7, seventh.start)
        assert shift.new_start >= offer.start + timedelta(hours=20)


def test_the_same_question_has_the_same_answer_and_writes_nothing(daily: Course) -> None:
    session, before = daily.sessions.get(number=6), rows()
    assert offer_times(session, now=NOW) == offer_times(session, now=NOW)
    assert rows() == before


def test_no_more_are_offered_than_asked_for(second: Session, site: Site) -> None:
    assert len(offer_times(second, now=NOW, limit=3)) == 3


def test_times_keep_to_when_the_patient_can_come(
    patient: Patient, second: Session, site: Site, chair: Resource
) -> None:
    Patient.objects.filter(pk=patient.pk).update(
        availability={"thu": [["08:00", "18:00"]], "fri": [["08:00", "12:00"]]}
    )
    PatientAbsence.objects.create(patient=patient, start=at(site, 3, 0), end=at(site, 3, 12))
    Outage.objects.create(resource=chair, start=at(site, 4, 10), end=at(site, 4, 18), reason="Repair")
    starts = {offer.start.astimezone(site.zone) for offer in offer_times(second, now=NOW) if not offer.moves}
    assert {(start.day, start.hour >= 12) for start in starts} == {(26, True), (27, False)}
    assert max(start.hour for start in starts if start.day == 27) < 10


def test_times_lie_after_the_lead_time_of_the_site(course: Course, site: Site) -> None:
    first = course.sessions.get(number=1)
    now = at(site, 1, 5)
    offers = offer_times(first, now=now)
    assert min(offer.start for offer in offers) >= now + timedelta(minutes=site.lead_minutes)
    assert offer_times(first, now=at(site, 1, 7, 1)) == []
    assert offer_times(first, now=at(site, 1, 9, 1)) == []


def test_nothing_is_offered_for_what_a_patient_cannot_move(
    patient: Patient, course: Course, second: Session, site: Site
) -> None:
    asked = request_course(
        patient=factories.make_patient(site=site), site=site, version=make_implant(),
        earliest_start=a_day(4), latest_start=a_day(4), anchor_at=at(site, 4, 21), now=NOW,
    )  # fmt: skip
    assert offer_times(asked.sessions.get(), now=NOW) == []
    Site.objects.filter(pk=site.pk).update(patient_moves="no")
    assert offer_times(course.sessions.get(number=2), now=NOW) == []
    Site.objects.filter(pk=site.pk).update(patient_moves="approval")
    assert len(offer_times(course.sessions.get(number=2), now=NOW)) == 8
    stop_course(course, reason="Done", now=NOW)
    assert offer_times(course.sessions.get(number=2), now=NOW) == []


def test_what_a_sedating_visit_needs_afterwards_is_free_at_every_time(
    patient: Patient, site: Site, chair: Resource
) -> None:
    """The post for watching is out from two o'clock on, an hour after treatment that began at noon."""
    monitor = factories.make_resource(site=site, kind="monitor", name="Post 1")
    for day in range(1, 30):
        Outage.objects.create(resource=monitor, start=at(site, day, 14), end=at(site, day, 18), reason="Other ward")
    course = book(patient, version=factories.make_protocol(phases=(WEEKLY,), needs=("chair", "monitor"), minutes=180))
    second = course.sessions.get(number=2)
    latest = max(offer.start.astimezone(site.zone).time() for offer in offer_times(second, now=NOW))
    assert (latest.hour, latest.minute) == (11, 0)


@pytest.mark.parametrize(("monday", "zone_hours"), [("2027-03-08", -4), ("2027-11-01", -5)])
def test_times_stand_on_the_wall_clock_across_both_clock_changes(
    monday: str, zone_hours: int, patient: Patient, chair: Resource, site: Site
) -> None:
    first = date.fromisoformat(monday)
    weekly = {"periods": 3, "period_days": 7, "per_period": 1, "min_gap_hours": 44, "slip_days": 0}
    version = factories.make_protocol(phases=(weekly,))
    now = datetime(first.year, first.month, first.day, 13, tzinfo=UTC) - timedelta(days=7)
    asked = make_course(patient=patient, version=version, earliest=first, latest=first)
    second = plan_and_book(asked.pk, now=now).sessions.get(number=2)
    local = [offer.start.astimezone(site.zone) for offer in offer_times(second, now=now)]
    assert {start.utcoffset() for start in local} == {timedelta(hours=zone_hours)}
    assert {(start.hour, start.minute) for start in local} == {(8, 0), (8, 45), (9, 0), (9, 45), (12, 0), (15, 0)}


def test_a_choice_spreads_over_days_before_it_fills_them() -> None:
    zone = ZoneInfo("America/New_York")
    near = datetime(2026, 11, 25, 9, tzinfo=zone)
    starts = [near + timedelta(days=day, minutes=15 * step) for day in range(-9, 10) for step in range(20)]
    chosen = [start.astimezone(zone) for start in spread(starts, near=near, usual=9 * 60)]
    assert [start.day for start in chosen[:5]] == [25, 24, 26, 23, 27]
    assert {start.hour for start in chosen[:12]} == {9}
    assert len({start.date() for start in chosen}) == 12
    assert [f"{start:%H:%M}" for start in sorted(chosen) if start.day == 25] == ["09:00", "10:00", "11:00", "12:00"]


@pytest.mark.parametrize("visits", [1, 30])
def test_the_number_of_queries_does_not_grow_with_the_course(
    visits: int, patient: Patient, chair: Resource, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    phase = {"periods": visits, "period_days": 1, "per_period": 1, "min_gap_hours": 20, "slip_days": 12}
    course = book(patient, version=factories.make_protocol(phases=(phase,)))
    session = course.sessions.get(number=1)
    with django_assert_num_queries(QUERIES):
        assert offer_times(session, now=NOW)


def test_offers_for_a_long_course_take_less_than_a_second(daily: Course) -> None:
    for number in (2, 17, 36):
        session = daily.sessions.get(number=number)
        began = clock.process_time()
        assert len(offer_times(session, now=NOW)) >= 5
        assert clock.process_time() - began < 1


# Taken at once


def test_a_time_that_is_taken_moves_the_visit_and_what_was_shown_with_it(daily: Course, site: Site) -> None:
    session = daily.sessions.get(number=6)
    offer = offer_times(session, now=NOW)[-1]
    told = take(session, offer)
    wanted = {session.pk: offer.start, **{shift.session_id: shift.new_start for shift in offer.moves}}
    assert {row.pk: row.start for row in told} == wanted
    assert dict(Session.objects.filter(sequence=1).values_list("pk", "start")) == wanted


def test_a_button_pressed_twice_moves_once(second: Session) -> None:
    offer = offer_times(second, now=NOW)[0]
    (moved,) = take(second, offer)
    before = rows()
    assert take(second, offer) == [moved]
    assert rows() == before


def test_a_page_that_was_open_while_staff_moved_the_visit_moves_nothing(second: Session) -> None:
    offer = offer_times(second, now=NOW)[0]
    move_session(second, start=second.start + timedelta(hours=2), now=NOW)
    before = rows()
    with pytest.raises(BookingRefused, match="has changed since you opened the page"):
        take(second, offer)
    assert rows() == before


@pytest.mark.parametrize(
    ("moves", "message"), [("no", "moved by phone"), ("approval", "Staff approve another time first")]
)
def test_only_where_the_site_says_so_a_patient_moves_a_visit_at_once(
    moves: str, message: str, second: Session, site: Site
) -> None:
    offer = offer_times(second, now=NOW)[0]
    Site.objects.filter(pk=site.pk).update(patient_moves=moves)
    before = rows()
    with pytest.raises(BookingRefused, match=message):
        take(second, offer)
    assert rows() == before


def test_a_page_left_open_until_it_is_too_late_moves_nothing(second: Session) -> None:
    offer = offer_times(second, now=NOW)[0]
    with pytest.raises(BookingRefused, match="too close to be moved here"):
        take(second, offer, now=second.start - timedelta(minutes=119))


def test_who_takes_the_patient_home_is_asked_again_after_a_move(patient: Patient, chair: Resource) -> None:
    course = book(patient, version=factories.make_protocol(phases=(WEEKLY,), sedating=True))
    second = course.sessions.get(number=2)
    name_driver(second, **BOB, now=NOW)
    take(second, offer_times(second, now=NOW)[0])
    driver = Driver.objects.get(session=second)
    assert (driver.status, driver.agreed_start, driver.is_settled) == ("named", None, False)


@pytest.mark.django_db(transaction=True)
def test_of_two_patients_who_choose_the_last_seat_one_gets_it(site: Site) -> None:
    """Two chairs until Wednesday, one on Thursday."""
    chairs = [factories.make_resource(site=site, kind="chair", name=f"Chair {n}") for n in (1, 2)]
    chairs[1].outages.create(start=at(site, 3, 0), end=at(site, 20, 0))
    version = factories.make_protocol(phases=({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},))
    sessions, acts = [], []
    for chair in chairs:
        course = make_course(patient=factories.make_patient(site=site), version=version, status="booked")
        sessions.append(put_session(course, number=1, start=at(site, 2, 9), seats=(chair,)))
    for session in sessions:
        offer = next(offer for offer in offer_times(session, now=NOW) if offer.start == at(site, 3, 9))
        acts.append(lambda session=session, offer=offer: take(session, offer))
    won, refused = sort_out(at_once(acts))
    assert (len(won), [[r.rule for r in error.refusals] for error in refused]) == (1, [["seat"]])
    loser = next(session for session in sessions if session.pk != won[0][0].pk)
    loser.refresh_from_db()
    assert (loser.start, loser.sequence, loser.holds.get().start) == (at(site, 2, 9), 0, at(site, 2, 9))
    assert Notice.objects.filter(course=loser.course, kind="changes").count() == 0


# As a wish


def ask(session: Session, start: datetime, *, now: datetime = NOW) -> Answer:
    """As the page does, which shows first what would move."""
    shown = propose_move(session, start=start, now=now, most=3)
    return ask_for_time(session, start=start, now=now, key="page:1", expected=shown.fingerprint)


@pytest.fixture
def wish(second: Session, site: Site) -> Answer:
    """The second visit on Monday instead, for which the third, on Tuesday, has to move."""
    Site.objects.filter(pk=site.pk).update(patient_moves="approval")
    second = Session.objects.get(pk=second.pk)
    return ask(second, second.start + timedelta(days=3))


def test_a_wish_says_what_would_move_and_waits_on_the_call_list_without_a_seat(
    wish: Answer, second: Session, clerk: User
) -> None:
    assert (wish.kind, wish.source, wish.sequence, wish.needs_staff) == ("move_wanted", "page", 0, True)
    assert wish.wanted_start == second.start + timedelta(days=3)
    assert wish.comment == "Also moves: Main 3 from Tue, Dec 1 at 9:00 AM to Wed, Dec 2 at 9:00 AM."
    assert [(n.channel, n.answer) for n in Notice.objects.filter(kind="answer")] == [("call", wish)]
    assert not Hold.objects.filter(start=wish.wanted_start).exists()
    second.refresh_from_db()
    assert second.sequence == 0
    again = ask(second, second.start + timedelta(days=3), now=NOW + MINUTE)
    assert (again, Answer.objects.count()) == (wish, 1)


def test_what_is_not_possible_cannot_be_wished_for(second: Session, site: Site) -> None:
    with pytest.raises(BookingRefused, match="outside the opening hours"):
        ask(second, second.start + timedelta(days=1))
    for expected in ("something else", ""):
        with pytest.raises(BookingRefused, match="not what was shown"):
            ask_for_time(second, start=second.start + timedelta(days=3), now=NOW, key="page:1", expected=expected)
    with pytest.raises(BookingRefused, match="not what was shown"):
        ask(second, second.start)
    Site.objects.filter(pk=site.pk).update(patient_moves="no")
    with pytest.raises(BookingRefused, match="moved by phone"):
        ask_for_time(Session.objects.get(pk=second.pk), start=at(site, 3, 9), now=NOW, key="page:1", expected="")
    assert Answer.objects.count() == 0


def test_an_approved_wish_moves_what_the_patient_agreed_to_and_is_handled(
    wish: Answer, course: Course, clerk: User, site: Site
) -> None:
    moved = approve_wish(wish, now=NOW + MINUTE, by=clerk)
    assert [(row.number, row.start) for row in moved] == [(2, at(site, 7, 9)), (3, at(site, 9, 9))]
    wish.refresh_from_db()
    assert (wish.handled_at, wish.handled_by, wish.handled_how) == (NOW + MINUTE, clerk, "Moved as asked")
    assert Notice.objects.get(answer=wish).status == "done"
    updates = Notice.objects.filter(kind="calendar", sequence=1, status="due")
    assert set(updates.values_list("session", flat=True)) == {row.pk for row in moved}
    before = rows()
    with pytest.raises(BookingRefused, match="Somebody has acted on this wish already"):
        approve_wish(wish, now=NOW + 2 * MINUTE, by=clerk)
    assert rows() == before


def test_a_wish_whose_time_is_gone_is_refused_with_the_reason_and_still_waits(
    wish: Answer, course: Course, chair: Resource, clerk: User, site: Site
) -> None:
    other = make_course(patient=factories.make_patient(site=site), version=course.version)
    put_session(other, number=1, start=at(site, 7, 9), seats=(chair,))
    before = rows()
    with pytest.raises(BookingRefused, match="No chair is free on November 30 at 9:00 AM"):
        approve_wish(wish, now=NOW + MINUTE, by=clerk)
    wish.refresh_from_db()
    assert (rows(), wish.handled_at) == (before, None)


def test_more_than_the_patient_agreed_to_is_not_moved(wish: Answer, course: Course, clerk: User, site: Site) -> None:
    third = course.sessions.get(number=3)
    move_session(third, start=third.start + timedelta(hours=1), now=NOW)
    before = rows()
    with pytest.raises(BookingRefused, match="Other visits would have to move than the patient agreed to"):
        approve_wish(wish, now=NOW + MINUTE, by=clerk)
    assert rows() == before


def test_a_wish_about_a_time_that_the_visit_has_no_more_is_refused(wish: Answer, second: Session, clerk: User) -> None:
    move_session(second, start=second.start + timedelta(hours=1), now=NOW)
    with pytest.raises(BookingRefused, match="has changed since the patient asked"):
        approve_wish(wish, now=NOW + MINUTE, by=clerk)


def test_a_declined_wish_moves_nothing_and_is_handled_once(wish: Answer, second: Session, clerk: User) -> None:
    decline_wish(wish, how="Comes as planned", now=NOW + MINUTE, by=clerk)
    wish.refresh_from_db()
    assert (wish.handled_how, wish.handled_by) == ("Comes as planned", clerk)
    second.refresh_from_db()
    assert second.sequence == 0
    with pytest.raises(BookingRefused, match="acted on this wish already"):
        decline_wish(wish, how="Again", now=NOW + MINUTE, by=clerk)


@pytest.mark.django_db(transaction=True)
def test_of_two_clerks_who_approve_one_wish_one_moves_the_visit(wish: Answer, clerk: User, second: Session) -> None:
    acts = [lambda: approve_wish(Answer.objects.get(pk=wish.pk), now=NOW + MINUTE, by=clerk)] * 2
    won, refused = sort_out(at_once(acts))
    assert (len(won), len(refused)) == (1, 1)
    second.refresh_from_db()
    assert (second.sequence, second.start) == (1, wish.wanted_start)


def test_an_answer_that_asks_for_no_time_cannot_be_approved(second: Session, clerk: User) -> None:
    answer = Answer(session=second, patient=second.patient, kind="confirmed", source="page", key="k", given_at=NOW)
    answer.save()
    with pytest.raises(BookingRefused, match="asks for no other time"):
        approve_wish(answer, now=NOW, by=clerk)
