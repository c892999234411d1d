"""From the bytes of a mail to what it was.

Whoever knows the address can send anything here, so every step is bounded before it begins: bytes, parts, headers,
lines, components, the rules of a time zone. Nothing in it raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from scheduling.replies.calendar_object import NotReadable, Reply, read_calendar_object
from scheduling.replies.mail import Bounce, CalendarReply, Left, Mail, fold
from scheduling.replies.parsing import TooComplex, inside, parse, text_of
from scheduling.replies.reports import is_report, read_report
from scheduling.replies.written import words_written

MOST_BYTES = 256 * 1024
MOST_PARTS = 100
MOST_HEADERS = 500
MOST_LINE_ENDS = 50_000  # a line has two; Base64 of this size has 7,000
LONGEST_ADDRESS_LINE = 1000
# What the parsers of the standard library and of icalendar raise on malformed input.
MALFORMED = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, RecursionError, MessageError,
)  # fmt: skip
BULK = {"bulk", "junk", "list", "auto_reply"}


def read_mail(raw: bytes) -> Mail:
    if len(raw) > MOST_BYTES:
        return Left.TOO_LARGE
    head = raw.partition(b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n")[0]
    ends = raw.count(b"\r") + raw.count(b"\n")
    if raw.count(b"\n--") > MOST_PARTS or head.count(b"\n") > MOST_HEADERS or ends > MOST_LINE_ENDS:
        return Left.TOO_COMPLEX
    try:
        message = parse(raw)
        parts = list(walk(message))
    except TooComplex:
        return Left.TOO_COMPLEX
    except MALFORMED:
        return Left.UNREADABLE
    if is_report(message, parts):
        try:
            return read_report(message, parts)
        except MALFORMED:
            return Left.UNREADABLE_REPORT
    try:
        return read_calendar(message, parts)
    except MALFORMED:
        return Left.UNREADABLE


def walk(message: Message) -> Iterator[Message]:
    """The parts of this mail, not those of a mail inside it: a forwarded reply is somebody else's. Without recursion.

    In a part that is a mail or a report, the standard library keeps what is inside as a list, too.
    """
    waiting = [message]
    while waiting:
        part = waiting.pop(0)
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting = [*inside(part), *waiting]
        else:
            yield part


def read_calendar(message: Message, parts: list[Message]) -> CalendarReply | Bounce | Left:
    found = Left.AUTOMATIC if is_automatic(message) else Left.HUMAN
    for part in parts:
        if not is_calendar(part):
            continue
        try:
            reply = read_calendar_object(text_of(part), mime_method=str(part.get_param("method") or ""))
        except NotReadable:
            found = Left.UNREADABLE
            continue
        if reply is None:
            found = Left.CALENDAR if found is not Left.UNREADABLE else found
            continue
        return address_reply(message, parts, reply)
    return found


def is_calendar(part: Message) -> bool:
    """Some clients send the object as an attachment alone, under whatever type their system gives an .ics file."""
    if part.get_content_type() in {"text/calendar", "application/ics"}:
        return True
    return (part.get_filename() or "").lower().endswith(".ics")


def address_reply(message: Message, parts: list[Message], reply: Reply) -> CalendarReply | Left:
    """Which of the attendees speaks: the one who sent the mail."""
    senders = frozenset(addresses_in(message, "From") + addresses_in(message, "Sender"))
    speaking = [person for person in reply.attendees if person.address in senders] or list(reply.attendees[:1])
    if not senders or not speaking:
        return Left.UNREADABLE
    return CalendarReply(
        method=reply.method,
        uid=reply.uid,
        senders=senders,
        attendee=speaking[0].address,
        partstat=speaking[0].partstat,
        sequence=reply.sequence,
        stamped_at=reply.stamped_at,
        start=reply.start,
        comment=words_written(
            parts, [reply.comment, speaking[0].comment], product=reply.product, sender=sender_in(message)
        ),
        is_automatic=is_answering_machine(message),
    )


def addresses_in(message: Message, name: str) -> list[str]:
    """Empty where the line is longer than any real one: nested comments in it would be read by recursion."""
    lines = message.get_all(name, [])
    if len(lines) != 1 or len(str(lines[0])) > LONGEST_ADDRESS_LINE:
        return []
    line = decoded(lines[0])
    return [fold(address) for _name, address in getaddresses([line]) if "@" in address]


def sender_in(message: Message) -> str:
    """With the name, if it says one."""
    return " ".join(decoded(line) for line in message.get_all("From", []) if len(str(line)) <= LONGEST_ADDRESS_LINE)


def decoded(line: str) -> str:
    return str(make_header(decode_header(line)))


def is_automatic(message: Message) -> bool:
    """RFC 3834 5: anything but `no` was not written by a person."""
    return keyword(message, "Auto-Submitted") not in {"", "no"} or is_answering_machine(message)


def is_answering_machine(message: Message) -> bool:
    """An answer that no person asked for.

    `auto-generated` is not one: calendars put it on what a person's click had them write.
    """
    if keyword(message, "Auto-Submitted") == "auto-replied" or keyword(message, "Precedence") in BULK:
        return True
    return bool(message.get("X-Autoreply") or message.get("X-Autorespond"))


def keyword(message: Message, name: str) -> str:
    """The word at the beginning of a header, without its parameters and comments."""
    return str(message.get(name, "")).partition(";")[0].partition("(")[0].strip().lower()
