"""Why a course has no plan, and what would help, in sentences for staff.

Built from what the engine answers in fields; its own sentences speak of tracks and kinds by their codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from clinic.models import ResourceKind, Site
from scheduling import engine
from scheduling.causes import find_causes
from scheduling.words import count_of, name_code, say_day, say_moment, say_time

RAN_OUT = "The time ran out before times for all visits were found. There may be some: plan again."
NOTHING_FITS = "There are no times that fit all visits."
NOTHING_HELPS = "No single change that would help by itself was found."


def explain_plan(plan: engine.CoursePlan) -> str:
    """In short, as pages list what would help below it; empty for a planned course."""
    if plan.planned:
        return ""
    if plan.status == engine.UNKNOWN:
        return RAN_OUT
    return NOTHING_FITS if plan.relaxations else f"{NOTHING_FITS} {NOTHING_HELPS}"


def say_why(plan: engine.CoursePlan, problem: engine.Problem, *, site: Site) -> str:
    """Why there is no plan: what makes one impossible on any calendar, else in short; empty for a planned course."""
    if plan.planned:
        return ""
    causes = find_causes(problem, problem.course(plan.id), site=str(site), kinds=read_kinds())
    return " ".join(causes) or explain_plan(plan)


def write_relaxations(plan: engine.CoursePlan) -> list[dict[str, Any]]:
    """As in the planning format."""
    written = engine.write_result(engine.Result(courses=(plan,), cost=plan.cost or 0))
    found: list[dict[str, Any]] = written["courses"][0].get("relaxations", [])
    return found


def say_ways(relaxations: Sequence[Mapping[str, Any]], *, site: Site) -> str:
    """What would help, in one sentence; empty where nothing would."""
    kinds = read_kinds() if relaxations else {}
    ways = [say_relaxation(item, site, kinds) for item in relaxations]
    clauses = [f"{way[:1].lower()}{way[1:].removesuffix('.')}" for way in ways]
    if not clauses:
        return ""
    start = "This would help" if len(clauses) == 1 else "Any one of these would help"
    return f"{start}: {'; '.join(clauses)}."


def read_kinds() -> dict[str, str]:
    return dict(ResourceKind.objects.values_list("code", "name"))


def say_relaxation(item: Mapping[str, Any], site: Site, kinds: Mapping[str, str]) -> str:
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


def local_time(text: str, site: Site) -> datetime:
    return datetime.fromisoformat(text).astimezone(site.zone)


def _say_span(item: Mapping[str, Any], site: Site) -> str:
    start, end = local_time(item["from"], site), local_time(item["to"], site)
    if start.date() == end.date():
        return f"{say_day(start.date())}, {say_time(start)} to {say_time(end)}"
    return f"from {say_moment(start)} to {say_moment(end)}"


def _say_clock(text: str) -> str:
    return "midnight" if text in {"24:00", "00:00"} else say_time(time.fromisoformat(text))
