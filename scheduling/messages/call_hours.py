"""On which days the front desk can phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from clinic.models import Site
from scheduling.messages.reminders import moment

# A site closed for longer than this has its calls listed on the day they are due after all.
LONGEST_CLOSURE = 14


@dataclass(frozen=True)
class OpenDays:
    weekdays: frozenset[int]
    closures: tuple[tuple[date, date], ...]

    @classmethod
    def read(cls, site: Site) -> OpenDays:
        return cls(
            weekdays=frozenset(site.hours.values_list("weekday", flat=True)),
            closures=tuple(site.closures.values_list("first_on", "last_on")),
        )

    def is_open(self, day: date) -> bool:
        return day.weekday() in self.weekdays and not any(first <= day <= last for first, last in self.closures)

    def last_before(self, due_at: datetime, *, zone: ZoneInfo) -> datetime:
        """The same time of day, on the last open day up to that one."""
        local = due_at.astimezone(zone)
        for back in range(LONGEST_CLOSURE):
            day = local.date() - timedelta(days=back)
            if self.is_open(day):
                return moment(day, local.time(), zone)
        return due_at
