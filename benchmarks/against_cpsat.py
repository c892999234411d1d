"""The planning engine beside an OR-Tools CP-SAT model of the same problems, in one run.

    python benchmarks/against_cpsat.py [--quick] [--row single|linked|devices|replan|intake|growth|memory] [--out FILE]

Needs benchmarks/requirements.txt. Prints every problem and every bar, and ends with status 1 where a bar is missed.
Results so far are written after every problem. `--quick` takes a few minutes: fewer problems, less time for CP-SAT.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if find_spec("ortools") is None:
    sys.exit("CP-SAT, which is no part of the product, is missing: pip install -r benchmarks/requirements.txt")

from benchmarks import growth, selftest  # noqa: E402
from benchmarks.bars import BARS, TITLES, Bar, growth_bars, memory_bars  # noqa: E402
from benchmarks.measuring import compare  # noqa: E402
from benchmarks.problems import QUICK, ROWS  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "against_cpsat.json"
LIMITS = {"single": 60.0, "linked": 60.0, "devices": 60.0, "replan": 60.0, "intake": 240.0}
QUICK_LIMITS = {"single": 15.0, "linked": 15.0, "devices": 20.0, "replan": 15.0, "intake": 60.0}
EVERY = [*BARS, "growth", "memory"]
BOOKINGS, QUICK_BOOKINGS = 1_000_000, 100_000


def machine() -> dict[str, Any]:
    ortools = __import__("ortools")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "ortools": ortools.__version__,
        "commit": commit.stdout.strip(),
        "load_before": os.getloadavg()[0],
    }


def shown(row: dict[str, Any]) -> str:
    engine, cpsat = row["engine"], row["cpsat"]
    theirs = f"{cpsat['cost']}" if cpsat["proven"] else f"{cpsat['cost']} (bound {cpsat['bound']}, not proven)"
    ours = f"{engine['cost']}" if engine["proven"] else f"{engine['cost']} (bound {engine['bound']}, not proven)"
    return (
        f"  {row['index']:>2} {row['what']:<13} engine {ours} in {engine['seconds']:.3f} s ({engine['cpu']:.3f} s CPU);"
        f" CP-SAT {theirs} in {cpsat['build']:.2f} + {cpsat['solve']:.2f} s; {row['ratio']:.0f} times"
        + "".join(f"\n     WRONG: {fault}" for fault in row["faults"])
    )


def run_row(row: str, quick: bool, results: dict[str, Any], out: Path | None) -> list[Bar]:
    make, count = ROWS[row]
    indices = QUICK[row] if quick else list(range(count))
    limit = (QUICK_LIMITS if quick else LIMITS)[row]
    print(
        f"\n{TITLES[row]}: {len(indices)} problems, CP-SAT {limit:g} s each" + (" (quick)" if quick else ""), flush=True
    )
    done: list[dict[str, Any]] = []
    for index in indices:
        done.append(compare(row, index, make(index), limit=limit))
        print(shown(done[-1]), flush=True)
        results[row] = done
        write(results, out)
    return [bar(done) for bar in BARS[row]]


def run_growth(quick: bool, results: dict[str, Any], out: Path | None) -> list[Bar]:
    print("\nGrowth", flush=True)
    curves = {title: growth.measure(axis) for axis, (title, _, _) in growth.AXES.items()}
    filled = growth.database(QUICK_BOOKINGS if quick else BOOKINGS)
    curves["bookings in the database"] = [(max(row["bookings"], 1), row["read"] + row["plan"]) for row in filled]
    exponents = {name: growth.exponent(points) for name, points in curves.items()}
    for name, points in curves.items():
        row = ", ".join(f"{size:,.0f}: {seconds * 1000:.0f} ms" for size, seconds in points)
        print(f"  {name}: exponent {exponents[name]:.2f} ({row})", flush=True)
    results["growth"] = {"curves": curves, "exponents": exponents, "database": filled}
    write(results, out)
    if out is not None:
        out.with_name("growth.svg").write_text(growth.picture(curves))
    return growth_bars(exponents, filled)


def run_memory(results: dict[str, Any], out: Path | None) -> list[Bar]:
    """The peak of a fresh process for the largest problem of each row."""
    print("\nMemory", flush=True)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for row, (make, count) in ROWS.items():
            largest = max((make(index) for index in range(count)), key=lambda problem: len(problem["bookings"]))
            found[row] = growth.peak_megabytes(largest, Path(folder))
    if "growth" in results:
        found["a full database"] = max(row["megabytes"] for row in results["growth"]["database"])
    results["memory"] = found
    write(results, out)
    return memory_bars(found)


def run(row: str, quick: bool, results: dict[str, Any], out: Path | None) -> list[Bar]:
    if row in BARS:
        bars = run_row(row, quick, results, out)
    else:
        bars = run_growth(quick, results, out) if row == "growth" else run_memory(results, out)
    for bar in bars:
        print(f"  {bar}", flush=True)
    results["bars"][row] = [asdict(bar) for bar in bars]
    write(results, out)
    return bars


def write(results: dict[str, Any], out: Path | None) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few minutes: fewer problems, less time for CP-SAT")
    parser.add_argument("--selftest", action="store_true", help="only try the CP-SAT model on tiny problems")
    parser.add_argument("--row", action="append", choices=EVERY, help="only this row; may be given again")
    parser.add_argument("--out", type=Path, help="where the results go as JSON (a whole run: benchmarks/results)")
    given = parser.parse_args()
    if given.selftest:
        sys.exit(0 if selftest.run() else 1)
    whole = not given.quick and not given.row
    out = given.out or (RESULTS if whole else None)
    results: dict[str, Any] = {"machine": machine(), "quick": given.quick, "bars": {}}
    began = time.monotonic()
    if not given.row and not selftest.run():
        sys.exit("The CP-SAT model is wrong: nothing is measured against it.")
    missed = [bar for row in given.row or EVERY for bar in run(row, given.quick, results, out) if not bar.met]
    results["seconds"] = time.monotonic() - began
    write(results, out)
    print(f"\n{results['seconds']:.0f} s in all; " + (f"{len(missed)} bars NOT met" if missed else "every bar met"))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
