"""When a site is open, a resource works and a patient can come, date by date, as `check` reads the tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from .intervals import Interval, merged, without
from .problem import Course, Problem, Resource, Week


class Hours:
    """The tables of one problem as intervals of instants. Wall-clock times are read with fold 0."""

    def __init__(self, problem: Problem) -> None:
        self.site = problem.site
        self.zone = problem.site.zone
        self._open: dict[date, list[Interval]] = {}

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    def at(self, day: date, minute: int) -> datetime:
        days, minute = divmod(minute, 1440)
        wall = datetime.combine(day + timedelta(days=days), time(minute // 60, minute % 60), self.zone)
        return wall.astimezone(UTC)

    def spans(self, day: date, clock_spans: list[tuple[int, int]]) -> list[Interval]:
        found = ((self.at(day, a), self.at(day, b)) for a, b in clock_spans)
        # A clock change can turn a span of the table round: then it names no time at all.
        return [Interval(a, b) for a, b in found if a < b]

    def table(self, week: Week, day: date) -> list[Interval]:
        return self.spans(day, list(week.days[day.weekday()]))

    def extra_openings(self, day: date) -> list[Interval]:
        return self.spans(day, [(o.begin, o.end) for o in self.site.extra_openings if o.on == day])

    def site_open(self, day: date) -> list[Interval]:
        if day not in self._open:
            usual = [] if day in self.site.closed_dates else self.table(self.site.opening_hours, day)
            self._open[day] = merged(usual + self.extra_openings(day))
        return self._open[day]

    def resource_works(self, resource: Resource, day: date) -> list[Interval]:
        """When a resource works on a local date, its own `unavailable` apart."""
        if resource.hours is None:
            return self.site_open(day)
        return merged(self.table(resource.hours, day) + self.extra_openings(day))

    def patient_can_come(self, course: Course, day: date) -> list[Interval]:
        if course.availability is None:
            usual = self.spans(day, [(0, 1440)])
        else:
            usual = merged(self.table(course.availability, day))
        return merged(without(usual, course.unavailable) + list(course.extra_availability))


def is_within(span: Interval, spans: list[Interval]) -> bool:
    return any(one.holds(span) for one in spans)
