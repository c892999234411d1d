"""What is wrong with a version before it is published: faults of its shape, and what its site could never do.

Each fault is one sentence for the clinician who edits the draft. Whether a course of it can be planned at all is tried
with the planner by `scheduling.publishing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from clinic.models import Site
from protocols.models import Instruction, Phase, ProtocolVersion, Track, VisitType
from protocols.models.decision import DecisionMode
from protocols.models.shape import LinkType
from protocols.models.visit import CLOCK_TIME, InstructionKind, Place
from protocols.shape import Shape, read_shape
from protocols.site_fit import find_site_faults


def find_faults(version: ProtocolVersion, *, site: Site | None = None) -> list[str]:
    """Every fault in words; with a site also what that site can never do. Nothing is written."""
    shape = read_shape(version)
    faults = [
        *find_visit_faults(shape),
        *find_track_faults(shape),
        *find_link_faults(shape),
        *find_decision_faults(shape),
    ]
    if site is not None and not faults:
        faults += find_site_faults(shape, site=site)
    return faults


# Visits


def find_visit_faults(shape: Shape) -> Iterator[str]:
    for visit in shape.visits:
        stages = sorted(visit.stages.all(), key=lambda stage: stage.position)
        name = f"Visit {visit.name}"
        if not any(stage.is_treatment for stage in stages):
            yield f"{name} has no treatment stage."
        if stages and stages[0].after_leaving:
            yield f"{name} begins after the patient has left."
        for before, after in pairwise(stages):
            if before.after_leaving and not after.after_leaving:
                yield f"{name}: stage {after.name} comes after the patient has left ({before.name})."
        for stage in stages:
            if stage.after_leaving and (stage.is_treatment or stage.is_monitoring):
                yield f"{name}: the patient has left before stage {stage.name}, which treats or watches them."
            for task in stage.tasks.all():
                if task.at_minute > stage.minutes:
                    yield f"{name}: {task.name} is due after stage {stage.name} ends."
        names = [stage.name for stage in stages]
        for twice in sorted({stage for stage in names if names.count(stage) > 1}):
            yield f"{name} has two stages named {twice}."
        yield from find_instruction_faults(visit)


def find_instruction_faults(visit: VisitType) -> Iterator[str]:
    instructions: list[Instruction] = list(visit.instructions.all())
    kinds = [instruction.kind for instruction in instructions]
    for kind in (InstructionKind.NO_FOOD, InstructionKind.NO_DRINK, InstructionKind.DRIVER):
        if kinds.count(kind) > 1:
            yield f"Visit {visit.name} says twice: {kind.label.lower()}."
    if visit.sedating and InstructionKind.DRIVER not in kinds:
        yield f"Visit {visit.name} is sedating, but no instruction asks for a driver."
    for instruction in instructions:
        yield from find_text_faults(instruction, f"Visit {visit.name}")
    if visit.place == Place.EXTERNAL and any(stage.needs.all() for stage in visit.stages.all()):
        yield f"Visit {visit.name} is elsewhere, but needs resources of the clinic."


def find_text_faults(instruction: Instruction, name: str) -> Iterator[str]:
    quoted = f"{name}: the instruction “{instruction.text}”"
    says_time = CLOCK_TIME in instruction.text
    if instruction.text_es and not instruction.text:
        yield f"{name}: the Spanish text “{instruction.text_es}” has no English one."
    elif instruction.text_es and (CLOCK_TIME in instruction.text_es) != says_time:
        yield f"{quoted} says {CLOCK_TIME} in one language and not in the other."
    if says_time and instruction.minutes_before is None:
        yield f"{quoted} says {CLOCK_TIME}, but gives no minutes before the visit."
    is_fasting = instruction.kind in {InstructionKind.NO_FOOD, InstructionKind.NO_DRINK}
    if not is_fasting and not says_time and instruction.minutes_before is not None:
        yield f"{quoted} gives minutes before the visit, but does not say {CLOCK_TIME}."


def find_untranslated(version: ProtocolVersion) -> list[str]:
    """For the clinician to know, no reason to refuse: what patients who read Spanish would get in English."""
    texts = Instruction.objects.filter(visit_type__version=version, text_es="").exclude(text="")
    return [
        f"Visit {one.visit_type.name}: “{one.text}” has no Spanish text; patients who read Spanish get it in English."
        for one in texts.select_related("visit_type").order_by("pk")
    ]


# Tracks and phases


def find_track_faults(shape: Shape) -> Iterator[str]:
    if not shape.tracks:
        yield "The protocol has no track, so nothing would be booked."
        return
    if min(track.position for track in shape.tracks) != 0:
        yield "The first track must have position 0."
    if sum(phase.open_ended for track in shape.tracks for phase in track.phases.all()) > 1:
        yield "More than one phase is open-ended; a course can have one."
    for index, track in enumerate(shape.tracks):
        phases = list(track.phases.all())
        if not phases:
            yield f"Track {track.name} has no phase."
        elif not any(phase.per_period for phase in phases):
            yield f"Track {track.name} has no session."
        if any(phase.open_ended for phase in phases[:-1]):
            yield f"Track {track.name}: the open-ended phase must be the last."
        if index and any(shape.visit_of(phase, track).place == Place.EXTERNAL for phase in phases):
            yield f"Track {track.name} has a visit elsewhere; only the first track can be such an anchor."
        for phase in phases:
            yield from find_phase_faults(phase, track)


def find_phase_faults(phase: Phase, track: Track) -> Iterator[str]:
    """What no calendar can keep, whatever the clinic; days are local, a day more or less is left to the planner."""
    name = f"Phase {track.name}/{phase.name}"
    if phase.open_ended and not phase.per_period:
        yield f"{name} is open-ended but has no session."
    if phase.max_gap_hours is not None and phase.max_gap_hours < phase.min_gap_hours:
        yield f"{name}: the longest gap is shorter than the shortest."
    for periods in {1, 2 if phase.open_ended else phase.periods}:
        fault = find_period_fault(phase, sessions=periods * phase.per_period, days=periods * phase.period_days)
        if fault:
            yield f"{name}: {fault}"
            return
    between = (phase.periods - 2) * phase.period_days - phase.slip_days  # whole days between first and last window
    sessions = phase.periods * phase.per_period
    if phase.max_gap_hours is not None and between * 24 > (sessions - 1) * phase.max_gap_hours:
        yield f"{name}: gaps of at most {phase.max_gap_hours} hours end before its last period begins."


def find_period_fault(phase: Phase, *, sessions: int, days: int) -> str:
    """Why so many sessions do not fit into so many days and the slip."""
    room = days + phase.slip_days
    if sessions > room:
        return f"{sessions} sessions do not fit into {room} days, one a day."
    if (sessions - 1) * phase.min_gap_hours > room * 24:
        return f"{sessions} sessions at least {phase.min_gap_hours} hours apart do not fit into {room} days."
    if phase.max_in_count and phase.max_in_days:
        rounds, rest = divmod(room, phase.max_in_days)
        if rounds * phase.max_in_count + min(phase.max_in_count, rest) < sessions:
            limit = f"at most {phase.max_in_count} in {phase.max_in_days} days"
            return f"{limit} contradicts {sessions} sessions in {room} days."
    return ""


# Links and decisions


def find_link_faults(shape: Shape) -> Iterator[str]:
    joined: set[tuple[str, int, int]] = set()
    for link in shape.links:
        name = f"Link {link}"
        if (link.type, link.track_id, link.after_id) in joined:
            yield f"{name} is given twice."
        joined.add((link.type, link.track_id, link.after_id))
        if not {link.track_id, link.after_id} <= {track.pk for track in shape.tracks}:
            yield f"{name} joins a track of another version."
        if link.type == LinkType.AT_LEAST and not link.count:
            yield f"{name} asks for at least 0 sessions."
        if None not in (link.min_hours, link.max_hours) and link.min_hours == link.max_hours:
            yield f"{name}: its window from {link.min_hours} to {link.max_hours} hours holds no time."


def find_decision_faults(shape: Shape) -> Iterator[str]:
    for decision in shape.decisions:
        track = next((track for track in shape.tracks if track.pk == decision.track_id), None)
        name = f"Decision after {decision.track.name} {decision.after_number}"
        if track is None:
            yield f"{name} belongs to a track of another version."
            continue
        ends = period_ends(track, upto=decision.after_number)
        if decision.after_number > ends[-1]:
            yield f"{name} lies beyond the last session, {ends[-1]}."
        elif decision.mode == DecisionMode.BLOCKING and decision.after_number not in ends:
            yield f"{name} is blocking, so it must follow the last session of a period ({ends_text(ends)})."


def period_ends(track: Track, *, upto: int) -> list[int]:
    """The numbers of the sessions that end a period, an open-ended phase reckoned as far as `upto`."""
    ends = [0]
    for phase in track.phases.all():
        periods = phase.periods
        if phase.open_ended and phase.per_period:
            periods = max(1, -(-(upto - ends[-1]) // phase.per_period))
        for _ in range(periods if phase.per_period else 0):
            ends.append(ends[-1] + phase.per_period)
    return ends[1:] or [0]


def ends_text(ends: list[int]) -> str:
    return ", ".join(map(str, ends[:6])) + (" ..." if len(ends) > 6 else "")
