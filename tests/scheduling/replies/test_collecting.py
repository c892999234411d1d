"""A mailbox on a real IMAP server: each message taken in once, whatever breaks, and people's mail left to people."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from scheduling.models import Inbound, Session
from scheduling.replies import collecting
from scheduling.replies.mailbox import BROKEN, read_account
from scheduling.tasks import collect_replies
from tests.scheduling.messages.sink import free_port
from tests.scheduling.replies.cast import Said, answers, every_row, make_invited, open_calls, read_fixture
from tests.scheduling.replies.imap import Mailbox, address_of, run_mailbox, run_wire

pytestmark = pytest.mark.django_db
PEOPLES = ("human", "out-of-office", "invitation", "forwarded-reply")


@pytest.fixture(scope="module")
def server() -> Iterator[Mailbox]:
    with run_mailbox() as running:
        yield running


@pytest.fixture
def mailbox(server: Mailbox) -> Mailbox:
    with server.look() as client:
        client.delete_messages(client.search("ALL"))
        client.expunge()
    return server


@pytest.fixture
def invited(db: None) -> Session:
    """To a session that is still to come by the clock of the server, which dates what arrives."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    session = make_invited(start=start, end=start + timedelta(minutes=45))
    session.announcement.told_start = start
    session.announcement.save()
    return session


def collect(url: str) -> Counter[str]:
    return collecting.collect(url, now=datetime.now(UTC))


def test_a_mailbox_is_read_once_and_what_people_wrote_stays_unseen(mailbox: Mailbox, invited: Session) -> None:
    mailbox.put(*(read_fixture(name) for name in (*PEOPLES, "gmail-decline", "apple-counter")))
    assert collect(mailbox.url) == {"left alone": 4, "reply": 1, "counter": 1}
    assert mailbox.seen() == [False, False, False, False, True, True]
    assert [answer.kind for answer in answers()] == ["declined", "countered"]
    before = every_row(but=set())
    assert collect(mailbox.url) == {}
    assert every_row(but=set()) == before


def test_a_reply_that_somebody_has_opened_already_is_taken_in(mailbox: Mailbox, invited: Session) -> None:
    mailbox.put(Said(partstat="DECLINED").mail())
    mailbox.read_all()
    assert collect(mailbox.url) == {"reply": 1}
    assert open_calls() == [("answer", "declined")]


def test_a_reply_that_comes_by_mailbox_twice_is_one_answer(mailbox: Mailbox, invited: Session) -> None:
    mailbox.put(Said().mail(), Said().mail())
    assert collect(mailbox.url) == {"reply": 2}
    assert len(answers()) == 1


