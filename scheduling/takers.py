"""Who on the waiting list could have a place with the seats as they are: by need, then fit, then how long they wait.

Only reads. A course that is not booked gets a whole plan, a booked one an earlier day for its next visit; before its
first visit the whole course may come earlier with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from clinic.models import Resource, Site
from protocols.models.visit import Place
from scheduling import engine
from scheduling.booking import TO_BOOK
from scheduling.changes import FreedSpan
from scheduling.engine import Interval, Problem
from scheduling.models import Course, CourseStatus, Session, WaitingEntry
from scheduling.planning import Proposal, legal_starts_of, propose_course
from scheduling.posing import Key
from scheduling.rearranging import (
    Question,
    Rearrangement,
    all_judged,
    plan_around,
    pose_around,
    read_course,
    show_moves,
    show_start,
)
from scheduling.snapshots import Numbered
from scheduling.waiting import waiting_at

LOOKED_AT = 12
"""So many of the list are looked at in one go: for each of them the engine plans."""
TIME_LIMIT = 1.0
DAYS_TRIED, STARTS_TRIED = 2, 3
INSTEAD = 3
"""So many further plans are looked at for who has declined one."""
PAUSED = (CourseStatus.PAUSED,)
Freed = Mapping[str, Sequence[Interval]]
"""By kind of resource the time that was set free; empty where every place counts."""


@dataclass(frozen=True)
class Taker:
    """One who waits, with what they could have: a plan for the whole course, or a visit that moves."""

    entry: WaitingEntry
    start: datetime
    filled_minutes: int = 0
    proposal: Proposal | None = None
    session: Session | None = None
    moved: Rearrangement | None = None

    @property
    def rank(self) -> tuple[int, int, datetime, int]:
        return self.entry.need, -self.filled_minutes, self.entry.added_at, self.entry.pk


@dataclass(frozen=True)
class Looked:
    """How many of the list were looked at, of how many, and who of them could have a place, in the order to call."""

    takers: tuple[Taker, ...]
    number: int
    total: int


def find_takers(
    *, site: Site, now: datetime, spans: Sequence[FreedSpan] = (), skip: int = 0, at_most: int = LOOKED_AT
) -> list[Taker]:
    """The first of the list, after `skip`, who could have a place; with `spans`, one that fills some of that time."""
    return [*look_through([site], now=now, spans=spans, skip=skip, at_most=at_most).takers]


def look_through(
    sites: Iterable[Site],
    *,
    now: datetime,
    spans: Sequence[FreedSpan] = (),
    skip: int = 0,
    at_most: int = LOOKED_AT,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Looked:
    """As `find_takers`, at several sites; one of the list at least, and no more once `out_of_time` says so."""
    freed = read_freed(spans)
    entries = waiting_at(list(sites)).exclude(course__status__in=PAUSED)
    found: list[Taker] = []
    number = 0
    for entry in entries.prefetch_related("offers")[skip : skip + at_most]:
        place = find_place(entry, freed=freed, now=now)
        found += [place] if place else []
        number += 1
        if out_of_time():
            break
    return Looked(tuple(sorted(found, key=lambda place: place.rank)), number, entries.count())


def read_freed(spans: Iterable[FreedSpan]) -> Freed:
    """By kind: whoever needs the kind can use it, since seats of a kind stand in for each other."""
    found = list(spans)
    kinds = dict(Resource.objects.filter(pk__in={span.resource_id for span in found}).values_list("pk", "kind_id"))
    freed: dict[str, list[Interval]] = defaultdict(list)
    for span in found:
        freed[kinds[span.resource_id]].append(Interval(span.start, span.end))
    return freed


def find_place(entry: WaitingEntry, *, freed: Freed, now: datetime) -> Taker | None:
    """What this one could have: nothing before they can come, and nothing that they have declined."""
    if entry.course.status in TO_BOOK:
        return _find_course(entry, freed, now)
    return _find_earlier(entry, freed, now)


def _find_course(entry: WaitingEntry, freed: Freed, now: datetime) -> Taker | None:
    """A plan for the whole course: as was asked, or the one of those on the days set free that uses more of them."""
    declined, since = declined_starts(entry), now + notice_of(entry)
    found: Taker | None = None
    for course in _wishes(entry.course, freed, since):
        read_at = since - timedelta(minutes=course.site.lead_minutes)
        proposal = _propose(course, declined, read_at)
        if proposal is None:
            continue
        start, filled = _begin_of(proposal), fill_of_plan(proposal, freed)
        is_better = filled > (found.filled_minutes if found else 0)
        if is_better or not freed:
            found = Taker(entry, start, filled, proposal=proposal)
    return found


def _propose(course: Course, declined: Collection[datetime], now: datetime) -> Proposal | None:
    """The cheapest plan that they have not declined: who said no to one is offered another."""
    best = propose_course(course, now=now, time_limit=TIME_LIMIT, alternatives=INSTEAD if declined else 0)
    plans = (plan for plan in (best, *best.alternatives) if plan.is_planned)
    return next((plan for plan in plans if _begin_of(plan) not in declined), None)


def _begin_of(proposal: Proposal) -> datetime:
    return min(at.start for at in proposal.plan.sessions)


def _wishes(course: Course, freed: Freed, since: datetime) -> Iterator[Course]:
    """The course as it was asked for, but not before they can come; then on each of the first days set free."""
    soonest = max(course.earliest_start, since.astimezone(course.site.zone).date())
    yield _asking(course, soonest, max(course.latest_start, soonest))
    begins = sorted(span.start.astimezone(course.site.zone) for spans in freed.values() for span in spans)
    days: dict[date, datetime] = {}
    for begin in begins:
        days.setdefault(begin.date(), begin)
    for day, begin in [(day, begin) for day, begin in days.items() if day >= soonest][:DAYS_TRIED]:
        asked = _asking(course, day, day)
        asked.preferred_time = begin.time()
        yield asked


def _asking(course: Course, first: date, last: date) -> Course:
    """A copy: what is tried is not what was asked for."""
    asked = copy(course)
    asked.earliest_start, asked.latest_start = first, last
    return asked


def _find_earlier(entry: WaitingEntry, freed: Freed, now: datetime) -> Taker | None:
    """An earlier day for the next visit, all others staying; before the first visit others may come along.

    An earlier hour of the same day is not worth a call.
    """
    course, since = entry.course, now + notice_of(entry)
    session = _visit_to_move(course, freed, since)
    if session is None:
        return None
    rows, problem = read_course(course, now=now)
    key = (session.track.name, session.number)
    fill = _fill_by_start(problem, key, freed)
    declined = declined_starts(entry)

    def is_worth(start: datetime) -> bool:
        is_earlier = start.astimezone(course.site.zone).date() < session.local_date
        return is_earlier and start >= since and start not in declined and (not freed or fill(start) > 0)

    last = session.local_date - timedelta(days=1)
    legal = {at.start for at in legal_starts_of(all_judged(problem, rows), key, date.min, last)}
    moves = (show_start(session, start) for start in sort_starts(filter(is_worth, legal), course, fill))
    found = next(moves, None) or _find_with_others(session, problem, rows, is_worth, fill)
    return Taker(entry, found.start, fill(found.start), session=session, moved=found) if found else None


def _visit_to_move(course: Course, freed: Freed, since: datetime) -> Session | None:
    """The next visit; where seats were set free, the next one after them."""
    begins = [span.start for spans in freed.values() for span in spans]
    after = max([since, min(begins)] if begins else [since])
    to_come = course.sessions.to_come(now=after).exclude(visit_type__place=Place.EXTERNAL).filter(override_reason="")
    return to_come.select_related("site", "track", "visit_type", "patient").order_by("start").first()


def _find_with_others(
    session: Session,
    problem: Problem,
    rows: Numbered,
    is_worth: Callable[[datetime], bool],
    fill: Callable[[datetime], int],
) -> Rearrangement | None:
    """The start of a course that has not begun: its other visits move with it."""
    if session.course.status != CourseStatus.BOOKED:
        return None
    key = (session.track.name, session.number)
    around = engine.Around(pose_around(problem, rows, key), time_limit=TIME_LIMIT)
    course = problem.courses[0]
    starts = [s for s in around.open_starts(key) if course.earliest_start <= s.astimezone(session.site.zone).date()]
    for start in sort_starts(filter(is_worth, starts), session.course, fill)[:STARTS_TRIED]:
        plan = plan_around(around, key, Question(start))
        if plan.planned:
            return show_moves(session, start, rows, plan)
    return None


def sort_starts(starts: Iterable[datetime], course: Course, fill: Callable[[datetime], int]) -> list[datetime]:
    """What fills most first, then the earliest day, on it the time nearest to the preferred one."""
    zone, usual = course.site.zone, engine.minutes_of(course.preferred_time)

    def order(start: datetime) -> tuple[int, date, int, datetime]:
        local = start.astimezone(zone)
        return -fill(start), local.date(), abs(local.hour * 60 + local.minute - usual), start

    return sorted(starts, key=order)


def notice_of(entry: WaitingEntry) -> timedelta:
    """How long before a visit the patient, and the clinic, must know of it."""
    return max(timedelta(hours=entry.short_notice_hours), timedelta(minutes=entry.course.site.lead_minutes))


def declined_starts(entry: WaitingEntry) -> set[datetime]:
    return {offer.start for offer in entry.offers.all() if not offer.taken}


def fill_of_plan(proposal: Proposal, freed: Freed) -> int:
    """Minutes of the seats set free that the plan would use."""
    protocol = proposal.problem.protocol_of(proposal.problem.course(proposal.plan.id))
    return sum(_fill(protocol.visit_of(*at.key), at.start, freed) for at in proposal.plan.sessions)


def _fill_by_start(problem: Problem, key: Key, freed: Freed) -> Callable[[datetime], int]:
    visit = problem.protocol_of(problem.courses[0]).visit_of(*key)
    return lambda start: _fill(visit, start, freed)


def _fill(visit: engine.Visit, start: datetime, freed: Freed) -> int:
    seconds = 0.0
    for need in visit.holds:
        begin, end = start + timedelta(minutes=need.begin), start + timedelta(minutes=need.end)
        for span in freed.get(need.kind, ()):
            seconds += max(0.0, (min(end, span.end) - max(begin, span.start)).total_seconds())
    return int(seconds // 60)
