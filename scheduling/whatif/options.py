"""The words of the command line as a question; each fault is one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

MOST_ADDED = 50
MOST_REFERRALS = 200
MOST_CLOSED_DAYS = 366
CODE = r"[a-z0-9][a-z0-9_-]*"
ADDED = re.compile(rf"({CODE}(?:\+{CODE})*):(\d{{1,4}})")
REFERRALS = re.compile(rf"(\d{{1,4}})x({CODE})")


def read_added(texts: Iterable[str]) -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """Resources to add, each with kind, skills and how many: `tms_device:1,clinician+rems+acls:2`."""
    found = []
    for part in _parts(texts):
        match = ADDED.fullmatch(part)
        if not match or not 1 <= int(match[2]) <= MOST_ADDED:
            form = f"kind:number or kind+skill:number with 1 to {MOST_ADDED}, such as tms_device:1"
            raise ValueError(f"--add takes {form}, not {part!r}.")
        kind, *skills = match[1].split("+")
        found.append((kind, tuple(skills), int(match[2])))
    return tuple(found)


def read_closed(texts: Iterable[str]) -> tuple[date, ...]:
    """Days to close, single ones and ranges with both ends: `2026-12-24,2027-01-04..2027-01-08`."""
    found: set[date] = set()
    for part in _parts(texts):
        first, _, last = part.partition("..")
        try:
            begin = read_date(first)
            end = read_date(last) if ".." in part else begin
        except ValueError:
            raise ValueError(
                f"--close takes a date or a range, such as 2027-01-04 or 2027-01-04..2027-01-08, not {part!r}."
            ) from None
        if end < begin:
            raise ValueError(f"--close {part} ends before it begins.")
        if (end - begin).days >= MOST_CLOSED_DAYS:
            raise ValueError(f"--close {part} is longer than a year.")
        found |= {begin + timedelta(days=i) for i in range((end - begin).days + 1)}
    return tuple(sorted(found))


def read_referrals(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Courses asked for, by the protocol's code: `20xspravato-trd,5xtms-10hz`."""
    found: dict[str, int] = {}
    for part in _parts(texts):
        match = REFERRALS.fullmatch(part)
        if not match or not int(match[1]):
            raise ValueError(
                f"--referrals takes a number, x and a protocol's code, such as 20xspravato-trd, not {part!r}."
            )
        found[match[2]] = found.get(match[2], 0) + int(match[1])
    if sum(found.values()) > MOST_REFERRALS:
        raise ValueError(f"--referrals takes {MOST_REFERRALS} courses at most, not {sum(found.values())}.")
    return tuple(found.items())


def read_date(text: str) -> date:
    """A local date as YYYY-MM-DD and in no other form."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(f"{text!r} is not a date as YYYY-MM-DD.")
    return date.fromisoformat(text)


def _parts(texts: Iterable[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",")]
