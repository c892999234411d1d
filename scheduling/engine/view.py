"""A course with its answer, laid out for the rules and the cost: instants, local dates, treatments by session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from .hours import Hours
from .intervals import Interval
from .problem import Course, PlacedSession, Problem
from .protocol import Protocol, Slot, Track, Visit

Key = tuple[str, int]


@dataclass(frozen=True)
class View:
    problem: Problem
    course: Course
    placed: dict[Key, PlacedSession]
    hours: Hours

    @cached_property
    def protocol(self) -> Protocol:
        return self.problem.protocol_of(self.course)

    @cached_property
    def locked(self) -> dict[Key, PlacedSession]:
        return {session.key: session for session in self.course.locked}

    @cached_property
    def slots(self) -> dict[Key, tuple[Track, Slot]]:
        return {(track.name, slot.number): (track, slot) for track in self.protocol.tracks for slot in track.slots}

    @cached_property
    def visits(self) -> dict[Key, Visit]:
        return {key: self.protocol.visits[track.visit_of(slot)] for key, (track, slot) in self.slots.items()}

    @cached_property
    def begin(self) -> dict[Key, datetime]:
        return {key: session.start.astimezone(UTC) for key, session in self.placed.items()}

    @cached_property
    def day(self) -> dict[Key, date]:
        """Local dates: what windows, order and most of the cost count."""
        return {key: self.hours.local(start).date() for key, start in self.begin.items()}

    @cached_property
    def treat(self) -> dict[Key, datetime]:
        """Where the treatment itself starts."""
        return {key: start + timedelta(minutes=self.visits[key].treatment[0]) for key, start in self.begin.items()}

    @cached_property
    def treated(self) -> dict[Key, datetime]:
        """Where the treatment itself ends."""
        return {key: start + timedelta(minutes=self.visits[key].treatment[1]) for key, start in self.begin.items()}

    @property
    def first(self) -> Key:
        return self.protocol.tracks[0].name, 1

    @property
    def start_day(self) -> date:
        return self.day[self.first]

    def span(self, key: Key) -> Interval:
        start = self.begin[key]
        return Interval(start, start + timedelta(minutes=self.visits[key].minutes))

    def free(self) -> list[Key]:
        """The sessions that are not locked, in order of tracks and numbers."""
        return [key for key in self.slots if key in self.placed and key not in self.locked]

    def hours_between(self, key: Key, after: Key) -> float:
        """Elapsed hours from the end of the treatment of `after` to the start of that of `key`."""
        return (self.treat[key] - self.treated[after]).total_seconds() / 3600


def first_resource(kind: str, visit: Visit, session: PlacedSession) -> str | None:
    """The resource of a session's first hold of a kind, None where its visit has none."""
    pairs = zip(visit.holds, session.holds, strict=False)
    return next((got.resource for want, got in pairs if want.kind == kind), None)
