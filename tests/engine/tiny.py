"""Tiny random problems that ask for every rule of the format at one time or another, by seed."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CALENDARS = [
    ("America/New_York", date(2026, 12, 7)),
    ("America/New_York", date(2026, 10, 29)),
    ("America/New_York", date(2027, 3, 11)),
    ("Europe/Berlin", date(2026, 10, 22)),
    ("Europe/Berlin", date(2027, 3, 26)),
    ("Australia/Lord_Howe", date(2026, 10, 1)),
    ("Australia/Lord_Howe", date(2027, 4, 1)),
    ("America/Santiago", date(2026, 9, 3)),
]
"""A zone and a first day; in all but the first the clock changes a few days later, in Santiago at midnight."""

DRAWN = ["long", "long", "short", "short", "bare", "bare", "skilled", "twin", "pair"]
VISITS: dict[str, Any] = {
    "long": {
        "minutes": 90,
        "treatment": [15, 60],
        "holds": [{"kind": "chair", "from": 0, "to": 100}, {"kind": "nurse", "from": 0, "to": 30}],
    },
    "short": {"minutes": 60, "treatment": [0, 45], "holds": [{"kind": "chair", "from": 0, "to": 60}]},
    "skilled": {
        "minutes": 60,
        "treatment": [5, 55],
        "holds": [{"kind": "chair", "skill": "big", "from": 0, "to": 60}, {"kind": "nurse", "from": 30, "to": 60}],
    },
    "pair": {
        "minutes": 60,
        "treatment": [10, 10],
        "holds": [{"kind": "chair", "from": 0, "to": 60}, {"kind": "chair", "skill": "big", "from": 30, "to": 90}],
    },
    "twin": {
        "minutes": 120,
        "treatment": [0, 120],
        "holds": [
            {"kind": "nurse", "from": 0, "to": 30},
            {"kind": "chair", "from": 0, "to": 60},
            {"kind": "nurse", "from": 90, "to": 120, "same_as": 0},
        ],
    },
    "bare": {"minutes": 45, "treatment": [5, 25], "holds": []},
}
LINKS = ["window", "at_least", "sequence", "clear", "apart"]


def wall(zone: str, day: date, minute: int) -> datetime:
    """A wall-clock time as an instant with a plain offset."""
    extra, minute = divmod(minute, 1440)
    there = datetime.combine(day + timedelta(days=extra), time(minute // 60, minute % 60), ZoneInfo(zone))
    return datetime.fromisoformat(there.isoformat())


def iso(zone: str, day: date, minute: int) -> str:
    return wall(zone, day, minute).isoformat()


def _span(zone: str, day: date, begin: int, end: int) -> list[list[str]]:
    """One span by the wall clock; none where the clock skips it."""
    start, stop = wall(zone, day, begin), wall(zone, day, end)
    return [[start.isoformat(), stop.isoformat()]] if start < stop else []


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def tiny(seed: int, *, tracks: int = 1, courses: int = 1, given: bool = False, links: list[str] | None = None) -> Any:
    """A document. `given` asks for locked and current sessions; `links` names the types that may be drawn."""
    rng = random.Random(seed)
    zone, start = rng.choice(CALENDARS)
    night = rng.random() < 0.15
    small = tracks > 1 or courses > 1
    grid = rng.choice([60, 90] if night else [90, 120, 180] if small else [60, 90, 120])
    low = 0 if night else 480
    span = rng.choice([240] if small or night else [240, 300, 360])
    days = 9
    site = {"timezone": zone, "grid_minutes": grid, "opening_hours": _table(rng, low, span, rng.choice([0.85, 1]))}
    site["closed_dates"] = [(start + timedelta(days=i)).isoformat() for i in range(days) if rng.random() < 0.08]
    if rng.random() < 0.3:
        site["extra_openings"] = [
            {"date": (start + timedelta(days=rng.randrange(days))).isoformat(), "from": clock(a), "to": clock(b)}
            for a, b in rng.sample([(600, 720), (660, 840), (0, 120), (1320, 1440)], rng.choice([1, 2]))
        ]
    resources = _resources(rng, zone, start, low, span)
    out: dict[str, Any] = {
        "format": "course-planning/1",
        "site": site,
        "horizon_end": (start + timedelta(days=rng.choice([4, 6, 7, 8]))).isoformat(),
        "resources": resources,
        "bookings": _bookings(rng, zone, start, low, span, resources, days),
        "protocols": {f"p{i}": _protocol(rng, tracks, links, courses > 1) for i in range(min(courses, 2))},
    }
    out["courses"] = [_course(rng, zone, start, f"c{i + 1}", f"p{i % 2}", low, span, small) for i in range(courses)]
    if rng.random() < (0.4 if given else 0.15):
        out["now"] = iso(zone, start + timedelta(days=rng.choice([0, 1, 2])), low + rng.choice([0, 95, 240]))
    if given:
        for course in out["courses"]:
            _give(rng, out, course, zone, start, low, span)
    return out


def _table(rng, low, span, share):
    """Opening hours: most weekdays, some with a break, some in two spans that touch."""
    out = {}
    for name in WEEK:
        if rng.random() < share:
            middle = low + span // 2
            out[name] = rng.choice(
                [[[clock(low), clock(low + span)]]] * 4
                + [[[clock(low), clock(middle)], [clock(middle), clock(low + span)]]]
                + [[[clock(low), clock(middle - 30)], [clock(middle), clock(low + span)]]]
            )
    return out


def _resources(rng, zone, start, low, span):
    out: list[dict[str, Any]] = []
    for i in range(rng.choice([1, 2, 2, 2])):
        out.append({"id": f"chair-{i}", "kind": "chair", "skills": ["big"] if rng.random() < 0.75 else []})
    out.append({"id": "nurse", "kind": "nurse", "seats": rng.choice([1, 2, 2])})
    for resource in out:
        if rng.random() < 0.2:
            resource["hours"] = _table(rng, low, span, 0.8)
        if rng.random() < 0.25:
            away = start + timedelta(days=rng.randrange(5))
            begin = low + rng.choice([0, 60, 100])
            resource["unavailable"] = _span(zone, away, begin, begin + rng.choice([60, 600, 2000]))
    return out


def _bookings(rng, zone, start, low, span, resources, days):
    out, load = [], rng.choice([0, 0.2, 0.4, 0.7])
    for resource in resources:
        for day in range(days):
            for seat in range(resource.get("seats", 1)):
                if rng.random() < load:
                    begin = low + rng.randrange(0, span, 30)
                    at = start + timedelta(days=day)
                    entry = {"start": iso(zone, at, begin), "end": iso(zone, at, begin + rng.choice([60, 90, 150]))}
                    if datetime.fromisoformat(entry["start"]) < datetime.fromisoformat(entry["end"]):
                        out.append({"resource": resource["id"], "seat": seat, **entry})
    return out


def _protocol(rng, tracks, links, short):
    sizes = {1: [1, 2, 3, 3, 4, 4], 2: [1, 2, 2], 3: [1, 1, 2]}[tracks]
    if short:
        sizes = [1, 2]
    names = [f"t{i}" for i in range(tracks)]
    out: dict[str, Any] = {"visits": VISITS, "tracks": [_track(rng, i, rng.choice(sizes)) for i in range(tracks)]}
    if tracks > 1:
        kinds = links or LINKS
        out["links"] = [_link(rng, rng.choice(kinds), names) for _ in range(rng.choice([1, 1, 2]))]
    return out


def _track(rng, index, sessions):
    phases: list[dict[str, Any]] = []
    left = sessions
    while left > 0:
        per = rng.choice([n for n in (1, 1, 2, 3) if n <= left])
        periods = rng.choice([n for n in (1, 1, 2) if n * per <= left])
        left -= per * periods
        if phases and rng.random() < 0.15:
            phases.append(_phase(rng, len(phases), 1, rng.choice([1, 2]), 0))
        phases.append(_phase(rng, len(phases), periods, rng.choice([1, 2, 3, 4] if per < 3 else [3, 4]), per))
    if rng.random() < 0.1:
        phases.insert(rng.choice([0, len(phases)]) if index else len(phases), _phase(rng, 9, 1, 1, 0))
    out = {"name": f"t{index}", "visit": rng.choice(DRAWN), "phases": phases}
    if index:
        out["first_day"] = rng.choice([0, 0, 1, 2])
    if rng.random() < 0.6:
        out["continuity"] = rng.choice(["chair", "chair", "nurse"])
    return out


def _phase(rng, number, periods, days, per):
    out = {"name": f"phase {number}", "periods": periods, "period_days": days, "per_period": per}
    if rng.random() < 0.75:
        out["slip_days"] = rng.choice([1, 2, 3])
    # Mostly gaps that fit the period, now and then any.
    room = 24 * (days + out.get("slip_days", 0)) / max(per, 1) if rng.random() < 0.85 else 99
    out["min_gap_hours"] = rng.choice([h for h in (0, 12, 20, 23, 23.5, 24, 24.1, 40, 47.99, 48) if h <= room])
    if rng.random() < 0.4:
        least = out["min_gap_hours"] + 2 if rng.random() < 0.9 else 0
        out["max_gap_hours"] = rng.choice([h for h in (24, 25.25, 30, 48, 49, 72, 100) if h >= least])
    if rng.random() < 0.2:
        out["max_in"] = rng.choice([[1, 2], [1, 3], [2, 3], [2, 4], [2, 5]])
    if rng.random() < 0.25:
        out["visit"] = rng.choice(DRAWN)
    return out


def _link(rng, kind, names):
    one, other = rng.sample(names, 2)
    if kind == "apart":
        return {"type": kind, "tracks": [one, other]}
    out = {"type": kind, "track": one, "after": other}
    if kind == "clear":
        return {**out, "hours": rng.choice([0, 1, 5, 23.5, 26, 50])}
    low = rng.choice([0, 0, 0, 1, 4, 20, 24.5])
    out["min_hours"] = low
    if kind != "sequence" or rng.random() < 0.6:
        out["max_hours"] = rng.choice([n for n in (5, 30, 50, 72.5, 100, 100) if n >= low])
    if kind == "at_least":
        out["count"] = rng.choice([0, 1, 1, 1, 2])
    return out


def _course(rng, zone, start, course_id, protocol, low, span, small):
    earliest = start + timedelta(days=rng.choice([0, 0, 1]))
    out = {
        "id": course_id,
        "protocol": protocol,
        "earliest_start": earliest.isoformat(),
        "latest_start": (earliest + timedelta(days=rng.choice([0, 1, 2]))).isoformat(),
        "preferred_time": clock(min(low + rng.randrange(0, span, 15), 1439)),
    }
    if rng.random() < 0.25:
        out["availability"] = _table(rng, low, span, 0.85)
    if rng.random() < 0.25:
        away = start + timedelta(days=rng.randrange(5))
        out["unavailable"] = _span(zone, away, low + 60, low + rng.choice([90, 120, 1500]))
    if rng.random() < 0.2:
        extra = start + timedelta(days=rng.randrange(5))
        out["extra_availability"] = _span(zone, extra, low, low + rng.choice([90, 200, 1600]))
    if rng.random() < 0.15:
        out["shift_days"] = rng.choice([0, 1])
    return out


def _give(rng, document, course, zone, start, low, span):
    """Lock some sessions, and say of others when they are now: anywhere, in any order, on seats there are or not."""
    protocol = document["protocols"][course["protocol"]]
    if rng.random() < 0.6:
        course["shift_days"] = rng.choice([0, 0, 1, -1])
    for track in protocol["tracks"]:
        numbers = [(number, phase.get("visit", track["visit"])) for number, phase in _numbered(track)]
        usual = start
        for number, name in numbers:
            fate = rng.random()
            usual += timedelta(days=rng.choice([0, 1, 1, 2]))
            if fate > 0.7:
                continue
            day = usual if rng.random() < 0.8 else start + timedelta(days=rng.randrange(-2, 6))
            minute = low + rng.choice([0, 60, 90, 120, 180]) + (rng.choice([0, 0, 0, 7]) if fate < 0.35 else 0)
            entry = {"track": track["name"], "number": number, "start": iso(zone, day, minute)}
            entry["holds"] = _given_holds(rng, document, protocol["visits"][name]["holds"])
            course.setdefault("locked" if fate < 0.35 else "current", []).append(entry)

    locked = course.get("locked", [])
    if rng.random() < 0.9 and len(locked) == sum(len(list(_numbered(track))) for track in protocol["tracks"]):
        locked.remove(rng.choice(locked))


def _numbered(track):
    number = 0
    for phase in track["phases"]:
        for _ in range(phase["periods"] * phase["per_period"]):
            number += 1
            yield number, phase


def _given_holds(rng, document, needs):
    holds: list[dict[str, Any]] = []
    for need in needs:
        fitting = [r for r in document["resources"] if r["kind"] == need["kind"]]
        chosen = rng.choice(fitting)
        holds.append(
            {"kind": need["kind"], "resource": chosen["id"], "seat": rng.randrange(chosen.get("seats", 1))}
            if rng.random() < 0.9
            else {"kind": need["kind"], "resource": "gone", "seat": 0}
        )
        if "same_as" in need:
            holds[-1] = dict(holds[need["same_as"]])
    return holds if rng.random() < 0.93 else holds[:-1]
