"""The problems of `against_cpsat.py`: the same row and index give the same problem, on every machine.

    .venv/bin/python benchmarks/problems.py      # says which draws have no plan; DRAWS names the ones to take instead

`load` is the share of the opening hours of all devices, chairs and rooms that others have booked, up to the horizon.
Each of those visits has staff too, as long as somebody is free.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scheduling.engine import Result, plan, read_problem, write_result  # noqa: E402
from tests.engine.generate import WEEK, clock, instant, iso, protocol_of  # noqa: E402

Document = dict[str, Any]

SINGLE = ("tms", "mapped", "spravato", "ketamine", "paired")
LINKED = ("combined", "primed", "alternating", "after_series", "consolidated")
LOADS = {
    "tms": (0.20, 0.50, 0.80, 0.95),
    "mapped": (0.35, 0.65, 0.80, 0.95),
    "spravato": (0.20, 0.50, 0.65, 0.80),
    "ketamine": (0.35, 0.65, 0.80, 0.95),
    "paired": (0.20, 0.35, 0.50, 0.65),
}
"""Of the problems of each protocol; long visits with much staff have no plan in a clinic that is fuller."""

PLACES = (
    ("America/New_York", date(2026, 12, 1)),
    ("America/New_York", date(2027, 2, 22)),
    ("Europe/Berlin", date(2026, 10, 5)),
    ("Australia/Lord_Howe", date(2027, 3, 8)),
    ("Europe/Berlin", date(2027, 3, 15)),
)
"""Zone and first day; in all but the first a clock change falls within the course."""

KINDS: dict[str, tuple[int, int, tuple[tuple[str, ...], ...]]] = {
    "tms_device": (3, 1, (("figure8",), ("figure8",), ("figure8", "h7"))),
    "chair": (3, 1, ((),)),
    "infusion_room": (3, 1, ((),)),
    "tms_operator": (3, 1, ((),)),
    "clinician": (4, 1, (("rems", "acls"), ("rems", "acls"), ("acls",), ("rems",))),
    "monitor": (1, 3, ((),)),
}
"""By kind: how many, the seats of each, and their skills in turn."""

LENGTHS = {"tms_device": (30, 30, 30, 75), "chair": (165, 165, 60), "infusion_room": (120, 120, 60)}
"""Minutes of the visits that others have booked."""

STAFF = {"tms_device": ("tms_operator", 1.0), "chair": ("clinician", 0.15), "infusion_room": ("clinician", 0.45)}
"""Who sees to a visit, and for which share of it."""

DRAWS = {("single", 18): 1}
"""By row and index, which draw has a plan, where it is not the first one."""


def protocol(family: str) -> Document:
    if family != "consolidated":
        return protocol_of(family)
    found = protocol_of("after_series")
    links = [
        *found["links"],
        {"type": "clear", "track": "tms", "after": "ketamine", "hours": 12},
        {"type": "at_least", "count": 1, "track": "tms", "after": "ketamine", "min_hours": 24, "max_hours": 600},
    ]
    return {**found, "links": links}


def draw(
    row: str, index: int, families: list[str], load: float, *, devices: int = 3, draw_number: int | None = None
) -> Document:
    number = DRAWS.get((row, index), 0) if draw_number is None else draw_number
    rng = random.Random(f"{row} {index} {number}")
    zone, start = PLACES[(index + len(row)) % len(PLACES)]
    horizon = start + timedelta(days=130)
    hours = [["08:00", "12:30"], ["13:00", "18:00"]] if index % 5 == 3 else [["08:00", "18:00"]]
    weekend = index % 4 == 2
    closed = sorted({start + timedelta(days=rng.randrange(7, 120)) for _ in range(3)})
    protocols = {family: protocol(family) for family in dict.fromkeys(families)}
    kinds = {h["kind"] for p in protocols.values() for v in p["visits"].values() for h in v["holds"]}
    resources = [one for kind in KINDS if kind in kinds for one in _resources(rng, kind, devices, zone, start)]
    open_days = [
        day
        for day in (start + timedelta(days=n) for n in range((horizon - start).days + 1))
        if day not in closed and (weekend or day.weekday() < 5)
    ]
    return {
        "format": "course-planning/1",
        "site": {
            "timezone": zone,
            "grid_minutes": (5, 10, 5, 15)[index % 4],
            "opening_hours": dict.fromkeys(WEEK if weekend else WEEK[:5], hours),
            "closed_dates": [day.isoformat() for day in closed],
        },
        "horizon_end": horizon.isoformat(),
        "resources": resources,
        "bookings": list(_bookings(rng, zone, open_days, hours, resources, load)),
        "protocols": protocols,
        "courses": [_course(rng, zone, start, f"c{i + 1}", family) for i, family in enumerate(families)],
    }


def _resources(rng: random.Random, kind: str, devices: int, zone: str, start: date) -> Iterator[Document]:
    count, seats, skills = KINDS[kind]
    if kind in LENGTHS:
        count = devices
    if kind == "tms_operator":
        count = devices + 1
    for i in range(count):
        one: Document = {"id": f"{kind}-{i + 1}", "kind": kind, "seats": seats, "skills": list(skills[i % len(skills)])}
        if kind == "tms_operator" and i == count - 1:
            one["hours"] = {day: [["09:00", "17:00"]] for day in WEEK[:4]}
        if rng.random() < 0.15:
            first = start + timedelta(days=rng.randrange(40))
            one["unavailable"] = [
                [iso(zone, instant(zone, first, 0)), iso(zone, instant(zone, first + timedelta(days=2), 600))]
            ]
        yield one


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _bookings(
    rng: random.Random, zone: str, days: list[date], hours: list[list[str]], resources: list[Document], load: float
) -> Iterator[Document]:
    """Days packed full, of which then as many visits are given up as the load says."""
    packed = []
    spans = [(_minutes(a), _minutes(b)) for a, b in hours]
    for one in resources:
        for day in days if one["kind"] in LENGTHS else ():
            for low, high in spans:
                at = low
                while at < high:
                    length = min(rng.choice(LENGTHS[one["kind"]]), high - at)
                    packed.append((day, one, at, at + length))
                    at += length
    rng.shuffle(packed)
    total = sum(end - begin for _, _, begin, end in packed)
    kept, taken = [], 0
    for entry in packed:
        if taken + entry[3] - entry[2] <= load * total:
            kept.append(entry)
            taken += entry[3] - entry[2]
    busy: dict[tuple[str, date], list[tuple[int, int]]] = {}
    for day, one, begin, end in sorted(kept, key=lambda entry: (entry[0], entry[2], entry[1]["id"])):
        yield _booking(zone, one["id"], day, begin, end)
        kind, share = STAFF[one["kind"]]
        until = begin + max(5, round((end - begin) * share / 5) * 5)
        free = [
            r["id"]
            for r in resources
            if r["kind"] == kind and not any(a < until and begin < b for a, b in busy.get((r["id"], day), ()))
        ]
        if free:
            chosen = rng.choice(free)
            busy.setdefault((chosen, day), []).append((begin, until))
            yield _booking(zone, chosen, day, begin, until)


def _booking(zone: str, resource: str, day: date, begin: int, end: int) -> Document:
    at = [iso(zone, instant(zone, day, minute)) for minute in (begin, end)]
    return {"resource": resource, "seat": 0, "start": at[0], "end": at[1]}


def _course(rng: random.Random, zone: str, start: date, course_id: str, family: str) -> Document:
    earliest = start + timedelta(days=rng.randrange(7))
    course: Document = {
        "id": course_id,
        "protocol": family,
        "earliest_start": earliest.isoformat(),
        "latest_start": (earliest + timedelta(days=14)).isoformat(),
        "preferred_time": clock(rng.randrange(480, 1000, 30)),
    }
    if rng.random() < 0.4:
        tables = [[["07:00", "19:00"]], [["08:00", "13:00"]], [["11:00", "18:00"]]]
        course["availability"] = {day: rng.choice(tables) for day in WEEK}
    if rng.random() < 0.3:
        away = earliest + timedelta(days=rng.randrange(3, 40))
        course["unavailable"] = [
            [iso(zone, instant(zone, away, 0)), iso(zone, instant(zone, away + timedelta(days=2), 0))]
        ]
    return course


# The rows


def single(index: int, number: int | None = None) -> Document:
    family = SINGLE[index % 5]
    return draw("single", index, [family], LOADS[family][index // 5 % 4], draw_number=number)


def linked(index: int, number: int | None = None) -> Document:
    load = (0.2, 0.5, 0.65, 0.35, 0.8)[(index + index // 5) % 5]
    return draw("linked", index, [LINKED[index % 5]], load, draw_number=number)


def devices(index: int, number: int | None = None) -> Document:
    return draw("devices", index, [("tms", "mapped")[index % 2]], 0.80, devices=20, draw_number=number)


def intake(index: int, number: int | None = None) -> Document:
    count = 30 if index == 2 else 8
    some = (*SINGLE, *LINKED[:4])
    rng = random.Random(f"families {index}")
    families = [some[i % len(some)] if count == 30 else rng.choice(some) for i in range(count)]
    return draw("intake", index, families, 0.40, devices=4 if count == 30 else 3, draw_number=number)


def replan(index: int, number: int | None = None) -> Document:
    """A course some weeks later: what is past is given, the rest is booked, and a device goes out for ten days."""
    family = (*SINGLE, *LINKED)[index % 10]
    document = draw("replan", index, [family], (0.3, 0.5, 0.7)[index % 3], draw_number=number)
    return outage(document, plan(read_problem(document), time_limit=60), (0.1, 0.25, 0.4)[index // 3 % 3])


def outage(document: Document, result: Result, past: float) -> Document:
    """Leave the resource out that the sessions of the ten days after now have most."""
    zone = document["site"]["timezone"]
    sessions = [s for answer in result.courses for s in answer.sessions]
    starts = sorted(session.start for session in sessions)
    now = starts[round(len(starts) * past)] + timedelta(hours=1)
    until = now + timedelta(days=10)
    near = [hold.resource for s in sessions if now <= s.start < until for hold in s.holds if hold.kind in LENGTHS]
    out = max(sorted(set(near)), key=near.count)
    away = [iso(zone, now), iso(zone, until)]
    answers = {answer["id"]: answer.get("sessions", []) for answer in write_result(result)["courses"]}
    done = {c.id: sum(s.start < now for s in c.sessions) for c in result.courses}
    assert all(done.values())
    courses = []
    for course in document["courses"]:
        mine = sorted(answers[course["id"]], key=lambda s: datetime.fromisoformat(s["start"]))
        courses.append({**course, "locked": mine[: done[course["id"]]], "current": mine[done[course["id"]] :]})
    resources = [
        {**r, "unavailable": [*r.get("unavailable", []), away]} if r["id"] == out else r for r in document["resources"]
    ]
    return {**document, "now": iso(zone, now), "resources": resources, "courses": courses}


ROWS = {
    "single": (single, 20),
    "linked": (linked, 10),
    "devices": (devices, 5),
    "replan": (replan, 10),
    "intake": (intake, 3),
}
QUICK = {"single": [0, 6, 12, 18], "linked": [0, 3, 6], "devices": [0], "replan": [0, 5], "intake": [0]}


def main() -> None:
    for row, (make, count) in ROWS.items():
        for index in range(count):
            for number in range(20):
                try:
                    result = plan(read_problem(make(index, number)), time_limit=5)
                except (IndexError, ValueError, AssertionError):
                    continue
                if all(answer.status != "infeasible" for answer in result.courses):
                    break
            if number != DRAWS.get((row, index), 0):
                print(f'    ("{row}", {index}): {number},')


if __name__ == "__main__":
    main()
