"""Hours in which no reminder and no text message goes out. Pure; the wall clock is the patient's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

# A message sent early is due so long before the quiet begins that a slow delivery still ends in time.
MARGIN = timedelta(minutes=30)


@dataclass(frozen=True)
class QuietHours:
    """From one wall-clock time until another, across midnight where the second is the earlier one; equal ones: none."""

    start: time
    end: time
    zone: ZoneInfo

    def holds(self, at: datetime) -> bool:
        clock = at.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def hold(self, due_at: datetime, *, useful_until: datetime | None = None) -> datetime:
        """The instant itself, else the next opening; or before the quiet begins, where that would be too late."""
        if not self.holds(due_at):
            return due_at
        opening = self.next_opening(due_at)
        if useful_until is None or opening < useful_until:
            return opening
        return self.last_before(due_at)

    def next_opening(self, at: datetime) -> datetime:
        return next(
            found for days in range(4) for found in sorted(self.instants(at, days, self.end))
            if found >= at and not self.holds(found)
        )  # fmt: skip

    def last_before(self, at: datetime) -> datetime:
        """Half an hour before this quiet began, or just before it where that is quiet, too."""
        began = next(
            found for days in range(4) for found in sorted(self.instants(at, -days, self.start), reverse=True)
            if found <= at and not self.holds(found - timedelta.resolution)
        )  # fmt: skip
        early = began - MARGIN
        return early if not self.holds(early) else began - timedelta.resolution

    def instants(self, at: datetime, days: int, clock: time) -> Iterator[datetime]:
        """When the clock shows that time on the day so many days on: twice where it is set back over it."""
        day = at.astimezone(self.zone).date() + timedelta(days=days)
        for fold in (0, 1):
            yield datetime.combine(day, clock.replace(fold=fold), tzinfo=self.zone).astimezone(UTC)
