"""Several tracks, placed together date by date: best-first search led by the bounds of `joint`.

A label says what is placed up to a date, with the instants that gaps and links still look at. As in `chain`, the
first whole label is a cheapest plan, and a label is dropped when another one reached no dearer leaves the same ways on.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from .chain import START_POINTS, kept_dates, start_days
from .joint import END, Days, Joint, Node, Way
from .links import Event, Links, Owed
from .options import INF, Chain, Step
from .tables import LENGTH_POINTS, quick_bound, step_back


@dataclass(slots=True, eq=False)
class Label:
    cost: int
    node: Node
    treats: tuple[int, ...]
    """By track: the second at which its last treatment starts."""
    ends: tuple[int, ...]
    """By track: the second at which the last treatment ends that is not locked."""
    resources: tuple[int, ...]
    earliest: tuple[tuple[int, ...], ...]
    owed: Owed
    chosen: tuple[tuple[int, int, int], ...]
    """On this date: (track, start, resource index)."""
    before: Label | None


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
    ) -> None:
        self.chains, self.links, self.days = chains, links, days
        self.horizon, self.out_of_time, self.earliest = horizon, out_of_time, earliest
        self.start_days = start_days(chains[0], earliest, latest)
        self.joints: dict[int, Joint] = {}
        self.keep = [kept_dates(chain) for chain in chains]
        self.change = chains[0].continuity_points
        self.steps = 0

    def run(self, *, limit: int, weight: int = 16, ceiling: int = INF, only: int | None = None) -> JointAnswer:
        """A cheapest plan below `ceiling`, or what `limit` steps have proven; on one start day if it is named."""
        self.heap: list[tuple] = []
        self.serial, self.weight, self.ceiling = 0, weight, ceiling
        self.closed: dict[tuple, list[Label]] = {}
        self.leaky = False
        for day in self.start_days if only is None else [only]:
            cost = START_POINTS * max(day - self.earliest, 0)
            quick = [quick_bound(chain, day, self.horizon) for chain in self.chains]
            if max(quick) < INF:
                self._push(cost + max(quick), cost, -2, ("quick", day, cost))
        end = self.steps + limit
        while self.heap:
            self.steps += 1
            if self.steps > end or (self.steps % 32 == 0 and self.out_of_time()):
                return JointAnswer(None, min(entry[3] for entry in self.heap))
            _, _, _, bound, entry = heapq.heappop(self.heap)
            if entry[0] in ("quick", "tables"):
                self._open_day(entry)
                continue
            label = self._follow(bound, entry)
            if label is None:
                continue
            if self._is_whole(label.node):
                return JointAnswer(label.cost, label.cost if weight == 16 and not self.leaky else 0, self._path(label))
            self._extend(label, entry[1])
        return JointAnswer(None, 0 if self.leaky else min(self.ceiling, INF))

    def likely_days(self) -> list[int]:
        """The start days on which each track alone has a plan, the one with the least bound first."""
        rated = []
        for day in self.start_days:
            if day not in self.joints:
                self.joints[day] = Joint(self.chains, self.links, day, self.horizon, self.days, self.out_of_time)
            bound = self.joints[day].bound()
            if bound < INF:
                rated.append((START_POINTS * max(day - self.earliest, 0) + bound, day))
        return [day for _, day in sorted(rated)]

    def _push(self, bound: int, cost: int, depth: int, entry: tuple) -> None:
        if bound < self.ceiling:
            self.serial += 1
            key = bound if self.weight == 16 else cost * 16 + (bound - cost) * self.weight
            heapq.heappush(self.heap, (key, -depth, self.serial, bound, entry))

    def _is_whole(self, node: Node) -> bool:
        return all(node.placed[i] == len(chain.steps) for i, chain in enumerate(self.chains))

    def _open_day(self, entry: tuple) -> None:
        """Open a start day in two steps: the bounds of its tracks alone, then those of their shared calendar."""
        kind, day, cost = entry
        if day not in self.joints:
            self.joints[day] = Joint(self.chains, self.links, day, self.horizon, self.days, self.out_of_time)
        joint = self.joints[day]
        if not joint.possible:
            return
        if kind == "quick":
            self._push(cost + joint.bound(), cost, -1, ("tables", day, cost))
            return
        if joint.root is None or joint.ceiling < self.ceiling - cost:
            joint.build(self.ceiling - cost if self.ceiling < INF else INF)
        if not joint.complete:
            self.leaky = True
            return
        root = joint.root
        if root is None or min(root.value) >= INF:
            return
        self._extend(self._first_label(joint, root, cost), joint)

    def _first_label(self, joint: Joint, root: Node, cost: int) -> Label:
        treats, resources, earliest, points = [], [], [], 0
        for i, chain in enumerate(self.chains):
            head = chain.steps[: root.placed[i]]
            last = head[-1].given if head else None
            treats.append(last.second + head[-1].lead if last is not None else -INF)
            resources.append(last.resource if last is not None else 0)
            dates: tuple[int, ...] = ()
            for k, step in enumerate(head):
                if step.given is None:
                    continue
                dates = self._dates_after(i, k, dates, step.given.day)
                before = head[k - 1].given if k else None
                if before is not None:
                    points += joint.tables[i].edge(k, step.given.day - before.day)
                    points += step_back(self.change, before.resource, step.given.resource)
            earliest.append(dates)
        points += LENGTH_POINTS * max(joint.last_given - joint.start_day, 0)
        ends = tuple(-INF for _ in self.chains)
        owed = self.links.owed_at_first(root.asked)
        return Label(cost + points, root, tuple(treats), ends, tuple(resources), tuple(earliest), owed, (), None)

    def _extend(self, label: Label, joint: Joint) -> None:
        """Offer every next date with the tracks that have a session on it and the resource of the led track."""
        led = self.days.led
        ways: list[tuple[int, int, Way, int]] = []
        for number, way in enumerate(label.node.ways):
            if any(
                label.earliest[i] and way.day < label.earliest[i][0] and self._step(label, i).given is None
                for i in way.tracks
            ):
                continue
            base = label.cost + way.points
            if led in way.tracks:
                for r, value in enumerate(way.least):
                    if value < INF:
                        ways.append((base + value + step_back(self.change, label.resources[led], r), number, way, r))
            else:
                value = way.least[label.resources[led]]
                if value < INF:
                    ways.append((base + value, number, way, 0))
        ways.sort(key=lambda way: (way[0], way[1], way[3]))
        if ways:
            self._push(ways[0][0], label.cost, sum(label.node.placed), ("way", joint, label, ways, 0, 0, False, False))

    def _step(self, label: Label, track: int) -> Step:
        return self.chains[track].steps[label.node.placed[track]]

    def _follow(self, bound: int, entry: tuple) -> Label | None:
        _, joint, label, ways, at, position, opened, alone = entry
        depth = sum(label.node.placed)
        if not opened and at + 1 < len(ways):
            self._push(ways[at + 1][0], label.cost, depth, ("way", joint, label, ways, at + 1, 0, False, False))
        _, _, way, led = ways[at]
        steps = tuple(self._step(label, i) for i in way.tracks)
        choices = self.days.choices(way.day, way.tracks, steps, way.limits, led, position)
        rest = way.node.value[led if self.days.led in way.tracks else label.resources[self.days.led]]
        base = label.cost + way.points
        made = None
        while position < len(choices) and choices[position] != END:
            points, chosen = choices[position]
            here = base + points + sum(step_back(self.change, label.resources[i], r) for i, _, r in chosen)
            if not alone:
                floor = base + points + rest
                if floor > bound:
                    self._push(floor, base + points, depth, ("way", joint, label, ways, at, position, True, False))
                    return None
            made = self._label(label, way, steps, chosen, here)
            if made is not None:
                break
            if alone:
                return None
            position += 1
            choices = self.days.choices(way.day, way.tracks, steps, way.limits, led, position)
        if made is None:
            return None
        if not alone:
            self._push(bound, made.cost, depth, ("way", joint, label, ways, at, position + 1, True, False))
        if made.cost + rest > bound:
            self._push(made.cost + rest, made.cost, depth, ("way", joint, label, ways, at, position, True, True))
            return None
        return made if self._is_new(made, joint) else None

    def _label(
        self, label: Label, way: Way, steps: tuple[Step, ...], chosen: tuple[tuple[int, int, int], ...], cost: int
    ) -> Label | None:
        """The label after a date's sessions, None where a gap or a link is broken."""
        treats, ends, resources = list(label.treats), list(label.ends), list(label.resources)
        earliest, events = list(label.earliest), []
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
            earliest[i] = self._dates_after(i, k, label.earliest[i], way.day)
        if not self.links.keeps(label.node.placed, label.ends, events):
            return None
        owed = self.links.owed_after(label.owed, label.node.placed, way.day, events)
        if owed is None:
            return None
        return Label(cost, way.node, tuple(treats), tuple(ends), tuple(resources), tuple(earliest), owed, chosen, label)

    def _dates_after(self, track: int, k: int, held: tuple[int, ...], day: int) -> tuple[int, ...]:
        """Rule 4's max_in: the first dates that the sessions after session k (from 0) of a track may have."""
        keep, steps = self.keep[track][k], self.chains[track].steps
        out = []
        for ahead in range(1, keep + 1):
            least = held[ahead] if ahead < len(held) else 0
            follow = steps[k + ahead]
            if follow.max_in is not None and follow.max_in[0] == ahead and follow.given is None:
                least = max(least, day + follow.max_in[1])
            out.append(least if least > day + ahead else 0)
        while out and not out[-1]:
            out.pop()
        return tuple(out)

    def _is_new(self, label: Label, joint: Joint) -> bool:
        if self._is_whole(label.node):
            return not label.owed
        key = (id(label.node), label.resources, label.earliest)
        held = self.closed.setdefault(key, [])
        if any(self._covers(other, label, joint) for other in held):
            return False
        held.append(label)
        return True

    def _covers(self, one: Label, other: Label, joint: Joint) -> bool:
        """Whether every way on from `other` is open to `one` too."""
        if one.owed != other.owed:
            return False
        node = one.node
        for i, chain in enumerate(self.chains):
            if node.placed[i] == len(chain.steps):
                continue
            follow = chain.steps[node.placed[i]]
            if one.treats[i] != other.treats[i] and node.placed[i]:
                a = (one.treats[i] + follow.least, one.treats[i] + follow.most)
                b = (other.treats[i] + follow.least, other.treats[i] + follow.most)
                if not self._reaches(joint, i, node, a, b, 1):
                    return False
        for tie in self.links.ties:
            if tie.type in ("at_least", "apart") or one.ends[tie.after] == other.ends[tie.after]:
                continue
            if node.placed[tie.track] == len(self.chains[tie.track].steps):
                continue
            if tie.type == "clear":
                if one.ends[tie.after] + tie.low < self.links.line.midnight(node.day + 1) * 60:
                    continue
                if one.ends[tie.after] > other.ends[tie.after]:
                    return False
                continue
            a = (one.ends[tie.after] + tie.low, one.ends[tie.after] + tie.high)
            b = (other.ends[tie.after] + tie.low, other.ends[tie.after] + tie.high)
            if not self._reaches(joint, tie.track, node, a, b, 99):
                return False
        return True

    def _reaches(
        self, joint: Joint, track: int, node: Node, a: tuple[int, int], b: tuple[int, int], ahead: int
    ) -> bool:
        """Whether no start of the track's next sessions after the node's date lies in `b` and not in `a`."""
        missed = [(b[0], min(b[1], a[0] - 1)), (max(b[0], a[1] + 1), b[1])]
        spans = [(low, high) for low, high in missed if low <= high]
        if not spans:
            return True
        chain = self.chains[track]
        first = node.placed[track]
        for k in range(first, min(first + ahead, len(chain.steps))):
            for day in joint.tables[track].days[k]:
                if day <= node.day:
                    continue
                if any(chain.meets(chain.steps[k], day, low, high) for low, high in spans):
                    return False
            if joint.tables[track].days[k] and chain.reach(chain.steps[k], joint.tables[track].days[k][0])[0] > max(
                high for _, high in spans
            ):
                break
        return True

    def _path(self, label: Label) -> tuple[tuple[int, int, int, int], ...]:
        out = []
        here: Label | None = label
        while here is not None:
            out += [(i, here.node.placed[i], index, r) for i, index, r in here.chosen]
            here = here.before
        return tuple(sorted(out))
