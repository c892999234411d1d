"""Several tracks, placed together date by date: best-first search led by the bounds of `joint`.

A label says what is placed up to a date, with the instants that gaps and links still look at. As in `chain`, the
first whole label is a cheapest plan, and a label is dropped when another one reached no dearer leaves the same ways on.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from ..options import INF, Chain, Step
from ..track.chain import START_POINTS, start_days
from ..track.tables import LENGTH_POINTS, quick_bound, step_back
from .days import END, Days, TimeUp
from .dominance import Dominance
from .joint import MAX_NODES, Joint
from .label import Label
from .links import Band, Event, Links
from .patterns import Dates
from .rating import Node, Way


@dataclass(frozen=True, slots=True)
class JointAnswer:
    """`plan` gives (track, number, start, resource index) of every session that is not locked at a track's head."""

    cost: int | None
    bound: int
    plan: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def proven(self) -> bool:
        return self.bound >= INF if self.cost is None else self.bound >= self.cost


class JointSearch:
    def __init__(
        self,
        chains: list[Chain],
        links: Links,
        days: Days,
        earliest: int,
        latest: int,
        horizon: int,
        out_of_time: Callable[[], bool],
        most_nodes: int = MAX_NODES,
    ) -> None:
        self.chains, self.links, self.days, self.most_nodes = chains, links, days, most_nodes
        self.horizon, self.out_of_time, self.earliest = horizon, out_of_time, earliest
        self.start_days = start_days(chains[0], earliest, latest)
        self.joints: dict[int, Joint] = {}
        self._quicks: dict[int, int] = {}
        self.change = chains[0].continuity_points
        self.dominance = Dominance(chains, links)
        self.patterned = False
        self.recent = [max((s.max_in[0] for s in chain.steps if s.max_in is not None), default=0) for chain in chains]
        self.steps = 0

    def floor(self) -> int:
        """What any plan costs at least: the tracks each for itself, on the best start day."""
        found = INF
        for day in self.start_days:
            if self.out_of_time():
                return 0
            if self._quick(day) < found:
                found = min(found, self._start_points(day) + self._joint(day).bound())
        return found

    def _start_points(self, day: int) -> int:
        return START_POINTS * max(day - self.earliest, 0)

    def _quick(self, day: int) -> int:
        """A bound for a start day without any table; found once, however often a run begins."""
        if day not in self._quicks:
            least = max(quick_bound(chain, day, self.horizon) for chain in self.chains)
            self._quicks[day] = min(self._start_points(day) + least, INF)
        return self._quicks[day]

    def run(
        self, *, limit: int, weight: int = 16, ceiling: int = INF, only: int | None = None, beam: int = 0
    ) -> JointAnswer:
        """A cheapest plan below `ceiling`, or what `limit` steps have proven; on one start day if it is named.

        With a larger `weight` or a `beam`, some plan, soon, and no proof.
        """
        self.heap: list[tuple] = []
        self.serial, self.weight, self.ceiling, self.leak, self.beam = 0, weight, ceiling, INF, beam
        self.closed: dict[tuple, list[Label]] = {}
        for day in self.start_days if only is None else [only]:
            if self._quick(day) < INF:
                cost = self._start_points(day)
                self._push(self._quick(day), cost, -2, ("quick", day, cost))
        try:
            return self._run(self.steps + limit)
        except TimeUp:
            return JointAnswer(None, min(self.leak, self.popped, *(entry[3] for entry in self.heap)))

    def _run(self, end: int) -> JointAnswer:
        self.popped = INF
        while self.heap:
            self.steps += 1
            if self.steps > end or (self.steps % 32 == 0 and self.out_of_time()):
                return JointAnswer(None, min(self.leak, *(entry[3] for entry in self.heap)))
            _, _, _, self.popped, entry = heapq.heappop(self.heap)
            if entry[0] in ("quick", "tables"):
                self._open_day(self.popped, entry)
                continue
            label = entry[1] if entry[0] == "whole" else self._follow(self.popped, entry)
            if label is None:
                continue
            if self._is_whole(label.node):
                exact = self.weight == 16 and not self.beam
                return JointAnswer(label.cost, min(label.cost, self.leak) if exact else 0, self._path(label))
            self._extend(label, entry[1])
        return JointAnswer(None, min(self.leak, self.ceiling))

    def likely_days(self) -> list[int]:
        """The start days looked at so far, the one with the least bound first."""
        rated = sorted((self._start_points(day) + joint.bound(), day) for day, joint in self.joints.items())
        return [day for bound, day in rated if bound < INF]

    @property
    def is_leaky(self) -> bool:
        """Whether a calendar of the last run had too many nodes, or took too long."""
        return self.leak < INF

    def size(self) -> int:
        """How much there is in the calendars made so far."""
        return 1 + sum(16 + len(node.starts) for joint in self.joints.values() for node in joint.nodes.values())

    def _joint(self, day: int) -> Joint:
        if day not in self.joints:
            joint = Joint(self.chains, self.links, day, self.horizon, self.days, self.out_of_time)
            joint.most_nodes = self.most_nodes
            self.joints[day] = joint
        return self.joints[day]

    def _push(self, bound: int, cost: int, depth: int, entry: tuple) -> None:
        if bound < self.ceiling:
            self.serial += 1
            key = bound if self.weight == 16 else cost * 16 + (bound - cost) * self.weight
            heapq.heappush(self.heap, (key, -depth, self.serial, bound, entry))

    def _is_whole(self, node: Node) -> bool:
        return all(node.placed[i] == len(chain.steps) for i, chain in enumerate(self.chains))

    def _open_day(self, bound: int, entry: tuple) -> None:
        """Open a start day in two steps: the bounds of its tracks alone, then those of their shared calendar."""
        kind, day, cost = entry
        joint = self._joint(day)
        if not joint.possible:
            return
        if kind == "quick":
            self._push(cost + joint.bound(), cost, -1, ("tables", day, cost))
            return
        known = joint.root is not None and joint.ceiling >= self.ceiling - cost and joint.beam == self.beam
        if not known or (self.patterned and not joint.patterns):
            ceiling = self.ceiling - cost if self.ceiling < INF else INF
            joint.build(ceiling, beam=self.beam, patterned=self.patterned)
        if not joint.complete:
            self.leak = min(self.leak, bound)
            if not self.beam:
                return
        root = joint.root
        if root is None or not root.value or min(root.value) >= INF:
            return
        first = self._first_label(joint, root, cost)
        if self._is_whole(root):
            self._push(first.cost, first.cost, 0, ("whole", first))
        else:
            self._extend(first, joint)

    def _first_label(self, joint: Joint, root: Node, cost: int) -> Label:
        treats, resources, dates, points = [], [], [], 0
        for i, chain in enumerate(self.chains):
            head = chain.steps[: root.placed[i]]
            last = head[-1].given if head else None
            treats.append(last.second + head[-1].lead if last is not None else -INF)
            resources.append(last.resource if last is not None else 0)
            days = tuple(step.given.day for step in head if step.given is not None)
            dates.append(days[max(len(days) - self.recent[i], 0) :])
            for k, (before, step) in enumerate(pairwise(head), 1):
                if before.given is not None and step.given is not None:
                    points += joint.tables[i].edge(k, step.given.day - before.given.day)
                    points += step_back(self.change, before.given.resource, step.given.resource)
        points += LENGTH_POINTS * max(joint.last_given - joint.start_day, 0)
        ends = tuple(-INF for _ in self.chains)
        owed = self.links.owed_at_first(root.asked)
        return Label(
            cost + points,
            root,
            tuple(treats),
            ends,
            tuple(resources),
            tuple(dates),
            joint.earliest_at(root),
            owed,
            (),
            0,
            None,
        )

    def _extend(self, label: Label, joint: Joint) -> None:
        """Offer every next date with the tracks that have a session on it, the led resource and the traced start."""
        led, width = self.days.led, self.days.width
        ways: list[tuple[int, int, int, int, Way]] = []
        for number, way in enumerate(label.node.ways):
            if not self._within_limits(label, way):
                continue
            base = label.cost + way.points
            least = 0
            if joint.patterns:
                least = base + joint.rest_with(way.node, self._earliest_after(joint, label, way))
                if least >= self.ceiling:
                    continue
            for at in self._starts_of(label, way):
                begin = at * width
                if led in way.tracks:
                    for r in range(width):
                        change = step_back(self.change, label.resources[led], r)
                        bound = max(base + way.total[begin + r], least) + change
                        if bound < self.ceiling:
                            ways.append((bound, number, at, r, way))
                else:
                    bound = max(base + way.total[begin + label.resources[led]], least)
                    if bound < self.ceiling:
                        ways.append((bound, number, at, 0, way))
        ways.sort(key=lambda way: way[:4])
        if ways:
            self._push(ways[0][0], label.cost, sum(label.node.placed), ("way", joint, label, ways, 0, 0, False, False))

    def _within_limits(self, label: Label, way: Way) -> bool:
        """Rule 4's max_in."""
        for i in way.tracks:
            k = label.node.placed[i]
            step = self.chains[i].steps[k]
            if step.max_in is not None and step.given is None and k >= step.max_in[0]:
                count, days = step.max_in
                if way.day - label.dates[i][-count] < days:
                    return False
        return True

    def _dates_after(self, label: Label, way: Way) -> tuple[tuple[int, ...], ...]:
        if not any(self.recent[i] for i in way.tracks):
            return label.dates
        return tuple(
            (*dates, way.day)[-self.recent[i] :] if i in way.tracks and self.recent[i] else dates
            for i, dates in enumerate(label.dates)
        )

    def _earliest_after(self, joint: Joint, label: Label, way: Way) -> tuple[Dates, ...]:
        if not joint.patterns:
            return label.earliest
        return tuple(
            joint.dates_after(i, label.node.placed[i], held, way.day) if i in way.tracks else held
            for i, held in enumerate(label.earliest)
        )

    def _starts_of(self, label: Label, way: Way) -> Iterable[int]:
        """The positions of the traced track's start after a way: those that keep its gap, or the one it had."""
        traced = self.days.traced
        if traced is None or traced not in way.tracks:
            return (label.at,)
        k = label.node.placed[traced]
        step, before = self.chains[traced].steps[k], label.treats[traced]
        if not k or (step.given is not None and self.chains[traced].steps[k - 1].given is not None):
            return range(len(way.node.starts))
        starts = way.node.starts
        return range(bisect_left(starts, before + step.least), bisect_right(starts, before + step.most))

    def _limits(self, label: Label, way: Way, at: int) -> tuple[Band | None, ...]:
        """By track of a date, the seconds in which links let its treatment start, as far as what is placed tells."""
        exact = tuple((treat, treat) for treat in label.treats)
        start = way.node.starts[at]
        return tuple(
            (start, start)
            if i == self.days.traced
            else self.links.limit(label.node.placed, exact, i, way.tracks, way.day)
            for i in way.tracks
        )

    def _follow(self, bound: int, entry: tuple) -> Label | None:
        """Make the label of a heap entry, and put back what else the entry stands for."""
        _, joint, label, ways, number, position, opened, alone = entry
        depth = sum(label.node.placed)
        if not opened and number + 1 < len(ways):
            self._push(ways[number + 1][0], label.cost, depth, ("way", joint, label, ways, number + 1, 0, False, False))
        _, _, at, led, way = ways[number]
        steps = tuple(self.chains[i].steps[label.node.placed[i]] for i in way.tracks)
        limits = self._limits(label, way, at)
        choices = self.days.choices(way.day, way.tracks, steps, limits, led, position)
        on = led if self.days.led in way.tracks else label.resources[self.days.led]
        rest = way.node.value[at * self.days.width + on]
        base = label.cost + way.points
        made = None
        while position < len(choices) and choices[position] != END:
            points, chosen = choices[position]
            here = base + points + sum(step_back(self.change, label.resources[i], r) for i, _, r in chosen)
            if not alone:
                floor = base + points + rest
                if floor > bound:
                    self._push(floor, base + points, depth, ("way", joint, label, ways, number, position, True, False))
                    return None
            made = self._label(joint, label, way, steps, chosen, here, at)
            if made is not None:
                break
            if alone:
                return None
            position += 1
            choices = self.days.choices(way.day, way.tracks, steps, limits, led, position)
        if made is None:
            return None
        if not alone:
            self._push(bound, made.cost, depth, ("way", joint, label, ways, number, position + 1, True, False))
        if made.cost + rest > bound:
            self._push(made.cost + rest, made.cost, depth, ("way", joint, label, ways, number, position, True, True))
            return None
        return made if self._is_new(made, joint) else None

    def _label(
        self,
        joint: Joint,
        label: Label,
        way: Way,
        steps: tuple[Step, ...],
        chosen: tuple[tuple[int, int, int], ...],
        cost: int,
        at: int,
    ) -> Label | None:
        """The label after a date's sessions, None where a gap or a link is broken."""
        treats, ends, resources, events = list(label.treats), list(label.ends), list(label.resources), []
        for (i, index, r), step in zip(chosen, steps, strict=True):
            second = self.chains[i].second_of(step, index)
            treat, given = second + step.lead, step.given is not None
            k = label.node.placed[i]
            judged = k and not (given and self.chains[i].steps[k - 1].given is not None)
            if judged and not step.least <= treat - label.treats[i] <= step.most:
                return None
            events.append(Event(i, step.number, treat, second + step.done, given))
            treats[i], resources[i] = treat, r
            if not given:
                ends[i] = second + step.done
        if not self.links.keeps(label.node.placed, label.ends, events):
            return None
        owed = self.links.owed_after(label.owed, label.node.placed, way.day, events)
        if owed is None:
            return None
        dates, earliest = self._dates_after(label, way), self._earliest_after(joint, label, way)
        return Label(
            cost, way.node, tuple(treats), tuple(ends), tuple(resources), dates, earliest, owed, chosen, at, label
        )

    def _is_new(self, label: Label, joint: Joint) -> bool:
        if self._is_whole(label.node):
            return not label.owed and self.links.closes(label.ends)
        key = (id(label.node), label.resources)
        held = self.closed.setdefault(key, [])
        if any(self.dominance.covers(other, label, joint) for other in held):
            return False
        held.append(label)
        return True

    def _path(self, label: Label) -> tuple[tuple[int, int, int, int], ...]:
        out = []
        here: Label | None = label
        while here is not None:
            out += [(i, here.node.placed[i], index, r) for i, index, r in here.chosen]
            here = here.before
        return tuple(sorted(out))
