"""When a site and its resources work on the days of the board, and when not, in minutes of the site's wall clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from clinic.models import Closure, ExtraOpening, Outage, Resource, ResourceHours, Site, SiteHours
from clinic.models.site import HoursTable, OpeningSpan
from scheduling.engine import minutes_of

DAY = 24 * 60
USUAL = (8 * 60, 18 * 60)
"""Shown of a site that has no hours at all."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Shut:
    """A time of a day in which these resources cannot be used: why, and which of three sorts it is."""

    on: date
    span: Span
    resources: tuple[int, ...]
    sort: str
    title: str


class BoardHours:
    """Hours, closures, extra openings and outages of some days, read in five queries."""

    def __init__(self, site: Site, resources: Sequence[Resource], days: Sequence[date]) -> None:
        self.site, self.resources, self.days = site, resources, days
        self.hours = by_weekday(SiteHours.objects.filter(site=site))
        self.own: dict[int, dict[int, list[OpeningSpan]]] = defaultdict(lambda: defaultdict(list))
        for row in ResourceHours.objects.filter(resource__in=resources):
            self.own[row.resource_id][row.weekday].append(row)
        self.closures = list(Closure.objects.filter(site=site, first_on__lte=days[-1], last_on__gte=days[0]))
        self.extra: dict[date, list[OpeningSpan]] = defaultdict(list)
        for opening in ExtraOpening.objects.filter(site=site, date__in=days):
            self.extra[opening.date].append(opening)
        first, last = (datetime.combine(on, time(0), site.zone) for on in (days[0], days[-1] + timedelta(days=1)))
        self.outages = list(Outage.objects.filter(resource__in=resources, end__gt=first, start__lt=last))

    def closure_on(self, day: date) -> Closure | None:
        return next((closure for closure in self.closures if closure.first_on <= day <= closure.last_on), None)

    def open_spans(self, day: date) -> list[Span]:
        week = [] if self.closure_on(day) else self.hours[day.weekday()]
        return spans_of([*week, *self.extra[day]])

    def bounds(self) -> Span:
        """From the first opening of any weekday to the last closing."""
        rows = [*self.hours.values(), *self.extra.values()]
        spans = [span for found in rows for span in spans_of(found)] or [USUAL]
        return min(low for low, _ in spans), max(high for _, high in spans)

    def shut(self, low: int, high: int) -> Iterator[Shut]:
        """What is hatched between two times of each day."""
        everyone = tuple(resource.pk for resource in self.resources)
        for day in self.days:
            closure, spans = self.closure_on(day), self.open_spans(day)
            title = f"Closed: {closure.reason}" if closure and closure.reason else "Closed"
            for gap in gaps_between(spans, low, high):
                yield Shut(day, gap, everyone, "closed", title)
            for resource in self.resources:
                if resource.pk in self.own:
                    yield from self._off_duty(day, resource, spans)
        for outage in self.outages:
            yield from self._out(outage, low, high)

    def _off_duty(self, day: date, resource: Resource, spans: Sequence[Span]) -> Iterator[Shut]:
        working = spans_of([*self.own[resource.pk][day.weekday()], *self.extra[day]])
        for begin, end in spans:
            for gap in gaps_between(working, begin, end):
                yield Shut(day, gap, (resource.pk,), "away", "Not working")

    def _out(self, outage: Outage, low: int, high: int) -> Iterator[Shut]:
        start, end = (moment.astimezone(self.site.zone) for moment in (outage.start, outage.end))
        title = f"Out of use: {outage.reason}" if outage.reason else "Out of use"
        for day in self.days:
            if start.date() <= day <= end.date():
                begin = minutes_of(start.time()) if start.date() == day else 0
                until = minutes_of(end.time()) if end.date() == day else DAY
                if max(begin, low) < min(until, high):
                    yield Shut(day, (max(begin, low), min(until, high)), (outage.resource_id,), "out", title)


def by_weekday(rows: Iterable[HoursTable]) -> dict[int, list[OpeningSpan]]:
    table: dict[int, list[OpeningSpan]] = defaultdict(list)
    for row in rows:
        table[row.weekday].append(row)
    return table


def spans_of(rows: Iterable[OpeningSpan]) -> list[Span]:
    """Rows of opening hours in order, those that touch made one."""
    merged: list[Span] = []
    for begin, end in sorted((minutes_of(row.opens_at), minutes_of(row.closes_text)) for row in rows):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def gaps_between(spans: Sequence[Span], low: int, high: int) -> Iterator[Span]:
    """What the spans, in order, leave of a time."""
    at = low
    for begin, end in spans:
        if begin > at:
            yield at, min(begin, high)
        at = max(at, end)
        if at >= high:
            return
    if at < high:
        yield at, high
