"""What an act would do to a course's visits, as a page shows it: the weeks concerned, and a list from old to new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from scheduling.desk.month_calendar import Chip
from scheduling.desk.proposal_page import closed_days
from scheduling.desk.week_rows import Weeks, lay_out_weeks, monday_of
from scheduling.models import Course, Session
from scheduling.words import count_of, label_session, name_code, say_short_day, say_time

STAYS, MOVES, LEFT, ADDED, GONE = "stays", "moves", "left", "added", "gone"
NOTHING = "No visit changes."


class AnyShift(Protocol):
    """A visit that moves, is new (no old start), or is given up (no new start)."""

    @property
    def session_id(self) -> int | None: ...
    @property
    def track(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def old_start(self) -> datetime | None: ...
    @property
    def new_start(self) -> datetime | None: ...


def describe_shifts(
    course: Course,
    shifts: Sequence[AnyShift],
    *,
    now: datetime,
    gone: str = "given up",
    added: str = "new",
    pause: tuple[date, date | None] | None = None,
) -> dict[str, Any]:
    """`rows` from old to new, `weeks` with what stays around them, and `summary`, a sentence.

    `gone` says what becomes of visits that have no new time, `added` what those are that had no old one.
    """
    zone, several = course.site.zone, course.version.tracks.count() > 1
    booked = list(course.sessions.live().select_related("track"))
    numbers = {session.pk: session.number for session in booked}
    rows = [_describe(shift, numbers.get(shift.session_id or 0, shift.number), zone, several) for shift in shifts]
    touched = {shift.session_id for shift in shifts}
    kept = [session for session in booked if session.pk not in touched]
    items = [item for row in rows for item in _items_of(row, gone, added)] + [
        _stay(session, several) for session in kept
    ]
    weeks = _weeks_around(course, items, now.astimezone(zone).date(), pause)
    looks = {item["look"] for week in weeks.rows for day in week.days for item in day.items}
    words = {STAYS: "Stays", MOVES: "New time", LEFT: "Old time", ADDED: added.capitalize(), GONE: gone.capitalize()}
    key = [(look, word) for look, word in words.items() if look in looks]
    return {
        "rows": rows,
        "weeks": weeks,
        "summary": summarize(rows, gone, added),
        "key": key,
        "gone": gone,
        "added": added,
    }


def summarize(rows: Iterable[dict[str, Any]], gone: str, added: str) -> str:
    """How many visits move, are new and are given up, in a sentence."""
    counts = Counter(row["look"] for row in rows)
    verbs = {MOVES: ("moves", "move"), ADDED: (f"is {added}", f"are {added}"), GONE: (f"is {gone}", f"are {gone}")}
    parts = [f"{count_of(counts[look], 'visit')} {verbs[look][counts[look] > 1]}" for look in verbs if counts[look]]
    return f"{', '.join(parts)}." if parts else NOTHING


def _describe(shift: AnyShift, was: int, zone: Any, several: bool) -> dict[str, Any]:
    """Under the number by which everybody knows the visit, and the other one that it takes (`then`)."""
    old = shift.old_start.astimezone(zone) if shift.old_start else None
    new = shift.new_start.astimezone(zone) if shift.new_start else None
    return {
        "label": label_session(shift.track, was, several=several),
        "then": label_session(shift.track, shift.number, several=several) if shift.number != was else "",
        "old": old,
        "new": new,
        "look": MOVES if old and new else ADDED if new else GONE,
        "how_far": _say_distance(old, new) if old and new else "",
    }


def _say_distance(old: datetime, new: datetime) -> str:
    days = (new.date() - old.date()).days
    if not days:
        return "same day"
    return f"{count_of(abs(days), 'day')} {'later' if days > 0 else 'earlier'}"


def _items_of(row: dict[str, Any], gone: str, added: str) -> list[dict[str, Any]]:
    items = []
    if row["new"]:
        note = f"was {_say(row['old'])}" if row["old"] else added
        items.append({"starts": row["new"], "label": row["then"] or row["label"], "look": row["look"], "note": note})
    if row["old"]:
        note = f"to {_say(row['new'])}" if row["new"] else gone
        look = LEFT if row["new"] else GONE
        items.append({"starts": row["old"], "label": row["label"], "look": look, "note": note})
    return items


def _say(moment: datetime) -> str:
    return f"{say_short_day(moment.date())}, {say_time(moment)}"


def _stay(session: Session, several: bool) -> dict[str, Any]:
    """Without its number: it may be another one after the change, and that is of no matter to anybody."""
    label = name_code(session.track.name) if several else ""
    return {"starts": session.local_start, "label": label, "look": STAYS, "note": ""}


def _weeks_around(
    course: Course, items: Sequence[dict[str, Any]], today: date, pause: tuple[date, date | None] | None
) -> Weeks:
    """From the first week in which something changes to the last, counted as weeks of the course."""
    changed = [monday_of(item["starts"].date()) for item in items if item["look"] != STAYS]
    if not changed:
        return Weeks((), ())
    first = monday_of(min(item["starts"].date() for item in items))
    shown = [item for item in items if min(changed) <= monday_of(item["starts"].date()) <= max(changed)]
    closed = closed_days(course.site, [Chip(item["starts"], "", "", "") for item in shown])
    begins = (min(changed) - first).days // 7 + 1
    return lay_out_weeks(shown, today=today, closed=closed, pause=pause, begins=begins)
