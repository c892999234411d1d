"""A treatment's shape: visits with their holds, tracks of numbered sessions, links between tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .faults import FormatError, named, need_at_most, need_distinct, need_hours, need_int, need_text, need_tuple, shown

LINK_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "window": ({"track", "after", "min_hours", "max_hours"}, set()),
    "at_least": ({"track", "after", "min_hours", "max_hours", "count"}, set()),
    "sequence": ({"track", "after", "min_hours"}, {"max_hours"}),
    "clear": ({"track", "after", "hours"}, set()),
    "apart": ({"tracks"}, set()),
}
"""By link type: the fields it needs, and those it may have."""

MAX_SESSIONS = 2000
MAX_DAYS = 4000
MAX_HOLDS = 100
MAX_TRACKS = 20
MAX_LINKS = 100


@dataclass(frozen=True, slots=True)
class HoldNeed:
    """One seat of a `kind`, from `begin` to `end` minutes after the visit's start (`from` and `to` in the document).

    `same_as` is the index of an earlier hold of the visit that has the same seat.
    """

    kind: str
    begin: int
    end: int
    skill: str | None = None
    same_as: int | None = None

    def __post_init__(self) -> None:
        need_text("kind", self.kind)
        need_int("from", self.begin, 0, 100_000)
        need_int("to", self.end, 0, 100_000)
        if self.begin >= self.end:
            raise FormatError("to", f"must lie after from ({self.begin}), not {self.end}")
        if self.skill is not None:
            need_text("skill", self.skill)
        if self.same_as is not None:
            need_int("same_as", self.same_as, 0)


@dataclass(frozen=True)
class Visit:
    """A visit of `minutes`; the treatment itself is given in the minutes `treatment` = (from, to) of it."""

    minutes: int
    treatment: tuple[int, int]
    holds: tuple[HoldNeed, ...] = ()

    def __post_init__(self) -> None:
        need_int("minutes", self.minutes, 1, 100_000)
        need_tuple("treatment", self.treatment)
        if len(self.treatment) != 2:
            raise FormatError("treatment", f"must be two numbers, from and to, not {len(self.treatment)}")
        need_int("treatment[0]", self.treatment[0], 0, self.minutes)
        need_int("treatment[1]", self.treatment[1], self.treatment[0], self.minutes)
        need_tuple("holds", self.holds, HoldNeed)
        need_at_most("holds", self.holds, MAX_HOLDS)
        for index, hold in enumerate(self.holds):
            self._check_twin(index, hold)

    def _check_twin(self, index: int, hold: HoldNeed) -> None:
        if hold.same_as is None:
            return
        field = f"holds[{index}].same_as"
        if hold.same_as >= index:
            raise FormatError(field, f"must be the index of an earlier hold, not {hold.same_as}")
        if self.holds[hold.same_as].kind != hold.kind:
            raise FormatError(field, f"hold {hold.same_as} is of another kind: {shown(self.holds[hold.same_as].kind)}")

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """For each hold, the first hold that has the same seat."""
        roots: list[int] = []
        for index, hold in enumerate(self.holds):
            roots.append(index if hold.same_as is None else roots[hold.same_as])
        return tuple(roots)


@dataclass(frozen=True, slots=True)
class Phase:
    """`periods` periods of `period_days` days with `per_period` sessions each; gaps in elapsed hours."""

    name: str
    periods: int
    period_days: int
    per_period: int
    min_gap_hours: float
    max_gap_hours: float | None = None
    slip_days: int = 0
    max_in: tuple[int, int] | None = None
    visit: str | None = None

    def __post_init__(self) -> None:
        need_text("name", self.name)
        need_int("periods", self.periods, 1, MAX_DAYS)
        need_int("period_days", self.period_days, 1, MAX_DAYS)
        need_int("per_period", self.per_period, 0, MAX_SESSIONS)
        need_hours("min_gap_hours", self.min_gap_hours)
        if self.max_gap_hours is not None:
            need_hours("max_gap_hours", self.max_gap_hours)
        need_int("slip_days", self.slip_days, 0, MAX_DAYS)
        if self.max_in is not None:
            need_tuple("max_in", self.max_in)
            if len(self.max_in) != 2:
                raise FormatError("max_in", f"must be two numbers, count and days, not {len(self.max_in)}")
            need_int("max_in[0]", self.max_in[0], 1)
            need_int("max_in[1]", self.max_in[1], 1, MAX_DAYS)
        if self.visit is not None:
            need_text("visit", self.visit)


@dataclass(frozen=True, slots=True)
class Slot:
    """One numbered session of a track: its phase, its period, and where its window begins and how long it is."""

    number: int
    phase: int
    period: int
    offset: int
    days: int


@dataclass(frozen=True)
class Track:
    """Sessions numbered 1, 2, ... through the phases; `continuity` is a kind that should stay the same resource."""

    name: str
    visit: str
    phases: tuple[Phase, ...]
    first_day: int = 0
    continuity: str | None = None

    def __post_init__(self) -> None:
        need_text("name", self.name)
        need_text("visit", self.visit)
        need_tuple("phases", self.phases, Phase)
        if not self.phases:
            raise FormatError("phases", "must name at least one phase")
        need_int("first_day", self.first_day, 0, MAX_DAYS)
        if self.continuity is not None:
            need_text("continuity", self.continuity)
        if not 1 <= self.sessions <= MAX_SESSIONS:
            raise FormatError("phases", f"must hold 1 to {MAX_SESSIONS} sessions, not {self.sessions}")
        days = sum(phase.periods * phase.period_days for phase in self.phases)
        if days > MAX_DAYS:
            raise FormatError("phases", f"must last at most {MAX_DAYS} days, not {days}")

    @property
    def sessions(self) -> int:
        return sum(phase.periods * phase.per_period for phase in self.phases)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Every session of the track by number (rule 1)."""
        out: list[Slot] = []
        offset = 0
        for index, phase in enumerate(self.phases):
            for period in range(phase.periods):
                for _ in range(phase.per_period):
                    out.append(Slot(len(out) + 1, index, period, offset, phase.period_days + phase.slip_days))
                offset += phase.period_days
        return tuple(out)

    def visit_of(self, slot: Slot) -> str:
        return self.phases[slot.phase].visit or self.visit


