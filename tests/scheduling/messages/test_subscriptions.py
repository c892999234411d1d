"""From invites to a calendar to subscribe to and back: never both, and nothing goes untold."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core import mail

from clinic.models import Patient
from scheduling import feeds
from scheduling.messages.feed import feed_uid
from scheduling.messages.subscriptions import address_of
from scheduling.models import CalendarFeed, Course, Notice, NoticeKind
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event, read_parts

NOW = factories.NOW
SOON = NOW + timedelta(minutes=3)
STARTS = [NOW + timedelta(days=day, hours=2) for day in (2, 9, 30)]


@pytest.fixture
def course(patient: Patient) -> Course:
    return cast.book(patient, STARTS, now=NOW)


@pytest.fixture
def invited(course: Course) -> Course:
    """The list and two invites have gone out; the third visit is beyond the horizon."""
    assert len(deliver(SOON)) == 3
    return course


def change_channel(patient: Patient, channel: str) -> None:
    """As the patient's form in the desk does, which knows nothing of feeds."""
    Patient.objects.filter(pk=patient.pk).update(channel=channel)


def events_since(now: datetime) -> list[tuple[str, int]]:
    deliver(now)
    found = [read_event(message) for message in mail.outbox]
    return [(str(event["METHOD"]), int(event["SEQUENCE"])) for event in found if event is not None]


def test_invites_are_called_off_before_the_link_goes_out(invited: Course, patient: Patient) -> None:
    feed = feeds.open_feed(patient, now=SOON)
    subjects = deliver(SOON) + deliver(SOON + timedelta(minutes=2))
    assert [subject.split(" ")[0] for subject in subjects] == ["CANCEL", "CANCEL", "Your"]
    assert subjects[-1] == "Your calendar at Riverside riverside"
    assert address_of(feed) in str(mail.outbox[-1].body)
    html = read_parts(mail.outbox[-1])[1][1].decode()
    assert address_of(feed) in html and address_of(feed).replace("http://", "webcal://") in html


def test_an_invite_taken_back_for_a_feed_says_so_and_a_former_address_is_told_otherwise(
    invited: Course, patient: Patient
) -> None:
    instead, former = "You have one calendar to subscribe to instead", "We no longer write to this address"
    feeds.open_feed(patient, now=SOON)
    deliver(SOON)
    assert [(instead in str(m.body), former in str(m.body)) for m in mail.outbox] == [(True, False)] * 2
    feeds.revoke_feed(patient, now=SOON)
    later = SOON + timedelta(minutes=5)
    assert len(deliver(later)) == 2
    Patient.objects.filter(pk=patient.pk).update(email="new@mail.example")
    deliver(later + timedelta(minutes=1))
    assert [(m.to, former in str(m.body)) for m in mail.outbox] == [([patient.email], True)] * 2


def test_no_uid_goes_out_both_ways(invited: Course, patient: Patient) -> None:
    invites = {session.uid for session in invited.sessions.all()}
    assert invites.isdisjoint(feed_uid(session) for session in invited.sessions.all())


def test_channel_changed_in_a_form_is_followed_by_the_next_delivery(invited: Course, patient: Patient) -> None:
    change_channel(patient, "feed")
    assert [method for method, _ in events_since(SOON)] == ["CANCEL", "CANCEL"]
    assert CalendarFeed.objects.filter(patient=patient, revoked_at=None).count() == 1
    assert deliver(SOON + timedelta(minutes=2)) == ["Your calendar at Riverside riverside"]
    change_channel(patient, "email")
    later = SOON + timedelta(minutes=10)
    deliver(later)
    assert [method for method, _ in events_since(later + timedelta(minutes=3))] == ["REQUEST", "REQUEST"]
    assert CalendarFeed.objects.filter(patient=patient, revoked_at=None).count() == 0


def test_opened_twice_it_is_one_feed_and_one_mail(invited: Course, patient: Patient) -> None:
    assert feeds.open_feed(patient, now=SOON) == feeds.open_feed(patient, now=SOON)
    assert Notice.objects.filter(kind=NoticeKind.FEED_LINK).count() == 1


def test_a_feed_opened_again_has_another_address(patient: Patient, course: Course) -> None:
    first = feeds.open_feed(patient, now=NOW)
    feeds.revoke_feed(patient, now=NOW)
    again = feeds.open_feed(patient, now=NOW)
    assert address_of(first) != address_of(again)


