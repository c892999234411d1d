"""Plans, costs and ways out in the words of the front desk. Codes never face a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from clinic.models import ResourceKind, Site
from scheduling.models import Course, Session

ACRONYMS = {"tms", "itbs", "dtms", "tdcs", "vns", "scs", "dbs", "iv", "im", "sc", "mri", "ect", "rems"}


WHO_CAN = {
    "slip": "a clinician edits the protocol",
    "add_seat": "the site administrator adds it",
    "open_site": "the site administrator opens it",
    "free_patient": "the patient has to agree; then correct the absences",
}


def name_code(code: str) -> str:
    """A code of a track or phase as a name: "tms" is TMS, "taper-2" is Taper 2."""
    words = code.replace("_", "-").split("-")
    text = " ".join(word.upper() if word in ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:]


def label_session(track: str, number: int, *, several: bool) -> str:
    """Visit 3 of a course with one track, TMS 3 where there are several."""
    return f"{name_code(track)} {number}" if several else f"Visit {number}"


def label_of(session: Session, *, several: bool = True) -> str:
    return label_session(session.track.name, session.number, several=several)


def say_time(moment: datetime | time) -> str:
    return f"{moment:%I:%M %p}".lstrip("0")


def say_day(on: date) -> str:
    return f"{on:%A}, {on:%B} {on.day}, {on.year}"


def say_short_day(on: date) -> str:
    return f"{on:%a}, {on:%b} {on.day}"


def say_date(on: date) -> str:
    return f"{on:%b} {on.day}, {on.year}"


def say_moment(moment: datetime) -> str:
    return f"{say_day(moment.date())} at {say_time(moment)}"


def count_of(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe_cost(parts: Mapping[str, int], *, sessions: int, grid_minutes: int, preferred: time) -> list[str]:
    """What the plan costs the patient, in sentences (the weights stand in docs/planning-format.md)."""
    lines = [_describe_start(parts.get("start", 0) // 10), _describe_length(parts.get("length", 0) // 4)]
    if sessions:
        lines.append(_describe_time(parts.get("time", 0) * grid_minutes / sessions, preferred))
    if changes := parts.get("continuity", 0) // 8:
        lines.append(f"The device or room changes {count_of(changes, 'time')} between visits.")
    else:
        lines.append("The same device or room throughout, where that matters.")
    if parts.get("spread", 0):
        lines.append("Some visits lie a little closer together or further apart than the protocol's even rhythm.")
    if moved := parts.get("moved", 0) // 1000:
        lines.append(f"{count_of(moved, 'booked visit')} would move.")
    return lines


def _describe_start(days: int) -> str:
    if not days:
        return "Starts on the earliest day asked for."
    return f"Starts {count_of(days, 'day')} after the earliest day asked for."


def _describe_length(days: int) -> str:
    return f"From first to last visit: {count_of(days, 'day')}." if days else "All on one day."


def _describe_time(average: float, preferred: time) -> str:
    if average < 1:
        return f"Every visit at the preferred time, {say_time(preferred)}."
    return f"On average {round(average)} minutes away from the preferred time, {say_time(preferred)}."


def describe_relaxations(relaxations: Sequence[Mapping[str, Any]], *, course: Course) -> list[dict[str, Any]]:
    """Each way out as a sentence, with what the new-course page needs to try it (`try`), if it can."""
    if not relaxations:
        return []
    kinds = dict(ResourceKind.objects.values_list("code", "name"))
    return [
        {
            "text": _say_relaxation(item, course.site, kinds),
            "try": _trial_of(item, course),
            "who": WHO_CAN.get(item["type"], ""),
        }
        for item in relaxations
    ]


def _say_relaxation(item: Mapping[str, Any], site: Site, kinds: Mapping[str, str]) -> str:
    match item["type"]:
        case "extend_latest_start":
            return f"Allow the first visit up to {count_of(item['days'], 'day')} later than asked."
        case "slip":
            days, phase = count_of(item["days"], "day"), name_code(item["phase"])
            return f"Give the {phase} part of {name_code(item['track'])} {days} of slack in the protocol."
        case "add_seat":
            kind = kinds.get(item["kind"], name_code(item["kind"]))
            skill = f" ({name_code(item['skill'])})" if item.get("skill") else ""
            return f"One more {kind}{skill}, {_say_span(item, site)}."
        case "free_patient":
            return f"The patient can come after all, {_say_span(item, site)}."
        case "open_site":
            on = date.fromisoformat(item["date"])
            return f"Open {site} on {say_day(on)}, {_say_clock(item['from'])} to {_say_clock(item['to'])}."
    return ""


def _trial_of(item: Mapping[str, Any], course: Course) -> str:
    """What staff can change in the wishes themselves; the rest is for the site or the protocol."""
    if item["type"] == "extend_latest_start":
        return f"later:{item['days']}"
    if item["type"] == "free_patient" and course.availability:
        start, end = _local(item["from"], course.site), _local(item["to"], course.site)
        if end - start < timedelta(days=7):
            return f"free:{start:%Y-%m-%dT%H.%M}:{end:%Y-%m-%dT%H.%M}"
    return ""


def _local(text: str, site: Site) -> datetime:
    return datetime.fromisoformat(text).astimezone(site.zone)


def _say_span(item: Mapping[str, Any], site: Site) -> str:
    start, end = _local(item["from"], site), _local(item["to"], site)
    if start.date() == end.date():
        return f"{say_day(start.date())}, {say_time(start)} to {say_time(end)}"
    return f"from {say_moment(start)} to {say_moment(end)}"


def _say_clock(text: str) -> str:
    return "midnight" if text in {"24:00", "00:00"} else say_time(time.fromisoformat(text))
