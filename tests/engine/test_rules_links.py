"""Rule 5: every type of link, kept and broken, to the minute."""

import pytest

from .cast import EVERY_DAY, at, broken, clinic, link, patient, session, two_tracks

KET = session(1, "2026-12-07T09:00", "ket")
"""Its treatment ends at 09:25; a tms treatment starts 5 minutes into the visit."""


def linked(*links, one=1, two=1, **more):
    return clinic(two_tracks(*links, one=one, two=two), hours=EVERY_DAY, **more)


def tms(start, number=1):
    return session(number, start, "tms")


WINDOW = link("window", track="tms", after="ket", min_hours=24, max_hours=72)


@pytest.mark.parametrize(
    ("start", "kept"),
    [
        ("2026-12-08T09:20", True),
        ("2026-12-08T09:15", False),
        ("2026-12-10T09:20", True),
        ("2026-12-10T09:25", False),
    ],
)
def test_window_asks_for_hours_after_the_latest_session(start, kept):
    assert broken(linked(WINDOW), KET, tms(start)) == ([] if kept else [(5, "tms", 1)])


def test_window_asks_for_a_session_before():
    assert broken(linked(WINDOW), session(1, "2026-12-09T09:00", "ket"), tms("2026-12-09T08:30")) == [(5, "tms", 1)]


def test_window_looks_at_the_latest_session_only():
    second = session(2, "2026-12-09T09:00", "ket")
    assert broken(linked(WINDOW, one=2), KET, second, tms("2026-12-09T12:00")) == [(5, "tms", 1)]
    assert broken(linked(WINDOW, one=2), KET, second, tms("2026-12-10T12:00")) == []


def test_window_judges_a_locked_session_only_by_one_that_is_not():
    given = tms("2026-12-09T12:00")
    problem = linked(WINDOW, course=patient(locked=(given,)))
    assert broken(problem, session(1, "2026-12-09T09:00", "ket"), given) == [(5, "tms", 1)]
    assert broken(problem, session(1, "2026-12-10T09:00", "ket"), given) == []


AT_LEAST = link("at_least", track="tms", after="ket", min_hours=24, max_hours=72, count=1)


def test_at_least_asks_for_so_many_sessions_in_the_window():
    assert broken(linked(AT_LEAST), KET, tms("2026-12-08T09:20")) == []
    assert broken(linked(AT_LEAST), KET, tms("2026-12-08T09:00")) == [(5, "ket", 1)]


def test_at_least_counts_more_than_one():
    twice = link("at_least", track="tms", after="ket", min_hours=24, max_hours=72, count=2)
    first = tms("2026-12-08T10:00")
    assert broken(linked(twice, two=2), KET, first, tms("2026-12-10T09:00", 2)) == []
    assert broken(linked(twice, two=2), KET, first, tms("2026-12-11T09:00", 2)) == [(5, "ket", 1)]


def test_at_least_is_not_asked_of_a_locked_session_whose_window_has_begun():
    course = patient(locked=(KET,))
    late = tms("2026-12-14T09:00")
    assert broken(linked(AT_LEAST, course=course, now=at("2026-12-08T09:00")), KET, late) == [(5, "ket", 1)]
    assert broken(linked(AT_LEAST, course=course, now=at("2026-12-08T09:30")), KET, late) == []


SEQUENCE = link("sequence", track="tms", after="ket", min_hours=24, max_hours=144)


def test_sequence_counts_from_the_last_to_the_first():
    second = session(2, "2026-12-09T09:00", "ket")
    problem = linked(SEQUENCE, one=2, two=2)
    assert broken(problem, KET, second, tms("2026-12-10T09:20"), tms("2026-12-11T09:00", 2)) == []
    assert broken(problem, KET, second, tms("2026-12-10T09:15"), tms("2026-12-11T09:00", 2)) == [(5, "tms", 1)]
    assert broken(problem, KET, second, tms("2026-12-15T09:25"), tms("2026-12-16T09:00", 2)) == [(5, "tms", 1)]


def test_sequence_without_max_hours_has_no_end():
    open_end = link("sequence", track="tms", after="ket", min_hours=24)
    assert broken(linked(open_end), KET, tms("2026-12-20T09:00")) == []


CLEAR = link("clear", track="tms", after="ket", hours=12)


@pytest.mark.parametrize(("start", "kept"), [("2026-12-07T10:30", False), ("2026-12-07T08:00", True)])
def test_clear_forbids_the_hours_after(start, kept):
    assert broken(linked(CLEAR), KET, tms(start)) == ([] if kept else [(5, "tms", 1)])


def test_clear_ends_after_its_hours():
    short = link("clear", track="tms", after="ket", hours=2)
    assert broken(linked(short), KET, tms("2026-12-07T11:20")) == []
    assert broken(linked(short), KET, tms("2026-12-07T11:15")) == [(5, "tms", 1)]


APART = link("apart", tracks=("ket", "tms"))


def test_apart_keeps_tracks_off_each_others_dates():
    assert broken(linked(APART), KET, tms("2026-12-08T09:00")) == []
    assert broken(linked(APART), KET, tms("2026-12-07T12:00")) == [(5, "ket", 1)]


@pytest.mark.parametrize("tie", [WINDOW, SEQUENCE, CLEAR, APART])
def test_two_locked_sessions_are_not_judged_by_a_link(tie):
    given = tms("2026-12-07T12:00")
    assert broken(linked(tie, course=patient(locked=(KET, given))), KET, given) == []
