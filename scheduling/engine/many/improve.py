"""Better plans of many courses: dates are polished, and courses taken out and put back in other orders."""

from __future__ import annotations

import random

from ..cost import UNPLANNED
from ..problem import Course
from ..seats import Seat
from ..timeline import ones
from .intake import Intake, Taken, worth
from .polish import Polisher
from .stay import LEAST_MOVE

WORK_PER_SECOND = 1000
"""How much work the improvement may do for each second of the time limit: counted, not timed, so that the same
problem has the same answer. A unit is about a millisecond."""
DRAFT_WORK, LINKED_WORK, POLISH_WORK = 4, 10, 0.05
"""Units of each draft; of each session of linked tracks (of one track: 1); of each start that polishing looks up."""
RIVALS = 4
"""With how many courses a course that pays is paired in turn."""
LACKING = 100
"""How much more a minute counts that a course cannot have on any seat."""
ANYONE = 0.25
"""How often a course is taken out that holds nothing of what the one that pays wants."""
QUICK_EFFORT = 0.08
"""Most trials lead nowhere: each may cost little."""
SLACK = 60
"""Points that a group may cost more before its dates are polished."""
PATIENCE = 30
"""Trials without success, for each course that pays, after which no more are made."""
FEWEST_PATIENCE, LAST_PATIENCE = 3, 300
"""The same where all courses are booked already and no plan has fewer moves, and where a course has no plan."""


def improve(intake: Intake, seed: int, work: float) -> float:
    """Make the whole cheaper as long as that works and the work lasts; what is left of it."""
    if len(intake.courses) == 1:
        return work
    intake.desk.effort = QUICK_EFFORT
    improver = Improver(intake, seed, work)
    improver.run()
    return improver.left


