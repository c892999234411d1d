"""What an act would do to the visits of one course: proposed, shown, and booked exactly as it was shown.

A pause, a visit skipped or added, another rhythm: `propose_...` only reads and answers with a `CourseChange`. What a
person has seen of it comes back as its fingerprint: the act finds the same once more under lock, or refuses.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from scheduling.models import Course
from scheduling.refusals import BookingRefused, Refusal, refuse

NOT_AS_SHOWN = "What would change is not what was shown any more. Nothing was changed; please look again."
TAKEN = "Seats were taken while the visits were planned again. Nothing was changed; please look again."


@dataclass(frozen=True)
class VisitShift:
    """One visit that moves, is new (no old start), or is given up or set aside (no new start). Instants in UTC."""

    track: str
    number: int
    old_start: datetime | None
    new_start: datetime | None
    session_id: int | None = None

    @property
    def is_new(self) -> bool:
        return self.old_start is None

    @property
    def is_gone(self) -> bool:
        return self.new_start is None


@dataclass(frozen=True)
class CourseChange:
    """What would change of a course's visits, in the order of their times; or why it cannot be."""

    course: Course
    shifts: tuple[VisitShift, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for staff about what the visits alone do not show, such as when the course is planned further."""

    @property
    def is_possible(self) -> bool:
        return not self.refusals

    @property
    def moved(self) -> tuple[VisitShift, ...]:
        return tuple(shift for shift in self.shifts if not shift.is_new and not shift.is_gone)

    @property
    def added(self) -> tuple[VisitShift, ...]:
        return tuple(shift for shift in self.shifts if shift.is_new)

    @property
    def given_up(self) -> tuple[VisitShift, ...]:
        return tuple(shift for shift in self.shifts if shift.is_gone)

    @property
    def fingerprint(self) -> str:
        """Names exactly these changes, from these times."""
        moves = sorted(
            (s.session_id or 0, s.track, s.number, _seconds(s.old_start), _seconds(s.new_start)) for s in self.shifts
        )
        return hashlib.sha256(repr((self.course.pk, moves)).encode()).hexdigest()[:32]


def order_shifts(shifts: list[VisitShift]) -> tuple[VisitShift, ...]:
    """By the time at which the visit will be, or was."""
    return tuple(sorted(shifts, key=lambda s: (s.new_start or s.old_start, s.track, s.number)))


def refuse_unless_shown(found: CourseChange, expected: str) -> None:
    """Nothing is booked but what a person has seen."""
    if not found.is_possible:
        raise BookingRefused(found.refusals)
    if found.fingerprint != expected:
        raise refuse(NOT_AS_SHOWN, rule="changed")


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0
