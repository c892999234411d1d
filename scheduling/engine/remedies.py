"""Which one change would let a course be planned: for each type the smallest ones that work.

What cannot help is ruled out by dates alone (`reach`); what may is planned, cut down to the time that the plan uses,
and judged by `check` in the changed problem before it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from .changes import extra_seat_of, relaxed, span_of
from .feasible import Finder
from .hours import Hours
from .intervals import Interval, merged, without
from .options import Chain, Step, chains_of
from .problem import Course, Opening, PlacedSession, Problem
from .reach import Reach, dates_in
from .result import PLANNED, CoursePlan, Relaxation, Result
from .rules import check
from .seats import Board, groups_of
from .timeline import Timeline, cut, ones, reach_of
from .variants import Variant

LONGEST = 60
"""The most days by which a later start or a longer phase is looked for."""
MOST = 3
"""How many dates are named for one type of change."""
DAY = 1440

RANK = {"extend_latest_start": 0, "free_patient": 1, "open_site": 2, "add_seat": 3, "slip": 4}


def minutes_of_change(relaxation: Relaxation) -> int:
    """The size of a change: the minutes, or days of 1,440 minutes, by which it departs from what was asked."""
    if relaxation.days is not None:
        return relaxation.days * DAY
    if relaxation.on is not None:
        return (relaxation.end_minute or 0) - (relaxation.begin or 0)
    span = span_of(relaxation)
    return -(-int((span.end - span.start).total_seconds()) // 60)


def by_size(relaxation: Relaxation) -> tuple[int, int, str]:
    """Smallest first; of equals what the patient's calendar bears, then the clinic's day, a seat, the protocol."""
    when = relaxation.start.isoformat() if relaxation.start else f"{relaxation.on}"
    return minutes_of_change(relaxation), RANK[relaxation.type], when


@dataclass
class Remedies:
    """One course that cannot be planned, alone in its problem: what the others hold are bookings."""

    problem: Problem
    course: Course
    out_of_time: Callable[[], bool]

    def __post_init__(self) -> None:
        self.protocol = self.problem.protocol_of(self.course)
        self.hours = Hours(self.problem)
        first, last, tail = reach_of(self.problem)
        self.horizon = self.problem.horizon_end.toordinal()
        self.line = Timeline(self.problem, first, max(last, min(last + LONGEST, self.horizon)), tail)
        self.board = Board(self.problem, self.line)
        self.chains = chains_of(self.problem, self.course, self.board)
        self.finder = Finder(self.out_of_time)
        self.skipped = False
        """Whether something that may help was left untried, for want of time."""

    @cached_property
    def starts(self) -> list[int]:
        given = self.chains[0].steps[0].given
        if given is not None:
            return [given.day]
        return list(range(self.course.earliest_start.toordinal(), self.course.latest_start.toordinal() + 1))

    def find(self) -> list[Relaxation]:
        found: list[Relaxation] = []
        for search in (self._later_start, self._open_site, self._free_patient, self._more_seats, self._more_slip):
            if self.out_of_time():
                self.skipped = True
                break
            found += search()
        return sorted(found, key=by_size)

    # Days

    def _later_start(self) -> Iterator[Relaxation]:
        if self.chains[0].steps[0].given is not None:
            return
        latest = self.starts[-1]
        for day in self._possible(self.chains, range(latest + 1, min(latest + LONGEST, self.horizon) + 1)):
            found = Relaxation("extend_latest_start", days=day - latest)
            if self._works(found, self.chains, [day]):
                yield found
                return

    def _more_slip(self) -> Iterator[Relaxation]:
        """For each phase that helps, the fewest days more."""
        for i, track in enumerate(self.protocol.tracks):
            names = [phase.name for phase in track.phases]
            for index, phase in enumerate(track.phases):
                if names.count(phase.name) == 1 and phase.per_period and not self.out_of_time():
                    yield from self._slip_of(i, index)

    def _slip_of(self, track: int, phase: int) -> Iterator[Relaxation]:
        def wider(days: int) -> list[Chain]:
            return [self._slipped(chain, phase, days) if i == track else chain for i, chain in enumerate(self.chains)]

        low, high = 1, LONGEST
        if not self._possible(wider(high), self.starts):
            return
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._possible(wider(middle), self.starts) else (middle + 1, high)
        its = self.protocol.tracks[track]
        for days in range(low, min(low + 10, LONGEST) + 1):
            found = Relaxation("slip", track=its.name, phase=its.phases[phase].name, days=days)
            chains = wider(days)
            if self._works(found, chains, self._possible(chains, self.starts)):
                yield found
                return

    def _slipped(self, chain: Chain, phase: int, days: int) -> Chain:
        slots = chain.track.slots
        steps = [
            replace(step, closes=step.closes + days) if slots[step.number - 1].phase == phase else step
            for step in chain.steps
        ]
        return Chain(chain.track, steps, chain.names, chain.is_first)

    # Times

    def _free_patient(self) -> Iterator[Relaxation]:
        """Times at which the patient would have to come; never while the patient sits in another visit."""
        always = self._all_time()
        if self.course.availability is None and not self.course.unavailable:
            return
        free = without([always], self.course.engaged)
        course = replace(self.course, extra_availability=(*self.course.extra_availability, *free))
        template = Relaxation("free_patient", start=always.start, end=always.end)
        yield from self._times(Variant(template, self.problem, course, self.board, self.chains))

    def _open_site(self) -> Iterator[Relaxation]:
        """An opening on one date, at the hours of other days; at any hour where those do not help."""
        week = [span for day in self.problem.site.opening_hours.days for span in day]
        usual = (min((a for a, _ in week), default=480), max((b for _, b in week), default=1080))
        for begin, end in dict.fromkeys([usual, (0, DAY)]):
            days = [date.fromordinal(day) for day in range(self.line.first, self.line.last + 1)]
            openings = tuple(Opening(day, begin, end) for day in days)
            extra = (*self.problem.site.extra_openings, *openings)
            problem = replace(self.problem, site=replace(self.problem.site, extra_openings=extra))
            line = Timeline(problem, self.line.first, self.line.last, self.line.size - self.line.midnights[-1])
            template = Relaxation("open_site", on=days[0], begin=begin, end_minute=end)
            found = list(self._times(Variant(template, problem, self.course, Board(problem, line), self.chains)))
            if found:
                yield from found
                return

    def _more_seats(self) -> Iterator[Relaxation]:
        """For each kind and skill that is asked for, one more seat."""
        wanted = {(hold.kind, hold.skill): None for visit in self.protocol.visits.values() for hold in visit.holds}
        always = self._all_time()
        for kind, skill in wanted:
            if self.out_of_time():
                self.skipped = True
                return
            template = Relaxation("add_seat", kind=kind, skill=skill, start=always.start, end=always.end)
            problem = relaxed(self.problem, self.course.id, template)
            yield from self._times(Variant(template, problem, self.course, Board(problem, self.line), self.chains))

    def _times(self, variant: Variant) -> list[Relaxation]:
        """The smallest stretches in which the change is enough: on one date each, else over several."""
        starts = self._possible(variant.wide, self.starts)
        if not starts:
            return []
        found: list[Relaxation] = []
        for least, day, on in self._dates(variant, starts):
            if self.out_of_time() or (len(found) >= MOST and least >= minutes_of_change(found[MOST - 1])):
                break
            smallest = self._smallest_on(variant, day, on)
            if smallest is not None:
                found = sorted([*found, smallest], key=by_size)
        if not found and variant.template.type != "open_site":
            found = self._stretch(variant, starts)
        return found[:MOST]

    def _dates(self, variant: Variant, starts: list[int]) -> list[tuple[int, int, list[int]]]:
        """(least minutes, date, start days) of the single dates on which the change may be enough, smallest first."""
        found: dict[int, list[int]] = {}
        reaches = [(Reach(p, self.horizon), Reach(w, self.horizon)) for p, w in zip(variant.plain, variant.wide)]
        for start in starts:
            stuck, helped = [], set()
            for i, (plain, wide) in enumerate(reaches):
                forwards = plain.forwards(start)
                days = set(_bridges(plain, wide, forwards, start, variant.gains[i]))
                if len(forwards) < len(plain.shelves) or not forwards[-1]:
                    stuck.append(days)
                helped |= days
            for day in set.intersection(*stuck) if stuck else helped:
                found.setdefault(day, []).append(start)
        rated = [(self._least(variant, day), day, on) for day, on in found.items()]
        return sorted(entry for entry in rated if entry[0] is not None)

    def _least(self, variant: Variant, day: int) -> int:
        return min((size for sizes in self._sizes(variant, day).values() for size in sizes.values()), default=DAY)

    def _sizes(self, variant: Variant, day: int) -> dict[int, dict[int, int]]:
        """By wide offers and start on a date: the fewest minutes that the change must last for it."""
        out: dict[int, dict[int, int]] = {}
        for plain, wide in zip(variant.plain, variant.wide, strict=True):
            for one, other in zip(plain.steps, wide.steps, strict=True):
                if other.given is None and id(other.offers) not in out:
                    out[id(other.offers)] = self._sizes_of(variant, one, other, day)
        return out

    def _sizes_of(self, variant: Variant, plain: Step, wide: Step, day: int) -> dict[int, int]:
        had, got = plain.offers.day(day), wide.offers.day(day)
        if got is None:
            return {}
        union = 0
        for r, starts in enumerate(got.sets):
            union |= starts & ~(had.sets[r] if had is not None else 0)
        begin = self.line.midnight(day)
        least = self._need(variant, wide, day)
        return {begin + at: least(begin + at) for at in dates_in(union)}

    def _need(self, variant: Variant, step: Step, day: int) -> Callable[[int], int]:
        """The minutes that the change must last at least for a visit at a start."""
        template, minutes = variant.template, step.visit.minutes
        if template.type == "add_seat":
            groups = [g for g in groups_of(step.visit).values() if g.kind == template.kind]
            fewest = min((max(b for _, b in g.spans) - min(a for a, _ in g.spans) for g in groups), default=DAY)
            return lambda start: fewest
        line = self.line
        there = line.patient_spans(self.course, day) if template.type == "free_patient" else line.open_spans(day)
        return lambda start: _hull_length(cut([(start, start + minutes)], there)) or 1

    def _smallest_on(self, variant: Variant, day: int, starts: list[int]) -> Relaxation | None:
        """The shortest change on one date that is enough."""
        best = self._cut(variant, day, day, variant.mixed(day, day), starts)
        if best is None or variant.template.type == "add_seat":
            return best
        sizes = self._sizes(variant, day)
        rest = sorted({size for known in sizes.values() for size in known.values()})
        while rest := [size for size in rest if size < minutes_of_change(best)]:
            size = rest[(len(rest) - 1) // 2]

            def kept(step: Step, on: int, size: int = size) -> int:
                return sum(1 << start for start, least in sizes.get(id(step.offers), {}).items() if least <= size)

            smaller = self._cut(variant, day, day, variant.mixed(day, day, kept), starts)
            if smaller is not None and minutes_of_change(smaller) < minutes_of_change(best):
                best = smaller
            else:
                rest = [other for other in rest if other > size]
        return best

    def _stretch(self, variant: Variant, starts: list[int]) -> list[Relaxation]:
        """The shortest run of dates over which the change is enough."""
        days = sorted({day for gains in variant.gains for found in gains.values() for day in found})
        runs: list[tuple[int, int, int]] = []
        high = 0
        for low in range(len(days)):
            high = max(high, low)
            while high < len(days) and not self._possible(variant.mixed(days[low], days[high]), starts):
                high += 1
            if high == len(days):
                break
            runs.append((days[high] - days[low], days[low], days[high]))
        for _, first, last in [*sorted(runs)[:MOST], (0, days[0], days[-1])] if days else []:
            chains = variant.mixed(first, last)
            found = self._cut(variant, first, last, chains, self._possible(chains, starts))
            if found is not None:
                return [found]
        return []

    # Trials

    def _possible(self, chains: list[Chain], starts: Iterable[int]) -> list[int]:
        """The start days on which no track is ruled out by its dates alone."""
        reaches = [Reach(chain, self.horizon) for chain in chains]
        return [start for start in starts if all(reach.is_possible(start) for reach in reaches)]

    def _works(self, relaxation: Relaxation, chains: list[Chain], starts: list[int]) -> bool:
        return self._plan(relaxation, chains, starts) is not None

    def _plan(
        self, relaxation: Relaxation, chains: list[Chain], starts: list[int]
    ) -> tuple[PlacedSession, ...] | None:
        """A plan in the problem with the change made, which `check` finds legal."""
        if not starts:
            return None
        problem = relaxed(self.problem, self.course.id, relaxation)
        course = problem.course(self.course.id)
        sessions = self.finder.find(problem, course, self.line, chains, starts)
        return sessions if sessions is not None and is_legal(problem, sessions) else None

    def _cut(
        self, variant: Variant, first: int, last: int, chains: list[Chain], starts: list[int]
    ) -> Relaxation | None:
        """The change on the dates from `first` to `last`, cut to what a plan uses of it; None where there is none."""
        whole = self._on_dates(variant.template, first, last)
        sessions = self._plan(whole, chains, starts)
        if sessions is None:
            return None
        small = self._used(whole, sessions)
        if small is None:
            return None
        if any(span_of(small).overlaps(busy) for busy in self.course.engaged) and small.type == "free_patient":
            return None
        return small if is_legal(relaxed(self.problem, self.course.id, small), sessions) else None

    def _on_dates(self, template: Relaxation, first: int, last: int) -> Relaxation:
        if template.on is not None:
            return replace(template, on=date.fromordinal(first))
        begin, end = self.hours.at(date.fromordinal(first), 0), self.hours.at(date.fromordinal(last), DAY)
        return replace(template, start=self.hours.local(begin), end=self.hours.local(end))

    def _used(self, change: Relaxation, sessions: tuple[PlacedSession, ...]) -> Relaxation | None:
        """The change no longer than the visits of a plan need it."""
        spans = [span for session in sessions for span in self._spans_used(change, session)]
        if not spans:
            return None
        start = self.hours.local(min(span.start for span in spans))
        end = self.hours.local(max(span.end for span in spans))
        if change.on is None:
            return replace(change, start=start, end=end)
        begin, until = start.hour * 60 + start.minute, end.hour * 60 + end.minute
        if start.date() != change.on or end.date() != change.on or begin >= until:
            until = DAY if end.date() != change.on else until
        return replace(change, begin=begin, end_minute=until) if begin < until else change

    def _spans_used(self, change: Relaxation, session: PlacedSession) -> list[Interval]:
        if session.key in {given.key for given in self.course.locked}:
            return []
        visit = self.protocol.visit_of(*session.key)
        holds = [
            (hold.resource, Interval(_later(session.start, need.begin), _later(session.start, need.end)))
            for need, hold in zip(visit.holds, session.holds, strict=True)
        ]
        whole = Interval(session.start, _later(session.start, visit.minutes))
        day = self.hours.local(session.start).date()
        if change.type == "add_seat":
            extra = extra_seat_of(self.problem)
            return [span for resource, span in holds if resource == extra]
        if change.type == "free_patient":
            return without([whole], self.hours.patient_can_come(self.course, day))
        if day != change.on:
            return []
        resources = {resource.id: resource for resource in self.problem.resources}
        used = without([whole], self.hours.site_open(day))
        for resource, span in holds:
            used += without([span], self.hours.resource_works(resources[resource], day))
        return used

    def _all_time(self) -> Interval:
        begin = self.hours.at(date.fromordinal(self.line.first), 0)
        return Interval(begin, self.hours.at(date.fromordinal(self.line.last), DAY))


def _later(instant: datetime, minutes: int) -> datetime:
    return instant + timedelta(minutes=minutes)


def _hull_length(spans: list[tuple[int, int]]) -> int:
    return max(b for _, b in spans) - min(a for a, _ in spans) if spans else 0


def _bridges(
    plain: Reach, wide: Reach, forwards: list[int], start: int, gains: dict[int, list[int]]
) -> Iterator[int]:
    """The dates on which one session at a wider start would join what lies before it to what lies after it."""
    backwards, count = plain.backwards(start), len(plain.shelves)
    for k in range(count):
        step = wide.chain.steps[k]
        if step.given is not None or (k and (k > len(forwards) or not forwards[k - 1])):
            continue
        if k + 1 < count and not backwards[k + 1]:
            continue
        low, high = wide.chain.window(step, start, wide.horizon)
        for day in gains[id(step.offers)]:
            if low <= day <= high and _joins(plain, wide, k, day, forwards, backwards):
                yield day


def _joins(plain: Reach, wide: Reach, k: int, day: int, forwards: list[int], backwards: list[int]) -> bool:
    first, last = wide.shelves[k].reach(day)
    steps, count = wide.chain.steps, len(wide.chain.steps)
    if k and not plain.shelves[k - 1].before(day, first, last, steps[k].least, steps[k].most) & forwards[k - 1]:
        return False
    if k + 1 == count:
        return True
    follow = steps[k + 1]
    return bool(plain.shelves[k + 1].after(day, first, last, follow.least, follow.most) & backwards[k + 1])


def is_legal(problem: Problem, sessions: tuple[PlacedSession, ...]) -> bool:
    answer = CoursePlan(problem.courses[0].id, PLANNED, sessions, 0)
    return not check(problem, Result((answer,), 0))
