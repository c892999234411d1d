"""Patients without e-mail: a printed calendar, and calls that stay until somebody made them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clinic.models import Channel, Patient, Site, User
from protocols.models import ProtocolVersion
from scheduling.messages import call_list, outbox
from scheduling.messages.calendar_file import course_calendar, course_calendar_html
from scheduling.models import Course, Driver, Notice, NoticeStatus
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event


def nine(day: int) -> datetime:
    return datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=day)


@pytest.fixture
def phoned(patient: Patient) -> Patient:
    patient.channel, patient.email = Channel.PRINT, ""
    patient.save()
    return patient


def rows(course: Course, **wanted: object) -> list[tuple[str, str, str]]:
    found = Notice.objects.filter(course=course, **wanted).order_by("due_at", "pk")
    return [(row.kind, row.channel, row.status) for row in found]


def test_patient_without_email_gets_paper_and_calls_and_no_mail(phoned: Patient, now: datetime) -> None:
    course = cast.book(phoned, [nine(22)], now=now)
    assert rows(course) == [
        ("course_summary", "print", "due"),
        ("reminder", "call", "due"),
        ("reminder", "call", "due"),
    ]
    assert deliver(nine(23)) == [] and mail.outbox == []


def test_correction_before_the_print_is_no_call(phoned: Patient, now: datetime) -> None:
    course = cast.book(phoned, [nine(22)], now=now)
    cast.move(course.sessions.get(), nine(23), now=now + timedelta(seconds=60))
    assert rows(course, kind="changes") == []


def test_change_is_one_call_until_it_is_made(phoned: Patient, clerk: User, now: datetime) -> None:
    course = cast.book(phoned, [nine(22), nine(29)], now=now)
    later = now + timedelta(hours=1)
    cast.move(course.sessions.get(number=1), nine(23), now=later)
    cast.cancel(course.sessions.get(number=2), now=later)
    calls = call_list.calls_to_make(Notice.objects.all(), now=later + timedelta(minutes=3))
    [call] = calls.filter(kind="changes")
    said = call_list.describe_calls([call], now=later)[call.pk]
    assert [(item.day, item.was, item.is_cancelled) for item in said.appointments] == [
        ("Wednesday, December 16, 2026", "Tuesday, December 15, 2026, 9:00 AM EST", False),
        ("Tuesday, December 22, 2026", "", True),
    ]
    assert call_list.mark_called(call, now=later, by=clerk) is True
    assert call_list.mark_called(call, now=later, by=clerk) is False
    call.refresh_from_db()
    assert (call.status, call.sent_at, call.outcome) == (NoticeStatus.DONE, later, "Done by Cleo Clerk")
    assert call_list.describe_calls([call], now=later)[call.pk].appointments == ()


def test_call_list_asks_as_many_queries_for_30_calls_as_for_one(site: Site, now: datetime) -> None:
    counts = []
    for patients in (1, 30):
        for _ in range(patients):
            phoned = factories.make_patient(site=site, channel=Channel.PRINT)
            cast.book(phoned, [nine(22)], now=now, version=cast.make_version(sedating=True))
        calls = call_list.calls_to_make(Notice.objects.all(), now=now, ahead=timedelta(days=30))
        with CaptureQueriesContext(connection) as queries:
            found = list(calls.select_related("patient__home_site"))
            assert len(call_list.describe_calls(found, now=now)) == len(found) >= 3 * patients
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_mail_is_no_call_to_be_marked(patient: Patient, clerk: User, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    assert call_list.mark_called(Notice.objects.all()[0], now=now, by=clerk) is False


def test_reminder_call_says_what_the_mail_would(phoned: Patient, now: datetime) -> None:
    version = cast.make_version(sedating=True, publish=False)
    version.tracks.get().visit_type.instructions.create(kind="no_food", minutes_before=120)
    cast.book(phoned, [nine(22)], now=now, version=version, minutes=165)
    call = Notice.objects.filter(kind="driver_reminder").order_by("due_at")[0]
    assert call_list.describe_calls([call], now=now)[call.pk].lines == (
        "The visit lasts 2 hours 45 minutes.",
        "Please do not eat anything after 7:00 AM EST.",
        "Please arrange for someone to take you home afterwards.",
        "No driving until the next day, after restful sleep.",
        "You may drive again on Wednesday, December 16, 2026 at the earliest.",
    )


def test_what_names_the_treatment_is_said_to_the_patient_in_person(phoned: Patient, now: datetime) -> None:
    version = cast.make_version(publish=False)
    make = version.tracks.get().visit_type.instructions.create
    make(kind="other", minutes_before=60, text="No nasal spray after {time}.")
    make(kind="bring", text="Your list.")
    cast.book(phoned, [nine(22)], now=now, version=version)
    call = Notice.objects.filter(kind="reminder").order_by("due_at")[0]
    assert call_list.describe_calls([call], now=now)[call.pk].lines == (
        "Please bring: Your list.",
        "To the patient in person only: No nasal spray after 8:00 AM EST.",
    )


def sedating_version() -> ProtocolVersion:
    version = cast.make_version(sedating=True, publish=False)
    visit = version.tracks.get().visit_type
    visit.instructions.create(kind="no_food", minutes_before=120)
    visit.instructions.create(kind="no_drink", minutes_before=30)
    return version


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PRINT])
@pytest.mark.parametrize("ahead", [timedelta(hours=18), timedelta(hours=3)])
def test_sedating_visit_booked_too_late_for_a_reminder_is_a_call(
    patient: Patient, channel: Channel, ahead: timedelta
) -> None:
    patient.channel = channel
    patient.save()
    booked_at = nine(22) - ahead
    course = cast.book(patient, [nine(22)], now=booked_at, version=sedating_version(), minutes=165)
    outbox.sessions_changed(course, course.sessions.all(), now=booked_at)
    deliver(booked_at + timedelta(minutes=5))
    calls = call_list.calls_to_make(Notice.objects.all(), now=booked_at + timedelta(minutes=5))
    [call] = calls.filter(kind="driver_reminder")
    assert (call.channel, call.due_at, call.useful_until) == ("call", booked_at, nine(22))
    said = call_list.describe_calls([call], now=booked_at)[call.pk]
    assert [(item.day, item.time) for item in said.appointments] == [("Tuesday, December 15, 2026", "9:00 AM EST")]
    assert (said.title, said.lines) == (
        "Reminder: driver required",
        (
            "The visit lasts 2 hours 45 minutes.",
            "Please do not eat anything after 7:00 AM EST.",
            "Please do not drink anything after 8:30 AM EST.",
            "Please arrange for someone to take you home afterwards.",
            "No driving until the next day, after restful sleep.",
            "You may drive again on Wednesday, December 16, 2026 at the earliest.",
        ),
    )


@pytest.mark.parametrize(("ahead", "says"), [(timedelta(hours=18), True), (timedelta(days=3), False)])
def test_the_invite_of_a_sedating_visit_too_near_for_a_reminder_says_how_to_prepare(
    patient: Patient, ahead: timedelta, says: bool
) -> None:
    """The call may be due on a day off, and nobody should come fed."""
    booked_at = nine(22) - ahead
    course = cast.book(patient, [nine(22)], now=booked_at, version=sedating_version(), minutes=165)
    Driver.objects.create(session=course.sessions.get(), changed_at=booked_at)
    deliver(booked_at + timedelta(minutes=5))
    [invite] = [message for message in mail.outbox if read_event(message) is not None]
    told = ("after 7:00 AM EST", "2 hours 45 minutes", "Please tell us who takes you home", "not eat")
    assert [words in str(invite.body) for words in told] == [says] * 4
    event = read_event(invite)
    assert event is not None and not any(words in str(event["DESCRIPTION"]) for words in told)


def test_late_call_ends_when_the_visit_moves_ahead_or_is_cancelled(patient: Patient) -> None:
    booked_at = nine(22) - timedelta(hours=18)
    course = cast.book(patient, [nine(22)], now=booked_at, version=sedating_version())
    cast.move(course.sessions.get(), nine(22) + timedelta(hours=2), now=booked_at)
    assert rows(course, kind="driver_reminder") == [("driver_reminder", "call", "due")]
    assert course.notices.get(kind="driver_reminder").sequence == 1
    cast.move(course.sessions.get(), nine(24), now=booked_at)
    assert rows(course, kind="driver_reminder") == [("driver_reminder", "email", "due")]
    cast.move(course.sessions.get(), nine(22), now=booked_at)
    assert rows(course, kind="driver_reminder") == [("driver_reminder", "call", "due")]
    cast.cancel(course.sessions.get(), now=booked_at)
    assert rows(course, kind="driver_reminder") == []


def test_late_call_that_was_made_is_not_asked_again(patient: Patient, clerk: User) -> None:
    booked_at = nine(22) - timedelta(hours=18)
    course = cast.book(patient, [nine(22), nine(40)], now=booked_at, version=sedating_version())
    assert call_list.mark_called(course.notices.get(channel="call"), now=booked_at, by=clerk)
    cast.move(course.sessions.get(number=2), nine(41), now=booked_at + timedelta(hours=1))
    assert rows(course, channel="call") == [("driver_reminder", "call", "done")]


def test_visit_whose_driver_reminder_went_out_is_no_late_call(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(22), nine(40)], now=now, version=sedating_version())
    for hours in (72, 23):
        deliver(nine(22) - timedelta(hours=hours) + timedelta(hours=1))
    cast.move(course.sessions.get(number=2), nine(41), now=nine(22) - timedelta(hours=1))
    assert rows(course, session__number=1, kind="driver_reminder") == [("driver_reminder", "email", "sent")] * 2
    assert rows(course, channel="call") == []


def test_visit_that_is_not_sedating_is_never_a_late_call(patient: Patient) -> None:
    course = cast.book(patient, [nine(22)], now=nine(22) - timedelta(hours=18))
    assert rows(course, channel="call") == []


def test_call_nobody_made_in_time_leaves_the_list(phoned: Patient, now: datetime) -> None:
    course = cast.book(phoned, [nine(22)], now=now)
    deliver(nine(22))
    assert rows(course) == [
        ("course_summary", "print", "due"),
        ("reminder", "call", "skipped"),
        ("reminder", "call", "skipped"),
    ]


def test_printed_calendar_shows_months_and_list(phoned: Patient, now: datetime) -> None:
    course = cast.book(phoned, [nine(1), nine(22), nine(80)], now=now)
    cast.cancel(course.sessions.get(number=2), now=now)
    page = course_calendar(course, now=now)
    assert [month.title for month in page.months] == ["November 2026", "February 2027"]
    assert [(day.on.day, day.times) for week in page.months[0].weeks for day in week if day.times] == [
        (24, ("9:00 AM",))
    ]
    assert [(item.day, item.time, item.place) for item in page.appointments] == [
        ("Tuesday, November 24, 2026", "9:00 AM EST", "1 Main Street, Springfield"),
        ("Thursday, February 11, 2027", "9:00 AM EST", "1 Main Street, Springfield"),
    ]
    html = course_calendar_html(course, now=now)
    assert "style=" not in html and "<script" not in html
    assert '<td class="visit"><span class="day">24</span> <strong>9:00 AM</strong></td>' in html
    assert "Ada Abbott" in html and "+1 555 0100" in html
