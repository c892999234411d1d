"""The letters of a text message (3GPP TS 23.038), so that one message is one segment of 160 and not three of 70."""

from __future__ import annotations

import unicodedata

ONE = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWO = frozenset("\f^{}\\[~]|€")  # each behind an escape
SEGMENT = 160
LIKENESS = str.maketrans("‘’‚“”„«»–—−…·×", '\'\'\'"""""---..x')


def plain(text: str) -> str:
    """The text in these letters: accents that they lack are left out, and so is what has no likeness among them."""
    found = []
    for mark in unicodedata.normalize("NFC", text).translate(LIKENESS):
        if mark in ONE or mark in TWO:
            found.append(mark)
        else:
            found += [part for part in unicodedata.normalize("NFKD", mark).translate(LIKENESS) if part in ONE]
    return "".join(found)


def length(text: str) -> int:
    """In units of a segment; only of plain text."""
    return sum(2 if mark in TWO else 1 for mark in text)


def fits(text: str) -> bool:
    return length(text) <= SEGMENT


def cut(text: str, longest: int) -> str:
    """At most that long, ending with a period where something is missing, preferably after a whole word."""
    if length(text) <= longest:
        return text
    kept = text[: max(longest - 1, 0)]
    while length(kept) > longest - 1:
        kept = kept[:-1]
    whole = kept.rpartition(" ")[0].rstrip(" .,-&/(")
    if len(whole) >= longest // 2:
        return whole
    return f"{kept.rstrip(' .,-&/(')}." if kept else ""
