"""Drivers are asked for, invited, told of each change once, and phoned about while nobody is sure."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from clinic.models import Channel, Patient, Site, User
from scheduling.drivers import clear_driver, confirm_driver, name_driver
from scheduling.messages import call_list, delivery, outbox
from scheduling.messages.again import send_again
from scheduling.messages.driver_letters import ask_text
from scheduling.messages.reminder_settings import rewrite_reminders
from scheduling.messages.sms.delivery import deliver_texts
from scheduling.models import Course, Driver, Notice, NoticeStatus, PickUp, Session
from tests import factories
from tests.factories import NOW
from tests.scheduling.driving import BOB, EVE, book_sedating, calls
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event
from tests.scheduling.messages.texting import make_texted
from tests.scheduling.messages.twilio_stand_in import StandIn

pytestmark = pytest.mark.django_db
SOON = timedelta(seconds=121)
HOUR = timedelta(hours=1)


def nine(day: int) -> datetime:
    """A Tuesday for 22, at nine in New York."""
    return datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=day)


def ten_before(day: int) -> datetime:
    """Ten o'clock on the day before."""
    return nine(day - 1) + HOUR


@pytest.fixture
def course(patient: Patient) -> Course:
    """One visit on Tuesday, December 15, from nine to eleven; what the patient gets at once has gone out."""
    course = book_sedating(patient, [nine(22)], now=NOW)
    deliver(NOW + SOON)
    return course


@pytest.fixture
def session(course: Course) -> Session:
    return course.sessions.get()


def to_driver(now: datetime) -> list[str]:
    """Deliver; what came for drivers, with METHOD, SEQUENCE, start in UTC and the address."""
    delivery.deliver_due(now=now)
    found = []
    for message in mail.outbox:
        if message.to[0] in {"bob@mail.example", "eve@mail.example"}:
            event = read_event(message)
            found.append(f"{event['METHOD']} {event['SEQUENCE']} {event['DTSTART'].dt:%m-%dT%H:%M} {message.to[0]}")
    mail.outbox.clear()
    return found


# The driver's event


