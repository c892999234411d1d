"""A relaxation made in the JSON document, as another system would make it from the format's words alone."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def relaxed_document(document: dict[str, Any], course_id: str, way: dict[str, Any]) -> dict[str, Any]:
    out = copy.deepcopy(document)
    course = next(course for course in out["courses"] if course["id"] == course_id)
    if way["type"] == "extend_latest_start":
        latest = date.fromisoformat(course["latest_start"]) + timedelta(days=way["days"])
        course["latest_start"] = latest.isoformat()
    elif way["type"] == "slip":
        own = copy.deepcopy(out["protocols"][course["protocol"]])
        (track,) = (track for track in own["tracks"] if track["name"] == way["track"])
        (phase,) = (phase for phase in track["phases"] if phase["name"] == way["phase"])
        phase["slip_days"] = phase.get("slip_days", 0) + way["days"]
        out["protocols"]["relaxed"] = own
        course["protocol"] = "relaxed"
    elif way["type"] == "add_seat":
        away = [["1970-01-02T00:00:00+00:00", way["from"]], [way["to"], "9000-12-30T00:00:00+00:00"]]
        skills = [way["skill"]] if way["skill"] else []
        seat = {"id": "one more", "kind": way["kind"], "skills": skills, "hours": ALWAYS, "unavailable": away}
        out["resources"].append(seat)
    elif way["type"] == "free_patient":
        course.setdefault("extra_availability", []).append([way["from"], way["to"]])
    else:
        opening = {name: way[name] for name in ("date", "from", "to")}
        out["site"].setdefault("extra_openings", []).append(opening)
    return out
