"""A version of a protocol as staff read it: every value with the tag of its source, and the sources below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Prefetch, prefetch_related_objects

from protocols.models import Need, Phase, ProtocolVersion, Source, Stage, Track
from protocols.models.visit import CLOCK_TIME
from protocols.sources import SourceBook, needs_text
from protocols.summary import summarize_track
from scheduling.words import count_of, name_code

UNCHANGED = object()


@dataclass(frozen=True)
class Value:
    """`number` is that of the source in the list below the page; `is_changed` where the site has put its own value."""

    text: str
    tag: str = ""
    number: int = 0
    is_changed: bool = False


class Sourced:
    """Values of one version; numbers each citation the first time that it is quoted."""

    def __init__(self, version: ProtocolVersion) -> None:
        self.book = SourceBook.of_version(version)
        self.numbers: dict[tuple[str, str], int] = {}

    def value(self, row: Model, field: str, text: str, *, quoted: Any = UNCHANGED) -> Value:
        source = self.book.of(row, field)
        if source is None:
            return Value(text)
        found = getattr(row, field) if quoted is UNCHANGED else quoted
        if not self.book.still_vouches(row, field, found):
            return Value(text, is_changed=True)
        return Value(text, source.tag, self._number(source))

    def _number(self, source: Source) -> int:
        if not source.citation:
            return 0
        return self.numbers.setdefault((source.tag, source.citation), len(self.numbers) + 1)

    def citations(self) -> list[dict[str, Any]]:
        return [{"number": n, "tag": tag, "text": text} for (tag, text), n in self.numbers.items()]


def describe_version(version: ProtocolVersion) -> dict[str, Any]:
    prefetch_version(version)
    sourced = Sourced(version)
    visits = [describe_visit(visit, sourced) for visit in version.visit_types.all()]
    tracks = [describe_track(track, sourced) for track in version.tracks.all()]
    described = {
        "visits": visits,
        "tracks": tracks,
        "links": [describe_link(link, sourced) for link in version.links.all()],
        "gates": [describe_gate(gate, sourced) for gate in version.gates.all()],
        "decisions": [describe_decision(point, sourced) for point in version.decision_points.all()],
    }
    return {**described, "citations": sourced.citations()}


def prefetch_version(version: ProtocolVersion) -> None:
    """All that is shown, in a fixed number of queries; rows know their parents without asking."""
    prefetch_related_objects(
        [version],
        "sources",
        "visit_types__stages__tasks",
        Prefetch("visit_types__stages__needs", Need.objects.select_related("kind")),
        "visit_types__instructions",
        Prefetch("tracks", Track.objects.select_related("visit_type", "continuity")),
        Prefetch("tracks__phases", Phase.objects.select_related("visit_type")),
        "links__track",
        "links__after",
        "gates__visit_type",
        "decision_points__track",
    )


def describe_visit(visit: Any, sourced: Sourced) -> dict[str, Any]:
    stages = list(visit.stages.all())
    return {
        "row": visit,
        "minutes": sum(stage.minutes for stage in stages if not stage.after_leaving),
        "sedating": sourced.value(visit, "sedating", "Sedating: needs a driver" if visit.sedating else "Not sedating"),
        "stages": [describe_stage(stage, sourced) for stage in stages],
        "instructions": [
            {"value": describe_instruction(item, sourced), "spanish": item.text_es} for item in visit.instructions.all()
        ],
    }


def describe_stage(stage: Stage, sourced: Sourced) -> dict[str, Any]:
    flags = [
        text
        for text, holds in (
            ("treatment", stage.is_treatment),
            ("monitoring: a minimum", stage.is_monitoring),
            ("after the patient has left", stage.after_leaving),
        )
        if holds
    ]
    needs = ", ".join(str(need) for need in stage.needs.all())
    return {
        "row": stage,
        "flags": flags,
        "minutes": sourced.value(stage, "minutes", f"{stage.minutes} min"),
        "needs": sourced.value(stage, "needs", needs, quoted=needs_text(stage)),
        "tasks": [sourced.value(task, "at_minute", str(task)) for task in stage.tasks.all()],
    }


def describe_instruction(item: Any, sourced: Sourced) -> Value:
    if item.minutes_before is not None:
        when = f"{count_of(item.minutes_before, 'minute')} before the visit"
        if CLOCK_TIME not in item.text:
            return sourced.value(item, "minutes_before", f"{item.get_kind_display()} {when}")
        field = "minutes_before" if sourced.book.still_vouches(item, "text", item.text) else "text"
        return sourced.value(item, field, f"{item.get_kind_display()}: {item.text.replace(CLOCK_TIME, when)}")
    return sourced.value(item, "text", f"{item.get_kind_display()}: {item.text}")


def describe_track(track: Track, sourced: Sourced) -> dict[str, Any]:
    summary = summarize_track(track)
    first_day = f"begins {count_of(track.first_day, 'day')} after the course" if track.first_day else ""
    same = f"the same {track.continuity} where possible" if track.continuity else ""
    return {
        "row": track,
        "name": name_code(track.name),
        "sessions": summary.sessions,
        "is_open": summary.is_open_ended,
        "first_day": sourced.value(track, "first_day", first_day),
        "continuity": sourced.value(track, "continuity", same, quoted=track.continuity_id),
        "phases": [
            {**describe_phase(phase, sourced), "rhythm": rhythm}
            for phase, rhythm in zip(track.phases.all(), summary.phases, strict=True)
        ],
    }


def describe_phase(phase: Phase, sourced: Sourced) -> dict[str, Any]:
    limit = f"{phase.max_in_count} in {count_of(phase.max_in_days or 0, 'day')}" if phase.max_in_count else ""
    values = (
        ("How often", "per_period", f"{phase.per_period} in each period"),
        ("Period", "period_days", count_of(phase.period_days, "day")),
        ("Shortest gap", "min_gap_hours", say_hours(phase.min_gap_hours)),
        ("Longest gap", "max_gap_hours", say_hours(phase.max_gap_hours)),
        ("Slack", "slip_days", count_of(phase.slip_days, "day") if phase.slip_days else "none"),
        ("At most", "max_in_count", limit),
        ("When missed", "missed_policy", phase.get_missed_policy_display()),
    )
    length = "until a clinician ends it" if phase.open_ended else count_of(phase.periods, "period")
    field = "open_ended" if phase.open_ended else "periods"
    shown = [("Length", field, length), *values]
    return {
        "row": phase,
        "name": name_code(phase.name),
        "visit": phase.visit_type,
        "values": [(label, sourced.value(phase, name, text)) for label, name, text in shown if text],
    }


def say_hours(hours: int | None) -> str:
    if hours is None:
        return ""
    return f"{count_of(hours, 'hour')} ({hours / 24:.3g} days)" if hours >= 48 else count_of(hours, "hour")


def describe_link(link: Any, sourced: Sourced) -> dict[str, Any]:
    names = (("At least", "min_hours"), ("At most", "max_hours"), ("Sessions", "count"), ("For", "hours"))
    given = [(label, name, getattr(link, name)) for label, name in names if getattr(link, name) is not None]
    texts = [(label, name, str(v) if name == "count" else say_hours(v)) for label, name, v in given]
    return {
        "row": link,
        "title": f"{name_code(link.track.name)} after {name_code(link.after.name)}",
        "type": sourced.value(link, "type", link.get_type_display()),
        "values": [(label, sourced.value(link, name, text)) for label, name, text in texts],
    }


def describe_gate(gate: Any, sourced: Sourced) -> dict[str, Any]:
    valid = f"valid {count_of(gate.valid_days, 'day')}" if gate.valid_days else ""
    due = "" if gate.due_days is None else f"within {count_of(gate.due_days, 'calendar day')}"
    return {
        "row": gate,
        "moment": sourced.value(gate, "moment", gate.get_moment_display()),
        "valid": sourced.value(gate, "valid_days", valid),
        "due": sourced.value(gate, "due_days", due),
        "scope": "at every visit" if gate.each_visit else "once for the course",
    }


def describe_decision(point: Any, sourced: Sourced) -> dict[str, Any]:
    after = f"After {name_code(point.track.name)} {point.after_number}"
    return {"row": point, "after": sourced.value(point, "after_number", after)}
