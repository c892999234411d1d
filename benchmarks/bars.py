"""What each row must show, computed from its measurements."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

TITLES = {
    "single": "Single-track course, clinic of 3 devices, loads from 20 % to 95 %",
    "linked": "Linked tracks",
    "devices": "20 devices, 36 sessions, 80 % load",
    "replan": "Replanning after an outage",
    "intake": "Intake of 8 and of 30 courses",
    "growth": "Growth",
    "memory": "Memory",
}


@dataclass(frozen=True)
class Bar:
    what: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"{'met' if self.met else 'NOT met'}: {self.what} ({self.measured})"


def percentile(values: list[float], share: float) -> float:
    """The nearest rank: the least value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def engine_seconds(rows: list[Row]) -> list[float]:
    return [row["engine"]["seconds"] for row in rows]


def correct(rows: list[Row]) -> Bar:
    wrong = [row for row in rows if row["faults"]]
    return Bar(
        "every answer keeps the rules and costs what it says, no plan lies below a bound",
        f"{len(wrong)} do not",
        not wrong,
    )


def never_worse(rows: list[Row]) -> Bar:
    """Equal to a proven optimum, and never above a plan of CP-SAT's."""
    worse = [r for r in rows if r["cpsat"]["cost"] is not None and r["engine"]["cost"] > r["cpsat"]["cost"]]
    names = ", ".join(f"{r['row']} {r['index']}" for r in worse) or "none is"
    proven = sum(r["cpsat"]["proven"] for r in rows)
    equal = sum(r["cpsat"]["proven"] and r["engine"]["cost"] == r["cpsat"]["cost"] for r in rows)
    text = f"above it: {names}; equal to {equal} of {proven} proven optima"
    return Bar("cost never above CP-SAT's", text, not worse)


def faster(least: float, of: str, pick: Callable[[list[float]], float]) -> Callable[[list[Row]], Bar]:
    def bar(rows: list[Row]) -> Bar:
        ratios = [row["ratio"] for row in rows]
        found = pick(ratios)
        text = f"{found:.0f} times; from {min(ratios):.0f} to {max(ratios):.0f}"
        return Bar(f"{of} at least {least:g} times faster", text, found >= least)

    return bar


def within(seconds: float, share: float) -> Callable[[list[Row]], Bar]:
    def bar(rows: list[Row]) -> Bar:
        found = percentile(engine_seconds(rows), share)
        name = "the slowest" if share == 1 else f"the {share * 100:.0f}th percentile"
        return Bar(f"{name} under {seconds * 1000:.0f} ms", f"{found * 1000:.0f} ms", found < seconds)

    return bar


def proven_on(share: float) -> Callable[[list[Row]], Bar]:
    def bar(rows: list[Row]) -> Bar:
        count = sum(row["engine"]["proven"] for row in rows)
        return Bar(f"proven optimal on at least {share:.0%}", f"{count} of {len(rows)}", count >= share * len(rows))

    return bar


def plans_as_many(rows: list[Row]) -> Bar:
    missing = [f"{r['index']}: {c}" for r in rows for c in r["cpsat"]["planned"] if c not in r["engine"]["planned"]]
    return Bar("every course planned that CP-SAT plans", f"missing: {', '.join(missing) or 'none'}", not missing)


def near(share: float) -> Callable[[list[Row]], Bar]:
    def bar(rows: list[Row]) -> Bar:
        above = [r["engine"]["cost"] / r["cpsat"]["cost"] - 1 for r in rows if r["cpsat"]["cost"]]
        most = max(above, default=0.0)
        return Bar(f"cost at most {share:.0%} above CP-SAT's best", f"at most {most:+.2%}", most <= share)

    return bar


BARS: dict[str, list[Callable[[list[Row]], Bar]]] = {
    "single": [correct, never_worse, faster(50, "the median is", statistics.median), within(0.150, 0.95)],
    "linked": [correct, never_worse, proven_on(0.9), within(1.0, 0.95)],
    "devices": [correct, never_worse, within(1.0, 1)],
    "replan": [correct, never_worse, faster(20, "the median is", statistics.median)],
    "intake": [correct, plans_as_many, near(0.01), faster(10, "every one is", min)],
}


FLAT = 0.1
"""An exponent below which time does not grow: ten times as many, a quarter more at most."""

LIMIT_MEGABYTES = 200


def growth_bars(exponents: dict[str, float], rows: list[dict[str, Any]]) -> list[Bar]:
    outside = {name: value for name, value in exponents.items() if name.startswith(("bookings before", "bookings in"))}
    text = ", ".join(f"{name}: exponent {value:.2f}" for name, value in outside.items())
    counts = sorted({row["queries"] for row in rows})
    once = all(row["of_occupancy"] == 1 for row in rows)
    most = max(row["bookings"] for row in rows)
    queries = f"{counts} queries in all, {'one' if once else 'NOT one'} of them for the occupancy"
    return [
        Bar("planning does not grow with bookings outside the horizon", text, max(outside.values()) < FLAT),
        Bar(f"one query loads the occupancy, up to {most:,} bookings", queries, once and len(counts) == 1),
    ]


def memory_bars(megabytes: dict[str, float]) -> list[Bar]:
    text = ", ".join(f"{name} {value:.0f} MB" for name, value in megabytes.items())
    return [Bar(f"peak under {LIMIT_MEGABYTES} MB", text, max(megabytes.values()) < LIMIT_MEGABYTES)]
