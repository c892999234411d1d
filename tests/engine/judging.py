"""The independent judge (judge/verify.py, kept as it was given) and the problems that came with it."""

import importlib.util
import json
from pathlib import Path

from scheduling.engine import check, cost, plan, read_problem, read_result, write_result

HERE = Path(__file__).parent / "judge"
SHARED = Path(__file__).parents[3] / "shared" / "planning" / "examples"
EXAMPLES = SHARED if SHARED.is_dir() else HERE / "examples"


def _load():
    spec = importlib.util.spec_from_file_location("planning_judge", HERE / "verify.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFY = _load()
judge = VERIFY.judge
BEST = json.loads((EXAMPLES / "best_known.json").read_text())


def example(name):
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def planned(document, time_limit=20, seed=0):
    """The result's document, once judge and `check` agree that it keeps every rule and what it costs."""
    problem = read_problem(document)
    result = plan(problem, time_limit=time_limit, seed=seed)
    written = write_result(result)
    verdict = judge(document, written)
    assert verdict["violations"] == []
    assert check(problem, result) == []
    assert (result.cost, cost(problem, result).total) == (verdict["cost"], verdict["cost"])
    assert result.bound is None or result.bound <= result.cost
    assert read_result(written) == result
    return written


def verdicts(document, written):
    """(does the judge object, does `check` object) to a result."""
    found = judge(document, written)
    return bool(found["violations"]), bool(check(read_problem(document), read_result(written)))
