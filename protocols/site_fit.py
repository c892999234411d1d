"""What a site could never do, however empty its calendar: visits that fit no opening, windows that hold no start."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import time
from functools import cached_property

from clinic.models import Resource, ResourceKind, Site
from clinic.models.site import HoursTable
from protocols.holds import HoldSpan, occupied_minutes, treatment_span, visit_holds, visit_minutes
from protocols.models import Link, Phase, Track, VisitType
from protocols.models.shape import LinkType
from protocols.shape import Shape

DAY = 24 * 60
WEEK = 7 * DAY
Spans = list[tuple[int, int]]
"""Minutes of the week, from Monday 00:00 by the wall clock."""


@dataclass
class SiteWeek:
    """A site's ordinary week: openings and the hours of its working resources; closures and outages pass."""

    site: Site
    openings: Spans
    resources: list[tuple[Resource, Spans]]
    kind_names: dict[str, str]

    def fits(self, hold: HoldSpan, start: int) -> list[int]:
        """The resources, by their place in the list, that could serve the hold of a visit that starts then."""
        begin, end = start + hold.begin, start + hold.end
        return [
            index
            for index, (resource, hours) in enumerate(self.resources)
            if serves(resource, hold) and any(a <= begin and end <= b for a, b in hours)
        ]

    @cached_property
    def _starts(self) -> dict[int, list[int]]:
        return {}

    def starts(self, visit: VisitType) -> list[int]:
        """The minutes of the week at which the visit could start in an empty calendar."""
        if visit.pk not in self._starts:
            self._starts[visit.pk] = [start for start in self.open_starts(visit) if self.seats_exist(visit, start)]
        return self._starts[visit.pk]

    def open_starts(self, visit: VisitType) -> list[int]:
        length, grid = visit_minutes(visit), self.site.grid_minutes
        return [start for a, b in self.openings for start in range(-(-a // grid) * grid, b - length + 1, grid)]

    def seats_exist(self, visit: VisitType, start: int) -> bool:
        holds = visit_holds(visit)
        found = [set(self.fits(hold, start)) for hold in holds]
        for index, hold in enumerate(holds):
            if hold.same_as is not None:
                found[hold.same_as] &= found[index]
        return all(found)


def serves(resource: Resource, hold: HoldSpan) -> bool:
    return resource.kind_id == hold.kind and (hold.skill is None or hold.skill in resource.skills)


def read_site_week(site: Site) -> SiteWeek:
    openings = merge_hours(site.hours.all())
    resources = Resource.objects.working().filter(site=site).prefetch_related("hours")
    return SiteWeek(
        site,
        openings,
        [(resource, merge_hours(resource.hours.all()) or openings) for resource in resources],
        dict(ResourceKind.objects.values_list("code", "name")),
    )


def merge_hours(rows: Iterable[HoursTable]) -> Spans:
    """Opening hours as minutes of the week; what touches on one date counts as one."""
    spans = sorted(
        (row.weekday * DAY + minute_of(row.opens_at), row.weekday * DAY + (minute_of(row.closes_at) or DAY))
        for row in rows
    )
    merged: Spans = []
    for begin, end in spans:
        if merged and begin <= merged[-1][1] and begin // DAY == merged[-1][0] // DAY:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def minute_of(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def find_site_faults(shape: Shape, *, site: Site) -> list[str]:
    week = read_site_week(site)
    if not week.openings:
        return [f"{site} has no opening hours."]
    faults = [fault for visit in shape.used_visits() for fault in find_visit_misfits(visit, week)]
    if not faults:  # gaps and windows are only worth judging between visits that can take place
        faults += [fault for track in shape.tracks for fault in find_gap_misfits(track, shape, week)]
        faults += [fault for link in shape.links for fault in find_link_misfits(link, shape, week)]
    return faults


def find_visit_misfits(visit: VisitType, week: SiteWeek) -> Iterator[str]:
    length = visit_minutes(visit)
    longest = max(end - begin for begin, end in week.openings)
    if length > longest:
        yield f"Visit {visit.name} takes {length} minutes; the longest opening of {week.site} is {longest}."
        return
    starts = week.open_starts(visit)
    misfits = [fault for hold in visit_holds(visit) if (fault := find_hold_misfit(hold, visit, starts, week))]
    yield from dict.fromkeys(misfits)
    if not misfits and not week.starts(visit):
        yield (
            f"Visit {visit.name} ({occupied_minutes(visit)} minutes with turnover) can start at no time of the week:"
            f" the hours of {week.site} and of what it needs never meet."
        )


def find_hold_misfit(hold: HoldSpan, visit: VisitType, starts: list[int], week: SiteWeek) -> str:
    name = week.kind_names.get(hold.kind, hold.kind)
    wanted = f"{name} with the skill {hold.skill}" if hold.skill else name
    able = [hours for resource, hours in week.resources if serves(resource, hold)]
    if not able:
        return f"Visit {visit.name} needs {wanted}; {week.site} has none."
    if not any(week.fits(hold, start) for start in starts):
        return (
            f"Visit {visit.name} holds {wanted} for {hold.end - hold.begin} minutes, from minute {hold.begin} on;"
            " no hours of such a resource leave room for that."
        )
    return ""


# Windows and gaps: is there, in the ordinary week, one pair of starts that keeps them?


def find_gap_misfits(track: Track, shape: Shape, week: SiteWeek) -> Iterator[str]:
    for phase in track.phases.all():
        if phase.max_gap_hours is None or phase.periods * phase.per_period < 2:
            continue
        visit = shape.visit_of(phase, track)
        begins = treatment_starts([visit], week)
        if not any_within(begins, begins, phase.min_gap_hours * 60, phase.max_gap_hours * 60, other_date=True):
            yield gap_text(phase, track, week)


def gap_text(phase: Phase, track: Track, week: SiteWeek) -> str:
    return (
        f"Phase {track.name}/{phase.name}: a gap of {phase.min_gap_hours} to {phase.max_gap_hours} hours holds no"
        f" start within the hours of {week.site}."
    )


def find_link_misfits(link: Link, shape: Shape, week: SiteWeek) -> Iterator[str]:
    if link.type in {LinkType.CLEAR, LinkType.APART} or link.min_hours is None or link.max_hours is None:
        return
    track = next(track for track in shape.tracks if track.pk == link.track_id)
    after = next(track for track in shape.tracks if track.pk == link.after_id)
    if any(not visit.is_announced for visit in shape.visits_of(after)):
        return  # an anchor elsewhere keeps no opening hours
    ends = treatment_ends(shape.visits_of(after), week)
    begins = treatment_starts(shape.visits_of(track), week)
    if not any_within(ends, begins, link.min_hours * 60, link.max_hours * 60):
        yield (
            f"Link {link}: no {track.name} can start {link.min_hours} to {link.max_hours} hours after any"
            f" {after.name} within the hours of {week.site}."
        )


def treatment_starts(visits: list[VisitType], week: SiteWeek) -> list[int]:
    return sorted({start + treatment_span(visit)[0] for visit in visits for start in week.starts(visit)})


def treatment_ends(visits: list[VisitType], week: SiteWeek) -> list[int]:
    return sorted({start + treatment_span(visit)[1] for visit in visits for start in week.starts(visit)})


def any_within(origins: list[int], targets: list[int], least: int, most: int, *, other_date: bool = False) -> bool:
    """Whether some target lies `least` to `most` minutes after some origin, the week coming round again and again."""
    if most - least >= WEEK:
        return bool(origins and targets)
    for origin in origins:
        earliest = origin + least
        if other_date:
            earliest = max(earliest, (origin // DAY + 1) * DAY)
        if next_target(targets, earliest) <= origin + most:
            return True
    return False


def next_target(targets: list[int], earliest: int) -> int:
    weeks, rest = divmod(earliest, WEEK)
    index = bisect_left(targets, rest)
    return weeks * WEEK + (targets[index] if index < len(targets) else targets[0] + WEEK)
