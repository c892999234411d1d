"""Problems drawn at random from the families that clinics have; the same seed gives the same problem."""

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

TMS: dict[str, Any] = {
    "minutes": 30,
    "treatment": [5, 25],
    "holds": [{"kind": "tms_device", "from": 0, "to": 30}, {"kind": "tms_operator", "from": 0, "to": 25}],
}
MAPPING: dict[str, Any] = {
    "minutes": 75,
    "treatment": [50, 70],
    "holds": [
        {"kind": "tms_device", "from": 0, "to": 75},
        {"kind": "clinician", "from": 0, "to": 45},
        {"kind": "tms_operator", "from": 0, "to": 75},
    ],
}
INFUSION: dict[str, Any] = {
    "minutes": 120,
    "treatment": [15, 55],
    "holds": [
        {"kind": "infusion_room", "from": 0, "to": 120},
        {"kind": "clinician", "skill": "acls", "from": 0, "to": 55},
        {"kind": "monitor", "from": 55, "to": 110},
    ],
}
SPRAVATO: dict[str, Any] = {
    "minutes": 155,
    "treatment": [15, 20],
    "holds": [
        {"kind": "chair", "from": 0, "to": 165},
        {"kind": "clinician", "skill": "rems", "from": 0, "to": 25},
        {"kind": "monitor", "from": 25, "to": 145},
    ],
}
PAIRED: dict[str, Any] = {
    "minutes": 60,
    "treatment": [10, 50],
    "holds": [
        {"kind": "tms_device", "from": 0, "to": 60},
        {"kind": "tms_operator", "from": 0, "to": 60},
        {"kind": "tms_operator", "from": 20, "to": 40},
        {"kind": "tms_device", "from": 60, "to": 75, "same_as": 0},
    ],
}
SAINT: dict[str, Any] = {
    "minutes": 560,
    "treatment": [0, 550],
    "holds": [
        {"kind": "tms_device", "from": 60 * i, "to": 60 * i + 20, **({"same_as": 0} if i else {})} for i in range(10)
    ]
    + [{"kind": "lounge", "from": 0, "to": 560}],
}


def phase(name, periods, days, per, least, **more):
    return {"name": name, "periods": periods, "period_days": days, "per_period": per, "min_gap_hours": least, **more}


