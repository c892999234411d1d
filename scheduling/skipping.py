"""Skip one visit: its number is given up, the course is one visit shorter, and what hangs on the visit goes with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial

from clinic.models import User
from protocols.models.visit import Place
from scheduling import engine
from scheduling.broken_links import find_broken_links
from scheduling.changes import recording
from scheduling.course_change import CourseChange, order_shifts
from scheduling.locking import booking_transaction, lock_course, lock_session, retried
from scheduling.models import Change, Course, Session, SessionStatus
from scheduling.models.change import ChangeKind
from scheduling.moving import ANCHORED
from scheduling.posing import Key
from scheduling.rearranging import read_course
from scheduling.refusals import refuse
from scheduling.replanning import may_move
from scheduling.revising import Revision, as_it_is, find_as_shown, propose, show_gone, write_revision
from scheduling.settling import settle_course
from scheduling.snapshots import Numbered
from scheduling.words import label_session, name_visit

HANGS = "{visit} needs this visit at a certain distance. Move the two, or skip that one first."
WITH_IT = "What must follow this visit within its hours is given up with it."


def propose_skip(session: Session, *, now: datetime) -> CourseChange:
    """The visits that are given up: the one, and those that the protocol allows only after it."""
    return propose(session.course, partial(_find_skip, session_id=session.pk, now=now))


@retried
def skip_session(
    session: Session,
    *,
    expected: str,
    now: datetime,
    by: User | None,
    reason: str = "",
    seen_at: datetime | None = None,
) -> Change | None:
    """Skip as it was shown (`expected` is the fingerprint), or change nothing. The other visits keep their times."""
    with booking_transaction():
        course = lock_course(session.course_id)
        session = lock_session(session.pk, seen_at=seen_at)
        found = find_as_shown(course, partial(_find_skip, session_id=session.pk, now=now), expected)
        summary = f"{name_visit(session)} skipped"
        with recording([course], kind=ChangeKind.CANCELLED, summary=summary, now=now, by=by) as kept:
            write_revision(course, found, why_gone=reason or "Skipped", now=now, by=by)
            settle_course(course, now=now)
    return kept.change


def _find_skip(course: Course, *, session_id: int, now: datetime) -> Revision:
    rows, problem = read_course(course, now=now)
    key = next(key for key, row in rows.items() if row.pk == session_id)
    _refuse_unmovable(rows[key], now)
    keys = {key}
    while hanging := _hanging(problem, rows, keys, now):
        keys |= hanging
    gone = tuple(rows[k] for k in sorted(keys))
    notes = (WITH_IT,) if len(gone) > 1 else ()
    change = CourseChange(course, order_shifts(list(show_gone(gone))), notes=notes)
    return replace(as_it_is(course, rows, now=now), change=change, gone=gone, number_is_given_up=True)


def _refuse_unmovable(session: Session, now: datetime) -> None:
    if session.visit_type.place == Place.EXTERNAL:
        raise refuse(ANCHORED, rule="status")
    if session.status != SessionStatus.BOOKED:
        raise refuse(f"This visit cannot be skipped: it is {session.get_status_display().lower()}.", rule="status")
    if session.start <= now:
        raise refuse("This visit cannot be skipped: it has begun. Record what became of it.", rule="past")


def _hanging(problem: engine.Problem, rows: Numbered, keys: Collection[Key], now: datetime) -> set[Key]:
    """Visits to come that may only follow one of these; a refusal where another could not stand without them."""
    given_up = {key for key, row in rows.items() if not row.is_live}
    lost = find_broken_links(problem, rows, given_up | set(keys), now) - find_broken_links(problem, rows, given_up, now)
    links = problem.protocol_of(problem.courses[0]).links
    tied = {link.track for link in links if link.type == "window"}
    for key in sorted(lost):
        if key[0] not in tied or not may_move(rows[key], now):
            raise refuse(HANGS.format(visit=label_session(*key, several=True)), rule="link")
    return lost
