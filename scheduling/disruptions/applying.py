"""Write down what is out or closed and move the visits as they were shown: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from clinic.models import Closure, Outage, Site, User
from clinic.writing_rows import write_rows
from scheduling import engine
from scheduling.changes import Recording, recording
from scheduling.disruptions.answer import Answer
from scheduling.disruptions.attempts import Solved
from scheduling.disruptions.posing import Case, cases_of, read_given
from scheduling.disruptions.question import Disruption, is_written_down, pose_lead
from scheduling.disruptions.words import summarize
from scheduling.findings import explain
from scheduling.locking import booking_transaction, lock_courses, lock_resources, retried
from scheduling.messages import outbox
from scheduling.models import Change, ChangeKind, Course, Session
from scheduling.posing import Key
from scheduling.refusals import BookingRefused, refuse
from scheduling.replanning import may_move, renumber_together
from scheduling.shifting import Moving, move_together

CHANGED = "Somebody has changed one of these visits since this was shown. Nothing was changed; please look again."
TWICE = "This is written down already: somebody was faster. Nothing was changed; please look again."
BEGUN = "One of these visits has begun since this was shown. Nothing was changed; please look again."
NOT_ANY_MORE = "The visits cannot be moved as they were shown any more. Nothing was changed; please look again."


@dataclass(frozen=True)
class AgreedMove:
    """One visit as it was seen, and where it goes."""

    session_id: int
    seen_at: datetime
    number: int
    start: datetime
    holds: tuple[engine.PlacedHold, ...]


@dataclass(frozen=True)
class Agreed:
    """What somebody agreed to for one course."""

    course_id: int
    shift_days: int | None
    moves: tuple[AgreedMove, ...]


def agree(answer: Answer) -> Agreed:
    moves = (AgreedMove(m.session.pk, m.session.changed_at, m.number, m.start, m.holds) for m in answer.moves)
    return Agreed(answer.course.pk, answer.shift_days, tuple(moves))


@retried
def apply_replanning(
    disruption: Disruption, agreed: Sequence[Agreed], *, now: datetime, by: User | None = None
) -> Change | None:
    """Move the visits of these courses exactly as it was agreed, or raise BookingRefused; what can be undone.

    The outage or closure is written down with them, also where no course is given. Each patient is told once.
    """
    with booking_transaction():
        courses = lock_courses([one.course_id for one in agreed])
        _lock_seats(disruption, agreed)
        if is_written_down(disruption):
            raise refuse(TWICE, rule="changed")
        with recording(courses, kind=_kind_of(disruption), summary=summarize(disruption), now=now, by=by) as current:
            _write_down(disruption, current)
            if courses:
                _move(courses, {one.course_id: one for one in agreed}, disruption.site, now=now)
    return current.change


def _lock_seats(disruption: Disruption, agreed: Sequence[Agreed]) -> None:
    seats = {int(hold.resource) for one in agreed for move in one.moves for hold in move.holds}
    lock_resources(seats | {span.resource.pk for span in disruption.outages})
    if disruption.closed is not None:
        list(Site.objects.select_for_update(no_key=True).filter(pk=disruption.site.pk).values_list("pk"))


def _kind_of(disruption: Disruption) -> ChangeKind:
    if disruption.closed is not None:
        return ChangeKind.CLOSURE
    return ChangeKind.OUTAGE if disruption.outages else ChangeKind.REPLANNED


def _write_down(disruption: Disruption, current: Recording) -> None:
    for span in disruption.outages:
        out = Outage.objects.create(
            resource=span.resource, start=span.start, end=span.end, reason=disruption.reason[:120]
        )
        current.outages.append(out)
    if disruption.closed is not None:
        first, last = disruption.closed
        closure = Closure.objects.create(
            site=disruption.site, first_on=first, last_on=last, reason=disruption.reason[:120]
        )
        current.closures.append(closure)


def _move(courses: Sequence[Course], agreed: Mapping[int, Agreed], site: Site, *, now: datetime) -> None:
    cases = cases_of(courses)
    problem = pose_lead(read_given(cases, now=now), now=now, hit=_spans_of(cases, agreed))
    found = [_as_agreed(problem, case, agreed[case.course.pk], now) for case in cases]
    whole = replace(problem, courses=tuple(one.posed for one in found))
    if broken := engine.check(whole, engine.Result(tuple(one.plan for one in found), 0)):
        raise BookingRefused([*refuse(NOT_ANY_MORE, rule="changed").refusals, *explain(broken, whole, site=site)])
    renumber_together([one.rows for one in found], now=now)
    moved = move_together([_moving(case, whole, one) for case, one in zip(cases, found, strict=True)], now=now)
    _keep_shifts([case.course for case in cases], agreed)
    told = [(case.course, rows) for case, rows in zip(cases, moved, strict=True) if rows]
    outbox.courses_changed(told, now=now)


def _spans_of(cases: Sequence[Case], agreed: Mapping[int, Agreed]) -> dict[str, list[engine.Interval]]:
    """When those visits lie that may be seated elsewhere although nobody could be told of another time."""
    return {
        case.id: [
            engine.Interval(row.start, row.end)
            for row in case.rows.values()
            if row.pk in {move.session_id for move in agreed[case.course.pk].moves}
        ]
        for case in cases
    }


def _as_agreed(problem: engine.Problem, case: Case, agreed: Agreed, now: datetime) -> Solved:
    """The course as it stands now, with the visits where they were agreed to go."""
    moves = {move.session_id: move for move in agreed.moves}
    by_pk = {row.pk: row for row in case.rows.values()}
    for move in agreed.moves:
        if move.session_id not in by_pk or by_pk[move.session_id].changed_at != move.seen_at:
            raise refuse(CHANGED, rule="changed")
        if move.start != by_pk[move.session_id].start and not may_move(by_pk[move.session_id], now):
            raise refuse(BEGUN, rule="status")
    course = problem.course(case.id)
    was = {at.key: at for at in course.locked}
    pairs: list[tuple[engine.PlacedSession, engine.PlacedSession]] = []
    rows: dict[Key, Session] = {}
    for key, row in case.rows.items():
        to = moves.get(row.pk)
        old = was[key] if to is None else replace(was[key], number=to.number)
        new = old if to is None else replace(old, start=to.start, holds=to.holds)
        pairs.append((old, new))
        rows[new.key] = row
    locked = tuple(old for old, new in pairs if new == old)
    current = tuple(old for old, new in pairs if new != old)
    posed = replace(course, locked=locked, current=current, shift_days=agreed.shift_days)
    plan = engine.CoursePlan(case.id, engine.PLANNED, tuple(new for _, new in pairs), 0)
    return Solved(posed, plan, rows)


def _moving(case: Case, problem: engine.Problem, found: Solved) -> Moving:
    """What the course's rows take, once each has its number."""
    given = {at.key for at in found.posed.locked}
    placed = {at.key: (found.rows[at.key], at) for at in found.plan.sessions if at.key not in given}
    return Moving(case.course, problem.protocol_of(found.posed), placed)


def _keep_shifts(courses: Iterable[Course], agreed: Mapping[int, Agreed]) -> None:
    shifted = [course for course in courses if course.shift_days != agreed[course.pk].shift_days]
    for course in shifted:
        course.shift_days = agreed[course.pk].shift_days
    write_rows(shifted, ["shift_days"])
