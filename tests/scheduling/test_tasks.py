"""Background work on a real broker with a real worker: safe twice, at once, killed, and with the broker down."""

from __future__ import annotations

import time
from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection, connections, transaction
from django.utils import timezone

from clinic.models import Resource, Site
from protocols.models import ProtocolVersion
from scheduling import batches
from scheduling.booking import book_course, plan_and_book, request_course
from scheduling.claims import claim
from scheduling.models import Course, CourseStatus, Notice, NoticeKind, NoticeStatus, Session
from scheduling.planning import propose_course
from scheduling.tasks import (
    BATCH,
    collect_replies,
    deliver_notices,
    deliver_texts,
    extend_open_courses,
    generate_course_calendar,
    mark_unrecorded_sessions,
    plan_courses,
    plan_left_courses,
    publish,
)
from tests import factories
from tests.scheduling.background import own_broker, running_worker, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = 4


@pytest.fixture
def protocol(site: Site) -> ProtocolVersion:
    site.debounce_seconds = 0
    site.save()
    return factories.make_protocol(code="short")


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair")


def ask(site: Site, version: ProtocolVersion, **fields) -> Course:
    today = timezone.now().astimezone(site.zone).date()
    return request_course(
        patient=fields.pop("patient", None) or factories.make_patient(site=site),
        site=site,
        version=version,
        earliest_start=today + timedelta(days=3),
        latest_start=today + timedelta(days=30),
        now=fields.pop("now", timezone.now()),
        **fields,
    )


def booked(course: Course) -> tuple[str, int]:
    course.refresh_from_db()
    return course.status, course.sessions.live().count()


def age(course: Course) -> None:
    """Asked for long enough ago for the sweep to take it up."""
    Course.objects.filter(pk=course.pk).update(requested_at=timezone.now() - timedelta(minutes=5))


def test_a_course_that_waits_is_planned_booked_and_announced(site, protocol, chair):
    course = ask(site, protocol)
    generate_course_calendar(course.pk)
    assert booked(course) == (CourseStatus.BOOKED, SESSIONS)
    assert Notice.objects.filter(course=course, kind=NoticeKind.COURSE_SUMMARY).count() == 1


def test_the_same_task_twice_books_once(site, protocol, chair):
    course = ask(site, protocol)
    generate_course_calendar(course.pk)
    first = list(Session.objects.values_list("pk", "start", "sequence"))
    notices = Notice.objects.count()
    generate_course_calendar(course.pk)
    plan_courses([course.pk])
    assert list(Session.objects.values_list("pk", "start", "sequence")) == first
    assert Notice.objects.count() == notices


def test_the_same_task_at_once_books_once(site, protocol, chair):
    course = ask(site, protocol)
    start = Barrier(4)

    def run() -> None:
        start.wait()
        generate_course_calendar(course.pk)
        connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert booked(course) == (CourseStatus.BOOKED, SESSIONS)
    assert Session.objects.count() == SESSIONS


def test_many_courses_are_planned_together_and_share_the_chair(site, protocol, chair):
    courses = [ask(site, protocol) for _ in range(5)]
    plan_courses([course.pk for course in courses])
    assert [booked(course) for course in courses] == [(CourseStatus.BOOKED, SESSIONS)] * 5
    assert set(Course.objects.values_list("plan_attempts", flat=True)) == {0}


def test_a_long_list_is_planned_batch_by_batch(site, protocol, chair):
    courses = [ask(site, protocol) for _ in range(BATCH + 1)]
    with own_broker():
        plan_courses([course.pk for course in courses])
        assert [booked(course)[0] for course in courses] == [CourseStatus.BOOKED] * BATCH + [CourseStatus.PLANNING]
        assert waiting_tasks() == 2  # the rest of the list, and the delivery of what is booked


def test_a_course_that_does_not_fit_says_why_and_is_not_tried_again(site, protocol):
    course = ask(site, protocol)
    plan_courses([course.pk])
    course.refresh_from_db()
    assert (course.status, course.plan_attempts, course.plan_message != "") == (CourseStatus.INFEASIBLE, 0, True)


