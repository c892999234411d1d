"""A protocol version as the engine reads it: how far its open phase goes, and where an undecided point cuts it off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from protocols.holds import treatment_span, visit_holds, visit_minutes
from protocols.models import DecisionPoint, Link, Phase, ProtocolVersion, Track, VisitType
from protocols.models.decision import DecisionMode
from scheduling import engine

VERSION_LOOKUPS = ("visit_types__stages__needs", "tracks__phases", "links", "decision_points")
"""What to prefetch on versions; the functions here then ask the database nothing."""


def shape_version(
    version: ProtocolVersion, *, open_periods: int = 0, undecided: Iterable[DecisionPoint] = ()
) -> engine.Protocol:
    """The protocol with `open_periods` periods of its open phase (0: as many as it is written with), cut short."""
    codes = {visit.pk: visit.code for visit in version.visit_types.all()}
    names = {track.pk: track.name for track in version.tracks.all()}
    tracks = [_shape_track(version, track, codes, open_periods) for track in version.tracks.all()]
    kept = _cut(tracks, [point for point in undecided if point.mode == DecisionMode.BLOCKING], names)
    used = {track.visit for track in kept} | {phase.visit for track in kept for phase in track.phases if phase.visit}
    visits = {visit.code: shape_visit(visit) for visit in version.visit_types.all() if visit.code in used}
    links = [_shape_link(link, names) for link in version.links.all()]
    return engine.Protocol(visits, tuple(kept), links_among(links, kept))


def open_phase(version: ProtocolVersion) -> tuple[Track, Phase, int] | None:
    """The first open-ended phase, its track, and how many days after the course's start it begins."""
    for track in version.tracks.all():
        offset = track.first_day
        for phase in track.phases.all():
            if phase.open_ended:
                return track, phase, offset
            offset += phase.periods * phase.period_days
    return None


def fitting_periods(version: ProtocolVersion, *, start_on: date, reach_on: date) -> int:
    """Periods of the open phase that end by `reach_on`, no fewer than it is written with; 0 without such a phase."""
    found = open_phase(version)
    if found is None:
        return 0
    _, phase, offset = found
    days = (reach_on - start_on).days - offset
    return max(phase.periods, days // phase.period_days)


def periods_of(version: ProtocolVersion, numbers: Iterable[tuple[str, int]]) -> int:
    """How many periods of the open phase these sessions (track, number) reach into."""
    found = open_phase(version)
    if found is None:
        return 0
    track, phase, _ = found
    before = sum(p.periods * p.per_period for p in track.phases.all() if p.position < phase.position)
    beyond = max((number for name, number in numbers if name == track.name), default=0) - before
    return max(0, -(-beyond // phase.per_period)) if phase.per_period else 0


def last_day(protocol: engine.Protocol) -> int:
    """The last day after the course's start on which a session may lie."""
    return max(track.first_day + slot.offset + slot.days - 1 for track in protocol.tracks for slot in track.slots)


def shape_visit(visit: VisitType) -> engine.Visit:
    needs = (engine.HoldNeed(hold.kind, hold.begin, hold.end, hold.skill, hold.same_as) for hold in visit_holds(visit))
    return engine.Visit(visit_minutes(visit), treatment_span(visit), tuple(needs))


def _shape_track(version: ProtocolVersion, track: Track, codes: dict[int, str], open_periods: int) -> engine.Track:
    phases = tuple(
        engine.Phase(
            name=phase.name,
            periods=_periods(version, track, phase, open_periods),
            period_days=phase.period_days,
            per_period=phase.per_period,
            min_gap_hours=phase.min_gap_hours,
            max_gap_hours=phase.max_gap_hours,
            slip_days=phase.slip_days,
            max_in=(phase.max_in_count, phase.max_in_days) if phase.max_in_count and phase.max_in_days else None,
            visit=codes[phase.visit_type_id] if phase.visit_type_id else None,
        )
        for phase in track.phases.all()
    )
    return engine.Track(track.name, codes[track.visit_type_id], phases, track.first_day, track.continuity_id)


def links_among(links: Iterable[engine.Link], tracks: Iterable[engine.Track]) -> tuple[engine.Link, ...]:
    """The links of which both tracks are there."""
    alive = {track.name for track in tracks}
    return tuple(link for link in links if set(link.names.values()) <= alive)


def _periods(version: ProtocolVersion, track: Track, phase: Phase, open_periods: int) -> int:
    """Another track's open phase goes on as long as the first one does."""
    found = open_phase(version)
    if not phase.open_ended or not open_periods or found is None:
        return phase.periods
    first_track, first, offset = found
    if first_track.pk == track.pk:
        return open_periods if first.pk == phase.pk else phase.periods
    before = sum(p.periods * p.period_days for p in track.phases.all() if p.position < phase.position)
    days = offset + open_periods * first.period_days - track.first_day - before
    return max(phase.periods, days // phase.period_days)


def _shape_link(link: Link, names: dict[int, str]) -> engine.Link:
    track, after = names[link.track_id], names[link.after_id]
    if link.type == "apart":
        return engine.Link(type=link.type, tracks=(track, after))
    return engine.Link(
        type=link.type,
        track=track,
        after=after,
        min_hours=link.min_hours,
        max_hours=link.max_hours,
        count=link.count,
        hours=link.hours,
    )


def _cut(tracks: list[engine.Track], points: list[DecisionPoint], names: dict[int, str]) -> list[engine.Track]:
    """The tracks without what lies beyond a point: its own later sessions, and others whose window begins later."""
    keep = {track.name: len(track.slots) for track in tracks}
    for point in points:
        decided = next(track for track in tracks if track.name == names[point.track_id])
        if point.after_number > len(decided.slots):
            continue
        here = decided.first_day + decided.slots[point.after_number - 1].offset
        beyond = decided.first_day + _offset_after(decided, point.after_number)
        for track in tracks:
            inside = [s for s in track.slots if track.first_day + s.offset < max(beyond, here + 1)]
            count = point.after_number if track.name == decided.name else len(inside)
            keep[track.name] = min(keep[track.name], count)
    # The course begins with session 1 of its first track, whatever is undecided.
    keep[tracks[0].name] = max(1, keep[tracks[0].name])
    return [shortened(track, keep[track.name]) for track in tracks if keep[track.name]]


def _offset_after(track: engine.Track, number: int) -> int:
    if number < len(track.slots):
        return track.slots[number].offset
    return sum(phase.periods * phase.period_days for phase in track.phases)


def shortened(track: engine.Track, count: int) -> engine.Track:
    """The track with its first `count` sessions only; a period that is cut keeps its days."""
    phases: list[engine.Phase] = []
    for phase in track.phases:
        if count <= 0:
            break
        size = phase.periods * phase.per_period
        if size <= count:
            phases.append(phase)
        else:
            whole, rest = divmod(count, phase.per_period)
            if whole:
                phases.append(replace(phase, periods=whole))
            if rest:
                phases.append(replace(phase, name=f"{phase.name} (to decision)", periods=1, per_period=rest))
        count -= size
    return replace(track, phases=tuple(phases))