def protocol_of(family, long=True):
    """A protocol of a family; the short form has few sessions."""
    weeks = 6 if long else 2
    tms = {"name": "tms", "visit": "tms", "continuity": "tms_device"}
    daily = {"max_gap_hours": 144, "slip_days": 12, "max_in": [5, 7]}
    ketamine = {"name": "ketamine", "visit": "infusion"}
    weekly = {"max_gap_hours": 240, "slip_days": 2}
    both = {"tms": TMS, "infusion": INFUSION}
    if family == "tms":
        phases = [phase("acute", weeks, 7, 5, 18, **daily)]
        phases += [phase(f"taper {n}", 1, 7, n, 18, slip_days=12) for n in ((3, 2, 1) if long else (2, 1))]
        return {"visits": {"tms": TMS}, "tracks": [{**tms, "phases": phases}], "links": []}
    if family == "mapped":
        phases = [
            phase("mapping", 1, 1, 1, 18, visit="mapping"),
            phase("first week", 1, 6, 4, 18, **daily),
            phase("acute", weeks - 1, 7, 5, 18, **daily),
        ]
        return {"visits": {"tms": TMS, "mapping": MAPPING}, "tracks": [{**tms, "phases": phases}], "links": []}
    if family == "spravato":
        phases = [
            phase("induction", 4 if long else 2, 7, 2, 44, max_gap_hours=168, slip_days=3, max_in=[2, 7]),
            phase("taper", 4 if long else 1, 7, 1, 96, slip_days=4),
        ]
        if long:
            phases.append(phase("maintenance", 3, 14, 1, 168, slip_days=3))
        track = {"name": "spravato", "visit": "spravato", "phases": phases}
        return {"visits": {"spravato": SPRAVATO}, "tracks": [track], "links": []}
    if family == "ketamine":
        phases = [phase("series", 2, 7, 3, 40, max_gap_hours=144, slip_days=5)]
        if long:
            phases.append(phase("booster", 2, 28, 1, 336, slip_days=7))
        return {"visits": {"infusion": INFUSION}, "tracks": [{**ketamine, "phases": phases}], "links": []}
    if family == "saint":
        track = {"name": "saint", "visit": "day", "phases": [phase("days", 1, 5, 5, 20, max_gap_hours=28)]}
        return {"visits": {"day": SAINT}, "tracks": [track], "links": []}
    if family == "paired":
        phases = [phase("series", weeks, 7, 2, 24, slip_days=5), phase("rest", 1, 10, 0, 0)]
        phases.append(phase("last", 1, 7, 1, 24, slip_days=3))
        track = {"name": "both", "visit": "paired", "continuity": "tms_device", "phases": phases}
        return {"visits": {"paired": PAIRED}, "tracks": [track], "links": []}
    if family == "combined":
        tracks = [
            {**ketamine, "phases": [phase("weekly", weeks, 7, 1, 120, **weekly)]},
            {**tms, "first_day": 1, "phases": [phase("primed", weeks, 7, 2, 20, slip_days=3)]},
        ]
        link = {"type": "window", "track": "tms", "after": "ketamine", "min_hours": 24, "max_hours": 72}
        return {"visits": both, "tracks": tracks, "links": [link]}
    if family == "primed":
        tracks = [
            {**tms, "phases": [phase("acute", weeks, 7, 5, 18, **daily)]},
            {**ketamine, "phases": [phase("weekly", weeks, 7, 1, 120, max_gap_hours=240, slip_days=3)]},
        ]
        links = [
            {"type": "clear", "track": "tms", "after": "ketamine", "hours": 12},
            {"type": "at_least", "count": 1, "track": "tms", "after": "ketamine", "min_hours": 24, "max_hours": 72},
        ]
        return {"visits": both, "tracks": tracks, "links": links}
    if family == "alternating":
        n = 3 if long else 1
        tracks = [
            {**ketamine, "phases": [phase("series", n, 7, 2, 60, slip_days=3)]},
            {**tms, "phases": [phase("between", n, 7, 3, 18, slip_days=3)]},
        ]
        return {"visits": both, "tracks": tracks, "links": [{"type": "apart", "tracks": ["ketamine", "tms"]}]}
    if family == "after_series":
        tracks = [
            {**ketamine, "phases": [phase("series", 2, 7, 3, 40, max_gap_hours=144, slip_days=4)]},
            {
                **tms,
                "first_day": 11,
                "phases": [phase("acute", 4 if long else 1, 7, 5, 18, max_gap_hours=144, slip_days=16)],
            },
        ]
        link = {"type": "sequence", "track": "tms", "after": "ketamine", "min_hours": 24, "max_hours": 144}
        return {"visits": both, "tracks": tracks, "links": [link]}
    raise ValueError(family)


SINGLE = ["tms", "mapped", "spravato", "ketamine", "saint", "paired"]
LINKED = ["combined", "primed", "alternating", "after_series"]


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


