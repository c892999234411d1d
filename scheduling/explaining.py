"""Why a course has no plan, and what would help, in sentences for staff.

The engine makes the sentences; the names in them are those of this site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from clinic.models import ResourceKind, Site
from scheduling import engine
from scheduling.causes import find_causes

RAN_OUT = "The time ran out before times for all visits were found. There may be some: plan again."
NOTHING_FITS = "There are no times that fit all visits."


def say_why(plan: engine.CoursePlan, problem: engine.Problem, *, site: Site) -> str:
    """Why there is no plan, with the smallest changes that would help; empty for a planned course."""
    if plan.planned:
        return ""
    if plan.status == engine.UNKNOWN:
        return RAN_OUT
    course = problem.course(plan.id)
    if causes := find_causes(problem, course):
        return " ".join(causes)
    tracks = tuple(track.name for track in problem.protocol_of(course).tracks)
    names = read_names(site, several=len(tracks) > 1, latest=course.latest_start)
    names = replace(names, parts=tracks, hours=engine.near_hours(problem.site.opening_hours))
    return engine.in_words(plan.obstacle, plan.relaxations, names) if plan.obstacle else NOTHING_FITS


def read_names(site: Site, *, several: bool = False, latest: date | None = None) -> engine.Names:
    """Kinds by their names, as they stand within a sentence.

    `several` says that a course has several tracks, `latest` the last day asked for its first visit.
    """
    kinds = {code: _inside(name) for code, name in ResourceKind.objects.values_list("code", "name")}
    return engine.Names(kinds=kinds, site=str(site), visit="visit", several=several, latest=latest)


def _inside(name: str) -> str:
    """A name as it stands within a sentence: an acronym stays as it is."""
    return name[:1].lower() + name[1:] if re.match(r"[A-Z][a-z]", name) else name


def write_relaxations(plan: engine.CoursePlan) -> list[dict[str, Any]]:
    """As in the planning format."""
    written = engine.write_result(engine.Result(courses=(plan,), cost=plan.cost or 0))
    found: list[dict[str, Any]] = written["courses"][0].get("relaxations", [])
    return found


def say_ways(relaxations: Sequence[Mapping[str, Any]], *, site: Site) -> str:
    """What would help, the smallest of each type, in one sentence; empty where nothing would."""
    names = read_names(site, several=True)
    said = engine.worth_saying(read_relaxation(item, site) for item in relaxations)
    ways = [engine.way_in_words(way, names) for way in said]
    if not ways:
        return ""
    start = "This would help" if len(ways) == 1 else "Any one of these would help"
    return f"{start}: {'; '.join(ways)}."


def say_relaxation(item: Mapping[str, Any], site: Site, names: engine.Names) -> str:
    way = engine.way_in_words(read_relaxation(item, site), names)
    return f"{way[:1].upper()}{way[1:]}."


def read_relaxation(item: Mapping[str, Any], site: Site) -> engine.Relaxation:
    """On the clock of the site."""
    return engine.local_to(engine.read_relaxation(item), site.zone)
