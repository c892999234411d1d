"""Whether the CP-SAT model says what the rules say: tiny problems, against an exhaustive search that shares nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from scheduling.engine import read_problem
from tests.engine.exhaustive import TooLarge, all_plans, best_plan, best_together
from tests.engine.generate import replanned
from tests.engine.tiny import LINKS, tiny

from .cpsat.model import UNPLANNED
from .cpsat.solve import solve
from .measuring import faults

Document = dict[str, Any]


def cases() -> Iterator[tuple[str, Document]]:
    for seed in range(30):
        yield f"one track {seed}", tiny(70_000 + seed)
        yield f"a link {seed}", tiny(71_000 + seed, tracks=2, links=[LINKS[seed % len(LINKS)]])
        yield f"three tracks {seed}", tiny(72_000 + seed, tracks=3)
        yield f"two courses {seed}", tiny(73_000 + seed, courses=2, tracks=1 + seed % 2)
        before = tiny(74_000 + seed, tracks=1 + seed % 3)
        try:
            best = best_plan(before, most=20_000)
        except TooLarge:
            continue
        if best is not None:
            done = random.Random(seed).choice([0.3, 0.5, 0.8])
            again = replanned(before, {"courses": [best]}, seed, done)
            if again is not None:
                yield f"replanned {seed}", again


def least_cost(document: Document) -> int | None:
    """The cost of the best of all plans together; None where there are too many to look at."""
    try:
        if len(document["courses"]) > 1:
            return best_together([all_plans(document, course) for course in document["courses"]])
        best = best_plan(document, most=20_000)
    except TooLarge:
        return None
    return UNPLANNED if best is None else best["cost"]


def run() -> bool:
    wrong, count = [], 0
    for name, document in cases():
        least = least_cost(document)
        if least is None:
            continue
        count += 1
        problem = read_problem(document)
        answer = solve(problem, limit=30)
        got = UNPLANNED if answer.status == "INFEASIBLE" else answer.cost
        if not answer.proven or got != least:
            wrong.append(f"{name}: {answer.status} {got}, the best of all plans {least}")
        elif answer.result is not None:
            wrong += [f"{name}: {fault}" for fault in faults(document, problem, answer.result, got or 0)]
    print(f"Self-test: the CP-SAT model on {count} tiny problems that were searched exhaustively")
    for line in wrong:
        print(f"  WRONG: {line}")
    print(f"  {'NOT met' if wrong else 'met'}: every optimum agrees, and every plan keeps the rules", flush=True)
    return not wrong