def instant(zone, day, minute):
    extra, minute = divmod(minute, 1440)
    wall = datetime.combine(day + timedelta(days=extra), time(minute // 60, minute % 60), ZoneInfo(zone))
    return wall.astimezone(UTC)


def iso(zone, moment):
    return moment.astimezone(ZoneInfo(zone)).isoformat()


RESOURCES: list[tuple[str, int, int, list[list[str]]]] = [
    ("tms_device", 3, 1, [["figure8"], ["figure8"], ["figure8", "h7"]]),
    ("tms_operator", 3, 1, [[], [], []]),
    ("chair", 3, 1, [[], [], []]),
    ("infusion_room", 2, 1, [[], []]),
    ("clinician", 3, 1, [["rems", "acls"], ["rems", "acls"], ["rems"]]),
    ("monitor", 1, 3, [[]]),
    ("lounge", 1, 4, [[]]),
]


def make(seed, families=None, long=True, courses=None, load=None, zone=None, start=None, **fixed):
    """A problem document. What is not given is drawn: load, grid, zone, hours, availability, outages and so on."""
    rng = random.Random(seed)
    zone = zone or rng.choice(["America/New_York", "America/New_York", "Australia/Lord_Howe", "Europe/Berlin"])
    starts = [date(2026, 12, 1), date(2027, 3, 8), date(2026, 10, 20), date(2027, 3, 25), date(2027, 9, 25)]
    start = start or rng.choice(starts)
    load = rng.choice([0.2, 0.4, 0.6, 0.75]) if load is None else load
    grid = fixed.get("grid") or rng.choice([5, 5, 10, 15, 30])
    families = families or rng.sample(SINGLE + LINKED, 1)
    count = courses or 1
    drawn = [rng.choice(families) for _ in range(count)]
    weekend = rng.random() < 0.3
    hours = [["07:30", "18:30"]] if "saint" in drawn else [["08:00", "18:00"]]
    if rng.random() < 0.2 and "saint" not in drawn:
        hours = [["08:00", "12:30"], ["13:00", "18:00"]]
    opening = dict.fromkeys(WEEK if weekend else WEEK[:5], hours)
    horizon = start + timedelta(days=fixed.get("days") or (130 if long else 45))
    closed = sorted({start + timedelta(days=rng.randrange(130)) for _ in range(rng.randrange(4))})
    protocols = {family: protocol_of(family, long) for family in dict.fromkeys(drawn)}
    kinds = {h["kind"] for p in protocols.values() for v in p["visits"].values() for h in v["holds"]}
    resources = _resources(rng, zone, start, kinds)
    site = {
        "timezone": zone,
        "grid_minutes": grid,
        "opening_hours": opening,
        "closed_dates": [d.isoformat() for d in closed],
    }
    if rng.random() < 0.3:
        extra = start + timedelta(days=rng.randrange(14))
        site["extra_openings"] = [{"date": extra.isoformat(), "from": "09:00", "to": rng.choice(["12:00", "24:00"])}]
    out = {
        "format": "course-planning/1",
        "site": site,
        "horizon_end": horizon.isoformat(),
        "resources": resources,
        "bookings": _bookings(rng, zone, start, horizon, opening, closed, resources, load),
        "protocols": protocols,
        "courses": [_course(rng, zone, start, f"c{i + 1}", family) for i, family in enumerate(drawn)],
    }
    if rng.random() < 0.2:
        out["now"] = iso(zone, instant(zone, start + timedelta(days=1), 10 * 60 + 3))
    return out


def _resources(rng, zone, start, kinds):
    out = []
    for kind, number, seats, skills in RESOURCES:
        if kind not in kinds:
            continue
        for i in range(number):
            resource = {"id": f"{kind}-{i + 1}", "kind": kind, "seats": seats, "skills": skills[i]}
            if kind in ("clinician", "tms_operator") and i == number - 1:
                resource["hours"] = {day: [["09:00", "17:00"]] for day in WEEK[:4]}
            if rng.random() < 0.15:
                first = start + timedelta(days=rng.randrange(40))
                resource["unavailable"] = [
                    [iso(zone, instant(zone, first, 0)), iso(zone, instant(zone, first + timedelta(days=2), 600))]
                ]
            out.append(resource)
    return out


def _bookings(rng, zone, start, horizon, opening, closed, resources, load):
    """Visits of other patients, each with all the seats it needs, until a share of the tries has been made."""
    kinds = {resource["kind"] for resource in resources}
    shapes = [v for v in (TMS, INFUSION, SPRAVATO, SAINT) if {h["kind"] for h in v["holds"]} <= kinds]
    seats = sum(r["seats"] for r in resources if r["kind"] in ("tms_device", "chair", "infusion_room"))
    out, day = [], start - timedelta(days=1)
    while day <= horizon:
        if WEEK[day.weekday()] in opening and day not in closed:
            taken: dict[tuple[str, int], set[int]] = {
                (r["id"], seat): set() for r in resources for seat in range(r["seats"])
            }
            for _ in range(round(load * seats * 16)):
                shape = rng.choice([*shapes[:1] * 3, *shapes[:3]])
                holds = _try_visit(rng, resources, taken, shape, 480 + rng.randrange(0, 600 - shape["minutes"], 5))
                for (resource, seat), a, b in holds or ():
                    a, b = iso(zone, instant(zone, day, a)), iso(zone, instant(zone, day, b))
                    out.append({"resource": resource, "seat": seat, "start": a, "end": b})
        day += timedelta(days=1)
    return out


def _try_visit(rng, resources, taken, shape, at):
    chosen = []
    for hold in shape["holds"]:
        if "same_as" in hold:
            continue
        span = range(at + hold["from"], at + hold["to"], 5)
        fitting = [
            (r["id"], seat)
            for r in resources
            if r["kind"] == hold["kind"] and hold.get("skill") in (None, *r["skills"])
            for seat in range(r["seats"])
            if not taken[r["id"], seat] & set(span)
        ]
        if not fitting:
            return None
        chosen.append((rng.choice(fitting), at + hold["from"], at + hold["to"]))
    for seat, a, b in chosen:
        taken[seat] |= set(range(a, b, 5))
    return chosen


def _course(rng, zone, start, course_id, family):
    earliest = start + timedelta(days=rng.randrange(5))
    course = {
        "id": course_id,
        "protocol": family,
        "earliest_start": earliest.isoformat(),
        "latest_start": (earliest + timedelta(days=14)).isoformat(),
        "preferred_time": clock(rng.randrange(480, 1000, 30)),
    }
    if rng.random() < 0.4 and family not in ("saint",):
        spans = [[["07:00", "19:00"]], [["08:00", "13:00"]], [["11:00", "18:00"]]]
        course["availability"] = {day: rng.choice(spans) for day in WEEK if rng.random() < 0.93}
    if rng.random() < 0.2:
        away = earliest + timedelta(days=rng.randrange(3, 40))
        course["unavailable"] = [
            [iso(zone, instant(zone, away, 0)), iso(zone, instant(zone, away + timedelta(days=2), 0))]
        ]
    if rng.random() < 0.15:
        extra = earliest + timedelta(days=rng.randrange(20))
        course["extra_availability"] = [[iso(zone, instant(zone, extra, 420)), iso(zone, instant(zone, extra, 1200))]]
    return course


def replanned(document, result, seed, now_after=0.4):
    """The problem some weeks later: what lies before now is locked, one session was missed, the rest is booked."""
    rng = random.Random(seed)
    out = {**document, "courses": []}
    zone = document["site"]["timezone"]
    starts = sorted(datetime.fromisoformat(s["start"]) for c in result["courses"] for s in c.get("sessions", []))
    if not starts:
        return None
    now = starts[min(int(len(starts) * now_after), len(starts) - 1)] + timedelta(hours=1)
    out["now"] = iso(zone, now)
    answers = {answer["id"]: answer for answer in result["courses"]}
    for course in document["courses"]:
        sessions = answers[course["id"]].get("sessions", [])
        past = [s for s in sessions if datetime.fromisoformat(s["start"]) < now]
        later = [s for s in sessions if datetime.fromisoformat(s["start"]) >= now]
        changed = dict(course)
        if past and rng.random() < 0.5:
            tracks = {s["track"] for s in past}
            track = rng.choice(sorted(tracks))
            missed = max((s for s in past if s["track"] == track), key=lambda s: s["number"])
            past = [s for s in past if s is not missed]
            changed["shift_days"] = rng.choice([0, 2, 5])
        if past:
            changed["locked"] = past
        if later:
            changed["current"] = later
        out["courses"].append(changed)
    hit = rng.choice(document["resources"])
    away = [iso(zone, now + timedelta(days=1)), iso(zone, now + timedelta(days=4))]
    out["resources"] = [
        {**r, "unavailable": [*r.get("unavailable", []), away]} if r is hit else r for r in document["resources"]
    ]
    return out
