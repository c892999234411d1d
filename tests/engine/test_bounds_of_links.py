"""Small clinics, by the minute: the best plan lies behind a start or a date that a careless bound leaves out."""

import pytest

from scheduling.engine.linked.days import TimeUp
from scheduling.engine.linked.patterns import Patterns
from scheduling.engine.options import INF
from scheduling.engine.track.tables import Tables

from .judging import planned
from .test_bounds import chain_of, drawn

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def daily(sessions, slip=0):
    return [
        {
            "name": "daily",
            "periods": sessions,
            "period_days": 1,
            "per_period": 1,
            "min_gap_hours": 0,
            "slip_days": slip,
        }
    ]


def visit(kind=None):
    holds = [] if kind is None else [{"kind": kind, "from": 0, "to": 30}]
    return {"minutes": 30, "treatment": [0, 30], "holds": holds}


def course(course_id="c1", **more):
    start = {"earliest_start": "2026-12-07", "latest_start": "2026-12-07", "preferred_time": "09:00"}
    return {"id": course_id, "protocol": "p", **start, **more}


def clinic(tracks, links, resources, hours, courses, *, grid=5, bookings=()):
    """From Monday, December 7, on."""
    kinds = {resource["kind"] for resource in resources}
    visits = {"none": visit(), **{kind: visit(kind) for kind in kinds}}
    return {
        "format": "course-planning/1",
        "site": {
            "timezone": "America/New_York",
            "grid_minutes": grid,
            "opening_hours": {day: [*hours] for day in WEEK},
        },
        "horizon_end": "2026-12-20",
        "resources": resources,
        "bookings": [
            {"resource": name, "seat": 0, "start": f"2026-12-{day:02}T{a}-05:00", "end": f"2026-12-{day:02}T{b}-05:00"}
            for name, day, a, b in bookings
        ],
        "protocols": {"p": {"visits": visits, "tracks": tracks, "links": links}},
        "courses": courses,
    }


def starts(written):
    return [
        [(s["track"], s["start"][8:16]) for s in answer["sessions"]]
        for answer in sorted(written["courses"], key=lambda answer: answer["id"])
    ]


def test_a_late_start_on_the_same_chair_is_cheaper_than_two_changes_of_chair():
    """A change costs 8, so that a start 15 steps away with the chair of both neighbours is the best of its date."""
    document = clinic(
        [
            {"name": "dose", "visit": "chair", "phases": daily(3), "continuity": "chair"},
            {"name": "talk", "visit": "none", "phases": daily(1), "first_day": 2},
        ],
        [{"type": "window", "track": "talk", "after": "dose", "min_hours": 0, "max_hours": 5}],
        [{"id": "chair-1", "kind": "chair"}, {"id": "chair-2", "kind": "chair"}],
        [["09:00", "12:00"]],
        [course()],
        bookings=[
            ("chair-2", 7, "08:00", "18:00"),
            ("chair-1", 8, "08:00", "10:15"),
            ("chair-2", 8, "09:30", "18:00"),
            ("chair-2", 9, "08:00", "18:00"),
        ],
    )
    written = planned(document)
    assert (written["cost"], written["bound"]) == (8 + 15 + 6, 8 + 15 + 6)
    assert starts(written) == [[("dose", "07T09:00"), ("dose", "08T10:15"), ("dose", "09T09:00"), ("talk", "09T09:30")]]


