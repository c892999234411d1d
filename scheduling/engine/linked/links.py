"""Rule 5 in the search: what links ask of dates (for the bounds) and of instants (for the plan)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ..options import INF, Chain, Step, seconds_at_least, seconds_at_most
from ..problem import Problem
from ..protocol import Link, Protocol
from ..timeline import Timeline

Band = tuple[int, int]
"""First and last second at which a treatment may start."""

NO_BAND: Band = (0, 0)

Asked = tuple[tuple[int, int, int, Band, int], ...]
"""Open questions of `at_least` links: (link, number of the session of `after`, its date, its band, still wanted)."""

Owed = tuple[tuple[int, int, int, int], ...]
"""The same in instants: (link, first second, last second, sessions still wanted)."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A link with its tracks as indices and its hours as whole seconds; `apart` has both tracks and no seconds."""

    type: str
    track: int
    after: int
    low: int
    high: int
    count: int

    @classmethod
    def of(cls, link: Link, protocol: Protocol) -> Tie:
        index = {track.name: i for i, track in enumerate(protocol.tracks)}
        if link.tracks is not None:
            return cls(link.type, index[link.tracks[0]], index[link.tracks[1]], 0, INF, 0)
        low = seconds_at_least((link.hours if link.type == "clear" else link.min_hours) or 0)
        high = INF if link.type == "clear" else seconds_at_most(link.max_hours)
        return cls(link.type, index[link.track or ""], index[link.after or ""], low, high, link.count or 0)


@dataclass(frozen=True, slots=True)
class Event:
    """A session placed on a date: seconds of its treatment, from start to end."""

    track: int
    number: int
    treat: int
    done: int
    given: bool


