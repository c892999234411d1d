"""Why a course cannot be planned, and which one change would let it be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..problem import Course, Problem
from ..result import Relaxation
from .changes import Other, alone_with, relaxed
from .obstacle import find_obstacle, find_stops
from .reason import Obstacle
from .remedies import Remedies
from .wording import Names, in_words, near_hours

__all__ = ["Other", "Refusal", "alone_with", "explain", "relaxed"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands in the way of a course, the changes that work, smallest first, and both as a sentence."""

    obstacle: Obstacle
    relaxations: tuple[Relaxation, ...]
    message: str


def explain(problem: Problem, course: Course, others: list[Other], out_of_time: Callable[[], bool]) -> Refusal:
    remedies = Remedies(alone_with(problem, course, others), course, out_of_time)
    world = remedies.problem, course, remedies.board, remedies.chains, remedies.starts
    stops = find_stops(*world, out_of_time)
    obstacle = find_obstacle(*world, stops)
    remedies.stops = {stop.start: stop for side in stops for stop in side}
    found = tuple(remedies.find())
    tracks = tuple(track.name for track in remedies.protocol.tracks)
    names = Names(several=len(tracks) > 1, parts=tracks, hours=near_hours(problem.site.opening_hours))
    return Refusal(obstacle, found, in_words(obstacle, found, names, untried=remedies.skipped))
