"""Half-open intervals: the one type, and the one `overlaps`, that search and check share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .faults import FormatError, fixed_offset, need_instant


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From `start`, included, to `end`, not included; both are instants with an offset."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        need_instant("[0]", self.start)
        need_instant("[1]", self.end)
        object.__setattr__(self, "start", fixed_offset(self.start))
        object.__setattr__(self, "end", fixed_offset(self.end))
        if self.start >= self.end:
            raise FormatError("", f"must start before it ends: {self.start.isoformat()}, {self.end.isoformat()}")

    def overlaps(self, other: Interval) -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, other: Interval) -> bool:
        return self.start <= other.start and other.end <= self.end


def merged(spans: Iterable[Interval]) -> list[Interval]:
    """The same time in the fewest intervals: those that touch or overlap become one."""
    out: list[Interval] = []
    for span in sorted(spans):
        if out and span.start <= out[-1].end:
            if span.end > out[-1].end:
                out[-1] = Interval(out[-1].start, span.end)
        else:
            out.append(span)
    return out


def without(spans: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """What is left of `spans` when `taken` is cut out."""
    left = list(spans)
    for cut in taken:
        pieces: list[Interval] = []
        for span in left:
            if not span.overlaps(cut):
                pieces.append(span)
                continue
            if span.start < cut.start:
                pieces.append(Interval(span.start, cut.start))
            if cut.end < span.end:
                pieces.append(Interval(cut.end, span.end))
        left = pieces
    return left
