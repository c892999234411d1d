"""Who takes the patient home: named, confirmed for one time, lost, seen; and a visit lost to there being nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import Count

from clinic.models import Patient, Resource, Site, User
from scheduling.attendance import mark_arrived, mark_completed, mark_missed, undo_attendance
from scheduling.booking import plan_and_book, request_course
from scheduling.drivers import clear_driver, confirm_driver, mark_driver_seen, name_driver
from scheduling.messages import outbox
from scheduling.models import Course, Driver, Notice, Session, SessionStatus
from scheduling.moving import cancel_session, move_session
from scheduling.planning import legal_times
from scheduling.rearranging import propose_move, rearrange
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling import calendar
from tests.scheduling.calendar import at
from tests.scheduling.driving import BOB, EVE, book_sedating, state_of
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NOBODY = {"kind": "person", "name": "", "phone": "", "email": ""}


def nine(day: int) -> datetime:
    return datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=day)


@pytest.fixture
def session(patient: Patient) -> Session:
    return book_sedating(patient, [nine(22)], now=NOW).sessions.get()


def refusals(act: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(BookingRefused) as refused:
        act()
    return [(refusal.rule, refusal.message) for refusal in refused.value.refusals]


# Naming


def test_a_driver_whom_the_patient_names_is_confirmed_for_the_time_of_the_visit(session: Session) -> None:
    driver = name_driver(session, **BOB, now=NOW)
    assert (driver.is_settled, str(driver), driver.changed_at) == (True, "Bob Miller", NOW)
    expected = {**BOB, "status": "confirmed", "agreed_start": nine(22), "lost_at": None}
    assert state_of(session) == expected


def test_a_driver_named_but_not_asked_yet_is_not_settled(session: Session, clerk: User) -> None:
    driver = name_driver(session, **BOB, now=NOW, by=clerk, confirmed=False)
    assert (driver.status, driver.is_settled, driver.agreed_start) == ("named", False, None)


def test_naming_the_same_driver_twice_changes_nothing(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    notices = list(Notice.objects.order_by("pk").values())
    again = name_driver(session, **{**BOB, "name": " Bob  Miller "}, now=NOW + MINUTE)
    assert again.changed_at == NOW
    assert list(Notice.objects.order_by("pk").values()) == notices


def test_who_is_confirmed_is_not_unsettled_by_naming_them_once_more(session: Session, clerk: User) -> None:
    name_driver(session, **BOB, now=NOW)
    assert name_driver(session, **BOB, now=NOW + MINUTE, by=clerk, confirmed=False).is_settled


def test_another_driver_takes_the_place_of_the_first(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    name_driver(session, **EVE, now=NOW + MINUTE)
    assert state_of(session) == {**EVE, "status": "confirmed", "agreed_start": nine(22), "lost_at": None}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "  "}, [("name", "The name of the driver is missing.")]),
        ({"phone": ""}, [("phone", "The phone number of the driver is missing.")]),
        (
            {"name": "Bob\u202eMiller"},
            [("name", "The name of the driver is too long, or holds a character that cannot be printed.")],
        ),
        ({"phone": "call me"}, [("phone", "The phone number of the driver is not one, such as +1 212 555 0101.")]),
        (
            {"email": "bob at home"},
            [("email", "The e-mail address of the driver is not one, such as name@example.com.")],
        ),
        (
            {"email": f"bob@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.example"},  # 255 characters
            [("email", "The e-mail address of the driver is not one, such as name@example.com.")],
        ),
        (
            {"email": '"bob\x0bmiller"@mail.example'},
            [("email", "The e-mail address of the driver is not one, such as name@example.com.")],
        ),
        (
            {"email": "ADA@mail.example"},
            [("email", "This address gets the appointment's own messages; leave it empty, or give the driver's.")],
        ),
        (
            {"email": "riverside@clinic.example"},
            [("email", "This is the clinic's own e-mail address; leave it empty, or give the driver's.")],
        ),
        ({"kind": "helicopter"}, [("kind", "Say whether it is somebody you know, or a taxi or ride service.")]),
        (
            {"kind": "person", "name": "", "phone": "", "email": "x"},
            [
                ("name", "The name of the driver is missing."),
                ("phone", "The phone number of the driver is missing."),
                ("email", "The e-mail address of the driver is not one, such as name@example.com."),
            ],
        ),
    ],
)
def test_each_field_that_cannot_stand_is_named_and_nothing_is_written(
    patient: Patient, session: Session, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    patient.email = "ada@mail.example"
    patient.save()
    before = state_of(session)
    assert refusals(lambda: name_driver(session, **{**BOB, **values}, now=NOW)) == expected
    assert state_of(session) == before


def test_a_ride_service_will_do_only_where_the_site_says_so(site: Site, session: Session) -> None:
    assert refusals(lambda: name_driver(session, kind="ride_service", now=NOW)) == [
        ("kind", "A taxi or ride service is not enough here: somebody the patient knows must take them home.")
    ]
    site.allows_ride_service = True
    site.save()
    driver = name_driver(session, kind="ride_service", email="cab@mail.example", now=NOW)
    assert (driver.is_settled, str(driver), driver.email) == (True, "Taxi or ride service", "")


def test_only_a_sedating_visit_has_a_driver(patient: Patient) -> None:
    session = cast.book(patient, [nine(22)], now=NOW).sessions.get()
    assert refusals(lambda: name_driver(session, **BOB, now=NOW)) == [
        ("sedating", "Nobody has to take the patient home from this visit.")
    ]


@pytest.mark.parametrize("act", [lambda s, **k: name_driver(s, **BOB, **k), confirm_driver, clear_driver])
@pytest.mark.parametrize("status", ["missed", "cancelled", "completed"])
def test_the_driver_of_a_visit_that_is_gone_or_over_stays_as_it_was(
    session: Session, clerk: User, status: str, act: Any
) -> None:
    Session.objects.filter(pk=session.pk).update(status=status, missed_reason="no_show")
    assert refusals(lambda: act(session, now=NOW, by=clerk)) == [
        ("status", f"The driver of this visit cannot be changed: the visit is {status}.")
    ]


def test_once_the_visit_has_begun_staff_name_the_driver_and_the_patient_does_not(session: Session, clerk: User) -> None:
    begun = session.start + MINUTE
    assert refusals(lambda: name_driver(session, **BOB, now=begun)) == [
        ("past", "The visit has begun. Please speak to the front desk.")
    ]
    mark_arrived(session, now=begun, by=clerk)
    assert name_driver(session, **BOB, now=begun, by=clerk).is_settled


# Confirming, losing, seeing


def test_a_named_driver_is_confirmed_once(session: Session, clerk: User) -> None:
    assert refusals(lambda: confirm_driver(session, now=NOW)) == [("name", "Say first who takes the patient home.")]
    name_driver(session, **BOB, now=NOW, by=clerk, confirmed=False)
    assert confirm_driver(session, now=NOW + MINUTE).is_settled
    assert confirm_driver(session, now=NOW + 2 * MINUTE).changed_at == NOW + MINUTE


def test_a_driver_who_falls_through_leaves_nobody(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    clear_driver(session, now=NOW + MINUTE)
    expected = {**NOBODY, "status": "needed", "agreed_start": None, "lost_at": NOW + MINUTE}
    assert state_of(session) == expected
    assert clear_driver(session, now=NOW + 2 * MINUTE).lost_at == NOW + MINUTE


def test_a_driver_is_seen_when_the_patient_is_there(session: Session, clerk: User) -> None:
    name_driver(session, **BOB, now=NOW)
    assert refusals(lambda: mark_driver_seen(session, now=NOW, by=clerk)) == [
        ("status", "The driver of this visit cannot be changed: the visit is booked.")
    ]
    mark_arrived(session, now=session.start, by=clerk)
    assert mark_driver_seen(session, now=session.end, by=clerk).status == "seen"
    mark_completed(session, now=session.end, by=clerk)
    assert mark_driver_seen(session, now=session.end + MINUTE, by=clerk).changed_at == session.end


def test_nobody_is_seen_of_whom_nothing_is_known(session: Session, clerk: User) -> None:
    mark_arrived(session, now=session.start, by=clerk)
    assert refusals(lambda: mark_driver_seen(session, now=session.end, by=clerk)) == [
        ("name", "Say first who takes the patient home.")
    ]


def test_a_confirmed_driver_agreed_to_some_start(session: Session) -> None:
    with pytest.raises(IntegrityError, match="confirmed_driver_agreed_to_a_start"):
        Driver.objects.filter(session=session).update(status="confirmed", name="Bob")


# Moving


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


def confirm_all(course: Course) -> list[Session]:
    """Every visit to come that needs a driver has one."""
    found = list(course.sessions.filter(visit_type__sedating=True, status="booked").order_by("start"))
    for session in found:
        name_driver(session, **BOB, now=NOW)
    return found


def check_moved(before: list[Session]) -> None:
    """Whoever agreed to a time that is not the session's any more has to be asked again, and nobody else."""
    assert before
    found = {d.session_id: d for d in Driver.objects.filter(session__in=before).select_related("session")}
    expected = {was.pk: was.start == found[was.pk].session.start for was in before}
    assert {pk: driver.is_settled for pk, driver in found.items()} == expected
    assert {pk: driver.status == "confirmed" for pk, driver in found.items()} == expected
    assert {driver.name for driver in found.values()} == {"Bob Miller"}


