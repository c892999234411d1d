"""The open-ended phase of a version: where it begins, in which rhythms it goes on, and how far.

A course keeps to the rhythm of the protocol until another one was decided. Each stretch of numbers with one rhythm is
a phase for the engine, its gaps and slack those of a phase of the track that has this rhythm, else in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from protocols.models import Phase, ProtocolVersion, Track
from scheduling import engine
from scheduling.departures import AS_WRITTEN, Departures, Rhythm


@dataclass(frozen=True)
class OpenPhase:
    """`begins_on` is how many days after the course's start; `first` its first number."""

    track: Track
    phase: Phase
    begins_on: int
    stretches: tuple[Rhythm, ...]

    @property
    def first(self) -> int:
        return self.stretches[0].first

    def lengths(self, periods: int) -> list[tuple[Rhythm, int, int]]:
        """Each stretch with its sessions and periods, as far as so many periods in all reach."""
        found = []
        for here, after in zip(self.stretches, (*self.stretches[1:], None), strict=True):
            sessions = periods * here.per_period
            if after is not None:
                sessions = min(sessions, after.first - here.first)
            taken = -(-sessions // here.per_period) if here.per_period else periods
            if taken:
                found.append((here, sessions, taken))
            periods -= taken
        return found

    def days(self, periods: int) -> int:
        return sum(taken * here.period_days for here, _, taken in self.lengths(periods))


def open_phase(version: ProtocolVersion, departures: Departures = AS_WRITTEN) -> OpenPhase | None:
    """The first open-ended phase of a version, as a course has it."""
    for track in version.tracks.all():
        offset, number = track.first_day, 1
        for phase, periods in phases_of(track, departures):
            if phase.open_ended:
                return OpenPhase(track, phase, offset, stretches_of(phase, number, departures))
            offset += periods * phase.period_days
            number += periods * phase.per_period
    return None


def phases_of(track: Track, departures: Departures) -> list[tuple[Phase, int]]:
    """The phases with their periods, those repeated among them: a longer phase, because they follow a whole period."""
    found, last = [], 0
    for phase in track.phases.all():
        first, last = last + 1, last + phase.periods * phase.per_period
        again = departures.repeated_in(track.name, first, last) if not phase.open_ended else 0
        found.append((phase, phase.periods + (-(-again // phase.per_period) if again else 0)))
    return found


def stretches_of(phase: Phase, first: int, departures: Departures) -> tuple[Rhythm, ...]:
    base = Rhythm(first, phase.per_period, phase.period_days)
    decided = [r for r in departures.rhythms if r.first > first]
    from_start = [r for r in departures.rhythms if r.first <= first]
    if from_start:
        base = Rhythm(first, from_start[-1].per_period, from_start[-1].period_days)
    return (base, *decided)


def fitting_periods(
    version: ProtocolVersion, *, start_on: date, reach_on: date, departures: Departures = AS_WRITTEN
) -> int:
    """Periods of the open phase that end by `reach_on`, no fewer than it is written with; 0 without such a phase."""
    found = open_phase(version, departures)
    if found is None:
        return 0
    days = (reach_on - start_on).days - found.begins_on
    before = found.lengths(10_000)[:-1]
    periods = sum(taken for _, _, taken in before)
    rest = days - sum(taken * here.period_days for here, _, taken in before)
    return max(found.phase.periods, periods + max(0, rest // found.stretches[-1].period_days))


def periods_of(
    version: ProtocolVersion, numbers: Iterable[tuple[str, int]], departures: Departures = AS_WRITTEN
) -> int:
    """How many periods of the open phase these sessions (track, number) reach into."""
    found = open_phase(version, departures)
    if found is None or not found.phase.per_period:
        return 0
    last = max((number for name, number in numbers if name == found.track.name), default=0)
    total = 0
    for here, after in zip(found.stretches, (*found.stretches[1:], None), strict=True):
        upto = last if after is None else min(last, after.first - 1)
        total += max(0, -(-(upto - here.first + 1) // here.per_period))
    return total


def shape_open_phase(found: OpenPhase, periods: int, codes: dict[int, str]) -> list[engine.Phase]:
    """The stretches as phases; a period that the next rhythm cuts short keeps its days."""
    shaped: list[engine.Phase] = []
    for here, sessions, taken in found.lengths(periods):
        phase = shape_rhythm(found, here, codes, len(shaped))
        whole, rest = divmod(sessions, here.per_period) if here.per_period else (taken, 0)
        if whole:
            shaped.append(replace(phase, periods=whole))
        if rest:
            shaped.append(replace(phase, per_period=rest))
    return shaped


def shape_rhythm(found: OpenPhase, rhythm: Rhythm, codes: dict[int, str], index: int) -> engine.Phase:
    """One period of a rhythm: by the phase of the track that has it, else the open one's hours in proportion."""
    phase, own = found.phase, (found.phase.per_period, found.phase.period_days)
    wanted = (rhythm.per_period, rhythm.period_days)
    alike = [p for p in found.track.phases.all() if (p.per_period, p.period_days) == wanted]
    model = phase if wanted == own else (alike[-1] if alike else phase)
    part = _share(rhythm, phase) if model is phase else 1.0
    return engine.Phase(
        name=phase.name if index == 0 else f"{phase.name}-{index + 1}",
        periods=1,
        period_days=rhythm.period_days,
        per_period=rhythm.per_period,
        min_gap_hours=int(model.min_gap_hours * part),
        max_gap_hours=None if model.max_gap_hours is None else int(model.max_gap_hours * max(part, 1.0)),
        slip_days=int(model.slip_days * min(part, 1.0)),
        max_in=limit_of(model) if part >= 1 else None,
        visit=codes[phase.visit_type_id] if phase.visit_type_id else None,
    )


def limit_of(phase: Phase) -> tuple[int, int] | None:
    return (phase.max_in_count, phase.max_in_days) if phase.max_in_count and phase.max_in_days else None


def _share(rhythm: Rhythm, phase: Phase) -> float:
    """How much longer the visits lie apart than the protocol writes."""
    return (rhythm.period_days * phase.per_period) / (phase.period_days * max(1, rhythm.per_period))
