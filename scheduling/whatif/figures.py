"""What the placed referrals mean: courses by week, and the seat time of each kind before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from scheduling import engine
from scheduling.engine import SeatMinutes, SeatTime
from scheduling.posing import local_date
from scheduling.whatif.question import Posed, Question

Placed = Sequence[tuple[engine.Course, tuple[engine.PlacedSession, ...]]]


@dataclass(frozen=True)
class Group:
    """The referrals of one protocol: how many fit, and from when to when.

    `shut` are the spans of days on which none could start even if the clinic were empty.
    """

    code: str
    name: str
    asked: int
    fit: int
    first_start: date | None
    last_start: date | None
    last_visit: date | None
    shut: tuple[tuple[date, date], ...]


@dataclass(frozen=True)
class Need:
    """A seat of a kind, with a skill where one is asked for."""

    kind: str
    skill: str | None = None


@dataclass(frozen=True)
class Use:
    """The seat time of what has a kind and a skill, before and with the change."""

    need: Need
    before: SeatMinutes
    after: SeatMinutes


@dataclass(frozen=True)
class Week:
    """Courses that have started and finished by the end of the week, and the use of each kind in it."""

    first_on: date
    last_on: date
    started: int
    finished: int
    use: tuple[Use, ...]


def _dates(problem: engine.Problem, sessions: Iterable[engine.PlacedSession]) -> list[date]:
    return sorted(local_date(problem, session) for session in sessions)


def figure_days(question: Question, problem: engine.Problem, placed: Placed) -> list[date]:
    """The days that figures are given for: to the end of the last visit's week; without visits, the weeks asked for."""
    last = max((_dates(problem, sessions)[-1] for _, sessions in placed), default=question.latest_on)
    if placed:
        last += timedelta(days=6 - last.weekday())
    return [question.start_on + timedelta(days=i) for i in range((last - question.start_on).days + 1)]


def weeks_of(days: Sequence[date]) -> list[list[date]]:
    found: dict[date, list[date]] = {}
    for day in days:
        found.setdefault(day - timedelta(days=day.weekday()), []).append(day)
    return list(found.values())


def count_use(posed: Posed, placed: Placed, days: Sequence[date]) -> dict[date, tuple[Use, ...]]:
    """By date: the use of each kind of the site, and of what the courses need of a kind with a skill."""
    before, after = SeatTime(posed.before), SeatTime(posed.after, placed)
    kinds = {Need(resource.kind) for resource in posed.after.resources}
    needs = sorted(kinds.union(needs_of(posed.after)), key=lambda n: (posed.kinds.get(n.kind, n.kind), n.skill or ""))
    return {day: tuple(Use(n, seats_of(before, n, day), seats_of(after, n, day)) for n in needs) for day in days}


def needs_of(problem: engine.Problem) -> list[Need]:
    """What the visits of the courses need, each kind and skill once."""
    codes = dict.fromkeys(course.protocol for course in problem.courses)
    visits = [visit for code in codes for visit in problem.protocols[code].visits.values()]
    return list(dict.fromkeys(Need(hold.kind, hold.skill) for visit in visits for hold in visit.holds))


def seats_of(seats: SeatTime, need: Need, day: date, minutes: int = -1) -> SeatMinutes:
    """The seat time of the resources that serve a need on a date; `minutes` is a set of its minutes, or -1 for all."""
    total = SeatMinutes()
    for resource in seats.problem.resources:
        if resource.kind == need.kind and (need.skill is None or need.skill in resource.skills):
            total = total.plus(seats.minutes(resource, day, minutes))
    return total


def sum_use(uses: Mapping[date, Sequence[Use]], days: Iterable[date]) -> tuple[Use, ...]:
    total: dict[Need, Use] = {}
    for use in (use for day in days for use in uses[day]):
        old = total.get(use.need, Use(use.need, SeatMinutes(), SeatMinutes()))
        total[use.need] = Use(use.need, old.before.plus(use.before), old.after.plus(use.after))
    return tuple(total.values())


def describe_group(code: str, asked: int, posed: Posed, placed: Placed, shut: Sequence[tuple[date, date]]) -> Group:
    spans = [_dates(posed.after, sessions) for course, sessions in placed if course.protocol == code]
    return Group(
        code=code,
        name=posed.names[code],
        asked=asked,
        fit=len(spans),
        first_start=min((span[0] for span in spans), default=None),
        last_start=max((span[0] for span in spans), default=None),
        last_visit=max((span[-1] for span in spans), default=None),
        shut=tuple(shut),
    )


def describe_week(days: list[date], uses: Mapping[date, Sequence[Use]], posed: Posed, placed: Placed) -> Week:
    spans = [_dates(posed.after, sessions) for _, sessions in placed]
    return Week(
        first_on=days[0],
        last_on=days[-1],
        started=sum(span[0] <= days[-1] for span in spans),
        finished=sum(span[-1] <= days[-1] for span in spans),
        use=sum_use(uses, days),
    )
