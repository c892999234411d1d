"""A protocol version as the engine reads it: how far its open phase goes, and where an undecided point cuts it off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from protocols.holds import treatment_span, visit_holds, visit_minutes
from protocols.models import DecisionPoint, Link, Phase, ProtocolVersion, Track, VisitType
from protocols.models.decision import DecisionMode
from scheduling import engine
from scheduling.departures import AS_WRITTEN, Departures
from scheduling.open_phase import OpenPhase, limit_of, open_phase, phases_of, shape_open_phase

VERSION_LOOKUPS = ("visit_types__stages__needs", "tracks__phases", "links", "decision_points")
"""What to prefetch on versions; the functions here then ask the database nothing."""


def shape_version(
    version: ProtocolVersion,
    *,
    open_periods: int = 0,
    undecided: Iterable[DecisionPoint] = (),
    departures: Departures = AS_WRITTEN,
) -> engine.Protocol:
    """The protocol with `open_periods` periods of its open phase (0: as many as it is written with), cut short."""
    codes = {visit.pk: visit.code for visit in version.visit_types.all()}
    names = {track.pk: track.name for track in version.tracks.all()}
    found = open_phase(version, departures)
    tracks = [_shape_track(track, codes, found, open_periods, departures) for track in version.tracks.all()]
    points = [
        (names[point.track_id], departures.decided_after(point, names[point.track_id]))
        for point in undecided
        if point.mode == DecisionMode.BLOCKING
    ]
    kept = _cut(tracks, points)
    used = {track.visit for track in kept} | {phase.visit for track in kept for phase in track.phases if phase.visit}
    visits = {visit.code: shape_visit(visit) for visit in version.visit_types.all() if visit.code in used}
    links = [_shape_link(link, names) for link in version.links.all()]
    return engine.Protocol(visits, tuple(kept), links_among(links, kept))


def last_day(protocol: engine.Protocol) -> int:
    """The last day after the course's start on which a session may lie."""
    return max(track.first_day + slot.offset + slot.days - 1 for track in protocol.tracks for slot in track.slots)


def shape_visit(visit: VisitType) -> engine.Visit:
    needs = (engine.HoldNeed(hold.kind, hold.begin, hold.end, hold.skill, hold.same_as) for hold in visit_holds(visit))
    return engine.Visit(visit_minutes(visit), treatment_span(visit), tuple(needs))


def _shape_track(
    track: Track, codes: dict[int, str], found: OpenPhase | None, open_periods: int, departures: Departures
) -> engine.Track:
    phases: list[engine.Phase] = []
    for phase, periods in phases_of(track, departures):
        if found is not None and phase.pk == found.phase.pk:
            phases += shape_open_phase(found, open_periods or periods, codes)
        else:
            phases.append(_shape_phase(phase, _periods(found, track, phase, periods, open_periods), codes))
    shaped = engine.Track(track.name, codes[track.visit_type_id], tuple(phases), track.first_day, track.continuity_id)
    return lengthened(shaped, departures.added_to(track.name))


def _shape_phase(phase: Phase, periods: int, codes: dict[int, str]) -> engine.Phase:
    return engine.Phase(
        name=phase.name,
        periods=periods,
        period_days=phase.period_days,
        per_period=phase.per_period,
        min_gap_hours=phase.min_gap_hours,
        max_gap_hours=phase.max_gap_hours,
        slip_days=phase.slip_days,
        max_in=limit_of(phase),
        visit=codes[phase.visit_type_id] if phase.visit_type_id else None,
    )


def lengthened(track: engine.Track, count: int) -> engine.Track:
    """The track with so many sessions more, in further periods of its last phase."""
    if not count:
        return track
    last = next(phase for phase in reversed(track.phases) if phase.per_period)
    further = replace(last, name=f"{last.name} (added)", periods=-(-count // last.per_period))
    return shortened(replace(track, phases=(*track.phases, further)), track.sessions + count)


def links_among(links: Iterable[engine.Link], tracks: Iterable[engine.Track]) -> tuple[engine.Link, ...]:
    """The links of which both tracks are there."""
    alive = {track.name for track in tracks}
    return tuple(link for link in links if set(link.names.values()) <= alive)


def _periods(found: OpenPhase | None, track: Track, phase: Phase, periods: int, open_periods: int) -> int:
    """Another track's open phase goes on as long as the first one does."""
    if not phase.open_ended or not open_periods or found is None or found.track.pk == track.pk:
        return periods
    before = sum(p.periods * p.period_days for p in track.phases.all() if p.position < phase.position)
    days = found.begins_on + found.days(open_periods) - track.first_day - before
    return max(periods, days // phase.period_days)


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


def _cut(tracks: list[engine.Track], points: list[tuple[str, int]]) -> list[engine.Track]:
    """The tracks without what lies beyond a point: its own later sessions, and others whose window begins later."""
    keep = {track.name: len(track.slots) for track in tracks}
    for name, number in points:
        decided = next(track for track in tracks if track.name == name)
        if number > len(decided.slots):
            continue
        here = decided.first_day + decided.slots[number - 1].offset
        beyond = decided.first_day + _offset_after(decided, number)
        for track in tracks:
            inside = [s for s in track.slots if track.first_day + s.offset < max(beyond, here + 1)]
            count = number if track.name == decided.name else len(inside)
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
