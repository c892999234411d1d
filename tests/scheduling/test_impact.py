"""Booked sessions that a change of the clinic's records would strand."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from clinic.models import Closure, ExtraOpening, Outage, ResourceHours, SiteHours
from scheduling.impact import SessionsStranded, find_reasons_at, find_stranded, find_stranded_at, guard_booked_sessions
from scheduling.models import SessionStatus
from tests import factories

pytestmark = pytest.mark.django_db

TUESDAY_10 = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # 10:00 in New York


@pytest.fixture
def chair(site):
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient):
    return factories.make_course(patient=patient, version=factories.make_protocol())


@pytest.fixture
def tuesday(course, chair):
    return factories.make_session(course=course, start=TUESDAY_10, minutes=60, resources=(chair,))


@pytest.fixture
def wednesday(course, chair):
    return factories.make_session(course=course, start=TUESDAY_10 + timedelta(days=1), minutes=60, resources=(chair,))


def reasons(site, now):
    return [(found.session.number, found.reason) for found in find_stranded(site, now=now)]


def test_sessions_within_the_hours_of_site_and_resource_are_not_stranded(site, chair, tuesday, wednesday, now):
    ResourceHours.objects.create(resource=chair, weekday=1, opens_at=time(10), closes_at=time(11))
    ResourceHours.objects.create(resource=chair, weekday=2, opens_at=time(8), closes_at=time(12))
    Outage.objects.create(resource=chair, start=tuesday.end, end=tuesday.end + timedelta(hours=2))
    Closure.objects.create(site=site, first_on=date(2026, 11, 26), last_on=date(2026, 11, 27))
    assert reasons(site, now) == []


def test_a_closure_strands_the_sessions_of_its_days(site, tuesday, wednesday, now):
    Closure.objects.create(site=site, first_on=date(2026, 11, 25), last_on=date(2026, 11, 26), reason="Thanksgiving")
    assert reasons(site, now) == [(2, "The site is closed: Thanksgiving")]


def test_an_extra_opening_on_a_closed_day_keeps_its_sessions(site, tuesday, now):
    Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
    opening = ExtraOpening.objects.create(site=site, date=date(2026, 11, 24), opens_at=time(9), closes_at=time(11))
    assert reasons(site, now) == []
    opening.delete()
    assert reasons(site, now) == [(1, "The site is closed")]


def test_shorter_hours_of_the_site_strand_what_no_longer_fits(site, tuesday, wednesday, now):
    SiteHours.objects.filter(site=site, weekday=1).update(closes_at=time(10, 59))
    assert reasons(site, now) == [(1, "Outside opening hours")]


def test_two_openings_that_touch_count_as_one(site, tuesday, now):
    SiteHours.objects.filter(site=site, weekday=1).update(closes_at=time(10, 30))
    SiteHours.objects.create(site=site, weekday=1, opens_at=time(10, 30), closes_at=time(0))
    assert reasons(site, now) == []


def test_an_outage_strands_only_what_it_overlaps(site, chair, tuesday, wednesday, now):
    before, within = tuesday.start - timedelta(hours=1), tuesday.start + timedelta(minutes=1)
    Outage.objects.create(resource=chair, start=before, end=tuesday.start)
    assert reasons(site, now) == []
    Outage.objects.create(resource=chair, start=before, end=within)
    assert reasons(site, now) == [(1, "Chair 1 is out of use")]


def test_shorter_hours_of_a_resource_strand_its_holds(site, chair, tuesday, wednesday, now):
    ResourceHours.objects.create(resource=chair, weekday=1, opens_at=time(8), closes_at=time(18))
    assert reasons(site, now) == [(2, "Chair 1 does not work then")]


def test_turnover_after_closing_time_strands_a_session_too(site, chair, tuesday, now):
    """The chair is held for ten minutes after the patient has left, and works only while the site is open."""
    tuesday.holds.update(end=tuesday.end + timedelta(minutes=10))
    SiteHours.objects.filter(site=site, weekday=1).update(closes_at=time(11))
    assert reasons(site, now) == [(1, "Chair 1 does not work then")]


def test_a_resource_taken_out_of_service_strands_its_sessions(site, chair, tuesday, now):
    chair.active = False
    chair.save()
    assert reasons(site, now) == [(1, "Chair 1 is out of service")]


def test_fewer_seats_strand_the_sessions_on_the_seats_taken_away(site, patient, stranger, course, now):
    monitor = factories.make_resource(site=site, kind="monitor", name="Monitor", seats=2)
    other = factories.make_course(patient=stranger, site=site, version=course.version)
    for each, seat in ((course, 0), (other, 1)):
        session = factories.make_session(course=each, start=TUESDAY_10)
        session.holds.create(position=0, resource=monitor, seat=seat, start=session.start, end=session.end)
    monitor.seats = 1
    monitor.save()
    stranded = find_stranded(site, now=now)
    assert [(found.session.patient, found.reason) for found in stranded] == [(stranger, "Monitor has too few seats")]


@pytest.mark.parametrize("status", [SessionStatus.CANCELLED, SessionStatus.MISSED, SessionStatus.COMPLETED])
def test_a_session_that_is_over_is_not_stranded(site, tuesday, now, status):
    tuesday.status, tuesday.missed_reason = status, "other"
    tuesday.save()
    Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
    assert reasons(site, now) == []


def test_an_outside_date_needs_no_opening(site, patient, now):
    version = factories.make_protocol(publish=False)
    version.visit_types.update(place="external")
    factories.make_session(course=factories.make_course(patient=patient, version=version), start=TUESDAY_10)
    Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
    assert reasons(site, now) == []


def test_another_sites_closure_strands_nothing_here(site, other_site, tuesday, now):
    Closure.objects.create(site=other_site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
    assert (reasons(site, now), reasons(other_site, now)) == ([], [])


def test_the_day_is_the_sites_own_not_utcs(other_site, stranger, now):
    """17:30 on Tuesday in Los Angeles is Wednesday in UTC."""
    course = factories.make_course(patient=stranger, version=factories.make_protocol())
    factories.make_session(course=course, start=datetime(2026, 11, 25, 1, 30, tzinfo=UTC))
    Closure.objects.create(site=other_site, first_on=date(2026, 11, 25), last_on=date(2026, 11, 25))
    assert reasons(other_site, now) == []
    Closure.objects.create(site=other_site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
    assert reasons(other_site, now) == [(1, "The site is closed")]


@pytest.mark.parametrize(
    ("day", "opens", "hour_utc", "stranded"),
    [
        (date(2027, 3, 14), time(8), 12, False),  # clocks went forward at 2:00; 08:00 is 12:00 UTC
        (date(2027, 3, 14), time(8), 11, True),
        (date(2026, 11, 1), time(8), 13, False),  # clocks went back; 08:00 is 13:00 UTC
        (date(2026, 11, 1), time(8), 12, True),
        (date(2027, 3, 14), time(2, 30), 7, True),  # 2:30 does not exist and is read as 07:30 UTC
    ],
)
def test_hours_are_wall_clock_times_on_the_days_the_clocks_change(site, course, day, opens, hour_utc, stranded):
    SiteHours.objects.create(site=site, weekday=6, opens_at=opens, closes_at=time(18))
    start = datetime(day.year, day.month, day.day, hour_utc, tzinfo=UTC)
    factories.make_session(course=course, start=start)
    expected = [(1, "Outside opening hours")] if stranded else []
    assert reasons(site, start - timedelta(days=1)) == expected


def test_the_guard_undoes_a_change_and_names_what_it_would_strand(site, tuesday, wednesday, now):
    with pytest.raises(SessionsStranded) as refused, guard_booked_sessions(site, now=now):
        Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 25))
    assert [found.session for found in refused.value.stranded] == [tuesday, wednesday]
    assert str(refused.value) == "2 booked sessions would lose their place."
    assert not Closure.objects.exists()


def test_the_guard_lets_a_change_through_that_was_agreed_to(site, tuesday, now):
    def close(agreed):
        with guard_booked_sessions(site, now=now, agreed=agreed):
            Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))

    with pytest.raises(SessionsStranded) as refused:
        close("")
    close(refused.value.token)
    assert Closure.objects.count() == 1


def test_the_guard_asks_again_when_the_list_has_grown(site, course, chair, tuesday, now):
    def close(agreed):
        with guard_booked_sessions(site, now=now, agreed=agreed):
            Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))

    with pytest.raises(SessionsStranded) as refused:
        close("")
    factories.make_session(course=course, start=TUESDAY_10 + timedelta(hours=2), resources=(chair,))
    with pytest.raises(SessionsStranded) as again:
        close(refused.value.token)
    assert len(again.value.stranded) == 2


def test_what_was_stranded_before_is_not_held_against_a_change(site, tuesday, wednesday, now):
    Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
    with guard_booked_sessions(site, now=now):
        Closure.objects.create(site=site, first_on=date(2026, 12, 24), last_on=date(2026, 12, 24))
    assert Closure.objects.count() == 2


@pytest.mark.parametrize("weeks", [1, 30])
def test_the_number_of_queries_does_not_grow_with_the_calendar(
    site, course, chair, now, weeks, django_assert_num_queries
):
    for week in range(weeks):
        room = factories.make_resource(site=site, kind="room")
        ResourceHours.objects.create(resource=room, weekday=1, opens_at=time(8), closes_at=time(18))
        start = TUESDAY_10 + timedelta(weeks=week)
        factories.make_session(course=course, start=start, resources=(chair, room))
        Outage.objects.create(resource=room, start=start, end=start + timedelta(hours=1))
    with django_assert_num_queries(10):
        assert len(find_stranded(site, now=now)) == weeks


@pytest.mark.parametrize("sites", [1, 5])
def test_stranded_sessions_of_several_sites_take_a_fixed_number_of_queries(now, sites, django_assert_num_queries):
    version = factories.make_protocol()
    expected, pks = [], []
    for number in range(sites):
        site = factories.make_site(code=f"site-{number}")
        course = factories.make_course(patient=factories.make_patient(site=site), version=version)
        chair = factories.make_resource(site=site, kind="chair")
        expected.append(factories.make_session(course=course, start=TUESDAY_10, resources=(chair,)))
        Closure.objects.create(site=site, first_on=date(2026, 11, 24), last_on=date(2026, 11, 24))
        pks.append(site.pk)
    with django_assert_num_queries(10):
        assert [found.session for found in find_stranded_at(pks, now=now)] == expected


def test_reasons_alone_are_read_without_the_rows(site, chair, tuesday, wednesday, now, django_assert_num_queries):
    Closure.objects.create(site=site, first_on=date(2026, 11, 25), last_on=date(2026, 11, 25))
    Outage.objects.create(resource=chair, start=wednesday.start, end=wednesday.end)
    with django_assert_num_queries(9):
        found = find_reasons_at([site.pk], now=now)
    assert found == {wednesday.pk: ["The site is closed", "Chair 1 is out of use"]}
