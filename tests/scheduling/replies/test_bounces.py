"""A message that came back was not said: somebody phones, and nothing more goes to that address."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from scheduling.messages import delivery
from scheduling.messages.call_list import mark_called
from scheduling.messages.told import is_news
from scheduling.models import Announcement, Notice, NoticeCopy, Session
from tests import factories
from tests.scheduling.messages import cast as courses
from tests.scheduling.messages.mailbox import deliver
from tests.scheduling.replies.cast import MESSAGE_ID, NOW, START, became, every_row, read_fixture, take

pytestmark = pytest.mark.django_db
SENT = NOW + timedelta(minutes=3)
LATER = NOW + timedelta(minutes=10)


def book(*, days: int = 0) -> Session:
    site = factories.make_site(public_name="Riverside", email="appointments@clinic.example")
    patient = factories.make_patient(site=site, given_name="Ines", email="ines.ibarra@mail.example")
    return courses.book(patient, [START + timedelta(days=days)], now=NOW).sessions.get()


def sent(kind: str) -> Notice:
    """The message of that kind that went out, under the Message-ID that the fixtures name."""
    notice = Notice.objects.get(kind=kind, status="sent")
    Notice.objects.filter(pk=notice.pk).update(message_id=MESSAGE_ID)
    return notice


def state(notice: Notice) -> tuple[str, str]:
    notice.refresh_from_db()
    return notice.status, notice.outcome


def calls() -> list[str]:
    return list(Notice.objects.filter(channel="call", status="due").order_by("pk").values_list("kind", flat=True))


@pytest.mark.parametrize("name", ["bounce-postfix", "bounce-exchange", "bounce-gmail", "bounce-ses"])
def test_an_invite_that_came_back_is_a_call_and_the_last_mail_to_that_address(name: str) -> None:
    session = book()
    assert [line.split()[0] for line in deliver(SENT)] == ["Your", "REQUEST"]
    invite = sent("calendar")
    assert not is_news(session, now=LATER)
    assert take(read_fixture(name), now=LATER).kind == "bounce"
    status = "5.1.10" if name == "bounce-exchange" else "5.1.1"
    assert state(invite) == ("failed", f"failed: returned ({status})")
    assert calls() == ["changes"]
    assert is_news(Session.objects.get(pk=session.pk), now=LATER)
    courses.move(session, START + timedelta(days=1), now=LATER)
    assert deliver(LATER + timedelta(minutes=3)) == []


def test_a_mail_that_came_back_twice_failed_once() -> None:
    book()
    deliver(SENT)
    sent("calendar")
    take(read_fixture("bounce-postfix"), now=LATER)
    before = every_row(but={"Inbound"})
    take(read_fixture("bounce-gmail"), now=LATER)
    assert every_row(but={"Inbound"}) == before


def test_a_course_calendar_that_came_back_tells_nothing_of_what_it_listed() -> None:
    session = book(days=40)
    deliver(SENT)
    sent("course_summary")
    take(read_fixture("bounce-postfix"), now=LATER)
    assert calls() == ["course_summary"]
    assert is_news(Session.objects.get(pk=session.pk), now=LATER)


def test_a_cancellation_that_came_back_leaves_a_patient_who_still_means_to_come() -> None:
    session = book()
    deliver(SENT)
    courses.cancel(session, now=SENT)
    assert [line.split()[0] for line in deliver(LATER)] == ["CANCEL"]
    cancellation = Notice.objects.filter(kind="calendar", status="sent").latest("pk")
    Notice.objects.filter(pk=cancellation.pk).update(message_id=MESSAGE_ID)
    take(read_fixture("bounce-postfix"), now=LATER)
    assert calls() == ["changes"]
    assert is_news(Session.objects.get(pk=session.pk), now=LATER)


def test_a_call_makes_up_for_what_came_back() -> None:
    session = book()
    deliver(SENT)
    sent("calendar")
    take(read_fixture("bounce-postfix"), now=LATER)
    call = Notice.objects.get(channel="call", status="due")
    mark_called(call, now=LATER, by=factories.make_user())
    assert not is_news(Session.objects.get(pk=session.pk), now=LATER)


def test_a_delay_is_noted_and_changes_nothing_else() -> None:
    book()
    deliver(SENT)
    invite = sent("calendar")
    before = every_row(but={"Inbound", "Notice"})
    assert became(take(read_fixture("delay-postfix"), now=LATER)) == ("bounce", "sent; delayed on its way (4.4.1)")
    assert state(invite) == ("sent", "sent; delayed on its way (4.4.1)")
    assert (every_row(but={"Inbound", "Notice"}), calls()) == (before, [])


def test_a_complaint_ends_mail_to_that_address_and_what_it_said_stays_said() -> None:
    session = book()
    deliver(SENT)
    invite = sent("calendar")
    assert became(take(read_fixture("complaint"), now=LATER)) == ("bounce", "failed: reported as unwanted")
    assert (state(invite)[0], calls()) == ("failed", [])
    courses.move(session, START + timedelta(days=1), now=LATER)
    assert (deliver(LATER + timedelta(minutes=3)), calls()) == ([], ["changes"])


def test_a_report_about_no_message_of_ours_is_left_alone() -> None:
    book()
    deliver(SENT)
    before = every_row(but={"Inbound"})
    found = became(take(read_fixture("bounce-postfix"), now=LATER))
    assert found == ("left alone", "a report about no message of ours")
    assert every_row(but={"Inbound"}) == before


def test_an_attempt_that_went_out_under_another_id_is_known_by_its_copy() -> None:
    book()
    deliver(SENT)
    invite = Notice.objects.get(kind="calendar", status="sent")
    NoticeCopy.objects.create(
        notice=invite, message_id=MESSAGE_ID, recipient=invite.recipient, text="", written_at=SENT
    )
    take(read_fixture("bounce-postfix"), now=LATER)
    assert state(invite)[0] == "failed"


def test_every_mail_of_ours_names_its_id_where_relays_leave_it() -> None:
    book()
    mail.outbox.clear()
    delivery.deliver_due(now=SENT)
    headers = [message.message() for message in mail.outbox]
    assert [one["X-Cadence-Message-ID"] for one in headers] == [one["Message-ID"] for one in headers]
    assert len(headers) == 2


def test_an_announcement_told_again_is_in_no_doubt() -> None:
    session = book()
    deliver(SENT)
    sent("calendar")
    take(read_fixture("bounce-postfix"), now=LATER)
    assert list(Announcement.objects.values_list("came_back", flat=True)) == [True]
    patient = session.patient
    patient.email = "ines@new.example"
    patient.save()
    deliver(LATER + timedelta(minutes=3))
    assert [line.split()[0] for line in deliver(LATER + timedelta(minutes=6))] == ["REQUEST"]
    assert list(Announcement.objects.values_list("came_back", "invited_to")) == [(False, "ines@new.example")]
