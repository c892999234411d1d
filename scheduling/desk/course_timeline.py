"""The timeline of a course: a line for every week, on it each visit with its state, its checks and its messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from protocols.models import DecisionPoint, Gate, Track
from protocols.models.decision import GateMoment
from scheduling.departures import Departures, decided_after, departures_of
from scheduling.desk.proposal_page import closed_days
from scheduling.desk.session_rows import chips_of
from scheduling.desk.week_rows import Weeks, lay_out_weeks
from scheduling.models import Course, CourseDecision, CourseStatus, Driver, GateRecord, Notice, NoticeStatus
from scheduling.open_phase import phases_of
from scheduling.words import name_code, say_short_day

TO_GO = {NoticeStatus.DUE, NoticeStatus.SENDING}
NEAR_DAYS = 2
"""What has to be checked at a visit is pointed at so many days before it."""

Rows = Sequence[dict[str, Any]]


def lay_out_timeline(
    course: Course, rows: Rows, *, now: datetime, points: Iterable[DecisionPoint], decided: Iterable[CourseDecision]
) -> Weeks:
    today = now.astimezone(course.site.zone).date()
    outcomes = {decision.decision_point_id: decision for decision in decided}
    items = [*rows, *_place_decisions(course, rows, points, outcomes)]
    closed = closed_days(course.site, chips_of(rows))
    return lay_out_weeks(items, today=today, closed=closed, pause=pause_of(course))


def pause_of(course: Course) -> tuple[date, date | None] | None:
    return (course.paused_on, course.paused_until) if course.paused_on else None


def add_marks(
    rows: Rows, *, gates: Sequence[Gate], records: Iterable[GateRecord], notices: Iterable[Notice], now: datetime
) -> None:
    """Tell each row what is checked at its visit, what was said about it, and who takes the patient home."""
    met = {(record.session_id, record.gate_id): record for record in records}
    told: dict[int | None, list[Notice]] = defaultdict(list)
    for notice in notices:
        told[notice.session_id] = [*told[notice.session_id], notice]
    drivers = {d.session_id: d for d in Driver.objects.filter(session__in=[row["session"].pk for row in rows])}
    for row in rows:
        session = row["session"]
        asked = [gate for gate in gates if gate.visit_type_id in (None, session.visit_type_id)]
        row["checks"] = [{"gate": gate, "record": met.get((session.pk, gate.pk))} for gate in asked]
        row["met"] = sum(check["record"] is not None for check in row["checks"])
        row["told"] = told[session.pk]
        row["told_state"] = state_of(row["told"])
        row["driver"] = drivers.get(session.pk)
        row["lacks_checks"] = session.is_live and any(_is_wanted(check, row, now=now) for check in row["checks"])


def _is_wanted(check: Mapping[str, Any], row: Mapping[str, Any], *, now: datetime) -> bool:
    """Open, and near: in the days before the visit, or once it is over where that is its moment."""
    if check["record"] is not None:
        return False
    if check["gate"].moment == GateMoment.AFTER:
        return bool(row["ends"] <= now)
    away = row["starts"].date() - now.astimezone(row["starts"].tzinfo).date()
    return 0 <= away.days <= NEAR_DAYS


def state_of(notices: Sequence[Notice]) -> str:
    """The one state that stands for all messages about a visit: what failed comes first."""
    states = {notice.status for notice in notices}
    if NoticeStatus.FAILED in states:
        return "failed"
    if states & {NoticeStatus.SENT, NoticeStatus.DONE}:
        return "sent"
    return "waiting" if states & TO_GO else ""


def name_phases(course: Course, rows: Rows, tracks: Sequence[Track]) -> None:
    """Say of the first visit of each phase that the phase begins with it."""
    departures = departures_of(course)
    ends = {track.pk: _phase_ends(track, departures) for track in tracks}
    seen: set[tuple[int, str]] = set()
    for row in sorted(rows, key=lambda row: row["starts"]):
        session = row["session"]
        name = next((name for last, name in ends[session.track_id] if session.number <= last), "")
        is_first = bool(name) and session.is_live and (session.track_id, name) not in seen
        row["phase"] = name_code(name) if is_first else ""
        if is_first:
            seen.add((session.track_id, name))


def _phase_ends(track: Track, departures: Departures) -> list[tuple[float, str]]:
    """The last number of each phase that has visits; the last phase takes in whatever was added."""
    last, ends = 0, []
    phases = [(phase, periods) for phase, periods in phases_of(track, departures) if phase.per_period]
    for index, (phase, periods) in enumerate(phases, start=1):
        last += periods * phase.per_period
        ends.append((float("inf") if index == len(phases) else float(last), phase.name))
    return ends


def _place_decisions(
    course: Course, rows: Rows, points: Iterable[DecisionPoint], outcomes: Mapping[int, CourseDecision]
) -> list[dict[str, Any]]:
    """Each decision point behind the visit that it follows."""
    at = {(row["session"].track_id, row["session"].number): row for row in rows if row["session"].is_live}
    found = ((point, at.get((point.track_id, decided_after(course, point)))) for point in points)
    return [
        {"starts": row["ends"], "point": point, "decision": outcomes.get(point.pk)}
        for point, row in found
        if row is not None
    ]


def may_be_changed(course: Course) -> bool:
    return course.status in {CourseStatus.BOOKED, CourseStatus.RUNNING}


def say_pause(course: Course, *, today: date) -> str:
    """The pause that the course is in or comes to, in a phrase; empty where there is none."""
    if course.paused_on is None or (course.paused_until is not None and course.paused_until < today):
        return ""
    since = f"from {say_short_day(course.paused_on)}"
    return (
        f"{since} to {say_short_day(course.paused_until)}"
        if course.paused_until
        else f"{since} until somebody resumes it"
    )
