"""The question as a planning problem: the clinic as it stands, and as it would be with what is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from clinic.models import ResourceKind, Site
from scheduling import engine
from scheduling.models import Session
from scheduling.referrals import find_versions, published_at
from scheduling.shapes import last_day, shape_version
from scheduling.snapshots import read_clinic

SLACK = timedelta(days=30)
WEEK = timedelta(days=7)


class Unanswerable(Exception):
    """The question names something that the site does not have; the text says what, in one sentence."""


@dataclass(frozen=True)
class Question:
    """`added` resources of one seat each, with how many; `referrals` courses by protocol code, with how many."""

    site: Site
    start_on: date
    weeks: int
    added: tuple[tuple[str, tuple[str, ...], int], ...] = ()
    closed: tuple[date, ...] = ()
    referrals: tuple[tuple[str, int], ...] = ()

    @property
    def latest_on(self) -> date:
        """The last day on which a referral may start."""
        return self.start_on + self.weeks * WEEK - timedelta(days=1)


@dataclass(frozen=True)
class Posed:
    """The clinic as it stands, and as it would be, with the courses of the referrals to place."""

    before: engine.Problem
    after: engine.Problem
    names: Mapping[str, str]
    kinds: Mapping[str, str]
    stranded: int


@contextmanager
def reading_only() -> Iterator[None]:
    """A transaction in which PostgreSQL refuses every write."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield


def pose_question(question: Question, *, now: datetime) -> Posed:
    site = question.site
    versions = find_versions(site, [code for code, _ in question.referrals])
    for code, _ in question.referrals:
        if code not in versions:
            known = sorted(set(published_at(site).values_list("protocol__code", flat=True)))
            listed = f"there are {', '.join(known)}" if known else "there are none"
            raise Unanswerable(f"{site} has no published protocol with the code {code}; {listed}.")
    shapes = {code: shape_version(version) for code, version in versions.items()}
    longest = max((last_day(shape) for shape in shapes.values()), default=0)
    before = read_clinic(site=site, now=now, last_on=question.latest_on + timedelta(days=longest) + SLACK)
    kinds = dict(ResourceKind.objects.values_list("code", "name"))
    _check_added(question, kinds, before, shapes)
    return Posed(
        before=before,
        after=_change(before, question, shapes),
        names={code: version.protocol.name for code, version in versions.items()},
        kinds=kinds,
        stranded=_count_stranded(question, now),
    )


def _count_stranded(question: Question, now: datetime) -> int:
    return Session.objects.to_come(now=now).filter(site=question.site, local_date__in=question.closed).count()


def _check_added(
    question: Question, kinds: Mapping[str, str], problem: engine.Problem, shapes: Mapping[str, engine.Protocol]
) -> None:
    skills = {skill for resource in problem.resources for skill in resource.skills}
    visits = [visit for shape in shapes.values() for visit in shape.visits.values()]
    skills |= {hold.skill for visit in visits for hold in visit.holds if hold.skill}
    for kind, wanted, _ in question.added:
        if kind not in kinds:
            raise Unanswerable(
                f"There is no kind of resource with the code {kind}; there are {', '.join(sorted(kinds))}."
            )
        for skill in wanted:
            if skill not in skills:
                raise Unanswerable(f"No resource has the skill {skill}, and no visit asked for needs it.")


def _change(problem: engine.Problem, question: Question, shapes: Mapping[str, engine.Protocol]) -> engine.Problem:
    """The clinic with what is added and closed, and a course for each referral."""
    added = [(kind, skills) for kind, skills, count in question.added for _ in range(count)]
    resources = tuple(engine.Resource(f"added-{i}", kind, 1, skills) for i, (kind, skills) in enumerate(added, 1))
    closed = tuple(sorted({*problem.site.closed_dates, *question.closed}))
    extra = tuple(opening for opening in problem.site.extra_openings if opening.on not in question.closed)
    changed = replace(
        problem,
        site=replace(problem.site, closed_dates=closed, extra_openings=extra),
        resources=(*problem.resources, *resources),
        protocols=shapes,
    )
    return replace(changed, courses=tuple(_invent_courses(question, changed)))


def _invent_courses(question: Question, problem: engine.Problem) -> Iterator[engine.Course]:
    """Patients who can come at any time; each protocol's wish for hours side by side, from opening to closing.

    The protocols take turns, so that each has its share of what there is.
    """
    wishes = {code: _wishes(problem, code) for code, _ in question.referrals}
    rounds = max((count for _, count in question.referrals), default=0)
    for number in range(rounds):
        for code, count in question.referrals:
            if number < count:
                yield engine.Course(
                    id=f"{code}/{number + 1}",
                    protocol=code,
                    earliest_start=question.start_on,
                    latest_start=question.latest_on,
                    preferred_time=wishes[code][number % len(wishes[code])],
                )


def _wishes(problem: engine.Problem, code: str) -> list[int]:
    """Starts one visit after the other through the day, in minutes past midnight; then the same a little later.

    So the visits of a seat can follow each other without a gap, and not every one needs the same staff at once.
    """
    protocol = problem.protocols[code]
    visit = protocol.visits[protocol.tracks[0].visit]
    spans = [span for day in problem.site.opening_hours.days for span in day] or [(8 * 60, 18 * 60)]
    opens, closes = min(begin for begin, _ in spans), max(end for _, end in spans)
    grid = problem.site.grid_minutes
    step = max([grid, visit.minutes, *(hold.end for hold in visit.holds)])
    step += -step % grid
    count = max(1, (closes - opens) // step)
    late = max(0, closes - opens - count * step)
    return [opens + delay + number * step for delay in range(0, late + 1, grid) for number in range(count)]


def start_windows(question: Question) -> Iterator[tuple[date, date]]:
    """Calendar weeks, Monday to Sunday; the first and the last may be shorter."""
    begin = question.start_on
    while begin <= question.latest_on:
        end = min(begin + timedelta(days=6 - begin.weekday()), question.latest_on)
        yield begin, end
        begin = end + timedelta(days=1)