def book_real(patient: Patient) -> Course:
    version = factories.make_protocol(sedating=True)
    return plan_and_book(calendar.make_course(patient=patient, version=version).pk, now=NOW)


@pytest.mark.parametrize("override_reason", ["", "They asked for it"])
def test_a_driver_does_not_count_for_the_time_that_a_visit_is_moved_to(
    patient: Patient, chair: Resource, override_reason: str
) -> None:
    course = book_real(patient)
    before = confirm_all(course)
    times = legal_times(before[1], now=NOW, first_on=a_day(0), last_on=a_day(30))
    start = next(time.start for time in times if time.start != before[1].start)
    move_session(before[1], start=start, now=NOW + MINUTE, override_reason=override_reason)
    check_moved(before)
    assert not before[1].driver.is_settled or before[1].start == start


def test_a_driver_does_not_count_for_visits_that_move_along(patient: Patient, chair: Resource) -> None:
    course = book_real(patient)
    before = confirm_all(course)
    start = before[1].start + timedelta(days=3)
    shown = propose_move(before[1], start=start, now=NOW + MINUTE)
    moved = rearrange(before[1], start=start, expected=shown.fingerprint, now=NOW + MINUTE)
    assert len(moved) > 1
    check_moved(before)


def test_a_driver_does_not_count_for_visits_that_make_room_after_a_miss(
    patient: Patient, site: Site, clerk: User
) -> None:
    """The long first visit is planned again as a long one: the others make room for it."""
    factories.make_resource(site=site, kind="tms_device")
    first = {"periods": 1, "period_days": 1, "per_period": 1, "min_gap_hours": 0, "slip_days": 2}
    rest = {"periods": 1, "period_days": 6, "per_period": 4, "min_gap_hours": 20, "slip_days": 4}
    version = factories.make_protocol(sedating=True, needs=("tms_device",), publish=False, phases=(first, rest))
    visit = version.visit_types.get()
    long = version.visit_types.create(code="first", name="First", sedating=True)
    stage = long.stages.create(position=0, name="Longer", minutes=60, is_treatment=True)
    stage.needs.create(kind_id=visit.stages.get().needs.get().kind_id)
    version.tracks.get().phases.filter(position=0).update(visit_type=long)
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(calendar.make_course(patient=patient, version=version).pk, now=NOW)
    before = confirm_all(course)
    missed = before.pop(0)
    outcome = mark_missed(missed, reason="no_driver", now=missed.start + MINUTE, by=clerk)
    assert len(outcome.replanned) > 1
    check_moved(before)


