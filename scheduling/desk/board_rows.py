"""What the day board shows, as plain data for its script: columns, visits with their stages, blocks, hatched times.

Times are the site's wall clock, as text: the browser's own clock has no say. Everything is read in a fixed number of
queries, however many resources and visits there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from clinic.models import Resource, Site
from protocols.models import Stage, Track
from scheduling.desk.board_hours import DAY, BoardHours, Shut
from scheduling.desk.session_acts import acts_for
from scheduling.models import Hold, Session
from scheduling.words import label_of, say_short_day, say_time

Data = dict[str, Any]
AROUND, TREATMENT, WATCHING, TURNOVER = "around", "treatment", "watching", "turnover"
ONE_DAY = timedelta(days=1)


def read_board(site: Site, days: Sequence[date], *, now: datetime) -> Data:
    """The board of a site on these days, which follow each other."""
    first, last = (datetime.combine(day, time(0), site.zone) for day in (days[0], days[-1] + ONE_DAY))
    visits = read_visits(site, first, last)
    holds = list(Hold.objects.filter(session__in=visits).order_by("start", "pk"))
    resources = read_resources(site, first, last)
    hours = BoardHours(site, resources, days)
    low, high = bounds_of(hours, visits, holds)
    seated = {hold.session_id for hold in holds}
    described = describe_visits(visits, now=now)
    return {
        "days": [day.isoformat() for day in days],
        "from": say_minutes(low),
        "to": say_minutes(high),
        "grid": site.grid_minutes,
        "now": wall(now, site),
        "offset": now.astimezone(site.zone).isoformat()[-6:],
        "hidden": hidden_weekdays(hours, visits),
        "columns": [describe_column(resource) for resource in resources],
        "stages": read_stages(visits),
        "visits": {session.pk: described[session.pk] for session in visits},
        "blocks": [[h.session_id, h.resource_id, wall(h.start, site), wall(h.end, site)] for h in holds],
        "elsewhere": [session.pk for session in visits if session.pk not in seated],
        "shut": [describe_shut(shut) for shut in hours.shut(low, high)],
    }


def read_visits(site: Site, first: datetime, last: datetime) -> list[Session]:
    related = ("patient", "site", "track", "visit_type", "course__version__protocol")
    found: QuerySet[Session] = Session.objects.live().filter(site=site, start__gte=first, start__lt=last)
    return list(found.select_related(*related).order_by("start", "pk"))


def read_resources(site: Site, first: datetime, last: datetime) -> list[Resource]:
    """Those in service, and what else is held on the days shown; by kind, as the clinic names it."""
    held = Hold.objects.filter(resource=OuterRef("pk"), end__gt=first, start__lt=last)
    found = Resource.objects.filter(Q(active=True) | Exists(held), site=site)
    return list(found.select_related("kind").order_by(Lower("kind__name"), "name", "pk"))


def read_stages(visits: Iterable[Session]) -> dict[int, list[list[Any]]]:
    """By visit type: each stage's name, its minutes from the visit's start, and its shade."""
    stages: dict[int, list[list[Any]]] = defaultdict(list)
    for stage in Stage.objects.filter(visit_type__in={v.visit_type_id for v in visits}):
        begin = stages[stage.visit_type_id][-1][2] if stages[stage.visit_type_id] else 0
        stages[stage.visit_type_id].append([stage.name, begin, begin + stage.minutes, shade_of(stage)])
    return stages


def shade_of(stage: Stage) -> str:
    if stage.after_leaving:
        return TURNOVER
    if stage.is_monitoring:
        return WATCHING
    return TREATMENT if stage.is_treatment else AROUND


def describe_visits(visits: Sequence[Session], *, now: datetime) -> dict[int, Data]:
    versions = {session.course.version_id for session in visits}
    counted = Track.objects.filter(version__in=versions).order_by().values("version").annotate(number=Count("pk"))
    tracks = {row["version"]: row["number"] for row in counted}
    return {
        session.pk: describe_visit(session, several=tracks.get(session.course.version_id, 1) > 1, now=now)
        for session in visits
    }


def describe_visit(session: Session, *, several: bool, now: datetime) -> Data:
    starts = session.local_start
    return {
        "patient": str(session.patient),
        "label": label_of(session, several=several),
        "type": session.visit_type_id,
        "visit": session.visit_type.name,
        "protocol": session.course.version.protocol.name,
        "state": session.status,
        "said": session.get_status_display(),
        "start": wall(session.start, session.site),
        "end": wall(session.end, session.site),
        "when": f"{say_short_day(starts.date())}, {say_time(starts)} to {say_time(session.local_end)}",
        "seen": session.changed_at.isoformat(),
        "acts": acts_for(session, now=now),
        "course": session.course_id,
    }


def describe_column(resource: Resource) -> Data:
    name = resource.name if resource.active else f"{resource.name} (out of service)"
    return {
        "id": resource.pk,
        "name": name,
        "kind": resource.kind_id,
        "kindName": resource.kind.name,
        "seats": resource.seats,
    }


def describe_shut(shut: Shut) -> Data:
    begin, end = (at_minute(shut.on, minute) for minute in shut.span)
    return {"on": list(shut.resources), "start": begin, "end": end, "sort": shut.sort, "title": shut.title}


def bounds_of(hours: BoardHours, visits: Iterable[Session], holds: Iterable[Hold]) -> tuple[int, int]:
    """Whole hours that hold the opening hours and everything booked; what reaches into the next day is cut."""
    low, high = hours.bounds()
    spans = [(visit.start, visit.end) for visit in visits] + [(hold.start, hold.end) for hold in holds]
    for start, end in spans:
        begin, until = start.astimezone(hours.site.zone), end.astimezone(hours.site.zone)
        low = min(low, begin.hour * 60 + begin.minute)
        high = max(high, until.hour * 60 + until.minute if until.date() == begin.date() else DAY)
    return low // 60 * 60, min(-(-high // 60) * 60, DAY)


def hidden_weekdays(hours: BoardHours, visits: Iterable[Session]) -> list[int]:
    """Weekdays, Sunday as 0, on which the site is never open and nobody comes; a closed Friday is shown."""
    used = {day.weekday() for day in hours.days if hours.extra[day]} | {visit.local_date.weekday() for visit in visits}
    return [(day + 1) % 7 for day in range(7) if not hours.hours[day] and day not in used]


def wall(moment: datetime, site: Site) -> str:
    return f"{moment.astimezone(site.zone):%Y-%m-%dT%H:%M}"


def at_minute(on: date, minute: int) -> str:
    return f"{datetime.combine(on, time(0)) + timedelta(minutes=minute):%Y-%m-%dT%H:%M}"


def say_minutes(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def places_first(site: Site) -> set[str]:
    """Kinds that patients occupy: what is cleaned or set up again after they have left."""
    here = Resource.objects.working().filter(site=site).values("kind")
    found = Stage.objects.filter(after_leaving=True, needs__kind__in=here)
    return set(found.values_list("needs__kind", flat=True))
