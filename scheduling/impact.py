"""Which booked sessions a site's records leave without an opening, a resource or a seat.

A change is judged by what it does: made inside a transaction, looked at, and undone where nobody has agreed to it. So
every way into the records is covered, and only what the change itself takes away is named, not what was so before.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from clinic.models import Closure, ExtraOpening, Outage, Resource, Site
from clinic.models.site import HoursTable, OpeningSpan
from protocols.models.visit import Place
from scheduling.engine import Interval
from scheduling.engine.intervals import merged
from scheduling.models import Hold, Session, SessionStatus


@dataclass(frozen=True)
class Stranded:
    """A booked session, and what it has lost."""

    session: Session
    reason: str


class SessionsStranded(Exception):
    """The change was undone, because these booked sessions would lose their place and nobody had agreed to that."""

    def __init__(self, stranded: list[Stranded]) -> None:
        super().__init__(f"{len(stranded)} booked sessions would lose their place.")
        self.stranded = stranded

    @property
    def token(self) -> str:
        return name_stranded(self.stranded)


@contextmanager
def guard_booked_sessions(site: Site, *, now: datetime, agreed: str = "") -> Iterator[None]:
    """Undo the changes made within, by raising, where they strand sessions other than those agreed to."""
    with transaction.atomic():
        before = find_stranded(site, now=now)
        yield
        refuse_stranding(site, before=before, now=now, agreed=agreed)


def refuse_stranding(site: Site, *, before: Iterable[Stranded], now: datetime, agreed: str) -> None:
    """Raise where sessions are stranded now that were not before; to be called in the transaction of the change.

    `agreed` is the token of the list that the user was shown: a session booked meanwhile asks again.
    """
    known = set(before)
    stranded = [found for found in find_stranded(site, now=now) if found not in known]
    if stranded and name_stranded(stranded) != agreed:
        raise SessionsStranded(stranded)


def name_stranded(stranded: Iterable[Stranded]) -> str:
    """A short name of exactly this list."""
    lines = sorted(f"{found.session.pk} {found.session.start.timestamp()} {found.reason}" for found in stranded)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def find_stranded(site: Site, *, now: datetime) -> list[Stranded]:
    """Sessions to come that the site's records leave no room for, in order of time; one entry for each reason."""
    calendar = ClinicCalendar(site)
    return [
        Stranded(session, reason) for session in _sessions_at(site, now=now) for reason in calendar.find_faults(session)
    ]


def _sessions_at(site: Site, *, now: datetime) -> QuerySet[Session]:
    """Booked visits at the clinic or by video; an outside date such as an operation needs no opening."""
    return (
        Session.objects.filter(site_id=site.pk, end__gt=now)
        .filter(status__in=[SessionStatus.BOOKED, SessionStatus.ARRIVED])
        .exclude(visit_type__place=Place.EXTERNAL)
        .select_related("patient", "track", "course__version__protocol")
        .prefetch_related("holds")
    )


class ClinicCalendar:
    """When a site and its resources work, read in a fixed number of queries."""

    def __init__(self, site: Site) -> None:
        self.site = Site.objects.get(pk=site.pk)
        self.closures = list(Closure.objects.filter(site=self.site))
        self.resources = Resource.objects.filter(site=self.site).prefetch_related("hours").in_bulk()
        self.hours = self._by_weekday(self.site.hours.all())
        self.extra: dict[date, list[OpeningSpan]] = defaultdict(list)
        for opening in ExtraOpening.objects.filter(site=self.site):
            self.extra[opening.date].append(opening)
        self.outages: dict[int, list[Outage]] = defaultdict(list)
        for outage in Outage.objects.filter(resource__site=self.site):
            self.outages[outage.resource_id].append(outage)

    def find_faults(self, session: Session) -> list[str]:
        """Why the session cannot be as it is booked; in words that a list of many can be read by."""
        fault = self._site_fault(session)
        faults = [fault] if fault else []
        for hold in session.holds.all():
            faults += self._resource_faults(hold) or ([] if fault else self._hour_faults(hold))
        return list(dict.fromkeys(faults))

    def _site_fault(self, session: Session) -> str:
        day = session.start.astimezone(self.site.zone).date()
        closure = next((c for c in self.closures if c.first_on <= day <= c.last_on), None)
        open_spans = self._spans(day, self.hours if closure is None else {})
        if _is_within(session.start, session.end, open_spans):
            return ""
        if closure is None:
            return "Outside opening hours"
        return f"The site is closed: {closure.reason}" if closure.reason else "The site is closed"

    def _resource_faults(self, hold: Hold) -> list[str]:
        resource = self.resources[hold.resource_id]
        if not resource.active:
            return [f"{resource} is out of service"]
        if hold.seat >= resource.seats:
            return [f"{resource} has too few seats"]
        if any(outage.start < hold.end and hold.start < outage.end for outage in self.outages[resource.pk]):
            return [f"{resource} is out of use"]
        return []

    def _hour_faults(self, hold: Hold) -> list[str]:
        resource = self.resources[hold.resource_id]
        day = hold.start.astimezone(self.site.zone).date()
        own = self._by_weekday(resource.hours.all())
        within = _is_within(hold.start, hold.end, self._spans(day, own or self.hours))
        return [] if within else [f"{resource} does not work then"]

    @staticmethod
    def _by_weekday(rows: Iterable[HoursTable]) -> dict[int, list[OpeningSpan]]:
        table: dict[int, list[OpeningSpan]] = defaultdict(list)
        for row in rows:
            table[row.weekday].append(row)
        return table

    def _spans(self, day: date, week: dict[int, list[OpeningSpan]]) -> list[Interval]:
        """The open intervals of a local date, extra openings included; a skipped wall-clock time is read as fold 0."""
        rows = [*week.get(day.weekday(), []), *self.extra.get(day, [])]
        spans = []
        for row in rows:
            last_day = day + timedelta(days=1) if row.closes_text == "24:00" else day
            opens = datetime.combine(day, row.opens_at, tzinfo=self.site.zone)
            closes = datetime.combine(last_day, row.closes_at, tzinfo=self.site.zone)
            if opens.timestamp() < closes.timestamp():
                spans.append(Interval(_utc(opens), _utc(closes)))
        return merged(spans)


def _utc(moment: datetime) -> datetime:
    """Compare instants, not wall clocks: two times of one zone are compared without their offsets."""
    return moment.astimezone(UTC)


def _is_within(start: datetime, end: datetime, spans: list[Interval]) -> bool:
    return any(span.start <= start and end <= span.end for span in spans)
