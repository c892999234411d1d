"""Rows of visits with what matters at this minute: who is watched and for how much longer, and who is late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import prefetch_related_objects

from scheduling.desk.session_acts import TREATED
from scheduling.models import Session, SessionStatus
from scheduling.watching import STAGES, Watch, find_watch

MINUTE = timedelta(minutes=1)
# A patient who is only a little late is not worth a word.
PATIENCE = 5 * MINUTE


def add_watches(rows: Iterable[dict[str, Any]], *, now: datetime) -> None:
    """For those who are here: how long they are watched (`watch`), and the button that says that it has begun."""
    found = list(rows)
    here = [row["session"] for row in found if row["session"].status == SessionStatus.ARRIVED]
    prefetch_related_objects(here, STAGES)
    for row in found:
        watch = find_watch(row["session"])
        row["watch"] = describe_watch(watch, row["session"], now=now) if watch else None
        if watch and not watch.is_recorded:
            row["acts"] = (TREATED, *row["acts"])


def describe_watch(watch: Watch, session: Session, *, now: datetime) -> dict[str, Any]:
    zone = session.local_start.tzinfo
    task = watch.next_task(now=now)
    left = -((now - watch.until) // MINUTE)  # the minute that has begun counts
    return {
        "has_begun": watch.has_begun(now=now),
        "is_recorded": watch.is_recorded,
        "given": session.treated_at.astimezone(zone) if session.treated_at else None,
        "until": watch.until.astimezone(zone),
        "left": max(left, 0),
        "left_text": say_minutes(max(left, 0)),
        "minutes": (watch.until - watch.begins) // MINUTE,
        "passed": min(max((now - watch.begins) // MINUTE, 0), (watch.until - watch.begins) // MINUTE),
        "later": max((watch.until - watch.planned_until) // MINUTE, 0),
        "task": {"name": task.name, "at": task.at.astimezone(zone)} if task else None,
    }


def say_minutes(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join(text for text, holds in ((f"{hours} h", hours), (f"{rest} min", rest or not hours)) if holds)


def minutes_late(session: Session, *, now: datetime) -> int:
    """How long ago a patient should have come who has not; 0 where that is not worth a word."""
    if session.status != SessionStatus.BOOKED or now - session.start < PATIENCE or not session.visit_type.is_announced:
        return 0
    return (now - session.start) // MINUTE
