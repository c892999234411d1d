"""Plans problems in the exchange format and prints cost, proven bound and time beside the best cost known.

    .venv/bin/python benchmarks/planning.py [folder]

The folder holds problems as `*.json`, and `best_known.json` where best costs are known; the default is the examples of
the tests. Every answer is put to the independent judge. The time is that of planning, reading apart.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from scheduling.engine import plan, read_problem, write_result  # noqa: E402
from tests.engine.judge.verify import judge  # noqa: E402

TIME_LIMIT = 5.0


def measure(document: dict[str, Any]) -> dict[str, Any]:
    problem = read_problem(document)
    began = time.perf_counter()
    result = plan(problem, time_limit=TIME_LIMIT)
    seconds = time.perf_counter() - began
    verdict = judge(document, write_result(result))
    return {**verdict, "bound": result.bound, "seconds": seconds}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "tests" / "engine" / "judge" / "examples"
    best = json.loads((folder / "best_known.json").read_text()) if (folder / "best_known.json").exists() else {}
    print("| problem | cost | best known | proven bound | unplanned | rules broken | seconds |")
    print("|---|---|---|---|---|---|---|")
    for path in sorted(folder.glob("*.json")):
        if path.name == "best_known.json":
            continue
        row = measure(json.loads(path.read_text()))
        known = best.get(path.stem, {}).get("cost", "")
        broken, unplanned = len(row["violations"]), len(row["unplanned"])
        cells = [path.stem, row["cost"], known, row["bound"], unplanned, broken, f"{row['seconds']:.2f}"]
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


if __name__ == "__main__":
    main()
