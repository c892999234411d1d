"""On which days the front desk can phone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from clinic.models import Site
from scheduling.messages.reminders import Wish, moment

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

    def list_calls(self, wishes: Iterable[Wish], *, zone: ZoneInfo) -> list[Wish]:
        """The reminders as calls. Of two for one visit that fall on the same day, the one of longer use stays."""
        found: dict[tuple[str | int, date], Wish] = {}
        for wish in sorted(wishes, key=lambda wish: wish.useful_until):
            due_at = self.last_before(wish.due_at, zone=zone)
            visit = wish.session.pk if wish.session else wish.key
            found[visit, due_at.astimezone(zone).date()] = replace(wish, due_at=due_at)
        return list(found.values())
