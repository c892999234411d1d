"""Which one change would let a course be planned: for each type the smallest ones that work.

What cannot help is ruled out by dates alone (`reach`); what may is planned, cut down to the time that the plan uses,
and judged by `check` in the changed problem before it is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from ..intervals import without
from ..options import Chain, Step
from ..problem import Opening
from ..result import Relaxation
from ..seats import Board
from ..timeline import Timeline
from .changes import by_size, minutes_of_change, relaxed
from .obstacle import Stop
from .singles import dates_that_help, sizes_on
from .trials import LONGEST, Trials
from .variants import Variant
from .wording import near_hours

MOST = 3
"""How many dates are named for one type of change."""
FAILS = 12
"""How many dates in vain end the search for one type of change."""
LEAPS = (0, 1, 3, 7, 14)
"""By how many days a longer phase is tried beyond what dates alone ask for."""
DAY = 1440
MOST_STARTS = 3
"""For how many start days of linked tracks, those that get stuck nearest to it, a date is tried."""
REST = 7
"""Days after the last date for the session that has none, from which on a change is too late."""
FAR = 10_000


class Remedies(Trials):
    """`skipped` says whether something that may help was left untried, for want of time."""

    skipped = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stops: dict[int, Stop] = {}
        """How far each start day gets: what lies near that is tried first."""

    def find(self) -> list[Relaxation]:
        found: list[Relaxation] = []
        for search in (self._later_start, self._open_site, self._free_patient, self._more_seats, self._more_slip):
            if self.out_of_time():
                self.skipped = True
                break
            self.finder.renew()
            found += search()
            self.skipped |= self.finder.is_spent
        return sorted(found, key=by_size)

    # Days

    def _later_start(self) -> Iterator[Relaxation]:
        if self.chains[0].steps[0].given is not None:
            return
        latest = self.starts[-1]
        for day in self.possible(self.chains, range(latest + 1, min(latest + LONGEST, self.horizon) + 1)):
            found = Relaxation("extend_latest_start", days=day - latest)
            if self.plan(found, self.chains, [day]) is not None:
                yield found
                return
            if self.finder.is_spent:
                return

    def _more_slip(self) -> Iterator[Relaxation]:
        """For each phase that helps, the fewest days more."""
        for i, track in enumerate(self.protocol.tracks):
            names = [phase.name for phase in track.phases]
            for index, phase in enumerate(track.phases):
                if names.count(phase.name) == 1 and phase.per_period and not self.out_of_time():
                    self.skipped |= self.finder.is_spent
                    self.finder.renew()
                    yield from self._slip_of(i, index)

    def _slip_of(self, track: int, phase: int) -> Iterator[Relaxation]:
        def wider(days: int) -> list[Chain]:
            return [self._slipped(chain, phase, days) if i == track else chain for i, chain in enumerate(self.chains)]

        low, high = 1, LONGEST
        if not self.possible(wider(high), self.starts):
            return
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.possible(wider(middle), self.starts) else (middle + 1, high)
        its = self.protocol.tracks[track]

        def works(days: int) -> Relaxation | None:
            found = Relaxation("slip", track=its.name, phase=its.phases[phase].name, days=days)
            chains = wider(days)
            return found if self.plan(found, chains, self.possible(chains, self.starts)) else None

        failed, found = low - 1, None
        for days in dict.fromkeys(min(low + leap, LONGEST) for leap in LEAPS):
            if (found := works(days)) is not None or self.finder.is_spent:
                break
            failed = days
        while found is not None and (found.days or 0) > failed + 1:
            middle = (failed + (found.days or 0)) // 2
            smaller = works(middle)
            failed, found = (failed, smaller) if smaller is not None else (middle, found)
        if found is not None:
            yield found

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
        always = self.all_time()
        if self.course.availability is None and not self.course.unavailable:
            return
        free = without([always], self.course.engaged)
        course = replace(self.course, extra_availability=(*self.course.extra_availability, *free))
        template = Relaxation("free_patient", start=always.start, end=always.end)
        yield from self._times(Variant(template, self.problem, course, self.board, self.chains))

    def _open_site(self) -> Iterator[Relaxation]:
        """An opening on one date, at the hours of other days; then an hour beside them, then at any hour."""
        week = [span for day in self.problem.site.opening_hours.days for span in day]
        usual = (min((a for a, _ in week), default=480), max((b for _, b in week), default=1080))
        for begin, end in dict.fromkeys([usual, near_hours(self.problem.site.opening_hours), (0, DAY)]):
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
        always = self.all_time()
        for kind, skill in wanted:
            self.skipped |= self.finder.is_spent
            if self.out_of_time():
                return
            self.finder.renew()
            template = Relaxation("add_seat", kind=kind, skill=skill, start=always.start, end=always.end)
            problem = relaxed(self.problem, self.course.id, template)
            yield from self._times(Variant(template, problem, self.course, Board(problem, self.line), self.chains))

    def _times(self, variant: Variant) -> list[Relaxation]:
        """The smallest stretches in which the change is enough: on one date each, else over several."""
        starts = self.possible(variant.wide, self.starts)
        if not starts:
            return []
        found: list[Relaxation] = []
        failed = 0
        for least, _, day, on in self._dates(variant, starts):
            if len(found) >= MOST and least >= minutes_of_change(found[MOST - 1]):
                break
            if self.finder.is_spent or failed >= FAILS:
                self.skipped = True
                break
            smallest = self._smallest_on(variant, day, on)
            failed += smallest is None
            if smallest is not None:
                found = sorted([*found, smallest], key=by_size)
        if not found and variant.template.type != "open_site":
            found = self._stretch(variant, starts)
        return found[:MOST]

    def _dates(self, variant: Variant, starts: list[int]) -> list[tuple[int, int, int, list[int]]]:
        """(least minutes, days from where a start day gets stuck, date, start days) of the dates that may be enough.

        Smallest first, of equals what lies nearest to where a start day gets stuck.
        """
        found = []
        for day, on in dates_that_help(variant, self.horizon, starts).items():
            near = sorted((self._distance(day, start), start) for start in on)
            near = [entry for entry in near if entry[0] < FAR]
            if near:
                most = MOST_STARTS if len(self.chains) > 1 else len(near)
                found.append((self._least(variant, day), near[0][0], day, [start for _, start in near[:most]]))
        return sorted(found)

    def _distance(self, day: int, start: int) -> int:
        """Days between a date and where a start day gets stuck; what comes after that is too late to help."""
        stop = self.stops.get(start)
        if stop is None:
            return 0
        return FAR if day > stop.due + REST else abs(day - stop.reached)

    def _least(self, variant: Variant, day: int) -> int:
        sizes = sizes_on(variant, self.course, self.line, day)
        return min((size for known in sizes.values() for size in known.values()), default=DAY)

    def _smallest_on(self, variant: Variant, day: int, starts: list[int]) -> Relaxation | None:
        """The shortest change on one date that is enough."""
        best = self.cut(variant, day, day, variant.mixed(day, day), starts)
        if best is None or variant.template.type == "add_seat":
            return best
        sizes = sizes_on(variant, self.course, self.line, day)
        rest = sorted({size for known in sizes.values() for size in known.values()})
        while rest := [size for size in rest if size < minutes_of_change(best)]:
            size = rest[(len(rest) - 1) // 2]

            def kept(step: Step, on: int, size: int = size) -> int:
                return sum(1 << start for start, least in sizes.get(id(step.offers), {}).items() if least <= size)

            chains = variant.mixed(day, day, kept)
            smaller = self.cut(variant, day, day, chains, self.possible(chains, starts))
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
            if self.finder.is_spent:
                return []
            while high < len(days) and not self.possible(variant.mixed(days[low], days[high]), starts):
                high += 1
            if high == len(days):
                break
            runs.append((days[high] - days[low], days[low], days[high]))
        for _, first, last in [*sorted(runs)[:MOST], (0, days[0], days[-1])] if days else []:
            chains = variant.mixed(first, last)
            found = self.cut(variant, first, last, chains, self.possible(chains, starts))
            if found is not None:
                return [found]
        return []
