"""Many clients at once, over connections of their own: one winner, clear refusals, nothing half written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from threading import Barrier, Event
from time import sleep
from typing import Any

import pytest
from django.db import connection, transaction

from clinic.models import Resource, Site
from scheduling import locking
from scheduling.booking import book_course, plan_and_book
from scheduling.engine import CoursePlan, PlacedHold, PlacedSession
from scheduling.models import Course, CourseStatus, Hold, Notice, Session
from scheduling.moving import move_session
from scheduling.planning import propose_course
from scheduling.refusals import BookingRefused
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import at, make_course, mark_booked, put_session

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 40
ONE_VISIT = ({"periods": 1, "period_days": 14, "per_period": 1, "min_gap_hours": 0},)


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty take their turns within the 15 seconds of a clerk's patience only where nothing else runs."""
    monkeypatch.setattr(locking, "LOCK_TIMEOUT", "120s")


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run every act in a thread and on a connection of its own, all let go at one moment; what each gave or raised."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(timeout=30)
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def plan_one(course: Course, chair: Resource, start: Any) -> CoursePlan:
    placed = PlacedSession("main", 1, start, (PlacedHold("chair", str(chair.pk), 0),))
    return CoursePlan(str(course.uuid), "planned", (placed,))


def booker(course: Course, chair: Resource, start: Any) -> Callable[[], Course]:
    return lambda: book_course(course, plan=plan_one(course, chair, start), now=NOW)


def sort_out(answers: list[Any]) -> tuple[list[Any], list[BookingRefused]]:
    """Winners and refusals; any other error fails the test."""
    refused = [answer for answer in answers if isinstance(answer, BookingRefused)]
    won = [answer for answer in answers if not isinstance(answer, BookingRefused)]
    strange = [answer for answer in won if isinstance(answer, Exception)]
    assert strange == []
    return won, refused


@pytest.mark.parametrize("saved", [True, False])
def test_forty_clients_book_one_chair_and_one_wins(site: Site, saved: bool) -> None:
    chair = factories.make_resource(site=site, kind="chair", name="Chair 1")
    version = factories.make_protocol(phases=ONE_VISIT, sedating=True)
    courses = [
        make_course(patient=factories.make_patient(site=site), version=version, save=saved) for _ in range(CLIENTS)
    ]
    start = at(site, 2, 9)
    won, refused = sort_out(at_once([booker(course, chair, start) for course in courses]))
    assert (len(won), len(refused)) == (1, CLIENTS - 1)
    assert {(r.message, r.session, r.rule, r.resource) for error in refused for r in error.refusals} == {
        ("Chair 1 is taken on November 25 at 9:00 AM.", "main 1", "seat", "Chair 1")
    }
    session = Session.objects.get()
    assert (session.course, session.start, session.driver.status) == (won[0], start, "needed")
    assert list(Hold.objects.values_list("session", "resource")) == [(session.pk, chair.pk)]
    assert Course.objects.filter(status=CourseStatus.BOOKED).count() == 1
    assert Course.objects.count() == (CLIENTS if saved else 1)
    assert set(won[0].notices.values_list("course", flat=True)) <= {won[0].pk}


def test_forty_courses_of_one_patient_at_one_time_and_one_wins(site: Site) -> None:
    """Forty chairs are free; the patient is one."""
    patient = factories.make_patient(site=site)
    chairs = [factories.make_resource(site=site, kind="chair") for _ in range(CLIENTS)]
    versions = [factories.make_protocol(phases=ONE_VISIT) for _ in range(CLIENTS)]
    courses = [make_course(patient=patient, version=version) for version in versions]
    start = at(site, 2, 9)
    pairs = zip(courses, chairs, strict=True)
    won, refused = sort_out(at_once([booker(course, chair, start) for course, chair in pairs]))
    assert (len(won), len(refused)) == (1, CLIENTS - 1)
    assert {(r.message, r.rule, r.resource) for error in refused for r in error.refusals} == {
        ("The patient is not free on November 25 at 9:00 AM.", "patient", "")
    }
    assert Session.objects.count() == Hold.objects.count() == 1


