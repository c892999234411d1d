"""On which single dates a change may be enough, and how long it must last there at least: by dates and spans alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..options import Step
from ..problem import Course
from ..seats import Group, groups_of
from ..timeline import Timeline, cut
from .reach import Reach, dates_in
from .variants import Variant

Sizes = dict[int, dict[int, int]]
"""By wide offers (their id) and start: the fewest minutes that the change must last for it."""


def dates_that_help(variant: Variant, horizon: int, starts: list[int]) -> dict[int, list[int]]:
    """The dates on which the change may be enough by itself, each with the start days for which it may."""
    found: dict[int, list[int]] = {}
    pairs = zip(variant.plain, variant.wide, strict=True)
    reaches = [(Reach(plain, horizon), Reach(wide, horizon)) for plain, wide in pairs]
    for start in starts:
        stuck: list[set[int]] = []
        helped: set[int] = set()
        for (plain, wide), gains in zip(reaches, variant.gains, strict=True):
            forwards = plain.forwards(start)
            days = set(_bridges(plain, wide, forwards, start, gains))
            if not forwards[-1]:
                stuck.append(days)
            helped |= days
        for day in set.intersection(*stuck) if stuck else helped:
            found.setdefault(day, []).append(start)
    return found


def sizes_on(variant: Variant, course: Course, line: Timeline, day: int) -> Sizes:
    """How long the change must last on a date; `course` and `line` are those of the unchanged problem."""
    out: Sizes = {}
    for plain, wide in zip(variant.plain, variant.wide, strict=True):
        for one, other in zip(plain.steps, wide.steps, strict=True):
            if other.given is None and id(other.offers) not in out:
                need = _need(variant, course, line, other, day)
                begin = line.midnight(day)
                out[id(other.offers)] = {begin + at: need(begin + at) for at in dates_in(_gained(one, other, day))}
    return out


def _gained(plain: Step, wide: Step, day: int) -> int:
    had, got = plain.offers.day(day), wide.offers.day(day)
    union = 0
    for r, starts in enumerate(got.sets if got is not None else ()):
        union |= starts & ~(had.sets[r] if had is not None else 0)
    return union


def _need(variant: Variant, course: Course, line: Timeline, step: Step, day: int) -> Callable[[int], int]:
    """The minutes that the change must last at least for a visit at a start."""
    template, minutes = variant.template, step.visit.minutes
    if template.type == "add_seat":
        groups = [g for g in groups_of(step.visit).values() if g.kind == template.kind]
        fewest = min((max(b for _, b in g.spans) - min(a for a, _ in g.spans) for g in groups), default=1440)
        return lambda start: fewest
    needed = [(0, minutes)]
    if template.type == "free_patient":
        there = line.patient_spans(course, day)
    else:
        there = line.open_spans(day)
        needed += [
            span for group in groups_of(step.visit).values() if _keeps_hours(variant, group) for span in group.spans
        ]
    return lambda start: _hull_length(cut([(start + a, start + b) for a, b in needed], there)) or 1


def _keeps_hours(variant: Variant, group: Group) -> bool:
    """Whether everything that can serve a group works at the site's hours only."""
    resources = variant.board.resources
    return all(resources[seat[0]].hours is None for seat in variant.board.seats_for(group))


def _hull_length(spans: list[tuple[int, int]]) -> int:
    return max(b for _, b in spans) - min(a for a, _ in spans) if spans else 0


def _bridges(plain: Reach, wide: Reach, forwards: list[int], start: int, gains: dict[int, list[int]]) -> Iterator[int]:
    """The dates on which one session at a wider start would join what lies before it to what lies after it."""
    backwards, count = plain.backwards(start), len(plain.shelves)
    for k in range(count):
        step = wide.chain.steps[k]
        if step.given is not None or (k and (k > len(forwards) or not forwards[k - 1])):
            continue
        if k + 1 < count and not backwards[k + 1]:
            continue
        low, high = wide.chain.window(step, start, wide.horizon)
        for day in gains[id(step.offers)]:
            if low <= day <= high and _joins(plain, wide, k, day, forwards, backwards):
                yield day


def _joins(plain: Reach, wide: Reach, k: int, day: int, forwards: list[int], backwards: list[int]) -> bool:
    first, last = wide.shelves[k].reach(day)
    steps, count = wide.chain.steps, len(wide.chain.steps)
    if k and not plain.shelves[k - 1].before(day, first, last, steps[k].least, steps[k].most) & forwards[k - 1]:
        return False
    if k + 1 == count:
        return True
    follow = steps[k + 1]
    return bool(plain.shelves[k + 1].after(day, first, last, follow.least, follow.most) & backwards[k + 1])