def test_revoked_before_it_was_sent_the_link_is_not_sent(invited: Course, patient: Patient) -> None:
    feeds.open_feed(patient, now=SOON)
    feeds.revoke_feed(patient, now=SOON)
    assert not Notice.objects.filter(kind=NoticeKind.FEED_LINK).exists()


def test_a_patient_with_a_feed_gets_its_address_with_the_list_of_the_course_and_no_invite(patient: Patient) -> None:
    feed = feeds.open_feed(patient, now=NOW)
    cast.book(patient, STARTS, now=NOW)
    assert deliver(SOON) == ["Your appointments at Riverside riverside"]
    body = str(mail.outbox[0].body)
    assert address_of(feed) in body and "calendar invitation" not in body
    assert not Notice.objects.filter(kind=NoticeKind.CALENDAR).exists()


def test_a_patient_with_invites_gets_no_address(invited: Course) -> None:
    assert not any("/f/" in str(message.body) for message in mail.outbox)


@pytest.mark.parametrize("hours", [3, 47, 71, 24 * 9])
def test_a_move_is_always_told_by_mail_as_well(patient: Patient, hours: int) -> None:
    """Clients poll a feed when they like: it is never the only news of a change (F4)."""
    feeds.open_feed(patient, now=NOW)
    start = NOW + timedelta(hours=hours)
    course = cast.book(patient, [start], now=NOW - timedelta(days=1))
    assert deliver(NOW)[0] == "Your appointments at Riverside riverside"
    cast.move(course.sessions.get(), start + timedelta(hours=1), now=NOW)
    assert deliver(SOON) == ["Changed appointments at Riverside riverside"]
    assert "(before: " in str(mail.outbox[0].body)


def test_a_cancellation_is_told_by_mail_as_well(patient: Patient) -> None:
    feeds.open_feed(patient, now=NOW)
    course = cast.book(patient, STARTS, now=NOW)
    deliver(SOON)
    cast.cancel(course.sessions.order_by("start")[0], now=SOON)
    assert deliver(SOON + timedelta(minutes=3)) == ["Changed appointments at Riverside riverside"]
    assert "Cancelled: " in str(mail.outbox[0].body)


def test_a_move_just_before_the_switch_is_told_by_list(invited: Course, patient: Patient) -> None:
    session = invited.sessions.order_by("start")[0]
    cast.move(session, session.start + timedelta(hours=1), now=SOON)
    feeds.open_feed(patient, now=SOON)
    later = SOON + timedelta(minutes=5)
    subjects = [*deliver(SOON), *deliver(later), *deliver(later + timedelta(minutes=2))]
    assert [subject for subject in subjects if subject.startswith("Changed")] == [
        "Changed appointments at Riverside riverside"
    ]
    assert not any(subject.startswith("REQUEST") for subject in subjects)


def test_a_session_cancelled_after_the_switch_leaves_the_calendar_by_cancel(invited: Course, patient: Patient) -> None:
    change_channel(patient, "feed")
    cast.cancel(invited.sessions.order_by("start")[0], now=SOON)
    methods = [method for method, _ in events_since(SOON) + events_since(SOON + timedelta(minutes=5))]
    assert sorted(methods) == ["CANCEL", "CANCEL"]


def test_an_invite_that_may_have_arrived_is_called_off(course: Course, patient: Patient) -> None:
    """The server had it when the connection broke; then the patient chose the feed."""
    session = course.sessions.order_by("start")[0]
    Notice.objects.filter(kind=NoticeKind.CALENDAR, session=session).update(
        uncertain=True, recipient=patient.email, due_at=NOW
    )
    change_channel(patient, "feed")
    found = events_since(SOON)
    assert found == [("CANCEL", session.sequence + 1)]


def test_reminders_go_on_by_mail(patient: Patient) -> None:
    feeds.open_feed(patient, now=NOW)
    cast.book(patient, [NOW + timedelta(days=5)], now=NOW)
    deliver(SOON)
    assert [s.split(":")[0] for s in deliver(NOW + timedelta(days=4, hours=6))] == ["Reminder"]


def test_a_patient_whose_address_was_lost_gets_no_mail_of_it(patient: Patient, course: Course) -> None:
    feeds.open_feed(patient, now=NOW)
    Patient.objects.update(email="")
    assert deliver(SOON) == []