def test_a_mail_past_the_limit_is_not_fetched(
    mailbox: Mailbox, invited: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.put(b"From: a@mail.example\r\n\r\n" + b"x" * 300_000)
    monkeypatch.delattr("scheduling.replies.mailbox.Folder.read")
    assert collect(mailbox.url) == {"left alone": 1}
    assert list(Inbound.objects.values_list("outcome", flat=True)) == ["larger than 256 KiB"]
    assert mailbox.seen() == [False]


@pytest.mark.parametrize("cut_after", [0, 200, 700, 1000, 1600, 2400, 3200, 4000, 4400])
def test_a_connection_that_breaks_loses_nothing_and_doubles_nothing(
    mailbox: Mailbox, invited: Session, cut_after: int
) -> None:
    """Cut at sign-in, at the list, inside a message, between two, at the marks; then looked into again."""
    mailbox.put(Said().mail(), read_fixture("human"), *(Said(sequence=number).mail() for number in range(2, 6)))
    with run_wire(mailbox.port, cut_after=cut_after) as wire, pytest.raises(BROKEN):
        collect(address_of(wire.port))
    collect(mailbox.url)
    assert Counter(Inbound.objects.values_list("kind", flat=True)) == {"reply": 5, "left alone": 1}
    assert len(answers()) == 5
    assert mailbox.seen() == [True, False, True, True, True, True]


@pytest.mark.parametrize(
    "garble",
    [
        (rb"(\* 1 FETCH \([^\r]*BODY.*?\r\n\w+ )OK UID FETCH completed", rb"\1NO [SERVERBUG] Message cannot be read"),
        (rb"\* 1 FETCH \([^\r]*BODY.*?\r\n(\w+ OK)", rb"* 1 FETCH (BODY[] (\r\n\1"),
        (rb"(\* 1 FETCH \([^\r]*BODY\[\] )\{\d+\}\r\n.*END:VCALENDAR\r\n", rb"\1NIL"),
        (rb"(\* 1 FETCH \([^\r]*RFC822.SIZE) \d+", rb"\1 NIL"),
    ],
    ids=["refused", "nonsense", "no content", "no size"],
)
def test_a_message_that_the_server_cannot_hand_over_holds_up_no_other_and_is_tried_again(
    mailbox: Mailbox, invited: Session, garble: tuple[bytes, bytes]
) -> None:
    mailbox.put(Said(partstat="DECLINED").mail(), Said(sequence=2).mail())
    with run_wire(mailbox.port, garble=garble) as wire:
        url = address_of(wire.port)
        assert collect(url) == {"unreadable": 1, "reply": 1}
        assert collect(url) == {"unreadable": 1}
    assert [answer.kind for answer in answers()] == ["accepted"]
    assert mailbox.seen() == [False, True]
    assert collect(mailbox.url) == {"reply": 1}
    assert sorted(answer.kind for answer in answers()) == ["accepted", "declined"]


def test_a_message_is_taken_in_whole_or_not_at_all(
    mailbox: Mailbox, invited: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies between the answer and the note that the mail was here."""
    mailbox.put(Said(partstat="DECLINED").mail())

    class Killed(BaseException):
        pass

    def die(*args: Any, **kwargs: Any) -> None:
        raise Killed

    monkeypatch.setattr("scheduling.replies.taking_in.keep", die)
    with pytest.raises(Killed):
        collect(mailbox.url)
    assert (answers(), open_calls(), mailbox.seen()) == ([], [], [False])
    monkeypatch.undo()
    assert collect(mailbox.url) == {"reply": 1}
    assert open_calls() == [("answer", "declined")]


def test_one_mail_with_a_fault_of_ours_does_not_hold_up_the_others(
    mailbox: Mailbox, invited: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.put(read_fixture("bounce-postfix"), Said().mail())
    monkeypatch.setattr("scheduling.replies.taking_in.take_bounce", None)
    assert collect(mailbox.url) == {"left alone": 1, "reply": 1}
    assert set(Inbound.objects.values_list("outcome", flat=True)) == {
        "fault TypeError", "Accepted in their calendar",
    }  # fmt: skip
    assert mailbox.seen() == [False, True]


def test_one_mail_that_takes_up_all_the_time_of_the_task_is_not_read_again(
    mailbox: Mailbox, invited: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery raises in whatever runs when the time is up."""

    def never_end(raw: bytes) -> None:
        raise SoftTimeLimitExceeded

    mailbox.put(read_fixture("human"))
    monkeypatch.setattr("scheduling.replies.taking_in.read_mail", never_end)
    assert collect(mailbox.url) == {"left alone": 1}
    monkeypatch.undo()
    mailbox.put(Said().mail())
    assert collect(mailbox.url) == {"reply": 1}
    assert set(Inbound.objects.values_list("outcome", flat=True)) == {
        "fault SoftTimeLimitExceeded", "Accepted in their calendar",
    }  # fmt: skip
    assert mailbox.seen() == [False, True]


def test_the_sweep_says_in_one_line_what_it_found_and_names_nobody(
    mailbox: Mailbox, invited: Session, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="scheduling")
    settings.INBOX_URL = mailbox.url
    mailbox.put(Said().mail(), read_fixture("human"))
    collect_replies()
    settings.INBOX_URL = address_of(free_port())
    collect_replies()
    settings.INBOX_URL = mailbox.url.replace("pass%2Fword", "wrong")
    collect_replies()
    settings.INBOX_URL = ""
    collect_replies()
    ours = [record.getMessage() for record in caplog.records if record.name == "scheduling.tasks"]
    assert ours == [
        "Mail taken in: 1 left alone, 1 reply.",
        "The mailbox could not be read to its end (ConnectionRefusedError).",
        "The mailbox could not be read to its end (LoginError).",
    ]


def test_an_address_with_imaps_never_speaks_in_the_open(mailbox: Mailbox) -> None:
    url = mailbox.url.replace("imap://", "imaps://")
    assert read_account(url).has_tls
    with pytest.raises(OSError):
        collect(url)
