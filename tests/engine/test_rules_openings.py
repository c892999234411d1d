"""Rule 6: the grid, the site's openings, when the patient can come."""

from datetime import date

import pytest

from scheduling.engine import Opening, Week

from .cast import broken, clinic, patient, phase, protocol, session, span, track

BARE = protocol(track("visit", "bare", (phase(per_period=1),)))


def one(start):
    return session(1, start, "visit")


def found(start, **more):
    return broken(clinic(BARE, **more), one(start))


@pytest.mark.parametrize(("start", "kept"), [("08:00", True), ("17:30", True), ("07:55", False), ("17:35", False)])
def test_a_visit_lies_within_the_opening(start, kept):
    assert found(f"2026-12-07T{start}") == ([] if kept else [(6, "visit", 1)])


def test_a_visit_does_not_run_through_a_break_but_touching_spans_are_one():
    apart = Week.of({"mon": [("08:00", "12:00"), ("12:05", "18:00")]})
    touching = Week.of({"mon": [("08:00", "12:00"), ("12:00", "18:00")]})
    assert found("2026-12-07T11:45", hours=apart) == [(6, "visit", 1)]
    assert found("2026-12-07T11:45", hours=touching) == []


def test_a_closed_date_is_closed_unless_an_extra_opening_says_otherwise():
    closed = {"closed_dates": (date(2026, 12, 7),)}
    assert found("2026-12-07T10:00", **closed) == [(6, "visit", 1)]
    assert found("2026-12-07T10:00", **closed, extra_openings=(Opening(date(2026, 12, 7), 600, 700),)) == []


def test_an_extra_opening_that_touches_the_hours_makes_one_span():
    assert found("2026-12-07T17:45") == [(6, "visit", 1)]
    assert found("2026-12-07T17:45", extra_openings=(Opening(date(2026, 12, 7), 1080, 1140),)) == []


@pytest.mark.parametrize(("grid", "start", "kept"), [(15, "09:15", True), (15, "09:10", False), (30, "09:15", False)])
def test_visits_start_on_the_grid(grid, start, kept):
    assert found(f"2026-12-07T{start}", grid=grid) == ([] if kept else [(6, "visit", 1)])


def test_seconds_are_off_the_grid():
    assert found("2026-12-07T09:00:30") == [(6, "visit", 1)]


def test_the_patient_comes_within_the_availability():
    course = patient(availability=Week.of({"mon": [("09:00", "10:00")]}))
    assert found("2026-12-07T09:30", course=course) == []
    assert found("2026-12-07T09:35", course=course) == [(6, "visit", 1)]
    assert found("2026-12-08T09:30", course=course) == [(6, "visit", 1)]


def test_an_empty_availability_means_never():
    assert found("2026-12-07T09:30", course=patient(availability=Week())) == [(6, "visit", 1)]


def test_the_patient_does_not_come_when_away():
    course = patient(unavailable=(span("2026-12-07T09:00", "2026-12-07T10:00"),))
    assert found("2026-12-07T08:30", course=course) == []
    assert found("2026-12-07T08:35", course=course) == [(6, "visit", 1)]
    assert found("2026-12-07T10:00", course=course) == []


def test_extra_availability_holds_whatever_the_others_say():
    extra = (span("2026-12-07T09:00", "2026-12-07T10:00"),)
    away = (span("2026-12-07T00:00", "2026-12-08T00:00"),)
    course = patient(availability=Week(), unavailable=away, extra_availability=extra)
    assert found("2026-12-07T09:30", course=course) == []
    assert found("2026-12-07T09:35", course=course) == [(6, "visit", 1)]