def test_a_driver_with_an_address_is_invited_after_the_debounce_however_far_the_visit(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    assert to_driver(NOW + timedelta(seconds=119)) == []
    assert to_driver(NOW + SOON) == ["REQUEST 0 12-15T15:45 bob@mail.example"]
    pick_up = PickUp.objects.get()
    assert (pick_up.told_start, pick_up.told_end, pick_up.told_sequence) == (
        nine(22) + timedelta(minutes=105),
        nine(22) + timedelta(minutes=120),
        0,
    )
    assert pick_up.uid != session.uid
    assert to_driver(NOW + HOUR) == []


@pytest.mark.parametrize("values", [{"email": ""}, {"kind": "ride_service", "name": "", "phone": ""}])
def test_a_driver_without_an_address_and_a_ride_service_get_no_invite(
    site: Site, session: Session, values: dict[str, Any]
) -> None:
    site.allows_ride_service = True
    site.save()
    name_driver(session, **{**BOB, **values}, now=NOW)
    assert (to_driver(NOW + SOON), PickUp.objects.count()) == ([], 0)


def test_a_driver_is_invited_also_where_the_patient_is_phoned(patient: Patient) -> None:
    patient.channel, patient.email = Channel.PRINT, ""
    patient.save()
    name_driver(book_sedating(patient, [nine(22)], now=NOW).sessions.get(), **BOB, now=NOW)
    assert to_driver(NOW + SOON) == ["REQUEST 0 12-15T15:45 bob@mail.example"]


def test_the_pick_up_moves_with_the_visit_and_ends_with_it(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    cast.move(session, nine(23), now=NOW + HOUR)
    assert to_driver(NOW + HOUR + SOON) == ["REQUEST 1 12-16T15:45 bob@mail.example"]
    cast.cancel(session, now=NOW + 2 * HOUR)
    assert to_driver(NOW + 2 * HOUR + SOON) == ["CANCEL 2 12-16T15:45 bob@mail.example"]
    assert PickUp.objects.get().told_cancelled


def test_a_missed_visit_calls_off_the_pick_up(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    late = session.start + timedelta(minutes=20)
    cast.change(session, now=late, status="missed", missed_reason="no_show")
    outbox.sessions_changed(session.course, [session], now=late)
    assert to_driver(late + SOON) == ["CANCEL 1 12-15T15:45 bob@mail.example"]


def test_changes_of_the_same_minutes_are_one_message(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    cast.move(session, nine(23), now=NOW)
    cast.move(session, nine(24), now=NOW + timedelta(seconds=60))
    assert to_driver(NOW + SOON) == []
    assert to_driver(NOW + timedelta(seconds=60) + SOON) == ["REQUEST 2 12-17T15:45 bob@mail.example"]


def test_a_visit_moved_there_and_back_says_nothing_to_the_driver(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    cast.move(session, nine(23), now=NOW + HOUR)
    cast.move(session, nine(22), now=NOW + HOUR)
    assert to_driver(NOW + HOUR + SOON) == []


@pytest.mark.parametrize(
    "other", [EVE, {**BOB, "email": "eve@mail.example"}], ids=["another driver", "another address"]
)
def test_another_address_is_another_event_and_the_old_one_is_called_off(
    session: Session, other: dict[str, Any]
) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    name_driver(session, **other, now=NOW + HOUR)
    assert sorted(to_driver(NOW + HOUR + SOON)) == [
        "CANCEL 1 12-15T15:45 bob@mail.example",
        "REQUEST 0 12-15T15:45 eve@mail.example",
    ]
    assert len(set(PickUp.objects.values_list("uid", flat=True))) == 2


def test_a_driver_named_anew_after_falling_through_has_a_new_event(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    clear_driver(session, now=NOW + HOUR)
    assert to_driver(NOW + HOUR + SOON) == ["CANCEL 1 12-15T15:45 bob@mail.example"]
    name_driver(session, **BOB, now=NOW + 2 * HOUR)
    assert to_driver(NOW + 2 * HOUR + SOON) == ["REQUEST 0 12-15T15:45 bob@mail.example"]


def test_a_driver_who_fell_through_before_any_mail_hears_nothing(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    clear_driver(session, now=NOW)
    assert to_driver(NOW + SOON) == []
    assert not Notice.objects.filter(kind="driver_calendar").exists()


def test_another_phone_number_or_name_at_the_same_address_is_the_same_event(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    name_driver(session, **{**BOB, "name": "Robert Miller", "phone": "+1 212 555 0199"}, now=NOW + HOUR)
    assert to_driver(NOW + HOUR + SOON) == []


def test_a_missed_mark_taken_back_invites_the_driver_again_under_another_uid(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    cast.cancel(session, now=NOW + HOUR)
    to_driver(NOW + HOUR + SOON)
    cast.change(session, now=NOW + 2 * HOUR, status="booked")
    outbox.sessions_changed(session.course, [session], now=NOW + 2 * HOUR)
    assert to_driver(NOW + 2 * HOUR + SOON) == ["REQUEST 0 12-15T15:45 bob@mail.example"]


def test_staff_send_a_drivers_invite_again(session: Session, clerk: User) -> None:
    name_driver(session, **BOB, now=NOW)
    to_driver(NOW + SOON)
    send_again(Notice.objects.get(kind="driver_calendar"), now=NOW + HOUR, by=clerk)
    assert to_driver(NOW + HOUR) == ["REQUEST 0 12-15T15:45 bob@mail.example"]


def test_the_driver_stands_in_nothing_but_their_own_mail_and_the_patients_reminder(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    delivery.deliver_due(now=NOW + SOON)
    for hours in (14 * 24, 71, 23):
        delivery.deliver_due(now=session.start - timedelta(hours=hours) + SOON)
    for message in mail.outbox:
        event = read_event(message)
        if message.to[0] != "bob@mail.example":
            assert "Bob" not in str(message.subject)
            assert event is None or "Bob" not in event.to_ical().decode()
            assert "555 0101" not in str(message.body)
        else:
            assert "Ada" not in f"{message.subject}{message.body}{event.to_ical().decode()}"


# When mail fails


class Postman(BaseEmailBackend):
    """Delivers, and fails as told, to those who are named here."""

    sent: list[EmailMessage] = []
    trouble: dict[str, str] = {}

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        for message in messages:
            trouble = self.trouble.get(message.to[0], "")
            if trouble == "refused":
                raise smtplib.SMTPRecipientsRefused({message.to[0]: (550, b"no such user")})
            if trouble == "killed before":
                raise KeyboardInterrupt
            self.sent.append(message)
            if trouble == "answer lost":
                raise smtplib.SMTPServerDisconnected
        return len(messages)


@pytest.fixture
def postman(settings: Any) -> Iterator[type[Postman]]:
    settings.EMAIL_BACKEND = f"{__name__}.Postman"
    Postman.sent, Postman.trouble = [], {}
    yield Postman


def sent_to_bob(postman: type[Postman]) -> list[tuple[str, str]]:
    found = [message for message in postman.sent if message.to == ["bob@mail.example"]]
    return [(str(read_event(m)["METHOD"]), str(m.extra_headers["Message-ID"])) for m in found]


def test_an_invite_whose_answer_was_lost_goes_out_again_under_the_same_message_id(
    session: Session, postman: type[Postman]
) -> None:
    name_driver(session, **BOB, now=NOW)
    postman.trouble = {"bob@mail.example": "answer lost"}
    delivery.deliver_due(now=NOW + SOON)
    postman.trouble = {}
    delivery.deliver_due(now=NOW + HOUR)
    first, second = sent_to_bob(postman)
    assert first == second
    delivery.deliver_due(now=NOW + 2 * HOUR)
    assert len(sent_to_bob(postman)) == 2


def test_a_driver_lost_while_their_invite_may_have_arrived_is_called_off(
    session: Session, postman: type[Postman]
) -> None:
    name_driver(session, **BOB, now=NOW)
    postman.trouble = {"bob@mail.example": "answer lost"}
    delivery.deliver_due(now=NOW + SOON)
    postman.trouble = {}
    clear_driver(session, now=NOW + SOON)
    delivery.deliver_due(now=NOW + HOUR)
    (one, first), (two, second) = sent_to_bob(postman)
    assert (one, two) == ("REQUEST", "CANCEL") and first != second


def test_a_message_about_a_pick_up_waits_for_the_one_that_is_on_its_way(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    mail.outbox.clear()
    Notice.objects.filter(kind="driver_calendar").update(
        status="sending", claimed_until=NOW + timedelta(minutes=6), recipient="bob@mail.example", content_hash="begun"
    )
    clear_driver(session, now=NOW)
    assert to_driver(NOW + SOON) == []
    # The worker of the first was killed. What it said may have arrived, so the driver is called off, once.
    assert to_driver(NOW + timedelta(minutes=7)) == ["CANCEL 1 12-15T15:45 bob@mail.example"]
    assert to_driver(NOW + HOUR) == []


def waiting_calls(course: Course, now: datetime, kind: str = "driver_calendar") -> list[call_list.Call]:
    """As the front desk finds them a minute later, for the clock goes on while mail is tried."""
    now += timedelta(minutes=1)
    found = list(call_list.calls_to_make(Notice.objects.filter(course=course, kind=kind), now=now))
    return list(call_list.describe_calls(found, now=now).values())


def test_an_address_that_refuses_mail_makes_each_change_one_call_to_the_driver(
    course: Course, session: Session, postman: type[Postman], clerk: User
) -> None:
    name_driver(session, **BOB, now=NOW)
    postman.trouble = {"bob@mail.example": "refused"}
    delivery.deliver_due(now=NOW + SOON)
    [call] = waiting_calls(course, NOW + SOON)
    bob = "The driver's address refuses mail. Please phone Bob Miller, +1 212 555 0101:"
    assert call.lines == (f"{bob} pick-up on Tuesday, December 15, 2026, 10:45 AM EST.",)
    cast.move(session, nine(23), now=NOW + HOUR)
    delivery.deliver_due(now=NOW + HOUR + SOON)
    [call] = waiting_calls(course, NOW + HOUR + SOON)
    assert call.lines == (f"{bob} pick-up on Wednesday, December 16, 2026, 10:45 AM EST.",)
    waiting = Notice.objects.get(kind="driver_calendar", channel="call", status="due")
    assert call_list.mark_called(waiting, now=NOW + 2 * HOUR, by=clerk)
    assert waiting_calls(course, NOW + 2 * HOUR) == []
    cast.cancel(session, now=NOW + 3 * HOUR)
    delivery.deliver_due(now=NOW + 3 * HOUR + SOON)
    [call] = waiting_calls(course, NOW + 3 * HOUR + SOON)
    assert call.lines == (f"{bob} nobody needs to be picked up on Wednesday, December 16, 2026, 10:45 AM EST.",)
    assert sent_to_bob(postman) == []


def test_a_call_to_a_driver_who_was_replaced_is_dropped(
    course: Course, session: Session, postman: type[Postman]
) -> None:
    name_driver(session, **BOB, now=NOW)
    postman.trouble = {"bob@mail.example": "refused"}
    delivery.deliver_due(now=NOW + SOON)
    name_driver(session, **EVE, now=NOW + HOUR)
    delivery.deliver_due(now=NOW + HOUR + SOON)
    assert waiting_calls(course, NOW + HOUR + SOON) == []
    assert [message.to for message in postman.sent[-1:]] == [["eve@mail.example"]]


# Asking


def reminder_texts(now: datetime) -> list[str]:
    mail.outbox.clear()
    delivery.deliver_due(now=now)
    bodies = [str(message.body) for message in mail.outbox if message.subject.startswith("Reminder")]
    mail.outbox.clear()
    return bodies


@pytest.mark.parametrize("days", [3, 1])
def test_each_reminder_asks_for_a_driver_and_names_the_page(session: Session, days: int) -> None:
    [body] = reminder_texts(nine(22 - days) + HOUR + SOON)
    [line] = [line for line in body.splitlines() if line.startswith("Please tell us who takes you home:")]
    assert "/v/" in line


def test_once_confirmed_the_reminder_says_who_it_is(session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    [body] = reminder_texts(nine(19) + HOUR + SOON)
    assert "Bob Miller takes you home. Tell us if that changes: " in body
    assert "Please tell us who takes you home" not in body


def test_every_state_of_a_driver_has_its_sentence(site: Site, session: Session, clerk: User) -> None:
    site.allows_ride_service = True
    site.save()
    said = [ask_text(session.driver)]
    said.append(ask_text(name_driver(session, **BOB, now=NOW, by=clerk, confirmed=False)))
    said.append(ask_text(confirm_driver(session, now=NOW)))
    said.append(ask_text(name_driver(session, kind="ride_service", now=NOW)))
    cast.move(session, nine(23), now=NOW)
    said.append(ask_text(Driver.objects.select_related("session").get(session=session)))
    assert said == [
        "Please tell us who takes you home:",
        "Does Bob Miller take you home at this time? Please tell us:",
        "Bob Miller takes you home. Tell us if that changes:",
        "A taxi or ride service takes you home. Tell us if that changes:",
        "Does a taxi or ride service take you home? Please tell us:",
    ]


# Calls


def test_unconfirmed_one_day_before_is_a_call_at_the_time_of_reminders_and_of_use_until_the_visit(
    course: Course, session: Session
) -> None:
    [call] = Notice.objects.filter(kind="driver_call")
    assert (call.channel, call.due_at, call.useful_until) == ("call", ten_before(22), nine(22))
    assert waiting_calls(course, ten_before(22) - SOON, "driver_call") == []
    [said] = waiting_calls(course, ten_before(22), "driver_call")
    assert (said.title, said.lines) == (
        "Driver not confirmed",
        ("Nobody is named yet to take them home. Ask for a name and a phone number.",),
    )
    assert [item.day for item in said.appointments] == ["Tuesday, December 15, 2026"]


def test_a_call_says_who_was_named_and_whether_a_taxi_will_do(
    course: Course, session: Session, site: Site, clerk: User
) -> None:
    site.allows_ride_service = True
    site.save()
    [said] = waiting_calls(course, ten_before(22), "driver_call")
    assert said.lines[1:] == ("A taxi or ride service will do.",)
    name_driver(session, **BOB, now=NOW, by=clerk, confirmed=False)
    [said] = waiting_calls(course, ten_before(22), "driver_call")
    assert said.lines == (
        "Named, but not confirmed for this time: Bob Miller, +1 212 555 0101. Ask whether that holds.",
    )


def test_the_call_is_dropped_when_a_driver_is_confirmed_and_comes_back_when_they_fall_through(
    course: Course, session: Session
) -> None:
    name_driver(session, **BOB, now=NOW)
    assert calls(course) == []
    clear_driver(session, now=NOW + HOUR)
    assert calls(course) == [("driver_call", ten_before(22), "due")]
    name_driver(session, **EVE, now=NOW + 2 * HOUR)
    late = nine(22) - 5 * HOUR
    clear_driver(session, now=late)
    assert calls(course) == [("driver_call", late, "due")]


def test_the_call_goes_with_the_visit(course: Course, session: Session) -> None:
    name_driver(session, **BOB, now=NOW)
    cast.move(session, nine(23), now=NOW + HOUR)
    assert calls(course) == [("driver_call", ten_before(23), "due")]
    cast.cancel(session, now=NOW + 2 * HOUR)
    assert calls(course) == []


def test_a_call_made_in_vain_leaves_one_more_two_hours_before(course: Course, session: Session, clerk: User) -> None:
    first = Notice.objects.get(kind="driver_call")
    assert call_list.mark_called(first, now=ten_before(22) + HOUR, by=clerk)
    assert calls(course) == [("driver_call", ten_before(22), "done"), ("driver_call", nine(22) - 2 * HOUR, "due")]
    last = Notice.objects.get(kind="driver_call", status="due")
    assert call_list.mark_called(last, now=nine(22) - HOUR, by=clerk)
    assert [status for _, _, status in calls(course)] == ["done", "done"]


def test_the_last_call_is_dropped_when_a_driver_is_confirmed(course: Course, session: Session, clerk: User) -> None:
    call_list.mark_called(Notice.objects.get(kind="driver_call"), now=ten_before(22), by=clerk)
    name_driver(session, **BOB, now=ten_before(22) + HOUR)
    assert calls(course) == [("driver_call", ten_before(22), "done")]


def test_a_call_that_nobody_made_stands_alone_until_the_visit(course: Course) -> None:
    for hours in (23, 2, 1):
        now = nine(22) - timedelta(hours=hours) + SOON
        delivery.deliver_due(now=now)
        assert len(waiting_calls(course, now, "driver_call")) == 1
    delivery.deliver_due(now=nine(22))
    assert [status for _, _, status in calls(course)] == ["skipped"]


def test_a_call_is_listed_on_a_day_that_the_front_desk_works(patient: Patient) -> None:
    course = book_sedating(patient, [nine(21)], now=NOW)  # a Monday
    assert calls(course) == [("driver_call", nine(18) + HOUR, "due")]


def test_the_time_of_the_call_is_that_of_the_patients_zone(site: Site, patient: Patient) -> None:
    patient.timezone = "America/Los_Angeles"
    patient.save()
    course = book_sedating(patient, [nine(22)], now=NOW)
    assert calls(course) == [("driver_call", ten_before(22) + 3 * HOUR, "due")]


@pytest.mark.parametrize("ahead", [timedelta(hours=18), timedelta(hours=3), timedelta(hours=1)])
def test_a_visit_booked_later_than_one_day_before_is_one_call_at_once(patient: Patient, ahead: timedelta) -> None:
    booked_at = nine(22) - ahead
    course = book_sedating(patient, [nine(22)], now=booked_at)
    assert calls(course) == [("driver_reminder", booked_at, "due")]
    [said] = waiting_calls(course, booked_at, "driver_reminder")
    assert said.lines[-1] == "Nobody is named yet to take them home. Ask for a name and a phone number."


@pytest.mark.parametrize("ahead", [18, 3])
def test_a_late_call_made_in_vain_leaves_the_last_one(patient: Patient, clerk: User, ahead: int) -> None:
    booked_at = nine(22) - timedelta(hours=ahead)
    course = book_sedating(patient, [nine(22)], now=booked_at)
    call_list.mark_called(Notice.objects.get(channel="call"), now=booked_at, by=clerk)
    assert calls(course)[1:] == [("driver_call", nine(22) - 2 * HOUR, "due")]


def test_a_late_call_stays_for_the_preparation_when_a_driver_is_confirmed(patient: Patient) -> None:
    booked_at = nine(22) - timedelta(hours=18)
    course = book_sedating(patient, [nine(22)], now=booked_at)
    name_driver(course.sessions.get(), **BOB, now=booked_at)
    assert calls(course) == [("driver_reminder", booked_at, "due")]
    [said] = waiting_calls(course, booked_at, "driver_reminder")
    assert said.lines[-1] == "Bob Miller, +1 212 555 0101 takes them home."


@pytest.fixture
def phoned(patient: Patient) -> Patient:
    patient.channel, patient.email = Channel.PRINT, ""
    patient.save()
    return patient


def test_a_patient_who_is_phoned_anyway_is_phoned_once_the_day_before(phoned: Patient, clerk: User) -> None:
    course = book_sedating(phoned, [nine(22)], now=NOW)
    friday = nine(18) + HOUR
    assert calls(course) == [("driver_reminder", friday, "due"), ("driver_reminder", ten_before(22), "due")]
    [said] = waiting_calls(course, ten_before(22), "driver_reminder")
    assert said.lines[-1] == "Nobody is named yet to take them home. Ask for a name and a phone number."
    monday = Notice.objects.get(due_at=ten_before(22))
    call_list.mark_called(monday, now=ten_before(22) + HOUR, by=clerk)
    assert calls(course, status="due", due_at__gt=friday) == [("driver_call", nine(22) - 2 * HOUR, "due")]


def test_the_call_of_three_days_before_is_not_that_of_one_day_before(phoned: Patient, clerk: User) -> None:
    course = book_sedating(phoned, [nine(22)], now=NOW)
    friday = nine(18) + HOUR
    call_list.mark_called(Notice.objects.get(due_at=friday), now=friday, by=clerk)
    assert calls(course, status="due") == [("driver_reminder", ten_before(22), "due")]


def test_a_reminder_by_phone_that_nobody_made_gives_way_to_the_last_call(phoned: Patient) -> None:
    course = book_sedating(phoned, [nine(22)], now=NOW)
    last = nine(22) - 2 * HOUR
    delivery.deliver_due(now=last - SOON)
    assert calls(course, status="due") == [("driver_reminder", ten_before(22), "due")]
    delivery.deliver_due(now=last)
    assert calls(course, status="due") == [("driver_call", last, "due")]
    delivery.deliver_due(now=last)
    assert len(calls(course, status="due")) == 1


def test_a_reminder_that_becomes_a_call_takes_the_place_of_the_call_about_the_driver(
    course: Course, patient: Patient, postman: type[Postman]
) -> None:
    postman.trouble = {patient.email: "refused"}
    delivery.deliver_due(now=ten_before(22))
    assert [(kind, status) for kind, _, status in calls(course, status="due")] == [("driver_reminder", "due")]


def test_a_call_follows_the_time_that_the_site_sets_for_reminders(course: Course, site: Site, session: Session) -> None:
    site.reminder_time = site.reminder_time.replace(hour=15)
    site.save()
    rewrite_reminders(site, now=NOW + HOUR)
    assert calls(course) == [("driver_call", ten_before(22) + 5 * HOUR, "due")]


@pytest.mark.parametrize("by_text", [False, True])
def test_last_reminder_that_the_quiet_hours_hold_beyond_its_use_is_a_call(
    site: Site, stand_in: StandIn, by_text: bool
) -> None:
    """No worker ran until 21:05; the quiet ends at 8:00, and the visit is at 8:30."""
    patient = make_texted(site) if by_text else factories.make_patient(site=site)
    course = book_sedating(patient, [nine(22) - HOUR / 2], now=NOW)
    deliver(nine(10))
    at_night = nine(21) + timedelta(hours=12, minutes=5)
    deliver_texts(now=at_night)
    assert deliver(at_night) == []
    due = Notice.objects.filter(course=course, channel="call", status="due")
    [(kind, useful_until)] = due.values_list("kind", "useful_until")
    assert (kind, useful_until) == ("driver_reminder", nine(22) - HOUR / 2)
    deliver(nine(22) - HOUR)
    assert due.count() == 1


def test_reminder_that_the_quiet_hours_hold_waits_where_the_next_one_follows(site: Site) -> None:
    course = book_sedating(factories.make_patient(site=site), [nine(22) - HOUR / 2], now=NOW)
    deliver(nine(10))
    deliver(nine(19) + timedelta(hours=12, minutes=5))
    reminders = Notice.objects.filter(course=course, kind="driver_reminder").order_by("due_at")
    assert [(row.channel, row.status, row.due_at) for row in reminders] == [
        ("email", "due", nine(20) - HOUR),
        ("email", "due", nine(21) + HOUR),
    ]


def test_visit_moved_since_is_no_call_for_the_reminder_of_its_old_time(site: Site) -> None:
    course = book_sedating(factories.make_patient(site=site), [nine(22) - HOUR / 2], now=NOW)
    deliver(nine(10))
    cast.change(course.sessions.get(), now=nine(20), **cast.span(nine(40), minutes=120, timezone=site.timezone))
    deliver(nine(21) + timedelta(hours=12, minutes=5))
    assert [row for row in calls(course, status="due") if row[0] == "driver_reminder"] == []


def test_queueing_asks_as_many_queries_for_thirty_visits_as_for_one(patient: Patient) -> None:
    counts = []
    for visits in (1, 30):
        course = book_sedating(patient, [nine(22 + 100 * visits + day) for day in range(visits)], now=NOW)
        for session in course.sessions.all():
            name_driver(session, **BOB, now=NOW)
        Session.objects.filter(course=course).update(end=F("end") + timedelta(minutes=15))
        with CaptureQueriesContext(connection) as queries:
            outbox.driver_changed(course, now=NOW)
        assert PickUp.objects.filter(session__course=course, sequence=1).count() == visits
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_course_without_sedating_visits_is_not_asked_about_drivers(patient: Patient) -> None:
    course = cast.book(patient, [nine(22)], now=NOW)
    with CaptureQueriesContext(connection) as queries:
        outbox.sessions_changed(course, course.sessions.all(), now=NOW)
    assert not [query for query in queries if "scheduling_driver" in query["sql"] or "pickup" in query["sql"]]


def test_two_patients_never_share_a_call(site: Site) -> None:
    for _ in range(2):
        book_sedating(factories.make_patient(site=site), [nine(22)], now=NOW)
    found = Notice.objects.filter(kind="driver_call", status=NoticeStatus.DUE)
    assert len({notice.patient_id for notice in found}) == len({notice.key for notice in found}) == 2