def test_the_sweep_plans_what_was_left_and_lets_the_young_ones_be(site, protocol, chair):
    left, young = ask(site, protocol), ask(site, protocol)
    age(left)
    plan_left_courses()
    assert (booked(left), booked(young)) == ((CourseStatus.BOOKED, SESSIONS), (CourseStatus.PLANNING, 0))


def test_a_course_that_fails_keeps_no_other_from_being_planned(site, protocol, chair):
    broken, sound = ask(site, protocol), ask(site, protocol)
    # No request is accepted with such a day: whatever breaks a course, the next one is planned.
    Course.objects.filter(pk=broken.pk).update(latest_start=date.max)
    for course in (broken, sound):
        age(course)
    plan_left_courses()
    assert (booked(broken), booked(sound)) == ((CourseStatus.PLANNING, 0), (CourseStatus.BOOKED, SESSIONS))
    for _ in range(batches.MOST_ATTEMPTS):
        plan_left_courses()
    assert booked(broken) == (CourseStatus.INFEASIBLE, 0)


def test_overlapping_sweeps_do_not_double_the_work(site, protocol, chair):
    course = ask(site, protocol)
    age(course)
    with claim("sweep of courses to plan") as is_ours:
        assert is_ours
        in_thread(plan_left_courses)
    assert booked(course) == (CourseStatus.PLANNING, 0)


def test_a_course_somebody_is_planning_is_left_to_them(site, protocol, chair):
    course = ask(site, protocol)
    with claim("plan course", course.pk):
        in_thread(lambda: generate_course_calendar(course.pk))
    assert booked(course) == (CourseStatus.PLANNING, 0)


def test_a_course_that_breaks_its_worker_each_time_is_left_to_people(site, protocol, chair):
    course = ask(site, protocol)
    age(course)
    Course.objects.filter(pk=course.pk).update(plan_attempts=batches.MOST_ATTEMPTS)
    plan_left_courses()
    course.refresh_from_db()
    assert (course.status, course.plan_message, course.plan_attempts) == (
        CourseStatus.INFEASIBLE,
        batches.GIVEN_UP,
        0,
    )
    generate_course_calendar(course.pk)
    assert Session.objects.count() == 0


