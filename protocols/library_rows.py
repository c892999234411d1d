"""The rows of a library file, each value with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.blueprint import Blueprint
from protocols.models import (
    DecisionPoint,
    Gate,
    Instruction,
    Link,
    Need,
    Phase,
    Source,
    Stage,
    StageTask,
    Track,
    VisitType,
)
from protocols.models.decision import DecisionMode, GateMoment
from protocols.models.shape import LinkType, MissedPolicy
from protocols.models.visit import InstructionKind, Place
from protocols.node import Node, Sourced
from protocols.sources import need_text, subject_of, value_text

LINK_NUMBERS = ("min_hours", "max_hours", "count", "hours")
GATE_NUMBERS = ("valid_days", "due_days")
PHASE_NUMBERS = ("periods", "period_days", "per_period", "min_gap_hours", "slip_days")


class FileReader:
    """Builds the rows of one file, in the file's order."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.kinds = kinds
        self.blueprint = Blueprint()
        self.visits: dict[str, VisitType] = {}
        self.tracks: dict[str, Track] = {}

    def read(self, root: Node) -> Blueprint:
        for code, node in root.named_children("visits").items():
            self.read_visit(code, node)
        for position, node in enumerate(root.children("tracks", required=True)):
            self.read_track(position, node)
        parts: tuple[tuple[str, Callable[[Node], None]], ...] = (
            ("links", self.read_link),
            ("gates", self.read_gate),
            ("decisions", self.read_decision),
        )
        for key, read in parts:
            for node in root.children(key):
                read(node)
                node.finish()
        return self.blueprint

    def source(self, node: Node, subject: str, field: str, found: Sourced, *, value: str = "") -> None:
        if any((source.subject, source.field) == (subject, field) for source in self.blueprint.sources):
            raise node.fault("", f"gives {field} of {subject} a second time")
        self.blueprint.sources.append(
            Source(
                subject=subject,
                field=field,
                value=value or value_text(found.value)[:120],
                tag=found.tag,
                citation=found.citation[:300],
            )
        )

    # Visits

    def read_visit(self, code: str, node: Node) -> None:
        sedating = node.sourced("sedating", bool)
        visit = VisitType(
            code=code,
            name=node.text("name"),
            place=node.choice("place", Place, default=Place.CLINIC),
            sedating=sedating.value,
        )
        self.visits[code] = visit
        self.blueprint.visit_types.append(visit)
        self.source(node, subject_of(visit), "sedating", sedating)
        for stage in node.children("stages", required=True):
            self.read_stages(visit, stage)
        for instruction in node.children("instructions"):
            self.read_instruction(visit, instruction)
        node.finish()

    def read_stages(self, visit: VisitType, node: Node) -> None:
        """One stage, or stages that come again and again with others between them."""
        if not node.has("repeat"):
            self.read_stage(visit, node, suffix="")
            return
        times = node.number("repeat")
        self.source(node, subject_of(visit), "repeat", times)
        for turn in range(1, times.value + 1):
            between = node.children("between") if turn < times.value else []
            for stage in node.children("stages", required=True) + between:
                self.read_stage(visit, stage, suffix=f" {turn}")
        node.finish()

    def read_stage(self, visit: VisitType, node: Node, *, suffix: str) -> None:
        minutes = node.number("minutes")
        stage = Stage(
            visit_type=visit,
            position=sum(other.visit_type is visit for other in self.blueprint.stages),
            name=node.text("name") + suffix,
            minutes=minutes.value,
            is_treatment=node.flag("treatment"),
            is_monitoring=node.flag("monitoring"),
            after_leaving=node.flag("after_leaving"),
        )
        self.blueprint.stages.append(stage)
        self.source(node, subject_of(stage), "minutes", minutes)
        if node.has("needs"):
            self.read_needs(stage, node)
        for task in node.children("tasks"):
            at_minute = task.number("at_minute")
            row = StageTask(stage=stage, name=task.text("name"), at_minute=at_minute.value)
            self.blueprint.tasks.append(row)
            self.source(task, subject_of(row), "at_minute", at_minute)
            task.finish()
        node.finish()

    def read_needs(self, stage: Stage, node: Node) -> None:
        found = node.sourced("needs", list)
        needs = [self.read_need(stage, node, text) for text in found.value]
        self.blueprint.needs.extend(needs)
        self.source(node, subject_of(stage), "needs", found, value=", ".join(map(need_text, needs)))

    def read_need(self, stage: Stage, node: Node, text: Any) -> Need:
        """`kind`, `kind/skill`, and with ` =` behind it: on the seat of the visit's first such hold."""
        words = str(text).split()
        kind, _, skill = words[0].partition("/") if words else ("", "", "")
        if kind not in self.kinds:
            raise node.fault("needs", f"names the kind {kind!r}, which kinds.yaml does not list")
        if words[1:] not in ([], ["="]):
            raise node.fault("needs", f"must be kind, kind/skill or kind/skill =, not {text!r}")
        return Need(stage=stage, kind_id=kind, skill=skill, same_seat=words[1:] == ["="])

    def read_instruction(self, visit: VisitType, node: Node) -> None:
        kind = node.choice("kind", InstructionKind)
        row = Instruction(visit_type=visit, kind=kind)
        is_fasting = kind in {InstructionKind.NO_FOOD, InstructionKind.NO_DRINK}
        if is_fasting or node.has("minutes_before"):
            minutes = node.number("minutes_before")
            row.minutes_before = minutes.value
            self.source(node, subject_of(row), "minutes_before", minutes)
        if not is_fasting:
            text = node.sourced("text", str)
            row.text = text.value
            row.text_es = node.text("text_es", default="")
            self.source(node, subject_of(row), "text", text)
        self.blueprint.instructions.append(row)
        node.finish()

    # Tracks

    def visit(self, node: Node) -> VisitType:
        code = node.text("visit")
        if code not in self.visits:
            raise node.fault("visit", f"names no visit of this file: {code!r}")
        return self.visits[code]

    def read_track(self, position: int, node: Node) -> None:
        track = Track(position=position, name=node.text("name"), visit_type=self.visit(node))
        if track.name in self.tracks:
            raise node.fault("name", f"names a second track {track.name!r}")
        self.tracks[track.name] = track
        self.blueprint.tracks.append(track)
        if node.has("first_day"):
            first_day = node.number("first_day")
            track.first_day = first_day.value
            self.source(node, subject_of(track), "first_day", first_day)
        if node.has("continuity"):
            continuity = node.sourced("continuity", str)
            if continuity.value not in self.kinds:
                raise node.fault("continuity", f"names the kind {continuity.value!r}, which kinds.yaml does not list")
            track.continuity_id = continuity.value
            self.source(node, subject_of(track), "continuity", continuity)
        for index, phase in enumerate(node.children("phases", required=True)):
            self.read_phase(track, index, phase)
        node.finish()

    def read_phase(self, track: Track, position: int, node: Node) -> None:
        phase = Phase(track=track, position=position, name=node.text("name"), periods=1)
        if node.has("visit"):
            phase.visit_type = self.visit(node)
        self.blueprint.phases.append(phase)
        if node.has("open_ended"):
            open_ended = node.sourced("open_ended", bool)
            phase.open_ended = open_ended.value
            self.source(node, subject_of(phase), "open_ended", open_ended)
        for field in PHASE_NUMBERS:
            if field == "periods" and phase.open_ended:
                continue  # it goes on until a clinician ends it
            self.set_number(phase, field, node)
        if node.has("max_gap_hours"):
            self.set_number(phase, "max_gap_hours", node)
        if node.has("max_in"):
            self.read_limit(phase, node)
        missed = node.sourced_choice("missed", MissedPolicy)
        phase.missed_policy = missed.value
        self.source(node, subject_of(phase), "missed_policy", missed)
        node.finish()

    def set_number(self, row: Phase | Link | Gate, field: str, node: Node) -> None:
        found = node.number(field)
        setattr(row, field, found.value)
        self.source(node, subject_of(row), field, found)

    def read_limit(self, phase: Phase, node: Node) -> None:
        found = node.sourced("max_in", list)
        if len(found.value) != 2 or not all(type(number) is int and number > 0 for number in found.value):
            raise node.fault("max_in", f"must hold [count, days], not {found.value!r}")
        phase.max_in_count, phase.max_in_days = found.value
        for field, number in zip(("max_in_count", "max_in_days"), found.value, strict=True):
            self.source(node, subject_of(phase), field, found, value=str(number))

    # What joins and guards them

    def track(self, node: Node, key: str = "track") -> Track:
        name = node.text(key)
        if name not in self.tracks:
            raise node.fault(key, f"names no track of this file: {name!r}")
        return self.tracks[name]

    def read_link(self, node: Node) -> None:
        kind = node.sourced_choice("type", LinkType)
        link = Link(type=kind.value, track=self.track(node), after=self.track(node, "after"))
        self.blueprint.links.append(link)
        self.source(node, subject_of(link), "type", kind)
        for field in LINK_NUMBERS:
            if node.has(field):
                self.set_number(link, field, node)

    def read_gate(self, node: Node) -> None:
        moment = node.sourced_choice("moment", GateMoment)
        gate = Gate(
            code=node.text("code"), name=node.text("name"), moment=moment.value, each_visit=node.flag("each_visit")
        )
        if node.has("visit"):
            gate.visit_type = self.visit(node)
        self.source(node, subject_of(gate), "moment", moment)
        for field in GATE_NUMBERS:
            if node.has(field):
                self.set_number(gate, field, node)
        if (gate.moment == GateMoment.AFTER) != (gate.due_days is not None):
            raise node.fault("due_days", "belongs to what is due after the visit, and must be given there")
        if gate.moment == GateMoment.AFTER and not gate.each_visit:
            raise node.fault("each_visit", "must be true for what is due after the visit")
        self.blueprint.gates.append(gate)

    def read_decision(self, node: Node) -> None:
        after = node.number("after")
        row = DecisionPoint(
            track=self.track(node),
            after_number=after.value,
            mode=node.choice("mode", DecisionMode),
            question=node.text("question"),
        )
        self.source(node, subject_of(row), "after_number", after)
        self.blueprint.decision_points.append(row)
