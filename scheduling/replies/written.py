"""What a person wrote beside the click, without what their program writes by itself.

Where that is in doubt, it counts as a person's: a call too many is better than words that nobody reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message

from scheduling.replies.parsing import text_of

# Their mails have a text of their own, in every language; what a person adds stands in the calendar object.
WRITES_ITSELF = ("google", "mozilla", "apple", "icloud")
LONGEST = 5000  # of a text that is looked at
MOST_KEPT = 500
STANDARD = re.compile(
    r"(.{1,80} )?(has|ha) (tentatively )?(accepted|declined|answered|aceptado|rechazado|respondido a)"
    r" (your|this|the|tu|su|esta|la) ([\w-]+ )?(invitation|invitación)\W*"
    r"|(tentatively )?(accepted|declined|aceptado|aceptada|rechazado|rechazada)\W*|tentative\W*|provisional\W*",
    re.I,
)
GREETING = re.compile(
    r"((kind|best|warm|many|with kind|with best) )?(regards|wishes|thanks)|thank you|sincerely|cheers|(muchas )?gracias"
    r"|(un )?(cordial )?saludos?( cordial(es)?)?|atentamente|cordialmente|viele grüße|mit freundlichen grüßen"
    r"|(sent from|get) (my|outlook|mail|yahoo)\b.{0,60}|enviado desde mi\b.{0,60}",
    re.I,
)
QUOTED = re.compile(r"[-_]{5,}.*|-- ?")  # what stands below is the invitation, or a signature
ABOVE = "*~*~*~*"  # Exchange repeats time and place above it


def words_written(parts: Iterable[Message], said: Iterable[str], *, product: str, sender: str) -> str:
    """`said` is what the calendar object has of it."""
    names = words_in(sender)
    texts = [*said, "" if is_own_text(product) else plain_text(parts)]
    kept: list[str] = []
    for text in texts:
        words = words_beyond(text[:LONGEST], names)
        if words and not any(words in other for other in kept):
            kept = [*(other for other in kept if other not in words), words]
    return " ".join(kept)[:MOST_KEPT]


def is_own_text(product: str) -> bool:
    return any(name in product.casefold() for name in WRITES_ITSELF)


def plain_text(parts: Iterable[Message]) -> str:
    bodies = (part for part in parts if part.get_content_type() == "text/plain" and not part.get_filename())
    return next((text_of(part) for part in bodies), "")


def words_beyond(text: str, names: set[str]) -> str:
    """In one line, without the name that somebody puts below."""
    kept = []
    for line in text.rpartition(ABOVE)[2].splitlines():
        if QUOTED.fullmatch(line.strip()):
            break
        plain = line.strip().rstrip(",.!")
        if words_in(line) - names and not STANDARD.fullmatch(plain) and not GREETING.fullmatch(plain):
            kept.append(line)
    return " ".join(" ".join(kept).split())


def words_in(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
