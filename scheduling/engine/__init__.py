"""The planning engine: a Problem in, a Result out; no clock but the time limit's.

    plan(problem, *, time_limit, seed=0, alternatives=0, reasons=True) -> Result
    least_moves(problem) -> int
    check(problem, result) -> list[Violation]
    cost(problem, result) -> CostParts
    legal_starts(problem, course_id, track, number, *, fixed=None, from_date=None, to_date=None) -> list[Offer]
    seats_on(problem, course_id, track, number, kind, *, fixed=None, from_date, to_date) -> {resource: list[Offer]}
    openings(problem, visit, from_date, to_date) -> list[Offer]
    Around(problem, time_limit=).plan({key: start}, most=None) -> CoursePlan
    fill(problem, windows, out_of_time) -> Filling
    closed_windows(problem, course, windows, out_of_time) -> list of windows
    relaxed(problem, course_id, relaxation) -> Problem
    in_words(obstacle, relaxations, names) -> str
    read_problem(text or dict), write_problem(problem), read_result(text or dict), write_result(result)

The format, its rules and its cost: docs/planning-format.md. The method: docs/engine.md.
"""

from .choice.alternatives import Outline, outline
from .choice.around import Around
from .choice.filling import Filling, closed_windows, fill
from .choice.seat_time import SeatMinutes, SeatTime
from .cost import cost
from .document import read_problem, read_relaxation, read_result, write_problem, write_result
from .faults import FormatError
from .intervals import Interval, without
from .many.least import least_moves
from .offers import Offer, legal_starts, openings, seats_on
from .problem import (
    Booking,
    Course,
    Opening,
    PlacedHold,
    PlacedSession,
    Problem,
    Resource,
    Site,
    Week,
    minutes_of,
)
from .protocol import HoldNeed, Link, Phase, Protocol, Slot, Track, Visit
from .refusal.changes import minutes_of_change
from .refusal.reason import Obstacle
from .refusal.relax import relaxed
from .refusal.wording import Names, in_words, local_to, name_of, near_hours, reason_in_words, way_in_words, worth_saying
from .result import (
    DIFFERENCES,
    INFEASIBLE,
    PLANNED,
    RELAXATION_FIELDS,
    UNKNOWN,
    Alternative,
    CostParts,
    CoursePlan,
    Relaxation,
    Result,
    Violation,
)
from .rules import check
from .search import plan

__all__ = [
    "DIFFERENCES",
    "INFEASIBLE",
    "PLANNED",
    "RELAXATION_FIELDS",
    "UNKNOWN",
    "Alternative",
    "Around",
    "Booking",
    "CostParts",
    "Course",
    "CoursePlan",
    "Filling",
    "FormatError",
    "HoldNeed",
    "Interval",
    "Link",
    "Names",
    "Obstacle",
    "Offer",
    "Opening",
    "Outline",
    "Phase",
    "PlacedHold",
    "PlacedSession",
    "Problem",
    "Protocol",
    "Relaxation",
    "Resource",
    "Result",
    "SeatMinutes",
    "SeatTime",
    "Site",
    "Slot",
    "Track",
    "Violation",
    "Visit",
    "Week",
    "check",
    "closed_windows",
    "cost",
    "fill",
    "in_words",
    "least_moves",
    "legal_starts",
    "local_to",
    "minutes_of",
    "minutes_of_change",
    "name_of",
    "near_hours",
    "openings",
    "outline",
    "plan",
    "read_problem",
    "read_relaxation",
    "read_result",
    "reason_in_words",
    "relaxed",
    "seats_on",
    "way_in_words",
    "without",
    "worth_saying",
    "write_problem",
    "write_result",
]
