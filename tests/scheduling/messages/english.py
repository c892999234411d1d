"""Words that a message in Spanish cannot hold."""

from __future__ import annotations

import re

from django.core import mail

ENGLISH = re.compile(
    r"\b(?:the|your?|yours|please|appointments?|at|with|and|or|of|for|to|from|this|these|that|will|we|is|are|if|before|"
    r"after|until|on|by|hours?|minutes?|day|week|time|place|call|cancell?ed|reminder|new|hello|questions?|AM|PM|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october|"
    r"november|december|mon|tue|wed|thu|fri|sat|sun|dec)\b",
    re.IGNORECASE,
)


def words_of(message: mail.EmailMessage) -> str:
    """Subject, text, HTML and event without what is not language: addresses, property names, the clinic's own name."""
    parts = [str(message.subject), str(message.body)]
    for part in getattr(message, "alternatives", ()):
        content = str(part[0])
        if part[1] == "text/html":
            parts.append(re.sub(r"<style.*?</style>|<[^>]*>", " ", content))
        else:
            parts += re.findall(r"^(?:SUMMARY|DESCRIPTION|LOCATION):(.*)$", content, flags=re.MULTILINE)
    text = "\n".join(parts).replace("\\n", "\n")
    return re.sub(r"https?://\S+|Riverside|1 Main Street|Springfield", " ", text)


def english_words(message: mail.EmailMessage) -> list[str]:
    return ENGLISH.findall(words_of(message))
