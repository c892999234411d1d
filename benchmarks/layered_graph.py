"""Draws the layered graph of one small course as docs/engine.md shows it, from the engine's own starts and bounds.

.venv/bin/python benchmarks/layered_graph.py > docs/images/layered-graph.svg
"""

from __future__ import annotations

import sys
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


from scheduling.engine import plan, read_problem  # noqa: E402
from scheduling.engine.options import Chain, chains_of  # noqa: E402
from scheduling.engine.seats import Board  # noqa: E402
from scheduling.engine.timeline import Timeline, reach_of  # noqa: E402
from scheduling.engine.track.tables import Tables  # noqa: E402

WEEK = {key: [["09:00", "12:00"]] for key in ("mon", "tue", "wed", "thu", "fri")}
TAKEN = [
    ("A", "2027-01-05", "09:00", "11:00"),
    ("B", "2027-01-05", "09:00", "09:30"),
    ("A", "2027-01-06", "09:00", "12:00"),
    ("B", "2027-01-07", "10:00", "12:00"),
    ("A", "2027-01-08", "09:00", "10:00"),
    ("B", "2027-01-08", "09:00", "12:00"),
]
PROBLEM = {
    "format": "course-planning/1",
    "site": {"timezone": "America/New_York", "grid_minutes": 30, "opening_hours": WEEK},
    "horizon_end": "2027-01-08",
    "resources": [{"id": name, "kind": "tms_device"} for name in "AB"],
    "bookings": [
        {"resource": name, "seat": 0, "start": f"{day}T{a}:00-05:00", "end": f"{day}T{b}:00-05:00"}
        for name, day, a, b in TAKEN
    ],
    "protocols": {
        "short": {
            "visits": {
                "tms": {
                    "minutes": 30,
                    "treatment": [5, 25],
                    "holds": [{"kind": "tms_device", "from": 0, "to": 30}],
                }
            },
            "tracks": [
                {
                    "name": "tms",
                    "visit": "tms",
                    "continuity": "tms_device",
                    "phases": [
                        {
                            "name": "daily",
                            "periods": 1,
                            "period_days": 4,
                            "per_period": 4,
                            "min_gap_hours": 18,
                            "slip_days": 1,
                        }
                    ],
                }
            ],
        }
    },
    "courses": [
        {
            "id": "c1",
            "protocol": "short",
            "earliest_start": "2027-01-04",
            "latest_start": "2027-01-04",
            "preferred_time": "10:00",
        }
    ],
}

LEFT, TOP, ACROSS, DOWN, WIDE, HIGH = 150, 74, 190, 64, 128, 24
STYLE = """text{font:12px system-ui,sans-serif;fill:#1d2b36}.head{font-weight:600}.soft{fill:#5b6b77}
.edge{stroke:#b9c4cc;stroke-width:1}.best{stroke:#0b6e8a;stroke-width:3}
.node{fill:#fff;stroke:#7b8a95}.chosen{fill:#d8eef4;stroke:#0b6e8a;stroke-width:2}"""


class Spot(NamedTuple):
    session: int
    day: int
    resource: int


def main() -> None:
    problem = read_problem(PROBLEM)
    course = problem.courses[0]
    first, last, tail = reach_of(problem)
    board = Board(problem, Timeline(problem, first, last, tail))
    chain = chains_of(problem, course, board)[0]
    tables = Tables(chain, course.earliest_start.toordinal(), problem.horizon_end.toordinal())
    answer = plan(problem, time_limit=5).courses[0]
    chosen = [
        Spot(at, session.start.date().toordinal(), chain.names.index(session.holds[0].resource))
        for at, session in enumerate(answer.sessions)
    ]
    print(picture(chain, tables, chosen, answer.cost or 0))


def picture(chain: Chain, tables: Tables, chosen: list[Spot], cost: int) -> str:
    days = sorted({day for found in tables.value for day in found})
    spots = [
        Spot(k, day, r)
        for k, found in enumerate(tables.value)
        for day, values in found.items()
        for r, value in enumerate(values)
        if value < 1 << 40
    ]
    where = {
        spot: (LEFT + spot.session * ACROSS, TOP + days.index(spot.day) * DOWN + (spot.resource - 1) * (HIGH + 4))
        for spot in spots
    }
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + 4 * ACROSS} {TOP + len(days) * DOWN + 20}">']
    out.append(f"<style>{STYLE}</style>")
    out += [
        f'<text class="head" x="{LEFT + k * ACROSS}" y="30">session {k + 1}</text>' for k in range(len(tables.value))
    ]
    out.append(
        f'<text class="soft" x="{LEFT}" y="50">start, device, least cost from here on; the plan costs {cost}</text>'
    )
    for day in days:
        y = TOP + days.index(day) * DOWN + HIGH + 4
        out.append(
            f'<text class="head" x="12" y="{y}">{date.fromordinal(day):%A %b} {date.fromordinal(day).day}</text>'
        )
    path = set(pairwise(chosen))
    for one in sorted(spots, key=lambda spot: spot):
        for other in spots:
            follows = other.session == one.session + 1 and other.day in tables.next_days(one.session, one.day)
            if follows and (one, other) not in path:
                out.append(line(where[one], where[other], "edge"))
    out += [line(where[one], where[other], "best") for one, other in path]
    out += [box(chain, tables, spot, where[spot], spot in chosen) for spot in spots]
    return "\n".join([*out, "</svg>"])


def line(one: tuple[int, int], other: tuple[int, int], kind: str) -> str:
    middle = HIGH // 2
    return (
        f'<line class="{kind}" x1="{one[0] + WIDE}" y1="{one[1] + middle}" x2="{other[0]}" y2="{other[1] + middle}"/>'
    )


def box(chain: Chain, tables: Tables, spot: Spot, at: tuple[int, int], is_chosen: bool) -> str:
    step = chain.steps[spot.session]
    minute = step.offers.line.wall(spot.day, chain.ranked(step, spot.day, spot.resource)[0][1])
    least = tables.value[spot.session][spot.day][spot.resource]
    text = f"{minute // 60:02d}:{minute % 60:02d} {chain.names[spot.resource]}, {least}"
    kind = "chosen" if is_chosen else "node"
    return (
        f'<rect class="{kind}" x="{at[0]}" y="{at[1]}" width="{WIDE}" height="{HIGH}" rx="4"/>'
        f'<text x="{at[0] + 10}" y="{at[1] + 16}">{text}</text>'
    )


if __name__ == "__main__":
    main()
