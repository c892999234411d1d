"""A visit's clockwork, read from its stages: how long it is, when the treatment is given, which seats it holds.

Everything here reads prefetched rows (`VISIT_LOOKUPS`) and asks the database nothing once they are there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocols.models import Need, Stage, VisitType

VISIT_LOOKUPS = ("stages__needs",)
"""What to prefetch on visit types before asking for their holds."""


@dataclass(frozen=True, slots=True)
class HoldSpan:
    """One seat of a kind, from `begin` to `end` minutes into the visit; `same_as` is the index of an earlier hold."""

    kind: str
    skill: str | None
    begin: int
    end: int
    same_as: int | None = None


@dataclass(frozen=True, slots=True)
class StageSpan:
    stage: Stage
    begin: int
    end: int


def stage_spans(visit_type: VisitType) -> list[StageSpan]:
    """The stages in order with their minutes after the visit's start; they follow each other without a break."""
    spans: list[StageSpan] = []
    begin = 0
    for stage in sorted(visit_type.stages.all(), key=lambda stage: stage.position):
        spans.append(StageSpan(stage, begin, begin + stage.minutes))
        begin += stage.minutes
    return spans


def visit_minutes(visit_type: VisitType) -> int:
    """How long the patient is there; turnover after leaving is not counted."""
    return max((span.end for span in stage_spans(visit_type) if not span.stage.after_leaving), default=0)


def occupied_minutes(visit_type: VisitType) -> int:
    """How long the visit keeps seats, the turnover after the patient has left included."""
    return sum(stage.minutes for stage in visit_type.stages.all())


def treatment_span(visit_type: VisitType) -> tuple[int, int]:
    """From the start of the first treatment stage to the end of the last, in minutes after the visit's start."""
    spans = [span for span in stage_spans(visit_type) if span.stage.is_treatment]
    if not spans:
        raise ValueError(f"Visit {visit_type.code} has no treatment stage.")
    return spans[0].begin, spans[-1].end


def monitoring_minutes(visit_type: VisitType) -> int:
    return sum(stage.minutes for stage in visit_type.stages.all() if stage.is_monitoring)


def visit_holds(visit_type: VisitType) -> list[HoldSpan]:
    """The seats of a visit, by their start: needs of one kind and skill on neighbouring stages are one hold."""
    holds: list[HoldSpan] = []
    latest: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], int] = {}
    for span in stage_spans(visit_type):
        for need in _ordered_needs(span.stage):
            key = (need.kind_id, need.skill)
            last = latest.get(key)
            if last is not None and holds[last].end == span.begin:
                holds[last] = replace(holds[last], end=span.end)
                continue
            same_as = first.get(key) if need.same_seat else None
            latest[key] = len(holds)
            first.setdefault(key, len(holds))
            holds.append(HoldSpan(need.kind_id, need.skill or None, span.begin, span.end, same_as))
    return holds


def _ordered_needs(stage: Stage) -> list[Need]:
    return sorted(stage.needs.all(), key=lambda need: need.pk)
