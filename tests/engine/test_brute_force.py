"""Tiny random problems, searched exhaustively: the plan costs what the best of all legal plans costs."""

import itertools
import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from scheduling.engine import (
    Booking,
    Course,
    CoursePlan,
    HoldNeed,
    Interval,
    Phase,
    PlacedHold,
    PlacedSession,
    Problem,
    Protocol,
    Resource,
    Result,
    Site,
    Track,
    Visit,
    Week,
    check,
    openings,
    plan,
)
from scheduling.engine.cost import sessions_cost

from .cast import link

START = date(2026, 10, 29)
"""A Thursday; the clock goes back on the Sunday after it."""

LINKS = [
    [],
    [link("window", track="b", after="a", min_hours=20, max_hours=50)],
    [link("at_least", track="b", after="a", min_hours=2, max_hours=30, count=1)],
    [link("sequence", track="b", after="a", min_hours=4, max_hours=100)],
    [link("clear", track="b", after="a", hours=26)],
    [link("apart", tracks=("a", "b"))],
    [
        link("clear", track="a", after="b", hours=5),
        link("at_least", track="b", after="a", min_hours=20, max_hours=80, count=2),
    ],
]


def tiny(seed, linked):
    """A few dates, a few starts, two chairs and a nurse, and sessions enough to get in each other's way."""
    rng = random.Random(seed)
    zone = rng.choice(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
    grid = rng.choice([90, 120] if linked else [60, 90, 120])
    hours = Week(tuple(((480, rng.choice([720, 840])),) if rng.random() < 0.85 else () for _ in range(7)))
    latest = rng.choice([0, 1] if linked else [0, 1, 2])
    chairs = tuple(Resource(f"chair-{i}", "chair", 1, ("big",) if i else ()) for i in range(2))
    resources = (*chairs, Resource("nurse", "nurse", rng.choice([1, 2])))
    visits = {
        "long": Visit(90, (15, 60), (HoldNeed("chair", 0, 100), HoldNeed("nurse", 0, 30))),
        "short": Visit(60, (0, 45), (HoldNeed("chair", 0, 60, rng.choice([None, "big"])),)),
    }
    gaps: dict[str, Any] = {
        "min_gap_hours": rng.choice([0, 20, 23.5, 24, 40]),
        "max_gap_hours": rng.choice([None, 72, 100]),
    }
    most = rng.choice([None, None, (2, 4)])
    first: tuple[Phase, ...] = (Phase("one", 1, rng.choice([3, 5]), 2, **gaps, slip_days=2, max_in=most),)
    if not linked:
        first += (Phase("two", 1, 4, 1, 20, slip_days=2, max_in=most, visit=rng.choice([None, "short"])),)
    tracks = [Track("a", "long", first, continuity="chair")]
    if linked:
        number = rng.choice([1, 2])
        tracks.append(Track("b", "short", (Phase("b", 1, 6, number, 12, slip_days=2),), rng.choice([0, 1]), "chair"))
    links = tuple(rng.choice(LINKS)) if linked else ()
    course = Course(
        "c1",
        "p",
        START,
        START + timedelta(days=latest),
        rng.choice([480, 600, 700]),
        shift_days=rng.choice([None, None, 0]),
    )
    problem = Problem(
        site=Site(zone, grid, hours),
        resources=resources,
        protocols={"p": Protocol(visits, tuple(tracks), links)},
        courses=(course,),
        horizon_end=START + timedelta(days=rng.choice([5, 6])),
    )
    taken = []
    for resource in resources:
        for day in range(11):
            if rng.random() < 0.7:
                begin = problem.site.zone
                start = _instant(begin, START + timedelta(days=day), rng.choice([480, 540, 600, 660]))
                taken.append(Booking(resource.id, 0, start, start + timedelta(minutes=rng.choice([90, 180]))))
    return replace(problem, bookings=tuple(taken))


def _instant(zone, day, minute):
    from datetime import datetime, time

    return datetime.combine(day, time(minute // 60, minute % 60), zone)


def every_start(problem, visit):
    """All starts of a visit, each with every choice of seats that is free there."""
    out = []
    for offer in openings(replace(problem, courses=()), visit, START, problem.horizon_end):
        seats = []
        for need in visit.holds:
            span = Interval(offer.start + timedelta(minutes=need.begin), offer.start + timedelta(minutes=need.end))
            seats.append(
                [
                    PlacedHold(need.kind, resource.id, seat)
                    for resource in problem.resources
                    if resource.kind == need.kind and need.skill in (None, *resource.skills)
                    for seat in range(resource.seats)
                    if not any(
                        b.resource == resource.id and b.seat == seat and span.overlaps(Interval(b.start, b.end))
                        for b in problem.bookings
                    )
                ][: 2 if need.kind == "chair" else 1]
            )
        out += [(offer.start, holds) for holds in itertools.product(*seats)]
    return out


def cheapest(problem):
    """The least cost of all legal plans, None where there is none."""
    course, protocol = problem.courses[0], problem.protocols["p"]
    starts = {name: every_start(problem, visit) for name, visit in protocol.visits.items()}
    locked = {s.key: s for s in course.locked}
    slots = [(t, s) for t in protocol.tracks for s in t.slots]
    best = None
    days = [s.start.astimezone(problem.site.zone).date() for s in course.locked]

    def place(at, sessions):
        nonlocal best
        if at == len(slots):
            total = sessions_cost(problem, course, tuple(sessions)).total
            if best is None or total < best:
                result = Result((CoursePlan("c1", "planned", tuple(sessions), total),), total)
                if not check(problem, result):
                    best = total
            return
        track, slot = slots[at]
        if (track.name, slot.number) in locked:
            place(at + 1, [*sessions, locked[track.name, slot.number]])
            return
        before = sessions[-1] if sessions and sessions[-1].track == track.name else None
        for start, holds in starts[track.visit_of(slot)]:
            # Only what is plainly hopeless is left out here; `check` judges every whole plan.
            if before is not None and start.date() <= before.start.date():
                continue
            if not sessions and start.date() > course.latest_start:
                break
            if sessions and not 0 <= (start.date() - days[0]).days - track.first_day - slot.offset <= slot.days + 1:
                continue
            days[:] = [start.date()] if not sessions else days
            place(at + 1, [*sessions, PlacedSession(track.name, slot.number, start, holds)])

    place(0, [])
    return best


def found_by_plan(problem):
    result = plan(problem, time_limit=20)
    assert check(problem, result) == []
    answer = result.courses[0]
    if answer.status == "infeasible":
        return None
    assert answer.status == "planned"
    assert answer.optimal == (result.bound == answer.cost)
    assert answer.optimal
    return answer.cost


@pytest.mark.parametrize("seed", range(25))
def test_one_track_costs_what_the_best_of_all_plans_costs(seed):
    problem = tiny(seed, linked=False)
    assert found_by_plan(problem) == cheapest(problem)


@pytest.mark.parametrize("seed", range(25))
def test_linked_tracks_cost_what_the_best_of_all_plans_costs(seed):
    problem = tiny(1000 + seed, linked=True)
    assert found_by_plan(problem) == cheapest(problem)


@pytest.mark.parametrize("seed", range(12))
def test_replanning_costs_what_the_best_of_all_plans_costs(seed):
    """The first session stays, the others are booked now, and one chair goes out."""
    rng = random.Random(seed)
    problem = tiny(2000 + seed, linked=seed % 2 == 0)
    sessions = plan(problem, time_limit=20).courses[0].sessions
    keep = tuple(s for s in sessions if s.number == 1 and s.track == "a")
    course = replace(
        problem.courses[0],
        locked=keep,
        current=tuple(s for s in sessions if s not in keep),
        shift_days=rng.choice([None, 0, 1]),
    )
    out = tuple(
        replace(
            r,
            unavailable=(
                Interval(
                    _instant(problem.site.zone, START, 0), _instant(problem.site.zone, START + timedelta(days=4), 0)
                ),
            ),
        )
        if r.id == "chair-1"
        else r
        for r in problem.resources
    )
    problem = replace(problem, courses=(course,), resources=out)
    assert found_by_plan(problem) == cheapest(problem)
