"""Where a course departs from its protocol: visits added at the end, periods repeated, another open-ended rhythm.

`Course.added_visits` says how many visits a track has beyond the protocol's: `{"tms": 2}` at its end, `{"tms/8": 2}`
after its number 8, where a decision stepped back. `Course.rhythm` says from which number on the open-ended phase has
how many visits in how many days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from protocols.models import DecisionPoint
from scheduling.models import Course


@dataclass(frozen=True, order=True)
class Rhythm:
    """From session `first` on, `per_period` sessions in `period_days` days."""

    first: int
    per_period: int
    period_days: int


@dataclass(frozen=True)
class Departures:
    """`added`: visits at the end of a track; `repeated`: after a number of the protocol; `rhythms` in their order."""

    added: tuple[tuple[str, int], ...] = ()
    repeated: tuple[tuple[str, int, int], ...] = ()
    rhythms: tuple[Rhythm, ...] = ()

    def added_to(self, track: str) -> int:
        return sum(count for name, count in self.added if name == track)

    def repeated_in(self, track: str, first: int, last: int) -> int:
        """Visits that are repeated after one of these numbers of the protocol."""
        return sum(count for name, after, count in self.repeated if name == track and first <= after <= last)

    def decided_after(self, point: DecisionPoint, track: str) -> int:
        """The number after which the course comes to this point."""
        return point.after_number + self.repeated_in(track, 1, point.after_number)

    def with_rhythm(self, rhythm: Rhythm) -> Departures:
        """With another rhythm from a number on, whatever was decided for what lies behind it."""
        kept = tuple(old for old in self.rhythms if old.first < rhythm.first)
        return replace(self, rhythms=(*kept, rhythm))


AS_WRITTEN = Departures()


def departures_of(course: Course) -> Departures:
    added = {key: count for key, count in sorted(course.added_visits.items()) if count}
    spots = [(*key.split("/"), count) for key, count in added.items() if "/" in key]
    return Departures(
        added=tuple((key, count) for key, count in added.items() if "/" not in key),
        repeated=tuple((track, int(after), count) for track, after, count in spots),
        rhythms=tuple(sorted(Rhythm(r["first"], r["per_period"], r["period_days"]) for r in course.rhythm)),
    )


def write_rhythms(rhythms: Iterable[Rhythm]) -> list[dict[str, int]]:
    """As `Course.rhythm` keeps them."""
    return [{"first": r.first, "per_period": r.per_period, "period_days": r.period_days} for r in rhythms]


def decided_after(course: Course, point: DecisionPoint) -> int:
    """The number of its track after which a course comes to a decision point, with what was repeated before it."""
    return departures_of(course).decided_after(point, point.track.name)
