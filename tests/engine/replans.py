"""Problems of clinics that are running: the past is locked, the rest is booked, and then something goes out."""

import random
from datetime import datetime, timedelta
from typing import Any

from scheduling.engine import plan, read_problem, write_result

from .generate import iso, make


def running(seed, families, courses=1, *, rooms=1, load=0.2, time_limit=10.0, **fixed):
    """A document with its planned result; `rooms` is how many times over the clinic has its resources."""
    document = make(seed, families, courses=courses, load=load, zone=fixed.pop("zone", "America/New_York"), **fixed)
    document.pop("now", None)
    document["resources"] = [*document["resources"], *_more_rooms(document["resources"], rooms)]
    rng = random.Random(seed)
    for course in document["courses"]:
        _stagger(course, rng.randrange(0, 5 * min(courses - 1, 6) + 1))
    return document, write_result(plan(read_problem(document), time_limit=time_limit, seed=seed))


def _more_rooms(resources, rooms):
    return [
        {**resource, "id": f"{resource['id']}-{room}", "unavailable": []}
        for room in range(2, rooms + 1)
        for resource in resources
    ]


def _stagger(course, days):
    for field in ("earliest_start", "latest_start"):
        course[field] = (datetime.fromisoformat(course[field]) + timedelta(days=days)).date().isoformat()


def disturbed(document, result, seed=0, *, share=0.4, kind=None, days=2, missed=0.0):
    """The problem later on, when a share of the sessions is over: one resource of a kind is out for some days.

    `missed` is the share of the courses that missed their latest session, which is then to be planned again.
    """
    rng = random.Random(seed)
    zone, answers = document["site"]["timezone"], {answer["id"]: answer for answer in result["courses"]}
    now = _moment(answers.values(), share)
    courses = [_later(course, answers[course["id"]], now, rng, missed) for course in document["courses"]]
    hit = rng.choice([r for r in document["resources"] if kind in (None, r["kind"])])
    away = [iso(zone, now + timedelta(hours=1)), iso(zone, now + timedelta(days=days))]
    resources = [
        {**r, "unavailable": [*r.get("unavailable", []), away]} if r is hit else r for r in document["resources"]
    ]
    return {**document, "now": iso(zone, now), "courses": [c for c in courses if c], "resources": resources}


def _moment(answers, share):
    starts = sorted(datetime.fromisoformat(s["start"]) for answer in answers for s in answer.get("sessions", []))
    return starts[int(len(starts) * share)].replace(hour=6, minute=0)


def _later(course, answer, now, rng, missed) -> dict[str, Any] | None:
    """The course as it is booked; None where it has no plan."""
    sessions = answer.get("sessions", [])
    past = [s for s in sessions if datetime.fromisoformat(s["start"]) < now]
    to_come = [s for s in sessions if datetime.fromisoformat(s["start"]) >= now]
    out = dict(course)
    if past and rng.random() < missed:
        last = max(past, key=lambda s: s["start"])
        past = [s for s in past if s is not last]
        out["shift_days"] = rng.choice([0, 2, 5])
    if past:
        out["locked"] = past
    if to_come:
        out["current"] = to_come
    return out if sessions else None
