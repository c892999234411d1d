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
from typing import NamedTuple

from django.db import transaction

from clinic.models import Closure, Site
from clinic.models.site import HoursTable, OpeningSpan
from protocols.models.visit import Place
from scheduling.engine import Interval
from scheduling.engine.intervals import merged
from scheduling.models import Hold, Session, SessionStatus

EXPECTED = (SessionStatus.BOOKED, SessionStatus.ARRIVED)


@dataclass(frozen=True)
class Stranded:
    """A booked session, and what it has lost."""

    session: Session
    reason: str


class Seat(NamedTuple):
    """What a hold takes up."""

    resource_id: int
    seat: int
    start: datetime
    end: datetime


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
    return find_stranded_at([site.pk], now=now)


def find_stranded_at(site_ids: Iterable[int], *, now: datetime) -> list[Stranded]:
    """The same at several sites, in a number of queries that grows neither with them nor with the sessions."""
    reasons = find_reasons_at(site_ids, now=now)
    related = ("patient", "site", "track", "visit_type", "course__version__protocol")
    sessions = Session.objects.filter(pk__in=list(reasons)).select_related(*related) if reasons else []
    return [Stranded(session, reason) for session in sessions for reason in reasons[session.pk]]


def find_reasons_at(site_ids: Iterable[int], *, now: datetime) -> dict[int, list[str]]:
    """By session, what it has lost; only those that have lost something. Nearly all have not, so no rows are built."""
    sites = list(site_ids)
    expected = (
        Session.objects.filter(site__in=sites, end__gt=now, status__in=EXPECTED)
        .exclude(visit_type__place=Place.EXTERNAL)
        .order_by()
    )
    seats: dict[int, list[Seat]] = defaultdict(list)
    held = Hold.objects.filter(session__in=expected.values("pk")).order_by("session", "position")
    for key, resource, seat, start, end in held.values_list("session", "resource", "seat", "start", "end"):
        seats[key].append(Seat(resource, seat, start, end))
    calendars = read_calendars(sites)
    found = {
        key: calendars[site].find_faults(start, end, seats[key])
        for key, site, start, end in expected.values_list("pk", "site", "start", "end")
    }
    return {key: reasons for key, reasons in found.items() if reasons}


def find_stranded_among(sessions: Iterable[Session], *, now: datetime) -> list[Stranded]:
    """Those of these sessions, in their order; `visit_type` and `holds` are best read with them."""
    expected = [session for session in sessions if _needs_place(session, now=now)]
    calendars = read_calendars({session.site_id for session in expected})
    return [
        Stranded(session, reason)
        for session in expected
        for reason in calendars[session.site_id].find_faults(session.start, session.end, seats_of(session))
    ]


def seats_of(session: Session) -> list[Seat]:
    return [Seat(hold.resource_id, hold.seat, hold.start, hold.end) for hold in session.holds.all()]


def _needs_place(session: Session, *, now: datetime) -> bool:
    """Booked visits at the clinic or by video; an outside date such as an operation needs no opening."""
    return session.status in EXPECTED and session.end > now and session.visit_type.place != Place.EXTERNAL


def read_calendars(site_ids: Iterable[int]) -> dict[int, ClinicCalendar]:
    """When these sites and their resources work, by site, as the records say now; in a fixed number of queries."""
    shown = ("closures", "hours", "extra_openings", "resources__hours", "resources__outages")
    return {site.pk: ClinicCalendar(site) for site in Site.objects.filter(pk__in=site_ids).prefetch_related(*shown)}


class ClinicCalendar:
    """When a site and its resources work; everything is read with the site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.closures = list(site.closures.all())
        self.resources = {resource.pk: resource for resource in site.resources.all()}
        self.outages = {pk: list(resource.outages.all()) for pk, resource in self.resources.items()}
        self.hours = self._by_weekday(site.hours.all())
        self.own_hours = {pk: self._by_weekday(resource.hours.all()) for pk, resource in self.resources.items()}
        self.extra: dict[date, list[OpeningSpan]] = defaultdict(list)
        for opening in site.extra_openings.all():
            self.extra[opening.date].append(opening)
        # What was worked out before: many sessions share a day.
        self.openings: dict[date, list[Interval]] = {}
        self.shifts: dict[tuple[int, date], list[Interval]] = {}

    def find_faults(self, start: datetime, end: datetime, seats: Iterable[Seat]) -> list[str]:
        """Why a session cannot be as it is booked; in words that a list of many can be read by."""
        fault = self._site_fault(start, end)
        faults = [fault] if fault else []
        for seat in seats:
            faults += self._resource_faults(seat) or ([] if fault else self._hour_faults(seat))
        return list(dict.fromkeys(faults))

    def _site_fault(self, start: datetime, end: datetime) -> str:
        day = start.astimezone(self.site.zone).date()
        if _is_within(start, end, self._openings(day)):
            return ""
        closure = self._closure_on(day)
        if closure is None:
            return "Outside opening hours"
        return f"The site is closed: {closure.reason}" if closure.reason else "The site is closed"

    def _openings(self, day: date) -> list[Interval]:
        if day not in self.openings:
            self.openings[day] = self._spans(day, {} if self._closure_on(day) else self.hours)
        return self.openings[day]

    def _closure_on(self, day: date) -> Closure | None:
        return next((closure for closure in self.closures if closure.first_on <= day <= closure.last_on), None)

    def _resource_faults(self, seat: Seat) -> list[str]:
        resource = self.resources[seat.resource_id]
        if not resource.active:
            return [f"{resource} is out of service"]
        if seat.seat >= resource.seats:
            return [f"{resource} has too few seats"]
        if any(outage.start < seat.end and seat.start < outage.end for outage in self.outages[resource.pk]):
            return [f"{resource} is out of use"]
        return []

    def _hour_faults(self, seat: Seat) -> list[str]:
        day = seat.start.astimezone(self.site.zone).date()
        is_at_work = _is_within(seat.start, seat.end, self._working_hours(seat.resource_id, day))
        return [] if is_at_work else [f"{self.resources[seat.resource_id]} does not work then"]

    def _working_hours(self, resource_id: int, day: date) -> list[Interval]:
        if (resource_id, day) not in self.shifts:
            self.shifts[resource_id, day] = self._spans(day, self.own_hours[resource_id] or self.hours)
        return self.shifts[resource_id, day]

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
