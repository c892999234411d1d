"""An event leaves a calendar once, under the UID it had there, and never comes again under that UID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from clinic.models import Patient, Site, User
from scheduling import feeds
from scheduling.answers import latest_answer, record_answer
from scheduling.messages import call_list, delivery, outbox
from scheduling.messages.beginning import begin
from scheduling.messages.claiming import claim_due
from scheduling.messages.contacts import courses_out_of_reach, follow_contact, follow_contacts
from scheduling.messages.links import find_link
from scheduling.messages.sms.stopping import stop_texts
from scheduling.models import Course, Notice, NoticeStatus, Session, SessionStatus
from scheduling.patient.acts import confirm
from scheduling.patient.opening import LinkState, state_of
from tests import factories
from tests.scheduling import driving
from tests.scheduling.messages import cast, mailbox
from tests.scheduling.messages.texting import make_texted, nine, ten
from tests.scheduling.messages.twilio_stand_in import StandIn

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NOW = factories.NOW
LATER = NOW + timedelta(hours=1)
NEW = "new@mail.example"
Sent = tuple[str, str, str]  # to whom, METHOD or else the subject, UID


def deliver(*moments: datetime) -> list[Sent]:
    found = []
    for now in moments:
        mail.outbox.clear()
        delivery.deliver_due(now=now)
        found += [describe(message) for message in mail.outbox]
    return found


def describe(message: mail.EmailMessage) -> Sent:
    event = mailbox.read_event(message)
    said = (str(message.subject), "") if event is None else (str(event["METHOD"]), str(event["UID"]))
    return (message.to[0], *said)


@contextmanager
def sending(*, now: datetime) -> Iterator[None]:
    """What is due is written and on its way while the block runs."""
    mail.outbox.clear()
    with delivery.PostOffice() as office:
        run = delivery.Run(office, delivery.start_clock(now))
        written = begin(delivery.compose_lot(claim_due(now=now, limit=9), run, now), now=now)
        yield
        for notice, letter in written:
            delivery.send(notice, letter, run, now)


def uids(sent: list[Sent], method: str) -> set[str]:
    return {uid for _to, said, uid in sent if said == method}


def first(course: Course) -> Session:
    session = Session.objects.filter(course=course).order_by("start").first()
    assert session is not None
    return session


def move_to(patient: Patient, email: str) -> None:
    Patient.objects.filter(pk=patient.pk).update(email=email)


def greylist() -> None:
    """The address takes the withdrawal some minutes later."""
    rows = Notice.objects.filter(kind="withdrawal", status=NoticeStatus.DUE)
    rows.update(due_at=LATER + 5 * MINUTE, attempts=1)


@transaction.atomic
def change(course: Course, *, now: datetime, **fields: Any) -> None:
    session = first(course)
    cast.change(session, now=now, **fields)
    outbox.sessions_changed(course, [session], now=now)


def token_in_mail() -> str:
    [found] = [found for message in mail.outbox if (found := re.search(r"/v/([\w-]{22})", str(message.body)))]
    return found[1]


def state(token: str, *, now: datetime) -> LinkState | None:
    link = find_link(token)
    return None if link is None else state_of(link, now=now)


def is_open(token: str, *, now: datetime) -> bool:
    return state(token, now=now) == LinkState.OPEN


def is_dead(token: str, *, now: datetime) -> bool:
    """Unknown where another link has taken its place."""
    return state(token, now=now) in {None, LinkState.CLOSED}


@pytest.fixture
def patient(site: Site) -> Patient:
    return factories.make_patient(site=site, phone="+12125550101")


@pytest.fixture
def known(patient: Patient) -> set[str]:
    """The UID of the one event in the patient's calendar."""
    cast.book(patient, [nine(5), nine(30)], now=NOW)
    found = uids(deliver(NOW + 3 * MINUTE), "REQUEST")
    assert len(found) == 1
    return found


def test_two_deliverers_that_follow_one_new_address_withdraw_once(patient: Patient, known: set[str]) -> None:
    move_to(patient, NEW)
    for course in [*courses_out_of_reach(now=LATER), *courses_out_of_reach(now=LATER)]:
        follow_contact(course, now=LATER)
    sent = deliver(LATER, LATER + 5 * MINUTE)
    assert [(to, uid in known) for to, said, uid in sent if said == "CANCEL"] == [(patient.email, True)]
    assert [(to, uid in known) for to, said, uid in sent if said == "REQUEST"] == [(NEW, False)]


def test_an_address_that_takes_its_withdrawal_later_gets_one(patient: Patient, known: set[str]) -> None:
    move_to(patient, NEW)
    follow_contacts(now=LATER)
    greylist()
    sent = deliver(*(LATER + minutes * MINUTE for minutes in (3, 6, 7)))
    assert [(said, uid in known) for to, said, uid in sent if to == patient.email] == [("CANCEL", True)]


