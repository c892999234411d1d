"""Better plans of many courses: dates are polished, and courses taken out and put back in other orders."""

from __future__ import annotations

import random

from .cost import UNPLANNED
from .intake import Intake, worth
from .polish import Polisher
from .problem import Course

DRAFTS_PER_SECOND = 40
"""How many drafts the improvement of an intake may make for each second of the time limit: work, not the clock."""
QUICK_EFFORT = 0.08
"""Most trials lead nowhere: each may cost little."""
PATIENCE = 60
"""Trials without success, for each course that pays, after which no more are made."""


def improve(intake: Intake, seed: int, drafts: int) -> None:
    """Make the whole cheaper as long as that works and the drafts last."""
    if len(intake.courses) > 1 and intake.total() > intake.bound() and not intake.out_of_time():
        intake.desk.effort = QUICK_EFFORT
        Improver(intake, seed, drafts).run()


class Improver:
    def __init__(self, intake: Intake, seed: int, drafts: int) -> None:
        self.intake, self.left = intake, drafts
        self.polisher = Polisher(intake)
        self.dice = random.Random(seed)  # noqa: S311 (an order of trials, nothing secret)
        self.log: list = []

    def run(self) -> None:
        self.polisher.polish()
        self.each()
        failed = 0
        while not self.is_over():
            losers = self.losers()
            if not losers or failed > PATIENCE * len(losers):
                break
            failed = 0 if self.trial(self.group(losers)) else failed + 1

    def is_over(self) -> bool:
        return self.left <= 0 or self.intake.out_of_time()

    def losers(self) -> list[Course]:
        """The courses that pay for others, those that could be cheapest first."""
        intake = self.intake
        paying = [c for c in intake.courses if intake.loss(c) > 0 and not intake.alone[c.id].is_impossible]
        return sorted(paying, key=lambda course: -intake.loss(course))

    def each(self) -> None:
        """Draft every course that pays once more beside the others as they are now."""
        for course in self.losers():
            if not self.is_over():
                self.trial([course])

    def group(self, losers: list[Course]) -> list[Course]:
        """A course that pays, and one to three that have what it wants."""
        intake, dice = self.intake, self.dice
        weights = [min(intake.loss(course), 500) ** 0.5 for course in losers]
        loser = dice.choices(losers, weights)[0]
        rivals = self.rivals(loser)
        others = [course for course in intake.courses if rivals.get(course.id)]
        size = dice.choice((0, 1, 1, 1, 2, 2, 3)) if others else 0
        group = [loser]
        for _ in range(min(size, len(others))):
            other = dice.choices(others, [rivals[course.id] for course in others])[0]
            others.remove(other)
            group.append(other)
        return group

    def rivals(self, loser: Course) -> dict[str, float]:
        """By course, how much of the seat time it holds that a course would take if it were alone."""
        intake = self.intake
        kinds = {seat: intake.board.resources[seat[0]].kind for seat in intake.board.busy}
        wanted: dict[str, int] = {}
        for seat, (begin, end) in intake.alone[loser.id].taken:
            wanted[kinds[seat]] = wanted.get(kinds[seat], 0) | ((1 << (end - begin)) - 1) << begin
        out: dict[str, float] = {}
        for course in intake.courses:
            if course is loser:
                continue
            held = 0
            for seat, (begin, end) in intake.drafts[course.id].taken:
                if kinds[seat] in wanted:
                    held += (wanted[kinds[seat]] >> begin & ((1 << (end - begin)) - 1)).bit_count()
            if held:
                out[course.id] = held
        return out

    def trial(self, group: list[Course]) -> bool:
        """Take some courses out, place them in this order and polish; undone where that is no better."""
        intake = self.intake
        old, proven, changes = dict(intake.drafts), dict(intake.proven_at), intake.changes
        before = intake.total()
        if self._again(group) and intake.total() < before:
            self.log.append((before, intake.total(), len(group)))
            return True
        for course in intake.courses:
            if course.id in intake.drafts and intake.drafts[course.id] is not old[course.id]:
                intake.remove(course)
        for course in intake.courses:
            if course.id not in intake.drafts:
                intake.put(course, old[course.id])
        intake.proven_at, intake.changes = proven, changes
        return False

    def _again(self, group: list[Course]) -> bool:
        intake = self.intake
        slack = 0 if len(group) == 1 else 60
        before = sum(worth(intake.remove(course)) for course in group) + slack
        spent = 0
        for at, course in enumerate(group):
            rest = sum(intake.least(later) for later in group[at + 1 :])
            ceiling = before - spent - rest
            if ceiling <= intake.least(course):
                return False
            self.left -= 1
            draft = intake.draft(course, ceiling) if ceiling < UNPLANNED else intake.draft(course)
            if worth(draft) >= ceiling:
                return False
            intake.put(course, draft)
            spent += worth(draft)
        if len(group) > 1:
            self.polisher.polish(group)
        return True
