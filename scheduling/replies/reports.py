"""What came back of a message of ours: delivery status reports (RFC 3464) and complaints (RFC 5965)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message

from scheduling.replies.mail import Bounce, Left
from scheduling.replies.parsing import inside, parse

STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
RETURNED = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}
# Ours, as a relay that writes its own Message-ID over it leaves it (Amazon SES does).
NAMED_IN = ("Message-ID", "X-Cadence-Message-ID")
MOST_IDS = 20
SPAM = "spam"


def is_report(message: Message, parts: Iterable[Message]) -> bool:
    kinds = {part.get_content_type() for part in parts}
    return bool(kinds & {"message/delivery-status", "message/feedback-report"})


def read_report(message: Message, parts: list[Message]) -> Bounce | Left:
    ids = tuple(dict.fromkeys([*ids_returned(parts), *ids_answered(message)]))[:MOST_IDS]
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return Bounce(ids, SPAM, is_final=True)
    blocks = [block for part in parts for block in blocks_of(part)]
    failures = [failure for block in blocks if (failure := read_failure(block))]
    if not failures:
        return Left.REPORT if any(block.get("Action") for block in blocks) else Left.UNREADABLE_REPORT
    status, is_final = max(failures, key=lambda failure: failure[1])
    return Bounce(ids, status, is_final=is_final)


def blocks_of(part: Message) -> list[Message]:
    """One of the whole report and one for each recipient."""
    return inside(part) if part.get_content_type() == "message/delivery-status" else []


def read_failure(block: Message) -> tuple[str, bool] | None:
    """The status and whether nobody tries any more: RFC 3464 2.3.3 says `failed` only of what is given up."""
    action = str(block.get("Action", "")).partition("(")[0].strip().lower()
    match = STATUS.match(str(block.get("Status", "")))
    status = match[1] if match else ""
    if action == "failed":
        return status or "5.0.0", True
    if action == "delayed":
        return status or "4.0.0", False
    if action or not status or status.startswith("2"):
        return None
    return status, status.startswith("5")


def ids_returned(parts: Iterable[Message]) -> list[str]:
    """Of the message that is enclosed, whole or by its headers."""
    found = []
    for part in parts:
        if part.get_content_type() in RETURNED:
            enclosed = enclosed_in(part)
            found += [text for name in NAMED_IN for text in ids_in(enclosed.get(name))]
    return found


def enclosed_in(part: Message) -> Message:
    """Headers in Base64 are parsed only here."""
    if part.is_multipart():
        return next(iter(inside(part)), Message())
    content = part.get_payload(decode=True)
    return parse(content if isinstance(content, bytes) else b"")


def ids_answered(message: Message) -> list[str]:
    """Exchange and Gmail write a report as an answer to the message."""
    return [*ids_in(message.get("In-Reply-To")), *ids_in(message.get("References"))]


def ids_in(value: object) -> list[str]:
    return MESSAGE_ID.findall(str(value or "")[:5000])
