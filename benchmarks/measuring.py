"""Both sides on one problem, every answer put to `check` and to the independent judge."""

from __future__ import annotations

import statistics
import time
from typing import Any

from scheduling.engine import Problem, Result, check, cost, plan, read_problem, write_result
from tests.engine.judge.verify import judge

from .cpsat.solve import Answer, solve

Document = dict[str, Any]

SECONDS = {"intake": 20.0}
"""The engine's time limit, by row; its plan depends on it for an intake only."""

USUAL_SECONDS = 10.0


def planned(result: Result) -> list[str]:
    return [answer.id for answer in result.courses if answer.planned]


def faults(document: Document, problem: Problem, result: Result, said: int) -> list[str]:
    """What is wrong with an answer: rules broken, for either judge, or a cost that is not what it says."""
    found = [violation.message for violation in check(problem, result)]
    verdict = judge(document, write_result(result))
    found += [str(violation) for violation in verdict["violations"]]
    for name, got in (("cost", cost(problem, result).total), ("the judge", verdict["cost"])):
        if got != said:
            found.append(f"says {said}, {name} says {got}")
    return found


def run_engine(row: str, document: Document, problem: Problem, repeats: int) -> dict[str, Any]:
    """The plan, and the median wall and CPU seconds of some runs."""
    limit = SECONDS.get(row, USUAL_SECONDS)
    wall, cpu = [], []
    for _ in range(repeats):
        began, spent = time.perf_counter(), time.process_time()
        result = plan(problem, time_limit=limit)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    return {
        "cost": result.cost,
        "bound": result.bound,
        "proven": result.bound == result.cost,
        "planned": planned(result),
        "seconds": statistics.median(wall),
        "cpu": statistics.median(cpu),
        "faults": faults(document, problem, result, result.cost),
    }


def run_cpsat(document: Document, problem: Problem, limit: float) -> dict[str, Any]:
    """What CP-SAT finds. A plan that is not proven best may cost less than its objective says: its true cost counts."""
    answer: Answer = solve(problem, limit=limit)
    said, wrong = answer.cost, []
    if answer.result is not None and said is not None:
        true = cost(problem, answer.result).total
        said = true if not answer.proven and true < said else said
        wrong = faults(document, problem, answer.result, said)
    return {
        "status": answer.status,
        "cost": said,
        "bound": answer.bound,
        "proven": answer.proven,
        "planned": [] if answer.result is None else planned(answer.result),
        "build": answer.build_seconds,
        "solve": answer.solve_seconds,
        "seconds": answer.seconds,
        "faults": wrong,
    }


def compare(row: str, index: int, document: Document, *, limit: float) -> dict[str, Any]:
    problem = read_problem(document)
    engine = run_engine(row, document, problem, 1 if row == "intake" else 3)
    cpsat = run_cpsat(document, problem, limit)
    names = list(dict.fromkeys(course.protocol for course in problem.courses))
    return {
        "row": row,
        "index": index,
        "what": f"{len(problem.courses)} courses" if len(problem.courses) > 1 else names[0],
        "zone": problem.site.timezone,
        "bookings": len(problem.bookings),
        "limit": limit,
        "engine": engine,
        "cpsat": cpsat,
        "ratio": cpsat["seconds"] / engine["seconds"],
        "faults": [*engine["faults"], *cpsat["faults"], *contradictions(engine, cpsat)],
    }


def contradictions(engine: dict[str, Any], cpsat: dict[str, Any]) -> list[str]:
    """A plan below the other side's proven bound: one of the two is wrong."""
    found = []
    if cpsat["cost"] is not None and engine["bound"] is not None and cpsat["cost"] < engine["bound"]:
        found.append(f"CP-SAT has a plan of {cpsat['cost']} below the engine's bound of {engine['bound']}")
    if engine["cost"] < cpsat["bound"]:
        found.append(f"the engine has a plan of {engine['cost']} below CP-SAT's bound of {cpsat['bound']}")
    return found