def test_shifted_bookings_of_two_resources_never_lock_each_other_out(site: Site) -> None:
    """Each takes a chair and a monitor in another order of keys, at starts a quarter of an hour apart."""
    kinds = ("chair", "monitor")
    resources = {kind: [factories.make_resource(site=site, kind=kind) for _ in range(3)] for kind in kinds}
    version = factories.make_protocol(phases=ONE_VISIT, needs=kinds, minutes=60)
    acts = []
    for index in range(CLIENTS):
        course = make_course(patient=factories.make_patient(site=site), version=version)
        seats = tuple(
            PlacedHold(kind, str(resources[kind][(index + turn) % 3].pk), 0) for turn, kind in enumerate(kinds)
        )
        placed = PlacedSession("main", 1, at(site, 2, 9, 15 * (index % 4)), seats)
        plan = CoursePlan(str(course.uuid), "planned", (placed,))
        acts.append(lambda course=course, plan=plan: book_course(course, plan=plan, now=NOW))
    won, refused = sort_out(at_once(acts))
    assert len(won) + len(refused) == CLIENTS
    assert Session.objects.count() == len(won) > 0
    assert Hold.objects.count() == 2 * len(won)
    assert all(r.rule == "seat" for error in refused for r in error.refusals)


def test_ten_clients_plan_and_book_one_course_and_it_is_booked_once(site: Site) -> None:
    factories.make_resource(site=site, kind="chair")
    course = make_course(patient=factories.make_patient(site=site), version=factories.make_protocol())
    won, refused = sort_out(at_once([lambda: plan_and_book(course.pk, now=NOW)] * 10))
    assert ({answer.pk for answer in won}, refused) == ({course.pk}, [])
    assert (Session.objects.count(), Hold.objects.count()) == (4, 4)


def test_a_button_clicked_six_times_at_once_books_one_course(site: Site) -> None:
    factories.make_resource(site=site, kind="chair")
    course = make_course(patient=factories.make_patient(site=site), version=factories.make_protocol(), save=False)
    plan = propose_course(course, now=NOW).plan
    answers = at_once([lambda: book_course(copy(course), plan=plan, now=NOW)] * 6)
    assert answers == [Course.objects.get()] * 6
    assert (Session.objects.count(), Hold.objects.count(), Notice.objects.filter(session=None).count()) == (4, 4, 1)


def test_twenty_sessions_are_moved_to_one_time_and_one_wins(site: Site) -> None:
    chairs = [factories.make_resource(site=site, kind="chair") for _ in range(20)]
    for chair in chairs[1:]:
        # Every other chair is out at the time they all want.
        chair.outages.create(start=at(site, 3, 8), end=at(site, 3, 18))
    version = factories.make_protocol(phases=ONE_VISIT)
    sessions = []
    for chair in chairs:
        course = mark_booked(make_course(patient=factories.make_patient(site=site), version=version))
        sessions.append(put_session(course, number=1, start=at(site, 2, 9), seats=(chair,)))
    goal = at(site, 3, 10)
    moves = [lambda session=session: move_session(session, start=goal, now=NOW) for session in sessions]
    won, refused = sort_out(at_once(moves))
    assert (len(won), len(refused)) == (1, 19)
    assert Session.objects.filter(start=goal).count() == Hold.objects.filter(start=goal).count() == 1
    assert Session.objects.filter(start=at(site, 2, 9), sequence=0).count() == 19
    assert Hold.objects.filter(start=at(site, 2, 9)).count() == 19


def test_a_writer_who_takes_no_lock_is_caught_by_the_constraint(site: Site) -> None:
    """Past every check: its row is not yet committed when the booking reads, and is when the booking writes."""
    chair = factories.make_resource(site=site, kind="chair", name="Chair 1")
    version = factories.make_protocol(phases=ONE_VISIT)
    ours, theirs = (make_course(patient=factories.make_patient(site=site), version=version) for _ in range(2))
    start = at(site, 2, 9)
    written, waiting = Event(), Event()

    def write_raw() -> None:
        with transaction.atomic():
            put_session(theirs, number=1, start=start, seats=(chair,))
            written.set()
            wait_for_a_blocked_backend()
            waiting.set()

    def book() -> Course:
        written.wait(timeout=30)
        return booker(ours, chair, start)()

    answers = at_once([write_raw, book])
    assert waiting.is_set()
    assert isinstance(answers[1], BookingRefused)
    assert [(r.message, r.session, r.resource) for r in answers[1].refusals] == [
        ("Chair 1 is taken on November 25 at 9:00 AM.", "main 1", "Chair 1")
    ]
    ours.refresh_from_db()
    assert (ours.status, Session.objects.get().course) == (CourseStatus.PLANNING, theirs)


def wait_for_a_blocked_backend() -> None:
    for _ in range(300):
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_locks where not granted")
            if cursor.fetchone()[0]:
                return
        sleep(0.1)
    raise AssertionError("the booking never came to wait for the row")
