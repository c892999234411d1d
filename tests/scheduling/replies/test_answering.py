"""What a calendar reply does, and all that it does not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from scheduling.answers import latest_answer, record_answer
from scheduling.models import Announcement, Answer, Driver, Inbound, Notice, Session
from tests import factories
from tests.scheduling.messages import cast as courses
from tests.scheduling.replies.cast import (
    CLIENTS,
    NOW,
    PATIENT,
    STAMP,
    START,
    UID,
    WANTED,
    Said,
    answers,
    became,
    every_row,
    make_invited,
    open_calls,
    read_fixture,
    say,
    take,
)

pytestmark = pytest.mark.django_db
WRITTEN = {"Inbound", "Answer"}


def facts(answer: Answer) -> dict[str, Any]:
    fields = ("kind", "source", "sequence", "wanted_start", "comment", "is_stale", "needs_staff", "given_at")
    return {field: getattr(answer, field) for field in fields}


def given(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "kind": kind, "source": "calendar", "sequence": 1, "wanted_start": None, "comment": "", "is_stale": False,
        "needs_staff": False, "given_at": NOW, **fields,
    }  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("act", "kind", "needs_staff"),
    [("accept", "accepted", False), ("decline", "declined", True), ("tentative", "tentative", False)],
)
def test_a_reply_of_each_client_becomes_one_answer(client: str, act: str, kind: str, needs_staff: bool) -> None:
    session = make_invited()
    raw = read_fixture(f"{client}-{act}")
    inbound = take(raw)
    take(raw)
    take(raw.replace(b"MIME-Version", b"Received: from another.way.example\r\nMIME-Version"))
    [answer] = answers()
    assert facts(answer) == given(kind, needs_staff=needs_staff, comment=answer.comment)
    assert (inbound.kind, inbound.session, inbound.patient) == ("reply", session, session.patient)
    assert open_calls() == ([("answer", "declined")] if needs_staff else [])


@pytest.mark.parametrize("client", ["outlook_com", "exchange", "gmail", "apple"])
def test_a_proposed_time_becomes_a_wish_a_call_and_a_mail_that_declines_it(client: str) -> None:
    make_invited()
    raw = read_fixture(f"{client}-counter")
    assert take(raw).kind == "counter"
    take(raw)
    [answer] = answers()
    assert facts(answer) == given("countered", needs_staff=True, wanted_start=WANTED, comment=answer.comment)
    assert open_calls() == [("answer", "countered")]
    assert list(Notice.objects.values_list("kind", "channel", "answer")) == [
        ("answer", "call", answer.pk), ("decline_counter", "email", answer.pk),
    ]  # fmt: skip


@pytest.mark.parametrize("start", ["00010101T000000", "99991231T235959", "20270227T000000", "20290401T000000"])
@pytest.mark.parametrize("form", ["DTSTART:{}Z", "DTSTART:{}", "DTSTART;TZID=America/New_York:{}"])
def test_a_proposed_time_that_nobody_can_mean_is_a_call_without_a_time(client: Client, form: str, start: str) -> None:
    session = make_invited()
    raw = Said(method="COUNTER", start=WANTED).mail()
    assert take(raw.replace(b"DTSTART:20270312T190000Z", form.format(start).encode())).kind == "counter"
    assert [facts(answer) for answer in answers()] == [given("countered", needs_staff=True)]
    assert open_calls() == [("answer", "countered")]
    pages = [reverse("admin:desk_call_list"), reverse("admin:scheduling_session_change", args=[session.pk])]
    with time_machine.travel(NOW, tick=False):
        client.force_login(factories.make_user(sites=(session.site,)))
        assert [client.get(page).status_code for page in pages] == [200, 200]


@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED", "TENTATIVE"])
def test_a_reply_changes_no_other_row(partstat: str) -> None:
    """A mail is easily forged: sessions, holds, drivers and what the patient was told stay as they were."""
    session = make_invited()
    Driver.objects.create(session=session, status="named", name="Sam", phone="+15550199", changed_at=NOW)
    before = every_row(but={*WRITTEN, "Notice"})
    say(partstat=partstat)
    assert every_row(but={*WRITTEN, "Notice"}) == before
    assert list(Notice.objects.values_list("kind", "channel")) == [("answer", "call")] * (partstat == "DECLINED")


@pytest.mark.parametrize(
    "fields",
    [
        {"sender": "eve@mail.example"},
        {"attendee": "eve@mail.example"},
        {"sender": "eve@mail.example", "attendee": "eve@mail.example"},
        {"uid": uuid4()},
        {"partstat": "NEEDS-ACTION"},
        {"partstat": "DELEGATED"},
    ],
)
def test_a_reply_of_somebody_else_or_to_nothing_of_ours_is_left_alone(fields: dict[str, Any]) -> None:
    make_invited()
    before = every_row(but={"Inbound"})
    assert say(**fields).kind == "left alone"
    assert every_row(but={"Inbound"}) == before


def test_whoever_is_not_invited_any_more_cannot_answer() -> None:
    session = make_invited()
    Announcement.objects.filter(session=session).update(invited_to="", invited_sequence=None)
    assert became(say(partstat="DECLINED")) == ("left alone", "answers no event of ours")


def test_an_event_that_was_called_off_and_invited_to_anew_answers_under_its_new_uid() -> None:
    session = make_invited()
    anew = uuid4()
    Announcement.objects.filter(session=session).update(event_uid=anew)
    assert became(say(partstat="DECLINED")) == ("left alone", "answers no event of ours")
    assert became(say(partstat="DECLINED", uid=anew)) == ("reply", "Declined in their calendar")


def test_addresses_and_uids_are_compared_without_regard_to_case() -> None:
    make_invited(email="INES.Ibarra@Mail.example")
    raw = Said(attendee="ines.IBARRA@mail.example", sender='"Ibarra, Ines" <Ines.Ibarra@MAIL.example>').mail()
    assert became(take(raw.replace(str(UID).encode(), str(UID).upper().encode()))) == (
        "reply", "Accepted in their calendar",
    )  # fmt: skip


def test_a_reply_to_the_time_before_is_kept_and_does_not_speak_for_the_new_one() -> None:
    session = make_invited(sequence=2)
    assert became(say(partstat="DECLINED")) == ("reply", "Declined in their calendar, for an earlier time")
    [answer] = answers()
    assert facts(answer) == given("declined", is_stale=True)
    assert (latest_answer(session), open_calls()) == (None, [])


def test_an_answer_goes_stale_when_the_session_moves_on() -> None:
    session = make_invited()
    say()
    assert latest_answer(session) == answers()[0]
    courses.change(session, now=NOW, **courses.span(START + timedelta(days=1), minutes=45, timezone=session.timezone))
    assert latest_answer(session) is None


def test_a_session_moved_and_moved_back_is_what_the_calendar_shows() -> None:
    """The patient was rightly told nothing, so the calendar answers under the older SEQUENCE."""
    session = make_invited()
    Session.objects.filter(pk=session.pk).update(sequence=3)
    say(partstat="DECLINED")
    [answer] = answers()
    assert facts(answer) == given("declined", sequence=3, needs_staff=True)


def test_a_client_that_raises_sequence_by_itself_answers_the_session_as_it_stands() -> None:
    make_invited()
    say(sequence=7)
    [answer] = answers()
    assert facts(answer) == given("accepted")


@pytest.mark.parametrize("fields", [{"status": "cancelled"}, {"status": "arrived"}])
def test_a_decline_of_what_is_not_to_come_any_more_is_no_work(fields: dict[str, Any]) -> None:
    make_invited(**fields)
    say(partstat="DECLINED")
    assert ([answer.kind for answer in answers()], open_calls()) == (["declined"], [])


def test_a_decline_after_the_start_is_no_work() -> None:
    make_invited()
    say(partstat="DECLINED", now=START + timedelta(minutes=1))
    assert open_calls() == []


@pytest.mark.parametrize("fields", [{}, {"sequence": 2}, {"status": "arrived"}])
@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_words_beside_an_acceptance_are_a_call_until_somebody_has_read_them(
    partstat: str, fields: dict[str, Any]
) -> None:
    make_invited(**fields)
    said = Said(partstat=partstat).mail().replace(b"END:VEVENT", b"COMMENT:I have a fever.\r\nEND:VEVENT")
    take(said)
    assert open_calls() == [("answer", partstat.lower())]
    assert [answer.comment for answer in answers()] == ["I have a fever."]
    say(sequence=2, at=STAMP + timedelta(minutes=5))
    assert open_calls() == [("answer", partstat.lower())]


def test_a_proposal_for_an_earlier_time_with_words_is_a_call_and_gets_no_mail() -> None:
    make_invited(sequence=2)
    said = Said(method="COUNTER", start=WANTED).mail()
    take(said.replace(b"END:VEVENT", b"COMMENT:I have a fever.\r\nEND:VEVENT"))
    assert open_calls() == [("answer", "countered")]
    assert not Notice.objects.filter(kind="decline_counter").exists()


def test_words_of_an_answering_machine_are_no_work() -> None:
    make_invited()
    said = Said(headers="Auto-Submitted: auto-replied").mail()
    take(said.replace(b"END:VEVENT", b"COMMENT:Out of office.\r\nEND:VEVENT"))
    assert (open_calls(), [answer.comment for answer in answers()]) == ([], ["Out of office."])


def test_the_later_answer_of_a_calendar_takes_back_the_call() -> None:
    session = make_invited()
    say(partstat="DECLINED")
    assert open_calls() == [("answer", "declined")]
    say(partstat="ACCEPTED", at=STAMP + timedelta(minutes=5))
    assert open_calls() == []
    latest = latest_answer(session)
    assert latest is not None
    assert latest.kind == "accepted"
    assert [answer.handled_how for answer in answers()] == ["Their calendar has answered again", ""]


def test_a_proposed_time_stays_a_wish_when_the_calendar_says_tentative_after_it() -> None:
    make_invited()
    say(method="COUNTER", start=WANTED)
    say(partstat="TENTATIVE", at=STAMP + timedelta(seconds=1))
    assert open_calls() == [("answer", "countered")]


def test_a_reply_never_takes_back_what_the_patient_said_on_their_page() -> None:
    session = make_invited()
    record_answer(
        patient=session.patient, session=session, kind="cannot_come", source="page", key="page:1", now=NOW,
        sequence=1, needs_staff=True,
    )  # fmt: skip
    say(partstat="ACCEPTED", at=NOW)
    assert open_calls() == [("answer", "cannot_come")]


def test_a_stamp_from_the_future_does_not_outlive_the_answers_to_come() -> None:
    session = make_invited()
    say(partstat="DECLINED", at=datetime.fromisoformat("2099-01-01T00:00:00Z"))
    say(partstat="ACCEPTED", at=NOW + timedelta(minutes=1), now=NOW + timedelta(minutes=2))
    latest = latest_answer(session)
    assert latest is not None
    assert latest.kind == "accepted"


def test_machines_that_propose_to_each_other_stop() -> None:
    make_invited()
    for minute in range(5):
        say(method="COUNTER", start=WANTED + timedelta(minutes=minute), at=STAMP + timedelta(minutes=minute))
    assert Notice.objects.filter(kind="decline_counter").count() == 3


@pytest.mark.parametrize("headers", ["Auto-Submitted: auto-replied", "Precedence: bulk", "X-Autoreply: yes"])
def test_a_proposal_of_an_answering_machine_is_shown_and_gets_no_mail(headers: str) -> None:
    make_invited()
    say(method="COUNTER", start=WANTED, headers=headers)
    assert open_calls() == [("answer", "countered")]
    assert not Notice.objects.filter(kind="decline_counter").exists()


def test_what_is_kept_of_a_mail_names_nobody() -> None:
    make_invited()
    say(partstat="DECLINED", sender=f"Ines Ibarra <{PATIENT}>")
    say(sender="eve@mail.example")
    take(read_fixture("human"))
    assert sorted(Inbound.objects.values_list("kind", "outcome")) == [
        ("left alone", "not from the address that was invited"),
        ("left alone", "written by a person"),
        ("reply", "Declined in their calendar"),
    ]