@dataclass(frozen=True, slots=True)
class Link:
    """How two tracks relate; which fields a type has is in LINK_FIELDS."""

    type: str
    track: str | None = None
    after: str | None = None
    min_hours: float | None = None
    max_hours: float | None = None
    count: int | None = None
    hours: float | None = None
    tracks: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.type, str) or self.type not in LINK_FIELDS:
            raise FormatError("type", f"must be one of {', '.join(LINK_FIELDS)}, not {shown(self.type)}")
        needed, allowed = LINK_FIELDS[self.type]
        for field in ("track", "after", "min_hours", "max_hours", "count", "hours", "tracks"):
            value = getattr(self, field)
            if value is None and field in needed:
                raise FormatError(field, f"is missing: a link of type {self.type} needs it")
            if value is not None and field not in needed | allowed:
                raise FormatError(field, f"does not belong to a link of type {self.type}")
        for field in ("min_hours", "max_hours", "hours"):
            if getattr(self, field) is not None:
                need_hours(field, getattr(self, field))
        if self.count is not None:
            need_int("count", self.count, 0)
        self._check_tracks()

    def _check_tracks(self) -> None:
        if self.tracks is None:
            need_text("track", self.track)
            need_text("after", self.after)
            if self.track == self.after:
                raise FormatError("after", f"must be another track than track: {shown(self.after)}")
            return
        need_tuple("tracks", self.tracks)
        for index, name in enumerate(self.tracks):
            need_text(f"tracks[{index}]", name)
        if len(self.tracks) != 2 or self.tracks[0] == self.tracks[1]:
            raise FormatError("tracks", f"must be two different tracks, not {shown(self.tracks)}")

    @property
    def names(self) -> dict[str, str]:
        """The tracks it names, by field."""
        if self.tracks is not None:
            return {"tracks[0]": self.tracks[0], "tracks[1]": self.tracks[1]}
        return {"track": self.track or "", "after": self.after or ""}


@dataclass(frozen=True)
class Protocol:
    """A treatment: visits by name, tracks in order (the first one begins the course), links between them."""

    visits: Mapping[str, Visit]
    tracks: tuple[Track, ...]
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.visits, Mapping):
            raise FormatError("visits", f"must be visits by name, not {shown(self.visits)}")
        for name, visit in self.visits.items():
            if not isinstance(visit, Visit):
                raise FormatError(f"visits.{named(name)}", f"must be a Visit, not {shown(visit)}")
        need_tuple("tracks", self.tracks, Track)
        if not self.tracks:
            raise FormatError("tracks", "must name at least one track")
        need_at_most("tracks", self.tracks, MAX_TRACKS)
        need_tuple("links", self.links, Link)
        need_at_most("links", self.links, MAX_LINKS)
        sessions = sum(track.sessions for track in self.tracks)
        if sessions > MAX_SESSIONS:
            raise FormatError("tracks", f"must hold at most {MAX_SESSIONS} sessions together, not {sessions}")
        need_distinct("tracks", [track.name for track in self.tracks], ".name")
        if self.tracks[0].first_day != 0:
            raise FormatError("tracks[0].first_day", f"must be 0 for the first track, not {self.tracks[0].first_day}")
        self._check_names()

    def _check_names(self) -> None:
        for index, track in enumerate(self.tracks):
            visits = {"visit": track.visit}
            visits |= {f"phases[{i}].visit": p.visit for i, p in enumerate(track.phases) if p.visit is not None}
            for field, name in visits.items():
                if name not in self.visits:
                    raise FormatError(f"tracks[{index}].{field}", f"names no visit of the protocol: {shown(name)}")
        tracks = {track.name for track in self.tracks}
        for index, link in enumerate(self.links):
            for field, name in link.names.items():
                if name not in tracks:
                    raise FormatError(f"links[{index}].{field}", f"names no track of the protocol: {shown(name)}")

    @cached_property
    def by_name(self) -> dict[str, Track]:
        return {track.name: track for track in self.tracks}

    def visit_of(self, track: str, number: int) -> Visit:
        found = self.by_name[track]
        return self.visits[found.visit_of(found.slots[number - 1])]
