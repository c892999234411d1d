"""From bytes to a message of the standard library, and from a part to its text, in bounded time.

The library reads the parameters of a header in time that grows with the square of its length, and so does one of the
codecs that a part may name.
"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message

# As the library finds header lines, with a line feed, a carriage return or both at their ends, and with their folds.
WITH_PARAMETERS = re.compile(rb"[\r\n]content-(?:type|disposition):[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*", re.I)
LONGEST_HEADER = 2000
LONGEST_HEADERS = 10_000  # of all parts together
CHARSET = re.compile(r"utf-?8|utf-16(le|be)?|(us-)?ascii|iso-?8859-\d{1,2}|windows-125\d|cp125\d", re.I)


class TooComplex(ValueError):
    """Past a limit."""


def parse(raw: bytes) -> Message:
    lengths = [len(found[0]) for found in WITH_PARAMETERS.finditer(b"\n" + raw)]
    if max(lengths, default=0) > LONGEST_HEADER or sum(lengths) > LONGEST_HEADERS:
        raise TooComplex
    return message_from_bytes(raw)


def inside(part: Message) -> list[Message]:
    """What a part consists of. Without asking for it, the library would decode what is no list, in any charset."""
    found = part.get_payload() if part.is_multipart() else []
    return [one for one in found if isinstance(one, Message)] if isinstance(found, list) else []


def text_of(part: Message) -> str:
    """Whatever is in a charset that mail does not need is read as if it were in that of today."""
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    charset = part.get_content_charset("utf-8")
    try:
        return content.decode(charset if CHARSET.fullmatch(charset) else "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")