def test_open_ended_courses_are_booked_on_up_to_the_horizon_once(site, chair):
    weekly = {"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 100}
    version = factories.make_protocol(phases=(weekly, {**weekly, "max_gap_hours": 300, "open_ended": True}))
    month_ago = timezone.now() - timedelta(days=30)
    course = ask(site, version, now=month_ago)
    Course.objects.filter(pk=course.pk).update(earliest_start=month_ago.date())
    plan_and_book(course.pk, now=month_ago)
    before = list(course.sessions.order_by("number").values_list("number", "start"))
    extend_open_courses()
    after = list(course.sessions.order_by("number").values_list("number", "start"))
    assert (after[: len(before)], 2 <= len(after) - len(before) <= 5) == (before, True)
    extend_open_courses()
    assert course.sessions.count() == len(after)


def test_a_booked_visit_nobody_recorded_is_marked(site, protocol, chair):
    course = ask(site, protocol)
    generate_course_calendar(course.pk)
    session = course.sessions.order_by("start")[0]
    back = timezone.now() - timedelta(days=3) - session.start
    with transaction.atomic():
        session.holds.all().delete()
        Session.objects.filter(pk=session.pk).update(start=session.start + back, end=session.end + back)
    mark_unrecorded_sessions()
    session.refresh_from_db()
    assert session.status == "unrecorded"


def test_beat_asks_for_every_sweep_within_the_minute_or_the_hour():
    assert {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} == {
        "clinic.tasks.beat_heart": 30,
        deliver_notices.name: 60,
        deliver_texts.name: 60,
        collect_replies.name: 60,
        plan_left_courses.name: 60,
        mark_unrecorded_sessions.name: 600,
        extend_open_courses.name: 3600,
    }
    current_app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(current_app.tasks)


def test_nothing_is_published_before_the_transaction_is_through(site, protocol):
    course = ask(site, protocol)
    with own_broker():
        with pytest.raises(RuntimeError), transaction.atomic():
            publish(generate_course_calendar, course.pk)
            raise RuntimeError
        assert waiting_tasks() == 0
        with transaction.atomic():
            publish(generate_course_calendar, course.pk)
            assert waiting_tasks() == 0
        assert waiting_tasks() == 1


def test_a_task_carries_ids_alone(site, protocol):
    patient = factories.make_patient(site=site, given_name="Xanthippe", family_name="Quill", email="xq@mail.example")
    course = ask(site, protocol, patient=patient)
    with own_broker() as broker:
        publish(plan_courses, [course.pk])
        with current_app.connection_for_write() as link:
            message = link.default_channel.client.lindex("celery", 0)
        assert broker.place.valkey.exists()
    assert not any(word in message.lower() for word in (b"xanthippe", b"quill", b"mail.example"))


def test_a_killed_worker_loses_nothing_and_books_once(site, protocol, chair, tmp_path):
    course = ask(site, protocol)
    with own_broker() as broker:
        with running_worker(tmp_path / "first", broker_url=broker.url) as worker, transaction.atomic():
            # Somebody else holds the chair: the task has planned, and waits for it in the middle of booking.
            list(Resource.objects.select_for_update().filter(pk=chair.pk))
            in_thread(lambda: publish(generate_course_calendar, course.pk))
            wait_for(lambda: in_thread(waiting_for_a_lock), why="the task never came to the chair")
            worker.kill()
        wait_for(lambda: not waiting_for_a_lock())
        assert booked(course) == (CourseStatus.PLANNING, 0)
        with running_worker(tmp_path / "second", broker_url=broker.url):
            wait_for(lambda: booked(course)[0] == CourseStatus.BOOKED, why="the task was lost with its worker")
    assert booked(course) == (CourseStatus.BOOKED, SESSIONS)
    assert (Session.objects.count(), course.plan_attempts) == (SESSIONS, 0)
    assert Notice.objects.filter(kind=NoticeKind.COURSE_SUMMARY).count() == 1


def test_with_the_broker_down_a_booking_succeeds_and_its_messages_go_out_when_it_returns(
    site, protocol, chair, tmp_path
):
    course, left = ask(site, protocol), ask(site, protocol)
    proposal = propose_course(course, now=timezone.now())
    with (
        own_broker() as broker,
        running_worker(tmp_path / "worker", broker_url=broker.url) as worker,
    ):
        broker.stop()
        began = time.monotonic()
        with transaction.atomic():
            book_course(course, plan=proposal.plan, now=timezone.now())
            publish(deliver_notices)
        publish(generate_course_calendar, left.pk)
        took = time.monotonic() - began
        age(left)
        broker.start()
        # What beat asks for each minute.
        publish(plan_left_courses)
        publish(deliver_notices)
        wait_for(lambda: booked(left)[0] == CourseStatus.BOOKED, why="the sweep did not find the course")
        wait_for(lambda: summary_of(course).status == NoticeStatus.SENT, why="the sweep sent nothing")
        assert course.patient.email in worker.mails()
    assert booked(course) == (CourseStatus.BOOKED, SESSIONS)
    assert took < 5


def test_a_broker_that_hangs_holds_a_booking_up_for_seconds_only(caplog):
    with own_broker() as broker, broker.held():
        began = time.monotonic()
        publish(generate_course_calendar, 1)
        took = time.monotonic() - began
    assert took < 8
    assert [record.getMessage() for record in caplog.records if record.name == "scheduling.tasks"] == [
        "The broker did not take scheduling.tasks.generate_course_calendar (OperationalError); the sweep will do it."
    ]


def summary_of(course: Course) -> Notice:
    return Notice.objects.get(course=course, kind=NoticeKind.COURSE_SUMMARY)


def waiting_tasks() -> int:
    with current_app.connection_for_write() as link:
        return int(link.default_channel.client.llen("celery"))


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and state = 'active'")
        return bool(cursor.fetchone()[0])


def in_thread(act):
    """On a connection of its own, as another process would."""
    found = []

    def run() -> None:
        try:
            found.append(act())
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found[0]
