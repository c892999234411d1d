"""Put the rows of a change back as they were before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from clinic.models import User
from scheduling.answers import reopen_answers
from scheduling.course_faults import find_faults
from scheduling.impact import find_stranded_among
from scheduling.messages.undoing import change_undone
from scheduling.models import (
    CalendarFeed,
    Change,
    ChangedCourse,
    ChangedSession,
    Course,
    CourseDecision,
    Driver,
    Session,
    WaitingEntry,
    WaitingOffer,
)
from scheduling.models.change import ChangeKind
from scheduling.models.driver import SETTLED as AGREED
from scheduling.models.session import GONE
from scheduling.models.waiting import WaitingOutcome
from scheduling.refusals import BookingRefused, Refusal, refuse
from scheduling.row_states import (
    COURSE,
    DECISION,
    DRIVER,
    SESSION,
    State,
    hold_of,
    pack,
    read_courses,
    read_sessions,
    unpack,
    write_sessions,
)
from scheduling.seating import claiming, label, local_iso
from scheduling.settling import SETTLED, settle_course

CHANGED_SINCE = "Somebody has changed these visits since. Change them anew instead."
BEGUN = "One of these visits has begun by now, so this cannot be undone any more."
PAST = "One of the times from before is past by now, so this cannot be undone any more."
EXTENDED = (
    "The course has been planned further since, so this cannot be undone any more. Change the visits anew instead."
)
AGREED_BY_DRIVER = "A driver has agreed to one of these visits since. Cancel that visit instead, and tell the driver."
TOGETHER = "Other visits of the course have changed since, and with them this would break a rule. Undo the later first."
NO_MATTER = ("sequence", "changed_at", "driver")
"""Of a session: what says nothing about where it stands, or has its own way back."""
SHAPING = ("decisions", "rhythm", "added_visits", "open_periods")
"""Of a course: what says which visits it has; what was booked by it since would stand without it."""
ASIDE = ("plan_message", "relaxations", "plan_cost")
"""Of a course: what the last planning said of it."""
FOR_WANT_OF_A_PLACE = (ChangeKind.OUTAGE, ChangeKind.CLOSURE, ChangeKind.REPLANNED)
"""Visits that had lost their place before may go back to it."""


@dataclass(frozen=True)
class Kept:
    """What a change keeps, beside the rows as they stand now."""

    change: Change
    courses: tuple[ChangedCourse, ...]
    sessions: tuple[ChangedSession, ...]
    course_states: Mapping[int, State]
    session_states: Mapping[int, State]
    booked_since: frozenset[int] = frozenset()
    """Courses that have got visits by something else since."""


def read_kept(changes: Iterable[Change]) -> list[Kept]:
    """In a number of queries that grows neither with the changes nor with what they changed."""
    changes = list(changes)
    courses, sessions = defaultdict(list), defaultdict(list)
    for course in ChangedCourse.objects.filter(change__in=changes).order_by("pk"):
        courses[course.change_id].append(course)
    for row in ChangedSession.objects.filter(change__in=changes).select_related("session").order_by("pk"):
        sessions[row.change_id].append(row)
    course_states = read_courses({course.course_id for rows in courses.values() for course in rows})
    session_states = read_sessions({row.session_id: row.session for rows in sessions.values() for row in rows}.values())
    booked = _read_booked(changes, course_states)
    return [
        Kept(
            change,
            tuple(courses[change.pk]),
            tuple(sessions[change.pk]),
            course_states,
            session_states,
            _booked_since(change, sessions[change.pk], booked),
        )
        for change in changes
    ]


def _read_booked(changes: Collection[Change], course_ids: Iterable[int]) -> list[tuple[int, int, datetime]]:
    """Visits that were booked after the first of these changes: key, course, and when."""
    since = min((change.made_at for change in changes), default=None)
    found = Session.objects.filter(course__in=course_ids, created_at__gt=since).order_by() if since else None
    return list(found.values_list("pk", "course", "created_at")) if found is not None else []


def _booked_since(
    change: Change, rows: Iterable[ChangedSession], booked: Iterable[tuple[int, int, datetime]]
) -> frozenset[int]:
    ours = {row.session_id for row in rows}
    return frozenset(course for pk, course, at in booked if at > change.made_at and pk not in ours)


def find_obstacle(kept: Kept, *, now: datetime) -> str:
    """What has happened to the rows since that stands against undoing; empty where nothing has."""
    rows, states, since = kept.sessions, kept.session_states, kept.change.made_at
    is_other = any(_matter(states[row.session_id]) != _matter(row.after) for row in rows)
    if is_other or any(_is_other(course, kept.course_states[course.course_id]) for course in kept.courses):
        return CHANGED_SINCE
    if any(course.course_id in kept.booked_since and _shapes(course) for course in kept.courses):
        return EXTENDED
    made = [row for row in rows if row.before is None]
    if any(_is_agreed(states[row.session_id]) and not _is_agreed(row.after) for row in made):
        return AGREED_BY_DRIVER
    if any(row.after["status"] not in GONE and _has_passed(row.after, since, now) for row in rows):
        return BEGUN
    before = [row.before for row in rows if row.before and row.before["status"] not in GONE]
    return PAST if any(_has_passed(state, since, now) for state in before) else ""


def _matter(state: State) -> State:
    return {name: value for name, value in state.items() if name not in NO_MATTER}


def _has_passed(state: State, since: datetime, now: datetime) -> bool:
    """Whether it has begun since the change; one that had begun before it goes back to where it was."""
    return since < datetime.fromisoformat(state["start"]) <= now


def _is_other(row: ChangedCourse, state: State) -> bool:
    return any(state[name] != row.after[name] for name in _altered(row))


def _shapes(row: ChangedCourse) -> bool:
    return any(row.before[name] != row.after[name] for name in SHAPING)


def _is_agreed(state: State) -> bool:
    return state["driver"] is not None and state["driver"]["status"] in AGREED


def _altered(row: ChangedCourse) -> list[str]:
    """What the act did to the course. Where it stands by its visits (running, finished) only follows them."""
    follows = {"ended_at", "status"} if {row.before["status"], row.after["status"]} <= {*SETTLED} else set()
    return [name for name in row.after if row.before[name] != row.after[name] and name not in {*follows, *ASIDE}]


def restore(change: Change, *, now: datetime, by: User | None) -> None:
    """All rows of the change, whose courses, seats and notices are locked and in whose way nothing stands."""
    kept = list(change.sessions.select_related("session__course", "session__site", "session__track"))
    made = [row.session for row in kept if row.before is None]
    back = [row for row in kept if row.before is not None]
    faults = {course: find_faults(course, now=now) for course in _changed_beside(change, kept)}
    change.outages.all().delete()
    change.closures.all().delete()
    Session.objects.filter(pk__in=[session.pk for session in made]).delete()
    _restore_courses(change)
    _restore_sessions(back, since=change.made_at, now=now)
    rows = Session.objects.filter(pk__in=[row.session_id for row in back])
    sessions = list(rows.select_related("site", "track", "visit_type").prefetch_related("holds"))
    if change.kind not in FOR_WANT_OF_A_PLACE:
        _refuse_stranded(sessions, now=now)
    if any(find_faults(course, now=now) - before for course, before in faults.items()):
        raise refuse(TOGETHER, rule="undo")
    reopen_answers(sessions, since=change.made_at)
    _let_wait_again(change)
    for course in Course.objects.filter(changes__change=change).select_related("site", "patient", "version"):
        settle_course(course, now=now)
        ours = [session for session in sessions if session.course_id == course.pk]
        change_undone(course, ours, since=change.made_at, now=now)


def _changed_beside(change: Change, rows: Iterable[ChangedSession]) -> list[int]:
    """Courses of which other visits have been changed or booked since: the two together may break a rule."""
    since = Q(created_at__gt=change.made_at) | Q(changes__change__pk__gt=change.pk, changes__change__undone_at=None)
    others = Session.objects.filter(since, course__changes__change=change).exclude(pk__in=[r.session_id for r in rows])
    return sorted(set(others.order_by().values_list("course", flat=True)))


def _let_wait_again(change: Change) -> None:
    """Who took the place from the waiting list has not: they wait as long as before, unless they wait anew already."""
    closed = WaitingEntry.objects.filter(
        course__changes__change=change, closed_at=change.made_at, outcome=WaitingOutcome.BOOKED
    )
    entries = list(closed.values_list("pk", "course"))
    WaitingOffer.objects.filter(entry__in=[pk for pk, _ in entries], taken=True, asked_at=change.made_at).delete()
    waiting = set(
        WaitingEntry.objects.waiting().filter(course__in=[course for _, course in entries]).values_list("course")
    )
    for pk, course in entries:
        if (course,) not in waiting:
            WaitingEntry.objects.filter(pk=pk).update(closed_at=None, closed_by=None, outcome="")


def _restore_courses(change: Change) -> None:
    for row in change.courses.select_related("course"):
        altered = [name for name in COURSE if row.before[name] != row.after[name]]
        if altered:
            unpack(row.course, row.before, altered)
            row.course.save(update_fields=altered)
        if row.before["decisions"] != row.after["decisions"]:
            _restore_decisions(row.course, row.before["decisions"])


def _restore_decisions(course: Course, states: Iterable[State]) -> None:
    """Row by row: the audit trail shows each decision taken back."""
    wanted = {state["decision_point_id"]: state for state in states}
    for decision in course.decisions.exclude(decision_point__in=wanted):
        decision.delete()
    for point, state in wanted.items():
        decision = course.decisions.filter(decision_point=point).first() or CourseDecision(course=course)
        unpack(decision, state, DECISION)
        decision.save()


def _restore_sessions(rows: Iterable[ChangedSession], *, since: datetime, now: datetime) -> None:
    """Nobody has heard of the change, so each has the SEQUENCE again that the last message named, and its links live.

    A calendar that is subscribed to may have read it meanwhile; there the SEQUENCE only rises.
    """
    rows = list(rows)
    sessions = {row.session_id: row.session for row in rows}
    before = {row.session_id: row.before or {} for row in rows}
    patients = {session.patient_id for session in sessions.values()}
    read = CalendarFeed.objects.filter(patient__in=patients, revoked_at=None, read_at__gte=since)
    readers = set(read.values_list("patient", flat=True))
    holds = []
    for key, session in sessions.items():
        sequence = session.sequence
        unpack(session, before[key], SESSION)
        session.changed_at = now
        if session.patient_id in readers:
            session.sequence = sequence + 1
        holds += [hold_of(session, held) for held in before[key]["holds"]]
    rows_back = list(sessions.values())
    with claiming(rows_back, holds):
        write_sessions(rows_back, holds)
    after = {row.session_id: row.after["driver"] for row in rows}
    for driver in Driver.objects.filter(session__in=sessions):
        _restore_driver(driver, before[driver.session_id]["driver"], after[driver.session_id])


def _restore_driver(driver: Driver, before: State | None, after: State | None) -> None:
    """Who had agreed to the time of before has agreed to it; where somebody phoned them since, that holds."""
    if before and before != after == pack(driver, DRIVER):
        unpack(driver, before, DRIVER)
        driver.save(update_fields=list(DRIVER))


def _refuse_stranded(sessions: Iterable[Session], *, now: datetime) -> None:
    """Meanwhile the clinic may be closed then, or a device out of use."""
    stranded = find_stranded_among(sessions, now=now)
    if stranded:
        raise BookingRefused(
            Refusal(found.reason, session=label(found.session), time=local_iso(found.session.start, found.session.site))
            for found in stranded
        )
