"""Rule 4: order, gaps in elapsed hours, max_in."""

import pytest

from .cast import EVERY_DAY, broken, clinic, patient, phase, protocol, session, track

ONE = session(1, "2026-12-07T09:00")


def daily(**more):
    return clinic(protocol(track(phases=(phase(slip_days=20, **more),))), hours=EVERY_DAY)


def test_two_sessions_of_a_track_need_two_dates():
    assert broken(daily(), ONE, session(2, "2026-12-07T14:00")) == [(4, "dose", 2)]


def test_numbers_go_up_with_the_dates():
    assert broken(daily(), session(1, "2026-12-08T09:00"), session(2, "2026-12-07T09:00"))[-1] == (4, "dose", 2)


@pytest.mark.parametrize(("start", "found"), [("2026-12-09T05:00", []), ("2026-12-09T04:55", [(4, "dose", 2)])])
def test_min_gap_counts_elapsed_hours_to_the_minute(start, found):
    problem = daily(least=44)
    keep = [entry for entry in broken(problem, ONE, session(2, start)) if entry[0] == 4]
    assert keep == found


@pytest.mark.parametrize(("start", "found"), [("2026-12-09T09:00", []), ("2026-12-09T09:05", [(4, "dose", 2)])])
def test_max_gap_counts_elapsed_hours_to_the_minute(start, found):
    assert broken(daily(max_gap_hours=48), ONE, session(2, start)) == found


def test_gaps_run_from_treatment_to_treatment():
    shape = protocol(track(phases=(phase(1, 1, 1, visit="bare"), phase(1, 7, 1, least=24.25))))
    given = session(1, "2026-12-07T09:00", holds=())
    assert broken(clinic(shape), given, session(2, "2026-12-08T09:10")) == []
    assert broken(clinic(shape), given, session(2, "2026-12-08T09:05")) == [(4, "dose", 2)]


def test_the_phase_of_the_later_session_gives_the_gap():
    shape = protocol(track(phases=(phase(1, 1, 1, least=90), phase(1, 7, 1, name="b", least=20))))
    assert broken(clinic(shape), ONE, session(2, "2026-12-08T09:00")) == []


def test_max_gap_is_not_asked_after_a_locked_session_once_the_course_is_shifted():
    shape = protocol(track(phases=(phase(slip_days=20, max_gap_hours=48),)))
    late = session(2, "2026-12-16T09:00")
    assert broken(clinic(shape, course=patient(locked=(ONE,))), ONE, late) == [(4, "dose", 2)]
    assert broken(clinic(shape, course=patient(locked=(ONE,), shift_days=0)), ONE, late) == []


def test_two_locked_sessions_are_not_judged_by_their_gap():
    early = session(2, "2026-12-07T09:30")
    problem = clinic(protocol(track(phases=(phase(least=44),))), course=patient(locked=(ONE, early)))
    assert broken(problem, ONE, early) == []


def test_max_in_counts_local_dates_that_end_with_the_session():
    problem = clinic(protocol(track(phases=(phase(1, 14, 3, max_in=(2, 7)),))), hours=EVERY_DAY)
    two = session(2, "2026-12-09T09:00")
    assert broken(problem, ONE, two, session(3, "2026-12-14T09:00")) == []
    assert broken(problem, ONE, two, session(3, "2026-12-13T09:00")) == [(4, "dose", 3)]
