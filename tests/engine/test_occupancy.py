"""Time that is taken: looked up in order, turned into sets of minutes, and never read outside the dates of a plan."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.engine import Booking, Problem, plan, read_problem
from scheduling.engine.occupancy import Occupancy
from scheduling.engine.timeline import filled, ones

from .generate import make

SPANS = st.lists(st.tuples(st.integers(-50, 250), st.integers(1, 60)).map(lambda s: (s[0], s[0] + s[1])), max_size=30)
QUICK = settings(deadline=None, max_examples=200, derandomize=True)


class Seen:
    """A booking as the occupancy sees it."""

    resource, seat = "tms-1", 0

    def __init__(self, span: tuple[int, int]) -> None:
        self.span = span


class Shut(tuple[Booking, ...]):
    """Bookings that nobody may go through any more."""

    def __iter__(self) -> Iterator[Booking]:
        raise AssertionError("somebody goes through all bookings")


@QUICK
@given(spans=SPANS, begin=st.integers(-60, 300), length=st.integers(1, 80))
def test_between_has_every_second_that_is_taken_there_once(
    spans: list[tuple[int, int]], begin: int, length: int
) -> None:
    found = Occupancy([Seen(span) for span in spans]).between(("tms-1", 0), begin, begin + length)
    seconds = [second for a, b in found for second in range(a, b) if begin <= second < begin + length]
    taken = {second for a, b in spans for second in range(a, b)}
    assert seconds == sorted(taken & set(range(begin, begin + length)))
    assert all(a < begin + length and begin < b for a, b in found)
    assert Occupancy().between(("tms-1", 0), begin, begin + length) == []


@QUICK
@given(spans=SPANS, size=st.integers(0, 240))
def test_filled_is_the_union_of_its_spans(spans: list[tuple[int, int]], size: int) -> None:
    union = 0
    for begin, end in spans:
        union |= ones(max(begin, 0), min(end, size))
    assert filled(spans, size) == union


def with_bookings(problem: Problem, bookings: tuple[Booking, ...]) -> Problem:
    return replace(problem, bookings=bookings)


def test_bookings_outside_the_horizon_change_nothing() -> None:
    problem = read_problem(make(7, ["tms"], True, 1, 0.6))
    year = timedelta(days=365)
    far = tuple(replace(b, start=b.start + n * year, end=b.end + n * year) for n in (-2, 1) for b in problem.bookings)
    one, other = (plan(with_bookings(problem, problem.bookings + more), time_limit=20) for more in ((), far))
    assert one.courses[0].planned
    assert replace(other, seconds=0) == replace(one, seconds=0)


def test_planning_goes_through_no_list_of_bookings() -> None:
    problem = read_problem(make(7, ["tms"], True, 1, 0.6))
    shut = Shut(problem.bookings)
    problem.taken.source = shut
    assert plan(replace(problem, bookings=shut), time_limit=20).courses[0].optimal


def test_a_changed_course_keeps_what_was_found_taken_and_changed_bookings_do_not() -> None:
    problem = read_problem(make(7, ["tms"], True, 1, 0.6))
    course = replace(problem.courses[0], preferred_time=600)
    assert replace(problem, courses=(course,)).taken is problem.taken
    assert with_bookings(problem, ()).taken.between(("tms_device-1", 0), 0, 1 << 40) == []
