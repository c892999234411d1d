"""Write what `against_cpsat.py` measured into benchmarks/README.md, between the two marks there.

.venv/bin/python benchmarks/tables.py [results.json]
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.bars import TITLES, percentile  # noqa: E402

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"

Row = dict[str, Any]


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def overview(results: Row) -> Iterator[str]:
    rows = [
        [TITLES[row], bar["what"], bar["measured"], "met" if bar["met"] else "**not met**"]
        for row, bars in results["bars"].items()
        for bar in bars
    ]
    yield from table(["work", "bar", "measured", ""], rows)


def cost(side: Row) -> str:
    """A proven optimum alone, else the plan's cost with the bound."""
    if side["proven"]:
        return str(side["cost"])
    return f"{'no plan' if side['cost'] is None else side['cost']} (at least {side['bound']})"


def summary(rows: list[Row]) -> Iterator[str]:
    out = []
    for name, side, seconds in (
        ("engine", "engine", [row["engine"]["seconds"] for row in rows]),
        ("CP-SAT", "cpsat", [row["cpsat"]["seconds"] for row in rows]),
    ):
        proven = sum(row[side]["proven"] for row in rows)
        figures = [statistics.median(seconds), percentile(seconds, 0.95)]
        out.append([name, *(f"{value:.3f}" for value in figures), f"{proven} of {len(rows)}"])
    yield from table(["", "median s", "95th percentile s", "proven optimal"], out)


def problems(rows: list[Row]) -> Iterator[str]:
    head = [
        "",
        "course",
        "bookings",
        "engine: cost",
        "s",
        "CPU s",
        "CP-SAT: cost",
        "build s",
        "solve s",
        "times faster",
    ]
    out = []
    for row in rows:
        engine, cpsat = row["engine"], row["cpsat"]
        ours = [cost(engine), f"{engine['seconds']:.3f}", f"{engine['cpu']:.3f}"]
        theirs = [cost(cpsat), f"{cpsat['build']:.2f}", f"{cpsat['solve']:.2f}"]
        out.append([str(row["index"]), row["what"], str(row["bookings"]), *ours, *theirs, f"{row['ratio']:.0f}"])
    yield from table(head, out)


def grown(growth: Row) -> Iterator[str]:
    rows = [
        [name, f"{growth['exponents'][name]:.2f}", ", ".join(f"{size:,.0f}: {s * 1000:.0f}" for size, s in points)]
        for name, points in growth["curves"].items()
    ]
    yield from table(["against", "exponent", "size: ms"], rows)
    yield "![Planning time as problems grow](results/growth.svg)"
    yield ""


def written(results: Row) -> Iterator[str]:
    where = results["machine"]
    yield (
        f"Machine: {where['cores']} virtual cores ({where['machine']}), Python {where['python']}, "
        f"OR-Tools {where['ortools']}; the load before was {where['load_before']:.1f}, the run took "
        f"{results.get('seconds', 0) / 60:.0f} minutes; code of {where['commit']}."
    )
    for commit in sorted(set(results.get("again", {}).values())):
        rows = ", ".join(row for row, its in results["again"].items() if its == commit)
        yield f"Measured again the same day, in runs of their own, with code of {commit}: {rows}."
    if results["quick"]:
        yield "A quick run: fewer problems, less time for CP-SAT."
    yield ""
    yield from overview(results)
    for row, title in TITLES.items():
        if row not in results or row == "memory":
            continue
        yield f"### {title}"
        yield ""
        if row == "growth":
            yield from grown(results["growth"])
        else:
            yield from summary(results[row])
            yield from problems(results[row])


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results" / "against_cpsat.json"
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    lines = "\n".join(written(json.loads(path.read_text())))
    readme.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}")


if __name__ == "__main__":
    main()
