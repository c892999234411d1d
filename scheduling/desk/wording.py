"""Hours and ways out in the words of the front desk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from typing import Any

from clinic.models import Site
from clinic.weekly import WEEKDAYS
from scheduling.engine import Interval, Relaxation, local_to, way_in_words
from scheduling.explaining import read_names, read_relaxation, say_relaxation
from scheduling.models import Course
from scheduling.words import say_time

WHO_CAN = {
    "slip": "a clinician edits the protocol",
    "add_seat": "the site administrator adds it",
    "open_site": "the site administrator opens it",
    "free_patient": "the patient has to agree; then correct the absences",
}


def say_availability(availability: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """A weekly table as a phrase, such as `Mon 8:00 AM to 12:00 PM, Tue any time`; empty where any time suits."""
    days = [(day, spans) for day, spans in zip(WEEKDAYS, map(availability.get, WEEKDAYS), strict=True) if spans]
    return ", ".join(f"{day.capitalize()} {' and '.join(map(_say_span, spans))}" for day, spans in days)


def _say_span(span: Sequence[str]) -> str:
    begin, end = span
    if (begin, end) == ("00:00", "24:00"):
        return "any time"
    last = "midnight" if end == "24:00" else say_time(time.fromisoformat(end))
    return f"{say_time(time.fromisoformat(begin))} to {last}"


def describe_relaxations(relaxations: Sequence[Mapping[str, Any]], *, course: Course) -> list[dict[str, Any]]:
    """Each way out as a sentence, with what the new-course page needs to try it (`try`), if it can."""
    if not relaxations:
        return []
    names = read_names(course.site, several=True, latest=course.latest_start)
    return [
        {
            "text": say_relaxation(item, course.site, names),
            "try": _trial_of(item, course),
            "suppose": json.dumps(item, separators=(",", ":")),
            "who": _say_who(item, course),
        }
        for item in relaxations
    ]


def say_also_free(span: Interval | None, site: Site) -> str:
    """What a proposal counts on beside the usual hours, as staff would ask it of the patient; empty where nothing."""
    if span is None:
        return ""
    way = Relaxation("free_patient", start=span.start, end=span.end)
    return f"This holds if you {way_in_words(local_to(way, site.zone))}. Other days keep the hours as they are."


def say_supposed(way: Relaxation | None, course: Course) -> str:
    """What a plan that is only looked at rests on, and who could make it so; empty where on nothing."""
    if way is None:
        return ""
    names = read_names(course.site, several=True, latest=course.latest_start)
    who = _say_who({"type": way.type}, course)
    return f"This is how it would be if you {way_in_words(way, names)}{f' ({who})' if who else ''}."


def _say_who(item: Mapping[str, Any], course: Course) -> str:
    if item["type"] == "free_patient" and course.availability:
        return "the patient has to agree; then change the wishes"
    return WHO_CAN.get(item["type"], "")


def _trial_of(item: Mapping[str, Any], course: Course) -> str:
    """What staff can change in the wishes themselves; the rest is for the site or the protocol."""
    if item["type"] == "extend_latest_start":
        return f"later:{item['days']}"
    if item["type"] == "free_patient" and course.availability:
        way = read_relaxation(item, course.site)
        start, end = way.start, way.end
        if start and end and end - start < timedelta(days=7):
            return f"free:{start:%Y-%m-%dT%H.%M}:{end:%Y-%m-%dT%H.%M}"
    return ""