def test_a_withdrawal_that_waits_while_the_course_is_written_anew_is_one(site: Site, stand_in: StandIn) -> None:
    patient = make_texted(site)
    old = patient.email
    cast.book(patient, [nine(5), nine(30)], now=NOW)
    known = uids(deliver(NOW + 3 * MINUTE), "REQUEST")
    move_to(patient, NEW)
    follow_contacts(now=LATER)
    patient.refresh_from_db()
    stop_texts(patient, now=LATER + timedelta(seconds=10))
    sent = deliver(LATER + MINUTE, LATER + 2 * MINUTE, LATER + 15 * MINUTE)
    assert [(said, uid in known) for to, said, uid in sent if to == old] == [("CANCEL", True)]


def test_an_address_that_is_back_before_its_withdrawal_went_out_keeps_the_event(
    patient: Patient, known: set[str]
) -> None:
    move_to(patient, "typo@mail.example")
    follow_contacts(now=LATER)
    greylist()
    move_to(patient, patient.email)
    sent = deliver(*(LATER + minutes * MINUTE for minutes in (1, 3, 6, 9, 30)))
    assert uids(sent, "CANCEL") == known
    assert [to for to, said, _uid in sent if said == "REQUEST"] == [patient.email]
    assert not uids(sent, "REQUEST") & known


def test_the_same_time_at_a_new_address_is_no_new_time(patient: Patient, known: set[str]) -> None:
    move_to(patient, NEW)
    follow_contacts(now=LATER)
    deliver(LATER + 3 * MINUTE)
    [subject] = [str(message.subject) for message in mail.outbox if message.to == [NEW]]
    assert subject.startswith("Appointment at ")


def test_a_visit_cancelled_just_after_a_new_address_is_told_there(patient: Patient, known: set[str]) -> None:
    move_to(patient, NEW)
    cast.cancel(first(patient.courses.get()), now=LATER)
    sent = deliver(LATER + MINUTE, LATER + 4 * MINUTE, LATER + 10 * MINUTE)
    assert sent == [
        (patient.email, "CANCEL", *known),
        (NEW, f"Changed appointments at {patient.home_site.public_name}", ""),
    ]


def test_a_new_address_just_after_a_cancellation_is_told_of_it(patient: Patient, known: set[str]) -> None:
    cast.cancel(first(patient.courses.get()), now=LATER)
    move_to(patient, NEW)
    sent = deliver(LATER + MINUTE, LATER + 4 * MINUTE, LATER + 10 * MINUTE)
    assert sent == [
        (patient.email, "CANCEL", *known),
        (NEW, f"Changed appointments at {patient.home_site.public_name}", ""),
    ]


def test_a_visit_cancelled_just_after_a_change_to_paper_leaves_the_calendar_and_is_phoned(
    patient: Patient, known: set[str]
) -> None:
    Patient.objects.filter(pk=patient.pk).update(channel="print")
    cast.cancel(first(patient.courses.get()), now=LATER)
    assert deliver(LATER + MINUTE, LATER + 4 * MINUTE) == [(patient.email, "CANCEL", *known)]
    assert Notice.objects.filter(kind="changes", channel="call", status=NoticeStatus.DUE).count() == 1


def test_an_invite_that_was_due_comes_after_a_subscription_that_ended(patient: Patient) -> None:
    cast.book(patient, [nine(5)], now=NOW)
    opened = NOW + timedelta(seconds=150)
    feeds.open_feed(patient, now=opened)
    assert uids(deliver(opened + MINUTE), "REQUEST") == set()
    patient.refresh_from_db()
    feeds.revoke_feed(patient, now=LATER)
    assert len(uids(deliver(LATER + MINUTE, LATER + 10 * MINUTE), "REQUEST")) == 1


def test_an_event_taken_back_for_a_subscription_comes_back_as_another(patient: Patient) -> None:
    course = cast.book(patient, [nine(30)], now=NOW)
    deliver(NOW + 3 * MINUTE)
    near = cast.add(course, nine(4), number=2, now=LATER)
    Notice.objects.filter(kind="calendar", session=near).update(uncertain=True, recipient=patient.email)
    feeds.open_feed(patient, now=LATER + 3 * MINUTE)
    cancelled = uids(deliver(LATER + 4 * MINUTE, LATER + 6 * MINUTE), "CANCEL")
    patient.refresh_from_db()
    feeds.revoke_feed(patient, now=LATER + 30 * MINUTE)
    invited = uids(deliver(LATER + 40 * MINUTE, LATER + 50 * MINUTE), "REQUEST")
    assert (len(cancelled), len(invited), cancelled & invited) == (1, 1, set())