class Improver:
    def __init__(self, intake: Intake, seed: int, work: float) -> None:
        self.intake, self.left = intake, work
        self.polisher = Polisher(intake)
        self.new = any(not course.current for course in intake.courses)
        self.kinds = {resource.id: resource.kind for resource in intake.problem.resources}
        self.seats: dict[str, list[Seat]] = {kind: [] for kind in self.kinds.values()}
        for seat in intake.board.busy:
            self.seats[self.kinds[seat[0]]].append(seat)
        self.dice = random.Random(seed)  # noqa: S311 (an order of trials, nothing secret)

    def run(self) -> None:
        if self.is_over():
            return
        self._polish()
        for course in self.losers():
            self.trial([course])
        while self._pairs():
            pass
        failed = 0
        while not self.is_over():
            losers = self.losers()
            if not losers or failed > self._patience() * len(losers):
                break
            share = self.dice.choice((0, 0, 0.3, 0.6, 0.9))
            failed = 0 if self.trial(self._group(losers), share) else failed + 1

    def _patience(self) -> int:
        above = self.intake.total() - self.intake.bound()
        if above >= UNPLANNED // 2:
            return LAST_PATIENCE
        return FEWEST_PATIENCE if above < LEAST_MOVE and not self.new else PATIENCE

    def is_over(self) -> bool:
        return self.left <= 0 or self.intake.total() <= self.intake.bound() or self.intake.out_of_time()

    def losers(self) -> list[Course]:
        """The courses that pay for others, those that could be cheapest first."""
        intake = self.intake
        paying = [c for c in intake.courses if intake.loss(c) > 0 and not intake.alone[c.id].is_impossible]
        return sorted(paying, key=lambda course: -intake.loss(course))

    def _pairs(self) -> bool:
        """Try each course that pays with those that have most of what it wants, either one first."""
        found = False
        for loser in self.losers():
            rivals = self.rivals(loser)
            for course_id in sorted(rivals, key=lambda course_id: -rivals[course_id])[:RIVALS]:
                rival = self.intake.problem.course(course_id)
                for group in ([loser, rival], [rival, loser]):
                    if self.intake.loss(loser) > 0 and self.trial(group):
                        found = True
                        break
        return found

    def _group(self, losers: list[Course]) -> list[Course]:
        """A course that pays, and some that have what it wants; it goes first, or anywhere."""
        intake, dice = self.intake, self.dice
        loser = dice.choices(losers, [min(intake.loss(course), 10_000) ** 0.5 for course in losers])[0]
        rivals = self.rivals(loser)
        others = [course for course in intake.courses if course is not loser]
        group = [loser]
        for _ in range(min(dice.choice((0, 1, 1, 2, 2, 3)), len(others))):
            weights = [rivals.get(course.id, 0) for course in others]
            # Now and then anyone: who gives way may have to take a place that a third one has.
            anyone = not any(weights) or dice.random() < ANYONE
            other = dice.choice(others) if anyone else dice.choices(others, weights)[0]
            others.remove(other)
            group.append(other)
        if dice.random() < 0.5:
            dice.shuffle(group)
        return group

    def rivals(self, loser: Course) -> dict[str, int]:
        """By course: the minutes that it holds of what another would take if it were alone, what is lacking most."""
        intake, kind = self.intake, self.kinds
        wanted: dict[str, int] = {}
        lacking: dict[str, int] = {}
        for (resource, _), (begin, end) in intake.alone[loser.id].taken:
            which, span = kind[resource], ones(max(begin, 0), end)
            wanted[which] = wanted.get(which, 0) | span
            if not any(intake.board.is_free(seat, begin, end) for seat in self.seats[which]):
                lacking[which] = lacking.get(which, 0) | span
        out: dict[str, int] = {}
        for course in intake.courses:
            held = 0
            for (resource, _), (begin, end) in intake.drafts[course.id].taken:
                for minutes, weight in ((wanted, 1), (lacking, LACKING)):
                    there = minutes.get(kind[resource], 0) >> max(begin, 0)
                    held += weight * (there & ones(0, end - begin)).bit_count()
            if held and course is not loser:
                out[course.id] = held
        return out

    def _polish(self, courses: list[Course] | None = None) -> None:
        self.left -= POLISH_WORK * self.polisher.polish(courses)

    def _work(self, course: Course) -> float:
        """What a draft of a course takes, about, in milliseconds."""
        tracks = self.intake.problem.protocol_of(course).tracks
        return DRAFT_WORK + sum(len(track.slots) for track in tracks) * (LINKED_WORK if len(tracks) > 1 else 1)

    def trial(self, group: list[Course], share: float = 0) -> bool:
        """Take some courses out, place them in this order and polish; undone where that is no better."""
        if self.is_over():
            return False
        intake = self.intake
        old, proven, changes = dict(intake.drafts), dict(intake.proven_at), intake.changes
        before = intake.total()
        if self._again(group, share) and intake.total() < before:
            return True
        for course in intake.courses:
            if course.id in intake.drafts and intake.drafts[course.id] is not old[course.id]:
                intake.remove(course)
        for course in intake.courses:
            if course.id not in intake.drafts:
                intake.put(course, old[course.id])
        intake.proven_at, intake.changes = proven, changes
        return False

    def _again(self, group: list[Course], share: float) -> bool:
        """Place courses anew; False as soon as that cannot get cheaper (polishing may save a little in the end)."""
        intake = self.intake
        before = sum(worth(intake.remove(course)) for course in group) + (SLACK if len(group) > 1 else 0)
        spent = 0
        for at, course in enumerate(group):
            ceiling = before - spent - sum(intake.least(later) for later in group[at + 1 :])
            if ceiling <= intake.least(course):
                return False
            reserved = self._reserve(group[at + 1 :], share)
            self.left -= self._work(course)
            draft = intake.draft(course, ceiling) if ceiling < UNPLANNED else intake.draft(course)
            intake.board.give(reserved)
            if worth(draft) >= ceiling:
                return False
            intake.put(course, draft)
            spent += worth(draft)
        if len(group) > 1:
            self._polish(group)
        return True

    def _reserve(self, courses: list[Course], share: float) -> Taken:
        """Keep a share of the dates that courses would have alone free for them, while another one is placed."""
        intake, held = self.intake, []
        for course in courses if share else ():
            days: dict[int, bool] = {}
            for seat, span in intake.alone[course.id].taken:
                day = intake.line.day_of(span[0])
                if day not in days:
                    days[day] = self.dice.random() < share
                if days[day] and intake.board.is_free(seat, *span):
                    intake.board.take([(seat, span)])
                    held.append((seat, span))
        return held
