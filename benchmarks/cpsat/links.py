"""Rules 5 and 8 as CP-SAT constraints between the tracks of a course."""

from __future__ import annotations

import math
from datetime import timedelta

from ortools.sat.python import cp_model

from scheduling.engine import Link

from .placement import Literal, Placement, begins_after, keep_between, rest_range
from .track import FAR, TrackModel


class LinkModel:
    def __init__(self, model: cp_model.CpModel, tracks: dict[str, TrackModel]) -> None:
        self.model, self.tracks = model, tracks
        self._before: dict[tuple[int, int], Literal] = {}
        some = next(iter(tracks.values()))
        self.now = some.problem.now
        self.calendar = some.calendar
        names = list(tracks)
        for at, one in enumerate(names):
            for two in names[at + 1 :]:
                self._keep_apart_in_time(one, two)
        ties = {
            "window": self._window,
            "at_least": self._at_least,
            "sequence": self._sequence,
            "clear": self._clear,
            "apart": self._apart,
        }
        for link in some.protocol.links:
            ties[link.type](link)

    def _places(self, track: str | None) -> list[Placement]:
        return [place for _, place in sorted(self.tracks[track or ""].places.items())]

    def is_before(self, one: Placement, two: Placement) -> Literal:
        """Whether, of two visits on one date, the one ends before the other begins; a literal shared by all rules."""
        key = id(one), id(two)
        if (id(two), id(one)) in self._before:
            return ~self._before[id(two), id(one)]
        if key not in self._before:
            literal = self.model.new_bool_var("")
            both = [one.used, two.used]
            begins_after(self.model, one, two, one.visit.minutes, [*both, literal])
            begins_after(self.model, two, one, two.visit.minutes, [*both, ~literal])
            self._before[key] = literal
        return self._before[key]

    def _keep_apart_in_time(self, one: str, two: str) -> None:
        for p in self._places(one):
            for q in self._places(two):
                if p.day == q.day and not (p.is_given and q.is_given):
                    self.is_before(p, q)

    def _keep_rest(self, p: Placement, q: Placement, low: int, high: int, when: list[Literal]) -> None:
        """From the end of the treatment of `p` to the start of that of `q`, `low` to `high` minutes."""
        least, most = rest_range(p, q)
        lead = q.visit.treatment[0] - p.visit.treatment[1]
        bounds = low - lead if least < low else None, high - lead if most > high else None
        keep_between(self.model, p, q, *bounds, when)

    def _limits(self, link: Link) -> tuple[int, int]:
        low = math.ceil((link.min_hours or 0) * 60 - 1e-6)
        return low, FAR if link.max_hours is None else math.floor(link.max_hours * 60 + 1e-6)

    def _window(self, link: Link) -> None:
        """Each session of `track` picks the latest session of `after` before it."""
        low, high = self._limits(link)
        others = self._places(link.after)
        for q in self._places(link.track):
            picks: list[tuple[Placement | None, Literal]] = []
            for p in others:
                least, most = rest_range(p, q)
                excused = p.is_given and q.is_given and most >= 0
                if p.day <= q.day and (excused or (most >= low and least <= high)):
                    pick = self.model.new_bool_var("")
                    self.model.add_implication(pick, p.used)
                    if not excused:
                        self._keep_rest(p, q, low, high, [pick])
                    picks.append((p, pick))
            if q.is_given:
                picks.append((None, self.model.new_bool_var("")))
            self.model.add(sum(pick for _, pick in picks) == q.used)
            self._is_latest(q, others, picks)

    def _is_latest(self, q: Placement, others: list[Placement], picks: list[tuple[Placement | None, Literal]]) -> None:
        for r in others:
            if r.day > q.day:
                continue
            earlier = [pick for p, pick in picks if p is None or p.day < r.day]
            if r.day < q.day:
                self.model.add(sum(earlier) + r.used <= 1)
            elif rest_range(r, q)[1] >= 0:
                for p, pick in picks:
                    if p is None or p.day < r.day:
                        self._keep_rest(r, q, -FAR, -1, [pick, r.used])

    def _at_least(self, link: Link) -> None:
        low, high = self._limits(link)
        inner = self._places(link.track)
        for p in self._places(link.after):
            begun = False
            if p.is_given and self.now is not None:
                end = self.calendar.instant(p.low + p.visit.treatment[1])
                begun = end + timedelta(hours=link.min_hours or 0) < self.now
            if p.is_given and (begun or all(step.given for step in self.tracks[link.track or ""].steps)):
                continue
            counted: list[Literal] = []
            for q in inner:
                least, most = rest_range(p, q)
                if most < low or least > high:
                    continue
                if least >= low and most <= high:
                    counted.append(q.used)
                    continue
                pick = self.model.new_bool_var("")
                self.model.add_implication(pick, q.used)
                self._keep_rest(p, q, low, high, [pick, p.used])
                counted.append(pick)
            self.model.add(sum(counted) >= (link.count or 0) * p.used)

    def _sequence(self, link: Link) -> None:
        low, high = self._limits(link)
        first, last = self.tracks[link.track or ""], self.tracks[link.after or ""]
        begins, ends = first.steps[0], last.steps[-1]
        if begins.given is not None and ends.given is not None:
            return
        for day in last.dates[ends.number]:
            p, here = last.place(ends, day), last.x[ends.number, day]
            barred = []
            for after in first.dates[begins.number]:
                q, there = first.place(begins, after), first.x[begins.number, after]
                least, most = rest_range(p, q)
                if most < low or least > high:
                    barred.append(there)
                else:
                    self._keep_rest(p, q, low, high, [here, there])
            if barred:
                self.model.add(sum(barred) + here <= 1)

    def _clear(self, link: Link) -> None:
        hours = math.ceil((link.hours or 0) * 60 - 1e-6)
        for p in self._places(link.after):
            for q in self._places(link.track):
                least, most = rest_range(p, q)
                if q.day < p.day or least >= hours or most < 0 or (p.is_given and q.is_given):
                    continue
                both = [p.used, q.used]
                if q.day > p.day:
                    if most < hours:
                        self.model.add_at_most_one(both)
                    else:
                        self._keep_rest(p, q, hours, FAR, both)
                    continue
                order = self.is_before(p, q)
                self._keep_rest(p, q, hours, FAR, [*both, order])
                self._keep_rest(p, q, -FAR, -1, [*both, ~order])

    def _apart(self, link: Link) -> None:
        one, two = link.tracks or ("", "")
        for p in self._places(one):
            for q in self._places(two):
                if p.day == q.day and not (p.is_given and q.is_given):
                    self.model.add_at_most_one([p.used, q.used])
