"""What is read from a mail: each client's shape, and nothing past the limits."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import datetime
from time import process_time

import pytest

from scheduling.replies.mail import Bounce, CalendarReply, Left
from scheduling.replies.reading import MOST_BYTES, read_mail
from tests.scheduling.replies.cast import CLIENTS, MESSAGE_ID, PATIENT, STAMP, UID, WANTED, Said, read_fixture

GOOGLE = "calendar-notification@google.example"
COMMENTS = {
    "outlook_com-decline": "I am away that week.",
    "outlook_com-counter": "Could we make it Friday afternoon?",
    "exchange-decline": "Leider verhindert, bitte rufen Sie an.",
    "exchange-counter": "Freitag 14 Uhr wäre möglich.",
}


def expected(client: str, act: str, method: str, partstat: str) -> CalendarReply:
    return CalendarReply(
        method=method,
        uid=str(UID),
        senders=frozenset({PATIENT, GOOGLE} if client == "gmail" else {PATIENT}),
        attendee=PATIENT,
        partstat=partstat,
        sequence=1,
        stamped_at=STAMP,
        start=WANTED if method == "COUNTER" else None,
        comment=COMMENTS.get(f"{client}-{act}", ""),
    )


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("act", "partstat"), [("accept", "ACCEPTED"), ("decline", "DECLINED"), ("tentative", "TENTATIVE")]
)
def test_a_reply_is_read_in_the_shape_of_each_client(client: str, act: str, partstat: str) -> None:
    assert read_mail(read_fixture(f"{client}-{act}")) == expected(client, act, "REPLY", partstat)


@pytest.mark.parametrize(
    ("client", "partstat"),
    [("outlook_com", "TENTATIVE"), ("exchange", "DECLINED"), ("gmail", "NEEDS-ACTION"), ("apple", "TENTATIVE")],
)
def test_a_proposed_time_is_the_same_instant_from_utc_a_windows_zone_and_a_zone_of_their_own(
    client: str, partstat: str
) -> None:
    assert read_mail(read_fixture(f"{client}-counter")) == expected(client, "counter", "COUNTER", partstat)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("bounce-postfix", "5.1.1"), ("bounce-exchange", "5.1.10"), ("bounce-gmail", "5.1.1"), ("complaint", "spam"),
    ],
)  # fmt: skip
def test_a_returned_mail_names_our_message(name: str, status: str) -> None:
    assert read_mail(read_fixture(name)) == Bounce((MESSAGE_ID,), status, is_final=True)


def test_a_mail_returned_through_a_relay_that_writes_its_own_message_id_names_ours_as_well() -> None:
    theirs = "<010001954f0c1a2b-5d6e7f80-1111-4222-8333-944455566677-000000@email.ses.example>"
    assert read_mail(read_fixture("bounce-ses")) == Bounce((theirs, MESSAGE_ID), "5.1.1", is_final=True)


def test_a_delayed_mail_is_no_failure() -> None:
    assert read_mail(read_fixture("delay-postfix")) == Bounce((MESSAGE_ID,), "4.4.1", is_final=False)


def test_a_mail_given_up_after_days_is_a_failure_whatever_its_status() -> None:
    """RFC 3464 2.3.3: `failed` is said of what nobody tries any more, also with 4.4.7."""
    raw = read_fixture("bounce-postfix").replace(b"Status: 5.1.1", b"Status: 4.4.7")
    assert read_mail(raw) == Bounce((MESSAGE_ID,), "4.4.7", is_final=True)


def test_a_report_of_a_delivery_is_left_alone() -> None:
    raw = read_fixture("bounce-postfix").replace(b"Action: failed", b"Action: delivered")
    assert read_mail(raw.replace(b"Status: 5.1.1", b"Status: 2.0.0")) == Left.REPORT


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("human", Left.HUMAN),
        ("out-of-office", Left.AUTOMATIC),
        ("forwarded-reply", Left.HUMAN),
        ("invitation", Left.CALENDAR),
    ],
)
def test_what_is_no_reply_is_left_alone(name: str, left: Left) -> None:
    assert read_mail(read_fixture(name)) == left


READ = CalendarReply(
    method="REPLY", uid=str(UID), senders=frozenset({PATIENT}), attendee=PATIENT, partstat="ACCEPTED", sequence=1,
    stamped_at=STAMP,
)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [
        # METHOD in one of the two places is enough; two that differ are no message at all.
        (b"; method=REPLY", b"", READ),
        (b"METHOD:REPLY\r\n", b"", READ),
        (b"; method=REPLY", b"; method=REQUEST", Left.UNREADABLE),
        # The object as a bare attachment, by type or by name.
        (b"Content-Type: text/calendar; charset=utf-8; method=REPLY", b"Content-Type: application/ics", READ),
        (b"text/calendar; charset=utf-8; method=REPLY", b'application/octet-stream; name="Reply.ICS"', READ),
        (b"charset=utf-8", b"charset=no-such-charset", READ),
        (b"mailto:", b"MAILTO:", READ),
        (b"SEQUENCE:1\r\n", b"", replace(READ, sequence=0)),
        (b"SEQUENCE:1", b"SEQUENCE:-4", replace(READ, sequence=0)),
        (b"SEQUENCE:1", b"SEQUENCE:one", Left.UNREADABLE),
        (b"DTSTAMP:20270301T141500Z", b"DTSTAMP:20270301T141500", READ),
        (b"DTSTAMP:20270301T141500Z\r\n", b"", replace(READ, stamped_at=None)),
        (b"UID:3d6f0a5e-7c1b-4f7e-9a52-0b8f6e2d1c47\r\n", b"", Left.UNREADABLE),
        (b"ATTENDEE;", b"X-ATTENDEE;", Left.UNREADABLE),
        (b"From: ines.ibarra@mail.example\r\n", b"", Left.UNREADABLE),
        (b"END:VEVENT\r\n", b"END:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nEND:VEVENT\r\n", Left.UNREADABLE),
        (b"END:VEVENT\r\n", b"BEGIN:VALARM\r\nTRIGGER:garbage\r\nEND:VALARM\r\nEND:VEVENT\r\n", READ),
        (b"Subject:", b"Auto-Submitted: auto-generated\r\nSubject:", READ),
        (b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:", replace(READ, is_automatic=True)),
        (b"Subject:", b"Precedence: bulk\r\nSubject:", replace(READ, is_automatic=True)),
    ],
)
def test_a_reply_is_read_or_left_alone_as_one(old: bytes, new: bytes, read: CalendarReply | Left) -> None:
    raw = Said().mail()
    assert old in raw
    assert read_mail(raw.replace(old, new)) == read


OWN = "PRODID:-//Example//EN"
GOOGLE_NOTE = 'ATTENDEE;X-RESPONSE-COMMENT="it&#39\\;s late: call, please";'


def beside(text: str, *, product: str = "PRODID:-//Example//EN", sender: str = PATIENT, ics: str = "") -> bytes:
    """An acceptance with a text part."""
    calendar = Said().mail().decode().partition("\r\n\r\n")[2].replace(OWN, product)
    head = f'From: {sender}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    body = f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    calendar = calendar.replace("ATTENDEE;", ics or "ATTENDEE;")
    return f"{head}{body}--b\r\nContent-Type: text/calendar; method=REPLY\r\n\r\n{calendar}\r\n--b--\r\n".encode()


@pytest.mark.parametrize(
    ("raw", "comment"),
    [
        (beside("Yes, but I am pregnant.\nPlease call."), "Yes, but I am pregnant. Please call."),
        (beside("Accepted, but call me"), "Accepted, but call me"),
        (beside("My ride has declined"), "My ride has declined"),
        (beside("I have a fever.\n\nBest regards,\nInes\n-- \nIbarra Ltd."), "I have a fever."),
        (beside("Thanks!\nInes Ibarra\nSent from my phone", sender=f"Ines Ibarra <{PATIENT}>"), ""),
        (beside("When: Thu\n*~*~*~*~*\nCall me\n-----Original Appointment-----\nFrom: Riverside"), "Call me"),
        (beside("I fell.", ics="COMMENT:I fell. \r\nATTENDEE;"), "I fell."),
        (beside("Saludos", ics="COMMENT:Saludos\r\nATTENDEE;"), ""),
        *((beside(text), "") for text in ("", "Accepted", "Ines has accepted your invitation.", "Gracias.")),
        (beside("Ines ha aceptado esta invitación\n\nMore lines", product="PRODID:-//Google Inc//EN"), ""),
        (beside("Ines", product="PRODID:-//Google Inc//EN", ics=GOOGLE_NOTE), "it's late: call, please"),
    ],
)
def test_what_a_person_wrote_beside_the_click_is_read_without_what_programs_write(raw: bytes, comment: str) -> None:
    assert read_mail(raw) == replace(READ, comment=comment)


def test_of_several_attendees_the_one_who_wrote_the_mail_speaks() -> None:
    other = b"ATTENDEE;PARTSTAT=DECLINED:mailto:somebody.else@mail.example\r\nATTENDEE;"
    assert read_mail(Said().mail().replace(b"ATTENDEE;", other)) == READ


def test_a_proposed_time_without_a_zone_keeps_its_clock_and_a_whole_day_is_no_time() -> None:
    counter = Said(method="COUNTER", start=WANTED).mail()
    floating = read_mail(counter.replace(b"20270312T190000Z", b"20270312T140000"))
    day = read_mail(counter.replace(b"DTSTART:20270312T190000Z", b"DTSTART;VALUE=DATE:20270312"))
    wanted = replace(READ, method="COUNTER")
    assert floating == replace(wanted, start=datetime(2027, 3, 12, 14))  # noqa: DTZ001 (the clock of the clinic)
    assert day == wanted


def nested(depth: int) -> bytes:
    opening = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return b"From: a@mail.example\r\nMIME-Version: 1.0\r\n" + opening + b"Content-Type: text/plain\r\n\r\nx\r\n"


def zone(rule: str) -> bytes:
    return (
        b"BEGIN:VTIMEZONE\r\nTZID:Own\r\nBEGIN:STANDARD\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:-0400\r\n"
        b"TZOFFSETTO:-0500\r\n" + rule.encode() + b"\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
    )


def with_type(kind: bytes) -> bytes:
    return b"From: a@mail.example\r\nMIME-Version: 1.0\r\nContent-Type: " + kind


def report_on(headers: bytes) -> bytes:
    return with_type(
        b"multipart/report; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64encode(headers) + b"\r\n--b--\r\n"
    )  # fmt: skip


HUGE = b"x" * 200_000
LONG_PART = b'--b\r\nContent-Type: text/calendar; a="' + b";" * 1900 + b"\r\n\r\nx\r\n"
HOSTILE = {
    "one byte too many": (b"From: a@mail.example\r\n\r\n".ljust(MOST_BYTES + 1, b"x"), Left.TOO_LARGE),
    "ten thousand parts": (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 10_000, Left.TOO_COMPLEX,
    ),
    "fifty thousand headers": (b"a:\r\n" * 50_000 + b"\r\n", Left.TOO_COMPLEX),
    "parts inside parts": (nested(90), Left.HUMAN),
    "parts far inside parts": (nested(2000), Left.TOO_COMPLEX),
    "a sender in a thousand brackets": (
        Said(sender="(" * 5000 + PATIENT).mail(), Left.UNREADABLE,
    ),
    "six components": (
        Said().mail().replace(b"END:VEVENT", b"BEGIN:VALARM\r\nEND:VALARM\r\n" * 5 + b"END:VEVENT"), Left.UNREADABLE,
    ),
    "components inside components": (
        Said().mail().replace(b"END:VEVENT", b"BEGIN:VALARM\r\n" * 4 + b"END:VALARM\r\n" * 4 + b"END:VEVENT"),
        Left.UNREADABLE,
    ),
    "a hundred thousand components": (
        Said().mail().replace(b"BEGIN:VEVENT", b"BEGIN:X\r\n" * 20_000 + b"BEGIN:VEVENT"), Left.UNREADABLE,
    ),
    "ten thousand attendees": (
        Said().mail().replace(b"ATTENDEE;", b"ATTENDEE:a\r\n" * 10_000 + b"ATTENDEE;"), Left.UNREADABLE,
    ),
    "a zone that counts seconds": (
        Said(method="COUNTER").mail().replace(b"BEGIN:VEVENT\r\n", zone("RRULE:FREQ=SECONDLY"))
        .replace(b"DTSTART:20270311T150000Z", b"DTSTART;TZID=Own:20270311T100000"),
        replace(READ, method="COUNTER", start=datetime.fromisoformat("2027-03-11T15:00:00Z")),
    ),
    "a description without end": (
        Said().mail().replace(b"END:VEVENT", b"DESCRIPTION:" + HUGE + b"\r\nEND:VEVENT"), READ,
    ),
    "a uid without end": (Said().mail().replace(b"UID:", b"UID:" + HUGE), None),
    "parameters that are no end": (with_type(b'text/calendar; a="' + b";" * 255_000), Left.TOO_COMPLEX),
    "parameters on lines of their own": (with_type(b'text/calendar; a="' + b";\r\n " * 60_000), Left.TOO_COMPLEX),
    "parameters between carriage returns": (
        b"MIME-Version: 1.0\rcOntent-tYpe: text/calendar\r\t; a=\"" + b";" * 250_000 + b"\r\rx", Left.TOO_COMPLEX,
    ),
    "empty parameters": (with_type(b"text/calendar" + b";" * 255_000), Left.TOO_COMPLEX),
    "numbered parameters": (
        with_type(b"text/calendar" + b"".join(b";a*%d=b" % number for number in range(25_000))), Left.TOO_COMPLEX,
    ),
    "a name without end": (with_type(b"text/x\r\nContent-Disposition: a" + b";" * 255_000), Left.TOO_COMPLEX),
    "parameters in a mail in the mail": (
        with_type(b'message/rfc822\r\n\r\nContent-Type: multipart/x; a="' + b";" * 250_000), Left.TOO_COMPLEX,
    ),
    "parameters in Base64": (report_on(b'Content-Type: multipart/x; a="' + b";" * 150_000), Left.UNREADABLE_REPORT),
    "long parameters in each of many parts": (
        with_type(b"multipart/mixed; boundary=b\r\n\r\n" + LONG_PART * 90), Left.TOO_COMPLEX,
    ),
    "as many as are read": (
        with_type(b"multipart/mixed; boundary=b\r\n\r\n" + LONG_PART * 5), Left.CALENDAR,
    ),
    "punycode": (with_type(b"text/calendar; charset=punycode\r\n\r\n" + b"b" * 255_000), Left.CALENDAR),
    "punycode that nobody reads": (
        with_type(b"text/plain; charset=punycode\r\n\r\n" + b"b" * 255_000 + b"\xff"), Left.HUMAN,
    ),
    "punycode in a report": (
        with_type(b"text/rfc822-headers; charset=punycode\r\n\r\n" + b"b" * 255_000 + b"\xff"), Left.HUMAN,
    ),
    "an encoding without end": (
        with_type(b"text/calendar\r\nContent-Transfer-Encoding: " + b"\xff;" * 120_000 + b"\r\n\r\nx"), Left.CALENDAR,
    ),
    "keywords without end": (
        b"Auto-Submitted: " + b"\xff(" * 60_000 + b"\r\nPrecedence: " + b"=?a?q?b?= " * 12_000, Left.AUTOMATIC,
    ),
    "lines in uuencode": (
        with_type(b"text/calendar\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666 a\r\n" + b"M\r\n" * 80_000),
        Left.TOO_COMPLEX,
    ),
    "nothing": (b"", Left.HUMAN),
    "zeros": (b"\0" * 100_000, Left.HUMAN),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_mail_takes_longer_than_a_fifth_of_a_second(name: str) -> None:
    raw, read = HOSTILE[name]
    begun = process_time()
    found = read_mail(raw)
    assert process_time() - begun < 0.2
    assert read is None or found == read