def test_a_sequence_limits_the_first_session_of_its_track_and_no_later_one_on_the_same_date():
    """On the second day only a first session would have to come early; the second one may come when it likes."""
    document = clinic(
        [
            {"name": "call", "visit": "none", "phases": daily(1)},
            {"name": "scan", "visit": "room", "phases": daily(1)},
            {"name": "dose", "visit": "none", "phases": daily(2, slip=2)},
        ],
        [
            {"type": "window", "track": "scan", "after": "call", "min_hours": 0, "max_hours": 5},
            {"type": "sequence", "track": "dose", "after": "scan", "min_hours": 0, "max_hours": 23.75},
        ],
        [{"id": "room", "kind": "room", "hours": {day: [["09:00", "09:30"]] for day in WEEK}}],
        [["08:00", "08:30"], ["09:00", "09:30"], ["12:00", "12:30"]],
        [course(preferred_time="12:00")],
    )
    written = planned(document)
    assert (written["cost"], written["bound"]) == (4 + 48 + 36, 4 + 48 + 36)
    assert starts(written) == [[("call", "07T08:00"), ("scan", "07T09:00"), ("dose", "07T12:00"), ("dose", "08T12:00")]]


def test_a_missed_session_that_another_course_makes_dearer_counts_in_no_bound():
    """The first of them would be as well off half an hour later, where the second one could have its wish."""
    document = clinic(
        [{"name": "dose", "visit": "chair", "phases": daily(2)}],
        [],
        [{"id": "chair-1", "kind": "chair"}],
        [["09:00", "11:00"]],
        [
            course(preferred_time="09:29", current=booked("09:00")),
            course(
                "c2",
                current=booked("10:00"),
                availability={"mon": [["09:00", "09:30"], ["10:00", "10:30"]], "tue": [["10:00", "10:30"]]},
            ),
        ],
        grid=30,
    )
    written = planned(document)
    assert (written["cost"], written["bound"]) == (4 + 4 + 2, 4 + 4 + 2)
    assert starts(written) == [
        [("dose", "07T09:30"), ("dose", "08T09:00")],
        [("dose", "07T09:00"), ("dose", "08T10:00")],
    ]


def test_a_session_comes_late_enough_for_a_locked_one_that_is_measured_from_it():
    """The cheaper start is no better for what follows: the locked talk would come more than four hours after it."""
    phases = [{**daily(1)[0], "periods": 2, "period_days": 2}]
    document = clinic(
        [{"name": "dose", "visit": "none", "phases": phases}, {"name": "talk", "visit": "none", "phases": daily(1)}],
        [{"type": "window", "track": "talk", "after": "dose", "min_hours": 0, "max_hours": 4}],
        [],
        [["09:00", "16:00"]],
        [course(locked=[locked("talk", 1, "2026-12-07T15:00")])],
    )
    written = planned(document)
    assert (written["cost"], written["bound"]) == (8 + 18, 8 + 18)
    assert starts(written) == [[("dose", "07T10:30"), ("dose", "09T09:00"), ("talk", "07T15:00")]]


def test_locked_sessions_that_go_back_in_time_rule_no_plan_out():
    """Session 3 was held before session 2, which nothing judges; a plan is there, though it may not be found."""
    document = clinic(
        [
            {"name": "talk", "visit": "none", "phases": daily(1)},
            {"name": "dose", "visit": "none", "phases": daily(4, slip=7)},
        ],
        [{"type": "apart", "tracks": ["talk", "dose"]}],
        [],
        [["09:00", "11:00"]],
        [course(locked=[locked("dose", 2, "2026-12-12T10:00"), locked("dose", 3, "2026-12-10T10:00")])],
    )
    written = planned(document)
    assert (written["courses"][0]["status"], written["bound"]) == ("unknown", 0)


def test_the_patterns_of_max_in_are_given_up_when_the_time_is_over():
    chain, starts, horizon = chain_of(drawn(0))
    table = Tables(chain, starts[-1], horizon)
    with pytest.raises(TimeUp):
        Patterns(table, lambda k, held, day: held, 0, 0, (), INF, lambda: True)


def locked(track, number, start):
    return {"track": track, "number": number, "start": f"{start}:00-05:00", "holds": []}


def booked(time):
    """The second session as it is booked, on Tuesday."""
    holds = [{"kind": "chair", "resource": "chair-1", "seat": 0}]
    return [{"track": "dose", "number": 2, "start": f"2026-12-08T{time}:00-05:00", "holds": holds}]
