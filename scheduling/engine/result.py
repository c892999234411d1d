"""What `plan` answers and what `check` finds."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime

from .faults import FormatError, fixed_offset, need_date, need_instant, need_int, need_text, need_tuple, shown
from .problem import WEEKDAYS, PlacedSession
from .refusal.reason import Obstacle

PLANNED, INFEASIBLE, UNKNOWN = "planned", "infeasible", "unknown"
STATUSES = (PLANNED, INFEASIBLE, UNKNOWN)

RELAXATION_FIELDS: dict[str, set[str]] = {
    "extend_latest_start": {"days"},
    "slip": {"track", "phase", "days"},
    "add_seat": {"kind", "start", "end"},
    "free_patient": {"start", "end"},
    "open_site": {"on", "begin", "end_minute"},
}
"""By type, the fields that a relaxation has (`skill` of add_seat apart, which may be None)."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One change that, made alone, lets a course be planned (applied to a problem by `relaxed`).

    extend_latest_start: `days`. slip: `track`, `phase` (its name), `days`. add_seat: `kind`, `skill`, `start`, `end`
    (instants). free_patient: `start`, `end`. open_site: `on` (local date), `begin`, `end_minute` (minutes of the day).
    """

    type: str
    days: int | None = None
    track: str | None = None
    phase: str | None = None
    kind: str | None = None
    skill: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    on: date | None = None
    begin: int | None = None
    end_minute: int | None = None

    def __post_init__(self) -> None:
        if self.type not in RELAXATION_FIELDS:
            raise FormatError("type", f"must be one of {', '.join(RELAXATION_FIELDS)}, not {shown(self.type)}")
        needed = RELAXATION_FIELDS[self.type]
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.name in needed:
                raise FormatError(each.name, f"is missing: {self.type} needs it")
            optional = each.name == "skill" and self.type == "add_seat"
            if value is not None and each.name not in needed | {"type"} and not optional:
                raise FormatError(each.name, f"does not belong to {self.type}")
        if self.days is not None:
            need_int("days", self.days, 1)
        if self.start is not None and self.end is not None:
            need_instant("from", self.start)
            need_instant("to", self.end)
            # Two datetimes of one ZoneInfo would compare by the wall clock, which lies in the hour that comes twice.
            object.__setattr__(self, "start", fixed_offset(self.start))
            object.__setattr__(self, "end", fixed_offset(self.end))
            if self.start >= self.end:
                raise FormatError("to", "must lie after from")
        if self.on is not None:
            need_date("date", self.on)
            need_int("from", self.begin, 0, 1440)
            need_int("to", self.end_minute, 0, 1440)


@dataclass(frozen=True, slots=True)
class CostParts:
    """The cost by part, in points (see the cost table of the format)."""

    start: int = 0
    length: int = 0
    time: int = 0
    spread: int = 0
    continuity: int = 0
    moved: int = 0
    unplanned: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    def plus(self, other: CostParts) -> CostParts:
        return CostParts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


DIFFERENCES = ("start", "time", "weekdays")
"""In what an alternative can differ from the plan."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A further plan of a planned course, legal in its place.

    `differs` names in what it differs from the plan (of DIFFERENCES, in that order). `start_on` is its start day,
    `time` the median time of day of its sessions and `weekdays` the usual ones (mon ... sun); locked sessions apart.
    """

    sessions: tuple[PlacedSession, ...]
    cost: CostParts
    differs: tuple[str, ...]
    start_on: date
    time: int
    weekdays: tuple[str, ...]

    def __post_init__(self) -> None:
        need_tuple("sessions", self.sessions, PlacedSession)
        need_tuple("differs", self.differs)
        for index, name in enumerate(self.differs):
            if name not in DIFFERENCES:
                raise FormatError(f"differs[{index}]", f"must be one of {', '.join(DIFFERENCES)}, not {shown(name)}")
        need_date("start_on", self.start_on)
        need_int("time", self.time, 0, 1439)
        need_tuple("weekdays", self.weekdays)
        for index, name in enumerate(self.weekdays):
            if name not in WEEKDAYS:
                raise FormatError(f"weekdays[{index}]", f"must be one of {', '.join(WEEKDAYS)}, not {shown(name)}")


@dataclass(frozen=True, slots=True)
class CoursePlan:
    """The answer for one course: its sessions by track and number, or why there are none.

    `optimal` says that no cheaper plan exists for this course given the seats that the others hold. `alternatives` are
    further plans, cheapest first; None where they were not asked for. `obstacle` says as a value what `message` says in
    words why an infeasible course has no plan; it is no part of the exchange format.
    """

    id: str
    status: str
    sessions: tuple[PlacedSession, ...] = ()
    cost: int | None = None
    optimal: bool = False
    message: str = ""
    relaxations: tuple[Relaxation, ...] = ()
    alternatives: tuple[Alternative, ...] | None = None
    obstacle: Obstacle | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        need_text("id", self.id)
        if self.status not in STATUSES:
            raise FormatError("status", f"must be one of {', '.join(STATUSES)}, not {shown(self.status)}")
        need_tuple("sessions", self.sessions, PlacedSession)
        need_tuple("relaxations", self.relaxations, Relaxation)
        if self.alternatives is not None:
            need_tuple("alternatives", self.alternatives, Alternative)
        if self.cost is not None:
            need_int("cost", self.cost, 0)

    @property
    def planned(self) -> bool:
        return self.status == PLANNED


@dataclass(frozen=True, slots=True)
class Result:
    """`bound` is a proven lower bound on the cost of the whole problem, or None; `seconds` the time spent planning."""

    courses: tuple[CoursePlan, ...]
    cost: int
    bound: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        need_tuple("courses", self.courses, CoursePlan)
        need_int("cost", self.cost, 0)
        if self.bound is not None:
            need_int("bound", self.bound, 0)

    def course(self, course_id: str) -> CoursePlan:
        return next(course for course in self.courses if course.id == course_id)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: whose, which session, by the number of the written rule, and where and when.

    `rule` is 0 for a result that does not answer the problem's courses; `track` and `number` may be None.
    """

    course: str
    rule: int
    message: str
    track: str | None = None
    number: int | None = None
    resource: str | None = None
    time: datetime | None = None
