"""All legal plans of a tiny problem, found by trying: shares no line with the engine.

Works on the problem's document. Calendar, openings and links come from the independent judge; the rest is written down
again here, as plainly as it can be. What it finds is judged once more, whole, by `best_plan` and `all_plans`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from .judging import VERIFY as J

FAR = 10**15
UNPLANNED = 1_000_000


@dataclass(frozen=True)
class Spot:
    """A session at one start on one choice of seats."""

    key: tuple[str, int]
    begin: datetime
    end: datetime
    treat: datetime
    treated: datetime
    day: date
    holds: tuple[dict[str, Any], ...]
    taken: tuple[tuple[tuple[str, int], datetime, datetime], ...] = ()
    cost: int = 0
    given: bool = False


class TooLarge(Exception):
    """The problem is not as tiny as it was meant to be."""


@dataclass
class Trial:
    """One course of a document, tried against its bookings and all locked sessions."""

    document: dict[str, Any]
    course: dict[str, Any]
    limit: float = float("inf")
    """Plans that cost this or more are left out."""
    found: list[tuple[int, list[Spot]]] = field(default_factory=list)
    only_best: bool = True
    most: int = 200_000
    """Raises TooLarge after so many tries."""
    tries: int = 0

    def __post_init__(self) -> None:
        self.site = J.Site(self.document)
        self.protocol = self.document["protocols"][self.course["protocol"]]
        self.visits = J.visits_of(self.protocol)
        self.locked = {(s["track"], s["number"]): s for s in self.course.get("locked", [])}
        self.current = {(s["track"], s["number"]): s for s in self.course.get("current", [])}
        self.resources = {r["id"]: r for r in self.document["resources"]}
        self.now = J.instant(self.document["now"]) if "now" in self.document else None
        self.busy = self._busy()
        self.spots: dict[tuple[Any, date], list[Spot]] = {}
        self.keys: list[tuple[str, int]] = []
        self.slot: dict[tuple[str, int], Any] = {}
        self.tracks = {t["name"]: t for t in self.protocol["tracks"]}
        for track in self.protocol["tracks"]:
            for number, index, offset, length, _ in J.sessions_of(track):
                key = (track["name"], number)
                self.keys.append(key)
                self.slot[key] = (track["phases"][index], index, track.get("first_day", 0) + offset, length)
        self.first = self.keys[0]
        self.free = [key for key in self.keys if key not in self.locked]
        self.counted = [key for key in self.free if "max_in" in self.slot[key][0]]

    def _busy(self) -> dict[tuple[str, int], list[tuple[datetime, datetime]]]:
        out: dict[tuple[str, int], list[tuple[datetime, datetime]]] = {}
        for b in self.document.get("bookings", []):
            out.setdefault((b["resource"], b["seat"]), []).append((J.instant(b["start"]), J.instant(b["end"])))
        for course in self.document["courses"]:
            visits = J.visits_of(self.document["protocols"][course["protocol"]])
            for s in course.get("locked", []):
                for seat, a, b in self.seat_time(visits[s["track"], s["number"]], J.instant(s["start"]), s["holds"]):
                    out.setdefault(seat, []).append((a, b))
        return out

    @staticmethod
    def seat_time(visit, begin, holds):
        if len(visit["holds"]) != len(holds):
            return ()
        return tuple(
            (
                (got["resource"], got["seat"]),
                begin + timedelta(minutes=need["from"]),
                begin + timedelta(minutes=need["to"]),
            )
            for need, got in zip(visit["holds"], holds, strict=True)
        )

    # What one session may have, for itself

    def spots_on(self, key: tuple[str, int], day: date) -> list[Spot]:
        if (key, day) not in self.spots:
            self.spots[key, day] = [spot for begin in self._starts(key, day) for spot in self._seated(key, day, begin)]
        return self.spots[key, day]

    def grid_starts(self, day: date) -> list[datetime]:
        """Half an hour divides every offset and grid that the tiny problems have."""
        begin, stop = self.site.at(day, 0), self.site.at(day, 1440)
        every = [begin + timedelta(minutes=30) * i for i in range(int((stop - begin) / timedelta(minutes=30)))]
        walls = [(moment, self.site.local(moment)) for moment in every]
        return [moment for moment, w in walls if (w.hour * 60 + w.minute) % self.site.grid == 0 and w.second == 0]

    def _starts(self, key, day):
        """Grid starts on a date at which the site is open and the patient can come."""
        length = timedelta(minutes=self.visits[key]["minutes"])
        opened, can_come = self.site.open_spans(day), self.site.patient_spans(self.course, day)
        for begin in self.grid_starts(day):
            late = self.now is None or begin >= self.now
            if late and J.within(opened, begin, begin + length) and J.within(can_come, begin, begin + length):
                yield begin

    def _seated(self, key, day, begin):
        needs = self.visits[key]["holds"]
        here = self.site.local(begin)
        cost = abs(here.hour * 60 + here.minute - J.minutes(self.course["preferred_time"])) // self.site.grid
        if key in self.current:
            was = J.instant(self.current[key]["start"])
            cost += 0 if was == begin else 1000 if self.site.local(was).date() == day else 1200
        choices = [self._seats(need, begin) for need in needs]
        for combo in itertools.product(*choices):
            if any("same_as" in n and combo[n["same_as"]] != c for n, c in zip(needs, combo, strict=True)):
                continue
            holds = tuple({"kind": n["kind"], "resource": r, "seat": s} for n, (r, s) in zip(needs, combo, strict=True))
            taken = self.seat_time(self.visits[key], begin, holds)
            if not any(clash([x], [y]) for x, y in itertools.combinations(taken, 2)):
                yield self.spot(key, begin, holds, taken=taken, cost=cost)

    def _seats(self, need, begin):
        a, b = begin + timedelta(minutes=need["from"]), begin + timedelta(minutes=need["to"])
        day, out = self.site.local(a).date(), []
        for r in self.document["resources"]:
            if r["kind"] != need["kind"] or ("skill" in need and need["skill"] not in r.get("skills", [])):
                continue
            away = [(J.instant(x), J.instant(y)) for x, y in r.get("unavailable", [])]
            if not J.within(self.site.resource_spans(r, day), a, b) or J.overlaps(away, a, b):
                continue
            for seat in range(r.get("seats", 1)):
                if not J.overlaps(self.busy.get((r["id"], seat), []), a, b):
                    out.append((r["id"], seat))
        return out

    # Whole plans

    def given(self) -> list[Spot]:
        """The locked sessions; their seats are among the busy ones."""
        begins = {key: J.instant(s["start"]) for key, s in self.locked.items()}
        return [self.spot(key, begins[key], tuple(s["holds"]), given=True) for key, s in self.locked.items()]

    def spot(self, key, begin, holds, **more):
        visit = self.visits[key]
        end, treat, treated = (begin + timedelta(minutes=m) for m in (visit["minutes"], *visit["treatment"]))
        return Spot(key, begin, end, treat, treated, self.site.local(begin).date(), holds, **more)

    def run(self) -> Trial:
        placed = {spot.key: spot for spot in self.given()}
        earliest = date.fromisoformat(self.course["earliest_start"])
        latest = date.fromisoformat(self.course["latest_start"])
        days = [earliest + timedelta(days=i) for i in range((latest - earliest).days + 1)]
        if self.first in self.locked:
            days = [placed[self.first].day]
        for start in days:
            self._from(start, earliest, dict(placed))
        return self

    def _from(self, start, earliest, placed):
        horizon = date.fromisoformat(self.document["horizon_end"])
        shift = self.course.get("shift_days", 0)
        ways = {}
        for key in self.free:
            _, _, offset, length = self.slot[key]
            low = start + timedelta(days=offset + shift)
            days = [low + timedelta(days=i) for i in range(length)]
            days = [d for d in days if start <= d <= horizon and (key != self.first or d == start)]
            # The cheap ones first, so that a good plan soon cuts the others short.
            ways[key] = sorted((spot for d in days for spot in self.spots_on(key, d)), key=lambda spot: spot.cost)
        # The links look at whole tracks: those that others come after are placed first.
        after = {link.get("after") for link in self.protocol.get("links", [])}
        order = sorted(self.free, key=lambda key: (key[0] not in after, self.keys.index(key)))
        least = [min((s.cost for s in ways[key]), default=FAR) for key in order]
        rest = [sum(least[i:]) for i in range(len(order) + 1)]
        base = 10 * max(0, (start - earliest).days)
        for (name, number), spot in placed.items():
            base += self._between(placed.get((name, number - 1)), spot)
        if rest[0] < FAR:
            self._place(0, order, ways, rest, placed, base, start)

    def _place(self, at, order, ways, rest, placed, spent, start):
        self.tries += 1
        if self.tries > self.most:
            raise TooLarge
        length = 4 * (max([s.day for s in placed.values()], default=start) - start).days
        if spent + length + rest[at] >= self.limit:
            return
        if at == len(order):
            total = spent + length
            if self._links_kept(placed, whole=True):
                self.found.append((total, [placed[key] for key in self.keys]))
                if self.only_best:
                    self.limit = total
            return
        key = order[at]
        for spot in ways[key]:
            if not self._fits(spot, placed):
                continue
            more = self._added(spot, placed)
            placed[key] = spot
            if self._links_kept(placed, whole=False):
                self._place(at + 1, order, ways, rest, placed, spent + spot.cost + more, start)
            del placed[key]

    def _fits(self, spot, placed):
        name, number = spot.key
        for other in placed.values():
            if spot.begin < other.end and other.begin < spot.end:
                return False
            if clash(spot.taken, other.taken):
                return False
        before, follow = placed.get((name, number - 1)), placed.get((name, number + 1))
        if before and not self._gap_kept(before, spot):
            return False
        if follow and not self._gap_kept(spot, follow):
            return False
        for key in self.counted:
            other = spot if key == spot.key else placed.get(key)
            count, days = self.slot[key][0]["max_in"]
            early = (name, key[1] - count)
            if key[0] != name or other is None or spot.key not in (key, early) or key[1] <= count:
                continue
            first = spot if early == spot.key else placed.get(early)
            if first is not None and (other.day - first.day).days < days:
                return False
        return True

    def _gap_kept(self, before, spot):
        phase = self.slot[spot.key][0]
        gap = (spot.treat - before.treat).total_seconds() / 3600
        resumed = "shift_days" in self.course and before.given
        most = float("inf") if resumed else phase.get("max_gap_hours", float("inf"))
        return before.day < spot.day and phase["min_gap_hours"] <= gap <= most

    def _links_kept(self, placed, *, whole):
        if not self.protocol.get("links"):
            return True
        treat = {k: s.treat for k, s in placed.items()}
        treated = {k: s.treated for k, s in placed.items()}
        day = {k: s.day for k, s in placed.items()}
        done = {name for name in self.tracks if all(key in placed for key in self.keys if key[0] == name)}
        for link in self.protocol.get("links", []):
            asked = set(link.get("tracks") or (link["track"], link["after"]))
            ready = asked <= done
            if link["type"] in ("apart", "clear"):
                ready = True
            elif link["type"] == "window":
                ready = link["after"] in done
            if (whole or ready) and J.broken_link(link, placed, self.locked, treat, treated, day, self.now):
                return False
        return True

    def _between(self, before, spot):
        """What two neighbours of a track cost together: spread and continuity."""
        if before is None or spot is None:
            return 0
        phase, index, *_ = self.slot[spot.key]
        total = 0
        if self.slot[before.key][1] == index and phase["per_period"] in (1, 2, 3):
            total += 3 * abs(phase["per_period"] * (spot.day - before.day).days - phase["period_days"])
        kind = self.tracks[spot.key[0]].get("continuity")
        if kind is not None:
            one, two = (J.first_of(kind, self.visits[s.key], {"holds": s.holds}) for s in (before, spot))
            total += 8 * (None not in (one, two) and one != two)
        return total

    def _added(self, spot, placed):
        name, number = spot.key
        return self._between(placed.get((name, number - 1)), spot) + self._between(spot, placed.get((name, number + 1)))


def holds_of(kinds, seats):
    return tuple({"kind": k, "resource": r, "seat": n} for k, (r, n) in zip(kinds, seats, strict=True))


def clash(some, others):
    return any(x == y and a < d and c < b for x, a, b in some for y, c, d in others)


def answer_of(document, course_id, plan):
    """One planned course as a result has it."""
    zone = J.Site(document).zone
    cost, spots = plan
    sessions = [
        {
            "track": s.key[0],
            "number": s.key[1],
            "start": s.begin.astimezone(zone).isoformat(),
            "holds": list(s.holds),
        }
        for s in spots
    ]
    return {"id": course_id, "status": "planned", "cost": cost, "optimal": True, "sessions": sessions}


def best_plan(document: dict[str, Any], most: int = 200_000) -> dict[str, Any] | None:
    """The best of all plans of the only course as a result has it, None where there is none."""
    (course,) = document["courses"]
    found = Trial(document, course, most=most).run().found
    if not found:
        return None
    answer = answer_of(document, course["id"], found[-1])
    verdict = J.judge(document, {"format": "course-planning-result/1", "courses": [answer]})
    assert (verdict["violations"], verdict["cost"]) == ([], answer["cost"])
    return answer


def all_plans(document: dict[str, Any], course: dict[str, Any]) -> list[tuple[int, list[Spot]]]:
    """Every legal plan of one course as if the others had their locked sessions only, the cheapest first."""
    return sorted(Trial(document, course, only_best=False).run().found, key=lambda plan: plan[0])


def seat_time(document, answer):
    """The seats that a planned answer takes, what is locked apart."""
    if answer["status"] != "planned":
        return []
    course = next(c for c in document["courses"] if c["id"] == answer["id"])
    visits = J.visits_of(document["protocols"][course["protocol"]])
    locked = {(s["track"], s["number"]) for s in course.get("locked", [])}
    return [
        entry
        for s in answer["sessions"]
        if (s["track"], s["number"]) not in locked
        for entry in Trial.seat_time(visits[s["track"], s["number"]], J.instant(s["start"]), s["holds"])
    ]


def best_together(ways: list[list[tuple[int, list[Spot]]]]) -> int:
    """The least cost of one plan or none for each course, no two on one seat; `ways` come cheapest first."""
    least = [min([cost for cost, _ in plans[:1]] + [UNPLANNED]) for plans in ways]
    best = UNPLANNED * len(ways)

    def choose(at: int, cost: int, held: list[Any]) -> None:
        nonlocal best
        if cost + sum(least[at:]) >= best:
            return
        if at == len(ways):
            best = cost
            return
        for own, spots in ways[at]:
            taken = [entry for spot in spots for entry in spot.taken]
            if not clash(taken, held):
                choose(at + 1, cost + own, held + taken)
        choose(at + 1, cost + UNPLANNED, held)

    choose(0, 0, [])
    return best


def every_combination(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Results with each free session of the only course at every grid start of every date, on all seats of the kinds.

    No rule is looked at: what is legal among them, the judge says.
    """
    (course,) = document["courses"]
    trial = Trial(document, course)
    first = date.fromisoformat(course["earliest_start"])
    dates = (date.fromisoformat(document["horizon_end"]) - first).days + 1
    ways: list[list[Spot]] = [[spot] for spot in trial.given()]
    for key in trial.free:
        seats = [
            [(r["id"], seat) for r in document["resources"] for seat in range(r.get("seats", 1))]
            for _ in trial.visits[key]["holds"]
        ]
        kinds = [hold["kind"] for hold in trial.visits[key]["holds"]]
        starts = [s for i in range(dates) for s in trial.grid_starts(first + timedelta(days=i))]
        ways.append([trial.spot(key, s, holds_of(kinds, c)) for s in starts for c in itertools.product(*seats)])
    if math.prod(map(len, ways)) > 1_500:
        raise TooLarge
    for combo in itertools.product(*ways):
        yield {"format": "course-planning-result/1", "courses": [answer_of(document, course["id"], (0, combo))]}
