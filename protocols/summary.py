"""What staff read of a protocol at a glance, from prefetched rows (`tracks__phases`)."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.models import Phase, ProtocolVersion, Track


@dataclass(frozen=True)
class TrackSummary:
    name: str
    sessions: int
    days: int
    is_open_ended: bool
    phases: tuple[str, ...]


def summarize_track(track: Track) -> TrackSummary:
    """Sessions and days without the open-ended phase, whose end nobody knows."""
    phases = list(track.phases.all())
    closed = [phase for phase in phases if not phase.open_ended]
    return TrackSummary(
        name=track.name,
        sessions=sum(phase.periods * phase.per_period for phase in closed),
        days=sum(phase.periods * phase.period_days for phase in closed),
        is_open_ended=len(closed) < len(phases),
        phases=tuple(phase_text(phase) for phase in phases),
    )


def summarize_version(version: ProtocolVersion) -> list[TrackSummary]:
    return [summarize_track(track) for track in version.tracks.all()]


def total_sessions(version: ProtocolVersion) -> int:
    """All sessions of all tracks, open-ended phases not counted."""
    return sum(track.sessions for track in summarize_version(version))


def phase_text(phase: Phase) -> str:
    """Such as `2 a week for 4 weeks`, `1 every 14 days, open-ended`."""
    if not phase.per_period:
        return f"{phase.periods * phase.period_days} days of waiting"
    if phase.open_ended:
        return f"{rhythm_text(phase)}, open-ended"
    if phase.periods == 1 and phase.period_days < 7:
        return counted(phase.per_period, "session") + f" in {counted(phase.period_days, 'day')}"
    if phase.period_days == 7:
        return f"{rhythm_text(phase)} for {counted(phase.periods, 'week')}"
    return f"{rhythm_text(phase)}, {counted(phase.periods, 'time')}"


def rhythm_text(phase: Phase) -> str:
    if phase.period_days == 7:
        return f"{phase.per_period} a week"
    return f"{phase.per_period} every {counted(phase.period_days, 'day')}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