@pytest.mark.parametrize("is_cancel_sent", [True, False])
def test_a_visit_that_stands_again_is_another_event_at_no_new_time(patient: Patient, is_cancel_sent: bool) -> None:
    """Marked missed by a wrong click before its hour, and undone; also while the CANCEL is on its way."""
    course = cast.book(patient, [nine(1) + timedelta(hours=6), nine(30)], now=NOW)
    known = uids(deliver(NOW + 3 * MINUTE), "REQUEST")
    change(course, now=nine(1), status=SessionStatus.MISSED, missed_reason="no_show")
    if is_cancel_sent:
        assert uids(deliver(nine(1) + 3 * MINUTE), "CANCEL") == known
        change(course, now=nine(1) + 10 * MINUTE, status=SessionStatus.BOOKED, missed_reason="")
    else:
        with sending(now=nine(1) + 3 * MINUTE):
            change(course, now=nine(1) + 3 * MINUTE, status=SessionStatus.BOOKED, missed_reason="")
        assert uids([describe(message) for message in mail.outbox], "CANCEL") == known
    sent = deliver(nine(1) + 15 * MINUTE)
    assert [said for _to, said, _uid in sent] == ["REQUEST"]
    assert not uids(sent, "REQUEST") & known
    assert not str(mail.outbox[0].subject).startswith("New time")


def test_a_new_address_is_no_new_visit(site: Site, clerk: User) -> None:
    """What the patient said stands, and the call about the driver that was made is not to be made again."""
    patient = factories.make_patient(site=site)
    course = driving.book_sedating(patient, [nine(10)], now=NOW)
    deliver(NOW + 3 * MINUTE)
    session = first(course)
    record_answer(patient=patient, session=session, kind="confirmed", source="page", key="k", now=ten(7), sequence=0)
    deliver(ten(7), ten(9))
    call = Notice.objects.get(channel="call", kind="driver_call", status=NoticeStatus.DUE)
    call_list.mark_called(call, now=ten(9) + MINUTE, by=clerk)
    before = driving.calls(course)
    move_to(patient, NEW)
    deliver(ten(9) + 5 * MINUTE)
    session = first(course)
    assert (session.sequence, driving.calls(course), latest_answer(session) is not None) == (0, before, True)


def test_the_link_at_a_former_address_is_dead_and_that_at_the_new_one_is_open(patient: Patient) -> None:
    course = cast.book(patient, [nine(5)], now=NOW)
    deliver(NOW + 3 * MINUTE)
    old = token_in_mail()
    move_to(patient, NEW)
    follow_contacts(now=LATER)
    assert is_dead(old, now=LATER)
    deliver(LATER + 3 * MINUTE)
    assert is_dead(old, now=LATER + 4 * MINUTE)
    assert is_open(token_in_mail(), now=LATER + 4 * MINUTE)
    assert first(course).sequence == 0


def test_the_link_of_a_visit_moved_there_and_back_opens_and_its_answer_is_current(patient: Patient) -> None:
    course = cast.book(patient, [nine(5)], now=NOW)
    deliver(NOW + 3 * MINUTE)
    token = token_in_mail()
    cast.move(first(course), nine(6), now=LATER)
    assert is_dead(token, now=LATER)
    cast.move(first(course), nine(5), now=LATER + timedelta(seconds=30))
    assert deliver(LATER + 10 * MINUTE) == []
    link = find_link(token)
    assert link is not None and is_open(token, now=LATER + 10 * MINUTE)
    confirm(link, now=LATER + 10 * MINUTE)
    assert latest_answer(first(course)) is not None


def test_a_move_that_was_told_and_told_back_kills_the_first_link(patient: Patient) -> None:
    course = cast.book(patient, [nine(5)], now=NOW)
    deliver(NOW + 3 * MINUTE)
    token = token_in_mail()
    cast.move(first(course), nine(6), now=LATER)
    deliver(LATER + 3 * MINUTE)
    cast.move(first(course), nine(5), now=LATER + 5 * MINUTE)
    deliver(LATER + 10 * MINUTE)
    assert is_dead(token, now=LATER + 10 * MINUTE)


def test_a_visit_that_stands_again_after_a_cancel_that_may_have_arrived_is_another_event(
    patient: Patient, known: set[str]
) -> None:
    course = patient.courses.get()
    cast.cancel(first(course), now=LATER)
    with pytest.raises(ConnectionResetError), sending(now=LATER + 3 * MINUTE):
        raise ConnectionResetError
    rows = Notice.objects.filter(kind="calendar", status=NoticeStatus.SENDING)
    assert rows.update(status=NoticeStatus.DUE, claimed_until=None, uncertain=True) == 1
    cast.undo(first(course), now=LATER + 4 * MINUTE)
    sent = deliver(LATER + 7 * MINUTE)
    assert [said for _to, said, _uid in sent] == ["REQUEST"]
    assert not uids(sent, "REQUEST") & known
