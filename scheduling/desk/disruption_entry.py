"""What a clerk says has happened: who or what is out, and from when until when. Read from the address of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from clinic.models import Resource, Site, SiteHours
from scheduling.disruptions.question import Disruption, Span
from scheduling.words import say_short_day

ONE_DAY = timedelta(days=1)
DAYS_SHOWN = 6
FURTHEST = timedelta(days=366)
RESOURCE, CLOSED, STRANDED = "resource", "site", "stranded"
UNTIL, ON, TIMES = "until", "on", "times"


class Unreadable(Exception):
    """What was asked for is not there, or makes no sense; the text is for the clerk."""


@dataclass(frozen=True)
class Wanted:
    """The fields of the form as they were chosen, to be shown again."""

    what: str = ""
    when: str = ""
    begins: str = ""
    ends: str = ""

    @property
    def is_asked(self) -> bool:
        return bool(self.what and self.when) or self.what.startswith(f"{STRANDED}:")


def read_wanted(posted: Mapping[str, str]) -> Wanted:
    return Wanted(*(posted.get(name, "")[:40] for name in ("what", "when", "from", "to")))


def read_disruption(wanted: Wanted, sites: Sequence[Site], *, now: datetime) -> Disruption:
    """The disruption that these fields name, at a site of the user's; or Unreadable."""
    kind, _, key = wanted.what.partition(":")
    pk = int(key) if key.isdecimal() and len(key) < 18 else 0
    if kind == RESOURCE:
        resource = Resource.objects.working().filter(site__in=sites, pk=pk).select_related("site").first()
        if resource is None:
            raise Unreadable("Choose who or what is out.")
        start, end = _read_span(wanted, resource.site, now)
        return Disruption(resource.site, (Span(resource, start, end),))
    site = next((site for site in sites if site.pk == pk), None)
    if site is None or kind not in {CLOSED, STRANDED}:
        raise Unreadable("Choose who or what is out.")
    if kind == STRANDED:
        return Disruption(site)
    start, end = _read_span(wanted, site, now)
    last = (end - timedelta(microseconds=1)).astimezone(site.zone).date()
    return Disruption(site, closed=(start.astimezone(site.zone).date(), last))


def _read_span(wanted: Wanted, site: Site, now: datetime) -> tuple[datetime, datetime]:
    now = now.replace(second=0, microsecond=0)
    if wanted.when == TIMES:
        start, end = _read_moment(wanted.begins, site), _read_moment(wanted.ends, site)
        if start is None or end is None:
            raise Unreadable("Give the day and time from which and until which it is out.")
    else:
        kind, _, text = wanted.when.partition(":")
        day = _read_date(text)
        start = now if kind == UNTIL else _midnight(day, site)
        end = _midnight(min(day, date.max - ONE_DAY) + ONE_DAY, site)
    if end <= max(start, now):
        raise Unreadable("It would be over before it begins: choose a later end.")
    if end > now + FURTHEST:
        raise Unreadable("Choose an end within a year.")
    if start < now - FURTHEST:
        raise Unreadable("Choose a start within the last year.")
    return max(start, now) if wanted.when != TIMES else start, end


def _read_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable("Choose from when until when.") from None


def _read_moment(text: str, site: Site) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=site.zone)
    except ValueError:
        return None


def _midnight(day: date, site: Site) -> datetime:
    try:
        return datetime.combine(day, time(0), site.zone)
    except OverflowError:
        raise Unreadable("Choose an end within a year.") from None


def list_choices(sites: Sequence[Site]) -> list[dict[str, Any]]:
    """What can be out, by site and kind; first the site itself."""
    rows = (
        Resource.objects.working().filter(site__in=sites).select_related("kind").order_by("site", "kind__name", "name")
    )
    by_site = {pk: list(found) for pk, found in groupby(rows, key=lambda row: row.site_id)}
    return [
        {"site": site, "closed": f"{CLOSED}:{site.pk}", "kinds": _by_kind(by_site.get(site.pk, ()))} for site in sites
    ]


def _by_kind(resources: Iterable[Resource]) -> list[dict[str, Any]]:
    return [
        {"name": name, "resources": [{"value": f"{RESOURCE}:{row.pk}", "name": row.name} for row in rows]}
        for name, rows in groupby(resources, key=lambda row: row.kind.name)
    ]


def list_days(sites: Sequence[Site], *, now: datetime) -> list[dict[str, Any]]:
    """Today and the next days on which somebody works, by the clock of the first site."""
    today = now.astimezone(sites[0].zone).date()
    worked = set(SiteHours.objects.filter(site__in=sites).values_list("weekday", flat=True))
    days = (today + number * ONE_DAY for number in range(14))
    open_days = [day for day in days if day.weekday() in worked or not worked][:DAYS_SHOWN]
    return [{"value": day.isoformat(), "name": _say(day, today), "is_today": day == today} for day in open_days]


def _say(day: date, today: date) -> str:
    return {0: "today", 1: "tomorrow"}.get((day - today).days) or say_short_day(day)