class Links:
    def __init__(self, problem: Problem, protocol: Protocol, chains: list[Chain], line: Timeline) -> None:
        self.chains, self.line = chains, line
        self.ties = [Tie.of(link, protocol) for link in protocol.links]
        self.now = None if problem.now is None else problem.now.timestamp() - line.base
        self.given = [self._given_ends(chain) for chain in chains]
        self.all_given = [all(step.given is not None for step in chain.steps) for chain in chains]
        self.windows = [tie for tie in self.ties if tie.type == "window" and self.given[tie.track]]
        self._meets: dict[tuple[int, int, int, int, Band], bool] = {}
        self.loose = [self._is_loose(chain) for chain in chains]
        """By track: whether locked sessions are not just its first ones in order of time, so that instants decide."""
        self.measured = [tie.after for kind in ("window", "sequence") for tie in self.ties if tie.type == kind]
        self.traced: int | None = self.measured[0] if self.measured else None
        """The track whose last start the bounds follow to the minute."""
        self.timed = {tie.after for tie in self.ties if tie.type in ("window", "sequence", "at_least")}
        """Tracks whose times of day bind others, so that the bounds may look at them in bands."""

    @property
    def goes_back(self) -> bool:
        """Whether a locked session that is not at its track's head lies before the one before it, by number.

        Nothing judges that pair, but a search date by date never comes to the second one.
        """
        return any(
            before.given.day >= step.given.day
            for chain in self.chains
            for k, (before, step) in enumerate(pairwise(chain.steps), 2)
            if before.given is not None and step.given is not None
            if any(earlier.given is None for earlier in chain.steps[:k])
        )

    @staticmethod
    def _is_loose(chain: Chain) -> bool:
        ends = [s.given.second + s.done for s in chain.steps if s.given is not None]
        head = all(s.given is not None for s in chain.steps[: len(ends)])
        return not head or ends != sorted(ends)

    @staticmethod
    def _given_ends(chain: Chain) -> list[tuple[int, int]]:
        """(end of treatment, start of treatment) of the locked sessions of a track, in order of time."""
        found = [(s.given.second + s.done, s.given.second + s.lead) for s in chain.steps if s.given is not None]
        return sorted(found)

    # Dates

    def allowed(self, tie: Tie, after_number: int, band: Band) -> Band:
        """The seconds at which a treatment may start, low..high after the end of one that starts in a band."""
        step = self.chains[tie.after].steps[after_number - 1]
        length = step.done - step.lead
        return band[0] + length + tie.low, min(band[1] + length + tie.high, INF)

    def _may_meet(self, tie: Tie, number: int, day: int, after_number: int, band: Band) -> bool:
        """Whether some start on a date lies low..high after the end of a treatment that starts in a band."""
        key = (self.ties.index(tie), number, day, after_number, band)
        if key not in self._meets:
            chain = self.chains[tie.track]
            first, last = chain.reach(chain.steps[number - 1], day)
            low, high = self.allowed(tie, after_number, band)
            self._meets[key] = last >= low and first <= high
        return self._meets[key]

    def limit(
        self, placed: tuple[int, ...], bands: tuple[Band, ...], track: int, tracks: tuple[int, ...], day: int
    ) -> Band | None:
        """The seconds that `window` and `sequence` links leave a track's next session on a date, None for any."""
        low, high = -INF, INF
        for tie in self.ties:
            if tie.track != track or tie.after in tracks or self.loose[tie.after] or not placed[tie.after]:
                continue
            if self.chains[track].steps[placed[track]].given is not None:
                continue
            if bands[tie.after][1] >= self.line.midnight(day) * 60:
                continue  # A locked session that lies later: another one may be the latest before this date.
            if tie.type == "window" or (tie.type == "sequence" and not placed[track]):
                one, other = self.allowed(tie, placed[tie.after], bands[tie.after])
                low, high = max(low, one), min(high, other)
        return None if (low, high) == (-INF, INF) else (low, high)

    def asked_at_first(self, placed: tuple[int, ...]) -> Asked:
        """What the locked sessions at the head of each track ask of the sessions to come."""
        out = []
        for index, tie in enumerate(self.ties):
            if tie.type != "at_least" or not tie.count:
                continue
            for number in range(1, placed[tie.after] + 1):
                step = self.chains[tie.after].steps[number - 1]
                if step.given is None or self._is_excused(tie, step):
                    continue
                end = step.given.second + step.done
                inside = sum(
                    tie.low <= s.given.second + s.lead - end <= tie.high
                    for s in self.chains[tie.track].steps[: placed[tie.track]]
                    if s.given is not None
                )
                if inside < tie.count:
                    treat = step.given.second + step.lead
                    out.append((index, number, step.given.day, (treat, treat), tie.count - inside))
        return tuple(out)

    def _is_excused(self, tie: Tie, step: Step) -> bool:
        """Rule 5: an `at_least` window that began before now, or that only locked sessions could fill."""
        if step.given is None:
            return False
        begun = self.now is not None and step.given.second + step.done + tie.low < self.now
        return begun or self.all_given[tie.track]

    def day_allows(
        self,
        placed: tuple[int, ...],
        last: tuple[int, ...],
        day: int,
        tracks: tuple[int, ...],
        bands: tuple[Band, ...],
        here: dict[int, Band],
    ) -> bool:
        """Whether links let sessions of these tracks lie on a date, as far as dates and bands tell.

        `bands` are those of the last sessions before the date, `here` those of the sessions on it.
        """
        return all(self._day_allows(tie, placed, last, day, tracks, bands, here) for tie in self.ties)

    def _day_allows(
        self,
        tie: Tie,
        placed: tuple[int, ...],
        last: tuple[int, ...],
        day: int,
        tracks: tuple[int, ...],
        bands: tuple[Band, ...],
        here: dict[int, Band],
    ) -> bool:
        if tie.track not in tracks or tie.type == "at_least":
            return True
        number, after = placed[tie.track] + 1, placed[tie.after]
        step = self.chains[tie.track].steps[number - 1]
        both = tie.after in tracks
        if step.given is not None:
            return True
        if tie.type == "apart":
            return not both
        if self.loose[tie.after] or (after and last[tie.after] >= day):
            return True  # Locked sessions may lie in any order, and later; the instants decide.
        if tie.type == "clear":
            if not after:
                return True
            before = self.chains[tie.after]
            return self._may_meet(tie, number, day, after, before.reach(before.steps[after - 1], last[tie.after]))
        if tie.type == "sequence":
            if number > 1:
                return True
            if after + both < len(self.chains[tie.after].steps):
                return False
        if both and self._may_meet(tie, number, day, after + 1, here[tie.after]):
            return True
        if both and tie.type == "sequence":
            return False
        return bool(after) and self._may_meet(tie, number, day, after, bands[tie.after])

    def asked_after(
        self, asked: Asked, placed: tuple[int, ...], day: int, tracks: tuple[int, ...], here: dict[int, Band]
    ) -> Asked | None:
        """What `at_least` links ask once these sessions are placed; None where one can no longer be met."""
        if not asked and not any(tie.type == "at_least" and tie.after in tracks for tie in self.ties):
            return asked
        found = list(asked)
        for index, tie in enumerate(self.ties):
            if tie.type == "at_least" and tie.count and tie.after in tracks:
                number = placed[tie.after] + 1
                step = self.chains[tie.after].steps[number - 1]
                if not self._is_excused(tie, step):
                    found.append((index, number, day, here[tie.after], tie.count - self._already(tie, step, day)))
        left = []
        for index, number, on, band, wanted in found:
            tie = self.ties[index]
            if tie.track in tracks and self._may_meet(tie, placed[tie.track] + 1, day, number, band):
                wanted -= 1
            if wanted <= 0:
                continue
            if self.allowed(tie, number, band)[1] < self.line.midnight(day + 1) * 60:
                return None
            left.append((index, number, on, band, wanted))
        return tuple(sorted(left))

    def _already(self, tie: Tie, step: Step, day: int) -> int:
        """Locked sessions at the head of the track that may lie in the window: not seen again as the days pass."""
        count = 0
        for other in self.chains[tie.track].steps:
            if other.given is None:
                break
            count += other.given.day >= day
        return count

    # Instants

    def owed_at_first(self, asked: Asked) -> Owed:
        out = []
        for index, number, _, _, wanted in asked:
            tie = self.ties[index]
            step = self.chains[tie.after].steps[number - 1]
            end = (step.given.second if step.given is not None else 0) + step.done
            out.append((index, end + tie.low, min(end + tie.high, INF), wanted))
        return tuple(sorted(out))

    def keeps(self, placed: tuple[int, ...], ends: tuple[int, ...], events: list[Event]) -> bool:
        """Whether the sessions of one date keep every link to what lies before them and to each other.

        `ends` are the ends of treatment of the last session of each track that is not locked, -INF where none is.
        """
        return self._locked_kept(ends, events) and all(
            self._tie_kept(tie, placed, ends, event, events)
            for tie in self.ties
            for event in events
            if event.track == tie.track or (tie.type == "sequence" and event.track == tie.after)
        )

    def closes(self, ends: tuple[int, ...]) -> bool:
        """Whether the locked sessions under `window` links keep them to the last sessions of a whole plan."""
        return all(self._judged_by(tie, ends[tie.after]) for tie in self.windows)

    def _locked_kept(self, ends: tuple[int, ...], events: list[Event]) -> bool:
        """The same once a later session of `after` is placed: the one before it is the latest for what lies between."""
        return all(
            self._judged_by(tie, ends[tie.after], event.done)
            for tie in self.windows
            for event in events
            if event.track == tie.after and not event.given
        )

    def _judged_by(self, tie: Tie, end: int, next_end: int = INF) -> bool:
        """Whether the locked sessions that have `end` as the latest before them keep a `window` link to it."""
        if end == -INF:
            return True
        for _, treat in self.given[tie.track]:
            latest = end <= treat < next_end and not any(end < given <= treat for given, _ in self.given[tie.after])
            if latest and not tie.low <= treat - end <= tie.high:
                return False
        return True

    def is_yet_to_judge(self, tie: Tie, end: int, other_end: int) -> bool:
        """Whether locked sessions under a `window` link may keep it to the one of two ends and not to the other."""
        return end != other_end and any(treat >= min(end, other_end) for _, treat in self.given[tie.track])

    def _tie_kept(
        self, tie: Tie, placed: tuple[int, ...], ends: tuple[int, ...], event: Event, events: list[Event]
    ) -> bool:
        if tie.type in ("at_least", "apart"):
            return True
        if tie.type == "sequence":
            return self._sequence_kept(tie, placed, ends, event, events)
        if tie.type == "clear" and event.given:
            return all(
                other.track != tie.after or other.given or self._is_clear(tie, other.done, event.treat)
                for other in events
            ) and self._is_clear(tie, ends[tie.after], event.treat)
        last, given = self._latest(tie.after, ends, event, events)
        if tie.type == "clear":
            return last == -INF or event.treat - last >= tie.low
        if last == -INF:
            return event.given
        return (event.given and given) or tie.low <= event.treat - last <= tie.high

    @staticmethod
    def _is_clear(tie: Tie, end: int, treat: int) -> bool:
        return end > treat or treat - end >= tie.low

    def _latest(self, after: int, ends: tuple[int, ...], event: Event, events: list[Event]) -> tuple[int, bool]:
        """The latest end of treatment of a track that is not after an event's start, and whether it is locked."""
        best, locked = (ends[after], False) if ends[after] <= event.treat else (-INF, False)
        for other in events:
            if other.track == after and not other.given and best < other.done <= event.treat:
                best = other.done
        for end, _ in self.given[after]:
            if best < end <= event.treat:
                best, locked = end, True
        return best, locked

    def _sequence_kept(
        self, tie: Tie, placed: tuple[int, ...], ends: tuple[int, ...], event: Event, events: list[Event]
    ) -> bool:
        """Checked when the later placed of the two sessions of the link is placed."""
        first, last = self.chains[tie.track].steps[0], self.chains[tie.after].steps[-1]
        if first.given is not None and last.given is not None:
            return True
        begun = [e.treat for e in events if e.track == tie.track and e.number == 1]
        ended = [e.done for e in events if e.track == tie.after and e.number == last.number]
        if first.given is not None:
            begun = [first.given.second + first.lead]
        if last.given is not None:
            ended = [last.given.second + last.done]
        elif not ended and placed[tie.after] == last.number:
            ended = [ends[tie.after]]
        if not begun:
            return True
        if not ended:
            return first.given is not None
        return tie.low <= begun[0] - ended[0] <= tie.high

    def owed_after(self, owed: Owed, placed: tuple[int, ...], day: int, events: list[Event]) -> Owed | None:
        """What `at_least` links still want after a date; None where one can no longer be met."""
        if not self.ties or (not owed and not any(tie.type == "at_least" for tie in self.ties)):
            return owed
        found = list(owed)
        for event in events:
            for index, tie in enumerate(self.ties):
                if tie.type != "at_least" or not tie.count or event.track != tie.after:
                    continue
                step = self.chains[tie.after].steps[event.number - 1]
                if self._is_excused(tie, step):
                    continue
                low, high = event.done + tie.low, min(event.done + tie.high, INF)
                head = self.chains[tie.track].steps[: placed[tie.track]]
                inside = sum(low <= s.given.second + s.lead <= high for s in head if s.given is not None)
                found.append((index, low, high, tie.count - inside))
        left = []
        next_day = self.line.midnight(day + 1) * 60
        for index, low, high, wanted in found:
            wanted -= sum(e.track == self.ties[index].track and low <= e.treat <= high for e in events)
            if wanted <= 0:
                continue
            if high < next_day:
                return None
            left.append((index, low, high, wanted))
        return tuple(sorted(left))

    def pair_kept(self, one: Event, other: Event) -> bool:
        """Whether two sessions of one date keep the links between them; what lies before them apart."""
        for tie in self.ties:
            if {one.track, other.track} != {tie.track, tie.after} or (one.given and other.given):
                continue
            if tie.type == "apart":
                return False
            event, after = (one, other) if one.track == tie.track else (other, one)
            gap = event.treat - after.done
            if gap < 0:
                continue
            if tie.type == "clear" and gap < tie.low:
                return False
            if tie.type == "window" and not tie.low <= gap <= tie.high:
                return False
        return True
