"""Fill the changed clinic with the referrals, and count. Reads rows, never writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from scheduling import engine
from scheduling.whatif.bottleneck import Bottleneck, find_bottleneck
from scheduling.whatif.figures import (
    Group,
    Need,
    Use,
    Week,
    count_use,
    describe_group,
    describe_week,
    figure_days,
    needs_of,
    sum_use,
    weeks_of,
)
from scheduling.whatif.question import Question, pose_question, reading_only, start_windows


@dataclass(frozen=True)
class Answer:
    question: Question
    groups: tuple[Group, ...]
    weeks: tuple[Week, ...]
    use: tuple[Use, ...]
    bottleneck: Bottleneck | None
    stranded: int
    """Booked visits on the closed dates: they would have to be moved, and their time is in no figure after."""
    kinds: Mapping[str, str]
    """The names of the kinds by code."""
    needed: tuple[Need, ...]
    """What the referrals need, and what is added."""
    cut_short: bool

    @property
    def asked(self) -> int:
        return sum(group.asked for group in self.groups)

    @property
    def fit(self) -> int:
        return sum(group.fit for group in self.groups)


def answer_question(question: Question, *, now: datetime, out_of_time: Callable[[], bool]) -> Answer:
    """Fill the changed clinic with the referrals, week by week, and count."""
    with reading_only():
        posed = pose_question(question, now=now)
    filling = engine.fill(posed.after, list(start_windows(question)), out_of_time)
    placed = [(course, filling.sessions[course.id]) for course in posed.after.courses if course.id in filling.sessions]
    _assert_legal(posed.after, filling.sessions)
    shut = {code: _shut(question, posed.after, code, out_of_time) for code, _ in question.referrals}
    days = figure_days(question, posed.after, placed)
    short, is_cut = find_bottleneck(question, posed.after, placed, out_of_time)
    uses = count_use(posed, placed, days)
    return Answer(
        question=question,
        groups=tuple(describe_group(code, count, posed, placed, shut[code]) for code, count in question.referrals),
        weeks=tuple(describe_week(week, uses, posed, placed) for week in weeks_of(days)),
        use=sum_use(uses, days),
        bottleneck=short,
        stranded=posed.stranded,
        kinds=posed.kinds,
        needed=_needed(question, posed.after),
        cut_short=filling.cut_short or is_cut or out_of_time(),
    )


def _needed(question: Question, problem: engine.Problem) -> tuple[Need, ...]:
    needs = needs_of(problem)
    known = {need.kind for need in needs}
    return (*needs, *dict.fromkeys(Need(kind) for kind, _, _ in question.added if kind not in known))


def _shut(
    question: Question, problem: engine.Problem, code: str, out_of_time: Callable[[], bool]
) -> list[tuple[date, date]]:
    """The days on which no course of a protocol can start, in as few spans as they make."""
    course = next(course for course in problem.courses if course.protocol == code)
    weekdays = {day for day, spans in enumerate(problem.site.opening_hours.days) if spans}
    # A window of nothing but a weekend is no news.
    windows = [(first, last) for first, last in start_windows(question) if _has_weekday(weekdays, first, last)]
    found: list[tuple[date, date]] = []
    for first, last in engine.closed_windows(problem, course, windows, out_of_time):
        if found and (first - found[-1][1]).days == 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _has_weekday(weekdays: set[int], first: date, last: date) -> bool:
    return any((first.weekday() + offset) % 7 in weekdays for offset in range((last - first).days + 1))


def _assert_legal(problem: engine.Problem, sessions: Mapping[str, tuple[engine.PlacedSession, ...]]) -> None:
    """The last word is with `check`, not with the search."""
    answers = tuple(
        engine.CoursePlan(course.id, engine.PLANNED, sessions[course.id])
        if course.id in sessions
        else engine.CoursePlan(course.id, engine.UNKNOWN)
        for course in problem.courses
    )
    if found := engine.check(problem, engine.Result(answers, 0)):
        raise AssertionError(f"The planner broke a rule: {found[0].message}")
