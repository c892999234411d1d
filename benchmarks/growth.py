"""How planning time and memory grow: against sessions, days, devices, bookings, and a full database.

The exponent is that of t = a * n^b, fitted by least squares on the logarithms: 1 is proportional, 0 does not grow.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from scheduling.engine import plan, read_problem
from tests.engine.generate import clock

from .problems import ROOT, draw

Document = dict[str, Any]
Point = tuple[float, float]

ROUNDS = 5
CHILD = """
import json, sys
from benchmarks.memory import peak_megabytes
from scheduling.engine import plan, read_problem
with open(sys.argv[1]) as file:
    problem = read_problem(json.load(file))
plan(problem, time_limit=20)
print(peak_megabytes())
"""


def with_sessions(count: int) -> Document:
    """So many daily sessions, five a week."""
    document = draw("growth", 0, ["tms"], 0.5)
    phase = document["protocols"]["tms"]["tracks"][0]["phases"][0]
    document["protocols"]["tms"]["tracks"][0]["phases"] = [{**phase, "periods": count // 5}]
    return document


def with_days(count: int) -> Document:
    """So many days on which the course may start."""
    document = draw("growth", 0, ["tms"], 0.5)
    document["protocols"]["tms"]["tracks"][0]["phases"] = document["protocols"]["tms"]["tracks"][0]["phases"][:1]
    document["protocols"]["tms"]["tracks"][0]["phases"][0]["periods"] = 3
    course = document["courses"][0]
    latest = date.fromisoformat(course["earliest_start"]) + timedelta(days=count - 1)
    return {**document, "courses": [{**course, "latest_start": latest.isoformat()}]}


def with_devices(count: int) -> Document:
    return draw("growth", 0, ["tms"], 0.8, devices=count)


def with_bookings(share: int) -> Document:
    """20 devices of which so many hundredths of the time are booked."""
    return draw("growth", 0, ["tms"], share / 100, devices=20)


def with_past(count: int) -> Document:
    """So many bookings more, all of them before the course begins."""
    document = draw("growth", 0, ["tms"], 0.5)
    long_ago = date.fromisoformat(document["courses"][0]["earliest_start"]) - timedelta(days=40)
    extra = []
    for n in range(count):
        day, slot = long_ago - timedelta(days=n // 60), n % 60
        begin, end = (f"{day}T{clock(480 + 30 * half)}:00Z" for half in (slot % 20, slot % 20 + 1))
        extra.append({"resource": f"tms_device-{slot // 20 + 1}", "seat": 0, "start": begin, "end": end})
    return {**document, "bookings": [*document["bookings"], *extra]}


AXES: dict[str, tuple[str, Callable[[int], Document], list[int]]] = {
    "sessions": ("sessions", with_sessions, [5, 10, 20, 30, 40, 50, 60]),
    "days": ("days on which the course may start", with_days, [7, 14, 28, 42, 56, 84]),
    "devices": ("devices", with_devices, [3, 5, 10, 20, 40]),
    "bookings": ("bookings within the horizon", with_bookings, [5, 10, 20, 40, 80]),
    "past": ("bookings before the horizon", with_past, [1_000, 10_000, 100_000]),
}


def measure(axis: str) -> list[Point]:
    """(size, CPU seconds of planning, the best of some runs)."""
    points = []
    _, make, sizes = AXES[axis]
    for size in sizes:
        problem = read_problem(make(size))
        seconds = []
        for _ in range(ROUNDS):
            began = time.process_time()
            plan(problem, time_limit=10)
            seconds.append(time.process_time() - began)
        points.append((float(len(problem.bookings) if axis == "bookings" else size), min(seconds)))
    return points


def exponent(points: list[Point]) -> float:
    """The slope of the line through the logarithms."""
    logs = [(math.log(size), math.log(seconds)) for size, seconds in points if size > 0]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread


def database(most: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "benchmarks/database.py", str(most)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_megabytes(document: Document, folder: Path) -> float:
    """The peak of a fresh process that reads a problem and plans it."""
    path = folder / "problem.json"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


# The picture

WIDTH, HEIGHT, MARGIN = 300, 180, 40


def picture(curves: dict[str, list[Point]]) -> str:
    """Small plots side by side, both axes logarithmic."""
    panels = [panel(at, name, points) for at, (name, points) in enumerate(curves.items())]
    rows = -(-len(panels) // 3)
    size = f'width="{3 * WIDTH}" height="{rows * HEIGHT}" viewBox="0 0 {3 * WIDTH} {rows * HEIGHT}"'
    style = "text{font:11px sans-serif;fill:#333}.axis{stroke:#999}.line{fill:none;stroke:#1f5fa8;stroke-width:1.5}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Planning time as problems grow">'
    return (
        "\n".join(
            [head, f"<style>{style}</style>", '<rect width="100%" height="100%" fill="#fff"/>', *panels, "</svg>"]
        )
        + "\n"
    )


def panel(at: int, name: str, points: list[Point]) -> str:
    left, top = at % 3 * WIDTH, at // 3 * HEIGHT
    low, high = 1.0, 1000.0
    sizes = [max(size, 1.0) for size, _ in points]

    def place(size: float, seconds: float) -> tuple[float, float]:
        span = math.log(max(sizes) / min(sizes)) or 1.0
        x = left + MARGIN + (WIDTH - MARGIN - 30) * math.log(max(size, 1.0) / min(sizes)) / span
        share = math.log(min(max(seconds * 1000, low), high)) / math.log(high)
        y = top + HEIGHT - MARGIN - (HEIGHT - MARGIN - 26) * share
        return round(x, 1), round(y, 1)

    spots = [place(size, seconds) for size, seconds in points]
    out = [f'<text x="{left + MARGIN}" y="{top + 14}">{name}: exponent {exponent(points):.2f}</text>']
    base = top + HEIGHT - MARGIN
    out.append(f'<line class="axis" x1="{left + MARGIN}" y1="{base}" x2="{left + WIDTH - 24}" y2="{base}"/>')
    for milliseconds in (1, 10, 100, 1000):
        y = place(sizes[0], milliseconds / 1000)[1]
        across = f'x1="{left + MARGIN}" y1="{y}" x2="{left + WIDTH - 24}" y2="{y}"'
        out.append(f'<line class="axis" stroke-dasharray="1 4" {across}/>')
        out.append(f'<text x="{left + MARGIN - 4}" y="{y + 3}" text-anchor="end">{milliseconds}</text>')
    for size, (x, _) in ((points[0][0], spots[0]), (points[-1][0], spots[-1])):
        out.append(f'<text x="{x}" y="{base + 13}" text-anchor="middle">{size:,.0f}</text>')
    out.append(f'<text x="{left + MARGIN}" y="{base + 26}">CPU ms to plan</text>')
    out.append(f'<polyline class="line" points="{" ".join(f"{x},{y}" for x, y in spots)}"/>')
    out += [f'<circle cx="{x}" cy="{y}" r="2" fill="#1f5fa8"/>' for x, y in spots]
    return "\n".join(out)
