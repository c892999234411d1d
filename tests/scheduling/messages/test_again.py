"""Staff send a message once more: it says what holds now, as a message of its own, and only where it makes sense."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from clinic.models import Channel, Patient, Site, User
from scheduling.messages import delivery
from scheduling.messages.again import send_again
from scheduling.models import Course, Notice, NoticeChannel, NoticeKind, NoticeStatus
from scheduling.refusals import BookingRefused
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event
from tests.scheduling.messages.sink import Sink

NOW = factories.NOW
LATER = NOW + timedelta(hours=1)
SOON = timedelta(minutes=3)
VISIT = datetime(2026, 11, 27, 14, tzinfo=UTC)  # a Friday, 9:00 in New York
INVITE = "Appointment at Riverside riverside, Fri, Nov 27, 9:00 AM EST"


@pytest.fixture
def course(patient: Patient) -> Course:
    """Booked, and told: the list and the invite."""
    course = cast.book(patient, [VISIT], now=NOW)
    assert len(deliver(NOW + SOON)) == 2
    return course


def sent(course: Course, kind: str) -> Notice:
    return course.notices.filter(kind=kind, channel=NoticeChannel.EMAIL, again_of=None).earliest("due_at")


def again(notice: Notice, clerk: User, *, now: datetime = LATER, **fields: Any) -> list[str]:
    """What arrives."""
    send_again(notice, now=now, by=clerk, **fields)
    return deliver(now)


def why_not(notice: Notice, clerk: User, *, now: datetime = LATER) -> str:
    with pytest.raises(BookingRefused) as refused:
        send_again(notice, now=now, by=clerk)
    assert Notice.objects.filter(again_of=notice).count() == 0
    return str(refused.value)


def test_invite_once_more_repeats_uid_and_sequence_with_a_newer_stamp(course: Course, clerk: User) -> None:
    first = read_event(mail.outbox[1])
    assert again(sent(course, "calendar"), clerk) == [f"REQUEST 0 11-27T14 {INVITE}"]
    second = read_event(mail.outbox[0])
    assert {name for name in first if first[name] != second.get(name)} == {"DTSTAMP"}
    assert second["DTSTAMP"].dt - first["DTSTAMP"].dt > timedelta(minutes=50)


def test_repetition_is_a_message_of_its_own_with_who_asked_for_it(course: Course, clerk: User) -> None:
    notice = sent(course, "calendar")
    again(notice, clerk)
    repetition = notice.repetitions.get()
    assert (repetition.status, repetition.asked_by, repetition.kind) == (NoticeStatus.SENT, clerk, NoticeKind.CALENDAR)
    assert repetition.message_id != notice.message_id
    assert repetition.copies.get().text == notice.copies.get().text


def test_asked_twice_before_it_has_gone_out_it_is_one(course: Course, clerk: User) -> None:
    notice = sent(course, "course_summary")
    assert send_again(notice, now=LATER, by=clerk) == send_again(notice, now=LATER, by=clerk)
    assert deliver(LATER) == ["Your appointments at Riverside riverside"]
    assert again(notice, clerk, now=LATER + SOON) == ["Your appointments at Riverside riverside"]
    assert notice.repetitions.count() == 2


def test_cancellation_once_more_repeats_its_sequence(course: Course, clerk: User) -> None:
    cast.cancel(course.sessions.get(), now=NOW + timedelta(minutes=10))
    [line] = deliver(NOW + timedelta(minutes=20))
    assert again(course.notices.get(kind="calendar", status="sent", session__status="cancelled", due_at__gt=NOW + SOON),
                 clerk) == [line]  # fmt: skip
    assert line.startswith("CANCEL 1 11-27T14 Cancelled: ")


def test_reminder_once_more_is_of_use_until_the_visit(course: Course, clerk: User) -> None:
    day_before = VISIT - timedelta(days=1) + timedelta(hours=1)
    deliver(day_before)
    reminder = Notice.objects.get(kind="reminder", status="sent")
    assert again(reminder, clerk, now=VISIT - timedelta(hours=1)) == [f"Reminder: {INVITE}"]


def test_reminder_asked_for_stays_while_other_visits_change(patient: Patient, clerk: User) -> None:
    other = VISIT + timedelta(days=7)
    course = cast.book(patient, [VISIT, other], now=NOW)
    deliver(NOW + SOON)
    now = VISIT - timedelta(days=1) + timedelta(hours=1)
    deliver(now)
    send_again(Notice.objects.get(kind="reminder", status="sent"), now=now, by=clerk)
    cast.move(course.sessions.get(start=other), other + timedelta(days=1), now=now)
    assert deliver(now) == [f"Reminder: {INVITE}"]


def test_changes_once_more_say_all_that_holds(patient: Patient, clerk: User) -> None:
    far = VISIT + timedelta(days=28)
    course = cast.book(patient, [far, far + timedelta(days=7)], now=NOW)
    deliver(NOW + SOON)
    cast.move(course.sessions.get(start=far), far + timedelta(days=1), now=LATER)
    deliver(LATER + SOON)
    assert again(sent(course, "changes"), clerk, now=LATER + 2 * SOON) == [
        "Changed appointments at Riverside riverside"
    ]
    assert str(mail.outbox[0].body).split("\n\n")[1:3] == [
        "Some of your appointments have changed. These hold now:",
        "Saturday, December 26, 2026, 9:00 AM EST\nFriday, January 1, 2027, 9:00 AM EST",
    ]


def test_what_is_over_cancelled_or_for_the_desk_is_not_sent_again(course: Course, clerk: User) -> None:
    invite, summary = sent(course, "calendar"), sent(course, "course_summary")
    reminder = sent(course, "reminder")
    assert why_not(reminder, clerk) == "This message is still waiting to be sent."
    assert why_not(invite, clerk, now=VISIT) == "This visit is over; there is nothing left to say about it."
    assert why_not(summary, clerk, now=VISIT) == "No visit of this course is still to come."
    deliver(VISIT - timedelta(days=1) + timedelta(hours=1))
    reminder.refresh_from_db()
    cast.cancel(course.sessions.get(), now=VISIT - timedelta(hours=3))
    assert why_not(reminder, clerk, now=VISIT - timedelta(hours=3)) == (
        "This visit is cancelled; there is nothing to bring to mind."
    )
    Notice.objects.filter(pk=summary.pk).update(channel="call")
    assert why_not(summary, clerk) == (
        "Only e-mails and text messages can be sent again; this one is for the front desk."
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"email": ""}, "This patient has no e-mail address; enter one first."),
        ({"channel": Channel.PRINT}, "This patient gets printed calendars and phone calls, no e-mail."),
        ({"channel": Channel.FEED}, "This patient subscribes to a calendar and gets no invites."),
    ],
)
def test_patient_who_gets_no_such_mail_is_named(
    course: Course, clerk: User, fields: dict[str, Any], reason: str
) -> None:
    Patient.objects.update(**fields)
    assert why_not(sent(course, "calendar"), clerk) == reason


def refused_for_good(site: Site, sink: Sink) -> Notice:
    cast.book(factories.make_patient(site=site), [VISIT], now=NOW)
    sink.at = {"RCPT": "550 mailbox full"}
    assert delivery.deliver_due(now=NOW + SOON) == Counter(failed=1, call=1)
    return Notice.objects.get(kind="course_summary", status="failed")


def test_address_that_refused_is_tried_again_only_when_staff_say_so(site: Site, clerk: User, sink: Sink) -> None:
    failed = refused_for_good(site, sink)
    assert why_not(failed, clerk) == (
        "This address has refused mail for good. Correct it first; or, if it works again, say so and send once more."
    )
    send_again(failed, now=LATER, by=clerk, despite_refusal=True)
    assert delivery.deliver_due(now=LATER) == Counter(sent=1)


def test_address_that_takes_a_message_again_is_written_to_as_before(site: Site, clerk: User, sink: Sink) -> None:
    failed = refused_for_good(site, sink)
    send_again(failed, now=LATER, by=clerk, despite_refusal=True)
    delivery.deliver_due(now=LATER)
    assert delivery.deliver_due(now=VISIT - timedelta(days=1) + timedelta(hours=1)) == Counter(sent=1, skipped=1)
    assert Notice.objects.filter(channel="call", kind="reminder").count() == 0


def test_address_that_refuses_once_more_stays_refused(site: Site, clerk: User, sink: Sink) -> None:
    failed = refused_for_good(site, sink)
    send_again(failed, now=LATER, by=clerk, despite_refusal=True)
    sink.at = {"RCPT": "550 mailbox full"}
    assert delivery.deliver_due(now=LATER) == Counter(failed=1)
    assert delivery.deliver_due(now=VISIT - timedelta(days=1) + timedelta(hours=1)) == Counter(call=1, skipped=1)


def test_corrected_address_gets_what_the_old_one_refused(site: Site, clerk: User, sink: Sink) -> None:
    failed = refused_for_good(site, sink)
    Patient.objects.update(email="new@mail.example")
    send_again(failed, now=LATER, by=clerk)
    assert delivery.deliver_due(now=LATER) == Counter(sent=1)
    assert sink.recipients == ["new@mail.example"]


def test_call_for_a_repetition_that_failed_stays_while_its_visit_stands(
    patient: Patient, clerk: User, sink: Sink
) -> None:
    course = cast.book(patient, [VISIT, VISIT + timedelta(days=10)], now=NOW)
    delivery.deliver_due(now=VISIT - timedelta(hours=22))
    reminder = course.notices.get(kind="reminder", status="sent")
    send_again(reminder, now=VISIT - timedelta(hours=20), by=clerk)
    sink.at = {"RCPT": "550 no such user"}
    delivery.deliver_due(now=VISIT - timedelta(hours=20))
    first, second = course.sessions.order_by("start")
    call = Notice.objects.filter(key=f"again:{reminder.uuid}:1:call", status="due", channel="call")
    cast.move(second, second.start + timedelta(hours=1), now=VISIT - timedelta(hours=19))
    assert call.get().session == first
    cast.move(first, first.start + timedelta(hours=1), now=VISIT - timedelta(hours=18))
    assert not call.exists()
