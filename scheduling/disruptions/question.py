"""What is out, or closed, and which booked visits that leaves without a place. Reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q

from clinic.models import Closure, ExtraOpening, Outage, Resource, Site
from protocols.models.visit import Place
from scheduling import engine
from scheduling.impact import EXPECTED, find_stranded
from scheduling.models import Hold, Session

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """One resource out of use from one instant to another."""

    resource: Resource
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Disruption:
    """Resources that are out, or the site closed on some dates; with neither, the visits that have no place already."""

    site: Site
    outages: tuple[Span, ...] = ()
    closed: tuple[date, date] | None = None
    reason: str = ""

    @property
    def is_new(self) -> bool:
        """Whether there is something to write down beside the visits."""
        return bool(self.outages) or self.closed is not None


def is_written_down(disruption: Disruption) -> bool:
    """Whether the records say all of it already: an outage as long or longer, a closure of these dates."""
    out = (
        Outage.objects.filter(resource=span.resource, start__lte=span.start, end__gte=span.end).exists()
        for span in disruption.outages
    )
    if disruption.closed is None:
        return bool(disruption.outages) and all(out)
    first, last = disruption.closed
    closures = Closure.objects.filter(site=disruption.site, first_on__lte=first, last_on__gte=last)
    return closures.exists() and all(out)


def find_hit(disruption: Disruption, *, now: datetime) -> list[Session]:
    """Booked visits that cannot be as they are, in the order of their times; those under way are among them."""
    if not disruption.is_new:
        return list({found.session.pk: found.session for found in find_stranded(disruption.site, now=now)}.values())
    expected = Session.objects.filter(site=disruption.site, end__gt=now, status__in=EXPECTED)
    hit = expected.filter(_is_hit(disruption)).exclude(visit_type__place=Place.EXTERNAL)
    parts = ("patient", "site", "track", "visit_type", "course__version__protocol")
    return _without_extra(disruption, list(hit.select_related(*parts).order_by("start", "pk")))


def _is_hit(disruption: Disruption) -> Q:
    found = Q(pk__in=[])
    for span in disruption.outages:
        held = Hold.objects.filter(resource=span.resource, start__lt=span.end, end__gt=span.start)
        found |= Q(Exists(held.filter(session=OuterRef("pk"))))
    if disruption.closed is not None:
        found |= Q(local_date__range=disruption.closed)
    return found


def _without_extra(disruption: Disruption, hit: list[Session]) -> list[Session]:
    """A closed date with an opening of its own is open then; a resource that is out is out all the same."""
    if disruption.closed is None or disruption.outages:
        return hit
    open_then = list(ExtraOpening.objects.filter(site=disruption.site, date__range=disruption.closed))
    return [session for session in hit if not any(_lies_in(opening, session) for opening in open_then)]


def _lies_in(opening: ExtraOpening, session: Session) -> bool:
    ends = session.end.astimezone(session.site.zone).time()
    closes = opening.closes_at
    return (
        opening.date == session.local_date
        and opening.opens_at <= session.local_time
        and (closes == time(0) or time(0) < ends <= closes)
    )


def pose_disruption(problem: engine.Problem, disruption: Disruption) -> engine.Problem:
    """The problem in which it has happened."""
    out: dict[str, list[engine.Interval]] = {}
    for span in disruption.outages:
        out.setdefault(str(span.resource.pk), []).append(engine.Interval(span.start, span.end))
    resources = tuple(
        replace(resource, unavailable=(*resource.unavailable, *out.get(resource.id, ())))
        for resource in problem.resources
    )
    closed = {*problem.site.closed_dates, *_dates(disruption.closed)}
    return replace(problem, resources=resources, site=replace(problem.site, closed_dates=tuple(sorted(closed))))


def _dates(span: tuple[date, date] | None) -> Iterable[date]:
    if span is not None:
        first, last = span
        yield from (first + number * ONE_DAY for number in range((last - first).days + 1))


def pose_lead(
    problem: engine.Problem, *, now: datetime, hit: Mapping[str, Sequence[engine.Interval]]
) -> engine.Problem:
    """The problem in which nobody comes sooner than the site's lead time, but who comes then anyway may sit elsewhere.

    `hit` are the spans of such visits, by course.
    """
    if problem.now is None or problem.now <= now:
        return problem
    soon = engine.Interval(now, problem.now)
    courses = tuple(
        replace(course, unavailable=(*course.unavailable, *engine.without([soon], list(hit.get(course.id, ())))))
        for course in problem.courses
    )
    return replace(problem, courses=courses, now=now)
