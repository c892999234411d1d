"""A replanning written as documents of the planning format, and read by the independent judge."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scheduling import engine
from scheduling.disruptions.answer import Replanning
from scheduling.disruptions.posing import cases_of, read_given
from scheduling.models import Course
from scheduling.posing import let_go

JUDGE = Path(__file__).parents[2] / "engine" / "judge" / "verify.py"


def judge(problem: engine.Problem, result: engine.Result, folder: Path) -> dict[str, Any]:
    documents = engine.write_problem(problem), engine.write_result(result)
    paths = [folder / name for name in ("problem.json", "result.json")]
    for path, document in zip(paths, documents, strict=True):
        path.write_text(json.dumps(document))
    ran = subprocess.run([sys.executable, str(JUDGE), *paths], capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def judge_proposal(found: Replanning, folder: Path) -> dict[str, Any]:
    assert found.problem is not None
    assert found.result is not None
    return judge(found.problem, found.result, folder)


def judge_booked(courses: list[Course], *, begins: datetime, now: datetime, folder: Path) -> list[str]:
    """What the judge holds against these courses as they are booked now: all from the disruption on is judged.

    Windows apart: a visit that keeps its time takes an earlier number when one before it goes to the end,
    as after a miss.
    """
    courses = list(Course.objects.filter(pk__in=[course.pk for course in courses]).select_related("site", "version"))
    cases = cases_of(courses)
    problem = replace(read_given(cases, now=now), now=now)
    keys = {
        case.id: {key for key, row in case.rows.items() if row.status == "booked" and row.start >= begins}
        for case in cases
    }
    posed = replace(problem, courses=tuple(let_go(course, keys[course.id]) for course in problem.courses))
    plans = tuple(engine.CoursePlan(course.id, "planned", course.locked, 0) for course in problem.courses)
    found: list[str] = judge(posed, engine.Result(plans, 0), folder)["violations"]
    return [violation for violation in found if "outside its window" not in violation]
