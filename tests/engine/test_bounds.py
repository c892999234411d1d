"""The bounds of one track: never above the exact cost, and the same as the plain least over all ways."""

import random
from collections.abc import Iterator

import pytest

from scheduling.engine import Problem, read_problem
from scheduling.engine.options import INF, Chain, Step, chains_of
from scheduling.engine.seats import Board
from scheduling.engine.timeline import Timeline, reach_of
from scheduling.engine.track.chain import Search, plan_chain
from scheduling.engine.track.multipliers import Bounds, limits_of, priced
from scheduling.engine.track.tables import Tables, quick_bound, step_back

from .generate import make

SEEDS = range(16)


def never() -> bool:
    return False


def may_follow(chain: Chain, before: Step, day: int, after: Step, next_day: int) -> bool:
    """Whether some start on the one date and some start on the other keep order and gaps."""
    if before.given is not None and after.given is not None:
        return True
    if next_day <= day:
        return False
    low, high = chain.reach(before, day)
    next_low, next_high = chain.reach(after, next_day)
    return next_high - low >= after.least and next_low - high <= after.most


def drawn(seed: int) -> Problem:
    """One track, open at weekends every other time, with a random limit on sessions in days."""
    rng = random.Random(seed)
    family = rng.choice(["tms", "mapped", "spravato", "ketamine", "paired"])
    document = make(seed, [family], False, 1, rng.choice([0.2, 0.6, 0.9]))
    if seed % 2:
        hours = document["site"]["opening_hours"]["mon"]
        document["site"]["opening_hours"] |= {"sat": hours, "sun": hours}
    for phase in document["protocols"][family]["tracks"][0]["phases"]:
        if phase["per_period"] and rng.random() < 0.7:
            phase["max_in"] = rng.choice([[2, 4], [3, 5], [2, 7], [5, 7], [1, 2]])
    return read_problem(document)


def chain_of(problem: Problem) -> tuple[Chain, range, int]:
    """The chain of a problem's course, its start days and the horizon."""
    first, last, tail = reach_of(problem)
    board = Board(problem, Timeline(problem, first, last, tail))
    (course,) = problem.courses
    (chain,) = chains_of(problem, course, board)
    starts = range(course.earliest_start.toordinal(), course.latest_start.toordinal() + 1)
    return chain, starts, problem.horizon_end.toordinal()


def exact(chain: Chain, day: int, horizon: int) -> int:
    answer = Search(chain, day, day, horizon, INF, 16).run(1_000_000, never)
    return INF if answer.cost is None else answer.cost


def plain_values(chain: Chain, start: int, horizon: int) -> list[dict[int, list[int]]]:
    """What `Tables` is to hold, by trying every date and resource after every other."""
    edge = Tables(chain, start, horizon).edge
    out: list[dict[int, list[int]]] = [{} for _ in chain.steps]
    for k in range(len(chain.steps) - 1, -1, -1):
        step = chain.steps[k]
        low, high = chain.window(step, start, horizon)
        for day in range(low, high + 1):
            values = list(chain.least(step, day))
            if k + 1 < len(chain.steps):
                rests = [
                    min(
                        (
                            edge(k + 1, later - day) + value + step_back(chain.continuity_points, r, q)
                            for later, found in out[k + 1].items()
                            if may_follow(chain, step, day, chain.steps[k + 1], later)
                            for q, value in enumerate(found)
                        ),
                        default=INF,
                    )
                    for r in range(len(values))
                ]
                values = [min(a + b, INF) for a, b in zip(values, rests, strict=True)]
            if min(values) < INF:
                out[k][day] = values
    return out


def ways_down(tables: Tables) -> Iterator[tuple[int, int]]:
    """The sessions and dates that some way from the first session passes."""
    days = set(tables.value[0])
    for k in range(len(tables.value)):
        yield from ((k, day) for day in sorted(days))
        if k + 1 < len(tables.value):
            days = {later for day in days for later in tables.next_days(k, day)}


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_hold_the_least_over_all_dates_and_resources(seed: int) -> None:
    chain, starts, horizon = chain_of(drawn(seed))
    for start in (starts[0], starts[5]):
        tables = Tables(chain, start, horizon)
        if limits_of(chain):
            # Dates that the limits leave no room for are not in the table: its values may be higher, never lower.
            plain = plain_values(chain, start, horizon)
            assert all(
                mine >= least
                for k, day in ways_down(tables)
                for mine, least in zip(tables.value[k][day], plain[k][day], strict=True)
            )
        else:
            assert tables.value[0] == plain_values(chain, start, horizon)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_bound_is_above_the_exact_cost_and_each_is_as_high_as_the_one_before(seed: int) -> None:
    chain, starts, horizon = chain_of(drawn(seed))
    together = Tables(chain, starts[0], horizon, last_start=starts[-1])
    for start in starts[::4]:
        best = exact(chain, start, horizon)
        tables = Tables(chain, start, horizon)
        assert quick_bound(chain, start, horizon) <= best
        if not tables.possible:
            assert best == INF
            continue
        bounds = Bounds(tables, limits_of(chain))
        better = priced(bounds, horizon)
        assert min(together.value[0][start]) <= bounds.least() <= better.least() <= best


@pytest.mark.parametrize("seed", SEEDS)
def test_prices_and_shared_start_days_change_no_cost(seed: int) -> None:
    chain, starts, horizon = chain_of(drawn(seed))
    search = Search(chain, starts[0], starts[-1], horizon, INF, 16)
    search.with_prices = True
    answer = search.run(1_000_000, never)
    alone = [10 * (day - starts[0]) + exact(chain, day, horizon) for day in starts]
    assert (INF if answer.cost is None else answer.cost) == min(min(alone), INF)
    assert answer.proven


def test_a_ceiling_hides_what_is_not_below_it() -> None:
    chain, starts, horizon = chain_of(drawn(2))
    whole = plan_chain(chain, starts[0], starts[-1], horizon, limit=100_000, out_of_time=never)
    assert whole.cost is not None
    least = plan_chain(chain, starts[0], starts[-1], horizon, limit=100_000, out_of_time=never, ceiling=whole.cost)
    assert (least.cost, least.bound) == (None, whole.cost)
    above = plan_chain(chain, starts[0], starts[-1], horizon, limit=100_000, out_of_time=never, ceiling=whole.cost + 1)
    assert (above.cost, above.plan) == (whole.cost, whole.plan)
