"""`plan`: every course of a problem, one after the other against the same board, then improved together."""

from __future__ import annotations

import time
from dataclasses import replace

from .choice.alternatives import with_alternatives
from .cost import UNPLANNED
from .many.improve import WORK_PER_SECOND, improve
from .many.intake import Intake
from .many.placing import place_all, place_left
from .problem import Problem
from .result import UNKNOWN, CoursePlan, Result
from .rules import check

FOR_ALTERNATIVES, FOR_THE_LEFT, FOR_REASONS = 0.5, 0.3, 0.15
"""Shares of the time that improvement leaves to what comes after it, where that is wanted."""


def plan(problem: Problem, *, time_limit: float, seed: int = 0, alternatives: int = 0, reasons: bool = True) -> Result:
    """Place every course of a problem, or say why one cannot be placed.

    `time_limit` is in seconds; it only cuts short what would take longer. The same problem, limit and seed give the
    same answer unless it did. A course without a plan is `infeasible` when that is proven, else `unknown`.
    With `alternatives`, up to so many further plans of each planned course; an intake leaves them half of the time.
    Without `reasons` nobody is told why a course has no plan, which takes its time too.
    """
    began = time.monotonic()
    deadline = began + time_limit
    intake = Intake(problem, deadline, reasons)
    place_all(intake)
    kept_back = max(FOR_ALTERNATIVES if alternatives else 0, FOR_THE_LEFT if intake.left() else 0)
    intake.until = deadline - time_limit * kept_back
    work = improve(intake, seed, time_limit * WORK_PER_SECOND)
    if kept_back == FOR_THE_LEFT and not intake.left():
        intake.until = deadline
        improve(intake, seed + 1, work)
    intake.until = deadline - time_limit * (FOR_REASONS if len(intake.courses) > 1 else 0)
    place_left(intake)
    intake.until = deadline
    answers = intake.answers()
    result = kept(problem, Result(answers, total_of(answers), intake.bound()))
    if alternatives:
        result = with_alternatives(problem, result, alternatives, lambda: time.monotonic() > deadline)
    return replace(result, seconds=round(time.monotonic() - began, 4))


def total_of(answers: tuple[CoursePlan, ...]) -> int:
    return sum(UNPLANNED if answer.cost is None else answer.cost for answer in answers)


def kept(problem: Problem, result: Result) -> Result:
    """The result without any course that breaks a rule: the last word is with `check`, not with the search."""
    wrong = {violation.course for violation in check(problem, result)}
    if not wrong:
        return result
    answers = tuple(
        CoursePlan(a.id, UNKNOWN, message="The plan that was found breaks a rule; please report this problem.")
        if a.id in wrong and a.planned
        else a
        for a in result.courses
    )
    return Result(answers, total_of(answers), result.bound)
