"""What a search of linked tracks has reached: what is placed up to a date, and what gaps and links still look at."""

from __future__ import annotations

from dataclasses import dataclass

from .links import Owed
from .patterns import Dates
from .rating import Node


@dataclass(slots=True, eq=False)
class Label:
    cost: int
    node: Node
    treats: tuple[int, ...]
    """By track: the second at which its last treatment starts."""
    ends: tuple[int, ...]
    """By track: the second at which the last treatment ends that is not locked."""
    resources: tuple[int, ...]
    dates: tuple[tuple[int, ...], ...]
    """By track: the dates of its last sessions, as many as `max_in` looks at."""
    earliest: tuple[Dates, ...]
    """By track: the first dates that `max_in` leaves its next sessions."""
    owed: Owed
    chosen: tuple[tuple[int, int, int], ...]
    """On this date: (track, start, resource index)."""
    at: int
    """The position of the traced track's last start among those of the node."""
    before: Label | None
