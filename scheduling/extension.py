"""Book what a course still lacks: the next periods of an open-ended phase, and what lies beyond a passed decision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, timedelta

from django.db.models import Max, Min, OuterRef, Q, QuerySet, Subquery

from clinic.models import User
from protocols.models.decision import DecisionMode
from scheduling import engine
from scheduling.booking import book_plan
from scheduling.changes import recording
from scheduling.departures import decided_after
from scheduling.locking import booking_transaction, lock_course, retried
from scheduling.messages import outbox
from scheduling.models import Change, Course, CourseDecision, CourseStatus, Session
from scheduling.models.course import DecisionOutcome
from scheduling.models.session import GONE
from scheduling.planning import Proposal, propose_course
from scheduling.posing import Key, window
from scheduling.refusals import BookingRefused
from scheduling.snapshots import reach_horizon, read_problem

GOING_ON = (CourseStatus.BOOKED, CourseStatus.RUNNING)


def courses_to_extend(*, now: datetime) -> list[int]:
    """Ids of courses whose booked part ends inside their site's horizon, or that wait behind a decision to go on."""
    live = Course.objects.filter(status__in=GOING_ON)
    open_ended = live.filter(open_periods__gt=0, version__tracks__phases__open_ended=True).annotate(
        last=Max("sessions__start", filter=~Q(sessions__status__in=GONE)),
        days=Min("version__tracks__phases__period_days"),
    )
    short = [
        pk
        for pk, last, days, horizon in open_ended.values_list("pk", "last", "days", "site__horizon_days")
        if last is None or last + timedelta(days=days) <= now + timedelta(days=horizon)
    ]
    return sorted({*short, *_behind_decisions(live)})


def _behind_decisions(live: QuerySet[Course]) -> Iterator[int]:
    """Courses without a visit beyond a point that was passed, or without all that a step back repeats before it."""
    highest = Session.objects.filter(course=OuterRef("course"), track=OuterRef("decision_point__track"))
    decisions = (
        CourseDecision.objects.filter(course__in=live, decision_point__mode=DecisionMode.BLOCKING)
        .exclude(outcome=DecisionOutcome.STOP)
        .select_related("course", "decision_point__track")
        .annotate(highest=Subquery(highest.order_by("-number").values("number")[:1]))
    )
    for decision in decisions:
        last = decided_after(decision.course, decision.decision_point)
        wanted = last + 1 if decision.outcome == DecisionOutcome.CONTINUE else last
        if (decision.highest or 0) < wanted:
            yield decision.course_id


def extend_course(course_id: int, *, now: datetime) -> int:
    """Book the periods that the horizon has reached; the number of new sessions. Safe to run twice, or at once."""
    return len(book_beyond(course_id, now=now, by=None))


def book_beyond(
    course_id: int, *, now: datetime, by: User | None, time_limit: float = 5.0, into: Change | None = None
) -> list[Session]:
    """Plan and book what the course lacks, given all that is booked; why that cannot be is written on the course.

    It is part of the change `into`, a decision that can be undone with what it books.
    """
    for last_try in (False, True):
        course = Course.objects.select_related("site", "patient", "version").get(pk=course_id)
        if course.status not in GOING_ON:
            return []
        reach_horizon(course, now=now)
        missing = missing_sessions(read_problem(site=course.site, courses=[course], now=now))
        if not missing:
            return []
        proposal = _propose(course, now=now, time_limit=time_limit)
        if not proposal.is_planned:
            _record(course_id, proposal.message, proposal)
            return []
        try:
            return _book(course_id, proposal, missing, now=now, by=by, into=into)
        except BookingRefused as refused:
            if last_try:
                _record(course_id, str(refused), proposal)
    return []


def missing_sessions(problem: engine.Problem) -> set[Key]:
    """Numbers of the posed course that have no session yet."""
    posed = problem.courses[0]
    wanted = {(track.name, slot.number) for track in problem.protocol_of(posed).tracks for slot in track.slots}
    return wanted - {at.key for at in (*posed.locked, *posed.current)}


def propose_beyond(
    course: Course, *, now: datetime, passed: frozenset[int] = frozenset()
) -> tuple[Proposal | None, set[Key]]:
    """What the course would get beyond what it has, were these points `passed`, and its numbers; nothing is written."""
    reach_horizon(course, now=now)
    missing = missing_sessions(read_problem(site=course.site, courses=[course], now=now, passed=passed))
    return (_propose(course, now=now, time_limit=5.0, passed=passed) if missing else None), missing


def _propose(course: Course, *, now: datetime, time_limit: float, passed: frozenset[int] = frozenset()) -> Proposal:
    """With the windows as they are, else as much later as a late decision needs."""
    proposals = (_propose_shifted(course, shift, now, time_limit, passed) for shift in _shifts(course, now, passed))
    for proposal in proposals:
        if proposal.is_planned:
            break
    return proposal


def _propose_shifted(
    course: Course, shift: int | None, now: datetime, time_limit: float, passed: frozenset[int]
) -> Proposal:
    course.shift_days = shift
    return propose_course(course, now=now, time_limit=time_limit, passed=passed)


def _shifts(course: Course, now: datetime, passed: frozenset[int]) -> Iterator[int | None]:
    as_it_is = course.shift_days
    problem = read_problem(site=course.site, courses=[course], now=now, passed=passed)
    posed = problem.courses[0]
    windows = [found for key in missing_sessions(problem) if (found := window(problem, posed, key))]
    opens, closes = min(windows, default=(date.max, date.max))
    today = (problem.now or now).astimezone(course.site.zone).date()
    late = max(as_it_is or 0, (today - opens).days)
    if today <= closes + timedelta(days=as_it_is or 0):
        yield as_it_is
        if as_it_is is None:
            yield 0
    if late > (as_it_is or 0):
        yield late


@retried
def _book(
    course_id: int, proposal: Proposal, missing: set[Key], *, now: datetime, by: User | None, into: Change | None
) -> list[Session]:
    with booking_transaction():
        course = lock_course(course_id)
        there = {(name, number) for name, number in course.sessions.values_list("track__name", "number")}
        if course.status not in GOING_ON or there & missing:
            return []  # somebody else was faster
        if into is not None and Change.objects.filter(pk=into.pk).exclude(undone_at=None).exists():
            return []  # the decision was taken back meanwhile
        with _recorded(course, into, now=now, by=by):
            course.shift_days = proposal.course.shift_days
            sessions = book_plan(course, proposal.plan, now=now, by=by)
            course.plan_message, course.relaxations = "", []
            course.save(update_fields=["shift_days", "plan_message", "relaxations"])
            outbox.sessions_changed(course, sessions, now=now)
    return sessions


def _recorded(course: Course, into: Change | None, *, now: datetime, by: User | None) -> AbstractContextManager[object]:
    """What the horizon has reached is booked by nobody's click, and there is nothing in it to undo."""
    if into is None:
        return nullcontext()
    return recording([course], kind=into.kind, summary=into.summary, now=now, by=by, into=into)


def _record(course_id: int, message: str, proposal: Proposal) -> None:
    with booking_transaction():
        course = lock_course(course_id)
        course.plan_message, course.relaxations = message, proposal.relaxations
        course.save(update_fields=["plan_message", "relaxations"])