def test_a_driver_does_not_count_for_visits_that_follow_their_operation(
    patient: Patient, site: Site, chair: Resource
) -> None:
    asked = request_course(
        patient=patient,
        site=site,
        version=calendar.make_implant(weeks=3, sedating=True),
        earliest_start=a_day(4),
        latest_start=a_day(4),
        anchor_at=at(site, 4, 21),
        now=NOW,
    )
    course = plan_and_book(asked.pk, now=NOW)
    before = confirm_all(course)
    move_session(course.sessions.get(track__name="surgery"), start=at(site, 32, 7), now=NOW + MINUTE)
    check_moved(before)
    assert {driver.status for driver in Driver.objects.all()} == {"named"}


def test_a_writer_that_tells_nobody_cannot_make_a_driver_count_for_another_time(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    Session.objects.filter(pk=session.pk).update(start=nine(23), end=nine(23) + timedelta(hours=2))
    driver = Driver.objects.get(session=session)
    assert (driver.status, driver.is_settled) == ("confirmed", False)
    outbox.sessions_changed(session.course, [], now=NOW + MINUTE)
    driver.refresh_from_db()
    assert (driver.status, driver.agreed_start) == ("named", None)


def test_a_driver_asked_again_after_a_move_is_confirmed_for_the_new_time(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    cast.move(session, nine(23), now=NOW)
    assert confirm_driver(session, now=NOW + MINUTE).agreed_start == nine(23)


# Lost to it


def test_that_nobody_is_confirmed_cancels_nothing_and_a_visit_lost_to_it_has_a_reason_of_its_own(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    course = book_real(patient)
    first, second, third, _ = course.sessions.order_by("start")
    mark_arrived(first, now=first.start, by=clerk)
    lost = mark_missed(first, reason="no_driver", now=first.start + MINUTE, by=clerk).session
    assert (lost.status, lost.missed_reason, lost.get_missed_reason_display()) == ("missed", "no_driver", "No driver")
    mark_missed(second, reason="no_show", now=second.start + MINUTE, by=clerk)
    mark_missed(third, reason="no_driver", now=third.start + MINUTE, by=clerk)
    counted = Session.objects.filter(status=SessionStatus.MISSED).order_by("missed_reason")
    assert list(counted.values_list("missed_reason").annotate(Count("pk"))) == [("no_driver", 2), ("no_show", 1)]
    with pytest.raises(BookingRefused, match="Say why the visit was missed"):
        mark_missed(course.sessions.filter(status="booked")[0], reason="", now=third.start + MINUTE, by=clerk)


def test_a_visit_without_a_driver_stays_booked_until_somebody_marks_it(session: Session) -> None:
    for hours in (100, 30, 23, 2, 1, -1):
        deliver(session.start - timedelta(hours=hours))
        session.refresh_from_db()
        assert (session.status, session.sequence) == ("booked", 0)


def test_a_missed_mark_taken_back_needs_no_other_driver(patient: Patient, chair: Resource, clerk: User) -> None:
    first = confirm_all(book_real(patient))[0]
    mark_missed(first, reason="no_driver", now=first.start + MINUTE, by=clerk)
    undo_attendance(first, now=first.start + 2 * MINUTE, by=clerk)
    assert Driver.objects.get(session=first).is_settled


def test_cancelling_a_visit_leaves_what_was_known_of_its_driver(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    cancel_session(session, reason="Moved away", now=NOW)
    assert state_of(session)["name"] == "Bob Miller"
