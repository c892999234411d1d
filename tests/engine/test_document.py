"""The exchange format: what is refused, in which words; and that reading and writing are inverse."""

import copy
import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from scheduling.engine import (
    Booking,
    Course,
    FormatError,
    HoldNeed,
    Interval,
    Link,
    Phase,
    Site,
    Visit,
    Week,
    read_problem,
    read_result,
    write_problem,
)

from .generate import LINKED, SINGLE, make
from .judging import example, planned

GOOD = example("tiny")
LINK = {"type": "window", "track": "dose", "after": "more", "min_hours": 24, "max_hours": 72}
HOLDS = [{"kind": "chair", "resource": "chair-1", "seat": 0}, {"kind": "monitor", "resource": "nurse-post", "seat": 0}]
SESSION = {"track": "dose", "number": 1, "start": "2026-12-07T09:00:00-05:00", "holds": HOLDS}
GONE = object()


def changed(path, value):
    """The good document with one field set, or taken away."""
    document = copy.deepcopy(GOOD)
    document["courses"][0]["locked"] = [copy.deepcopy(SESSION)]
    document["site"]["extra_openings"] = [{"date": "2026-12-08", "from": "09:00", "to": "12:00"}]
    document["now"] = "2026-12-01T09:00:00-05:00"
    tracks = document["protocols"]["short"]["tracks"]
    tracks.append({**copy.deepcopy(tracks[0]), "name": "more"})
    document["protocols"]["short"]["links"] = [dict(LINK)]
    here = document
    *way, last = path
    for step in way:
        here = here[step]
    if value is GONE:
        del here[last]
    else:
        here[last] = value
    return document


VISIT = ("protocols", "short", "visits", "dose")
TRACK = ("protocols", "short", "tracks", 0)
PHASE = (*TRACK, "phases", 0)
LINKS = ("protocols", "short", "links", 0)
COURSE = ("courses", 0)

BAD = [
    (("format",), "course-planning/2", "format: must be 'course-planning/1', not 'course-planning/2'"),
    (("format",), GONE, "format: is missing"),
    (("extra",), 1, "extra: is not a field of the format"),
    (("courses",), GONE, "courses: is missing"),
    (("courses",), {}, "courses: must be a list, not {}"),
    (("courses",), None, "courses: must not be null: leave an optional field out"),
    (("now",), None, "now: must not be null: leave an optional field out"),
    (("now",), "2026-12-01T09:00:00", "now: has no UTC offset: '2026-12-01T09:00:00'"),
    (("now",), "yesterday", "now: must be an instant as ISO 8601 text, not 'yesterday'"),
    (("now",), 17, "now: must be an instant as ISO 8601 text, not 17"),
    (("horizon_end",), "2026-02-30", "horizon_end: is not a date of the calendar: '2026-02-30'"),
    (("horizon_end",), "20261231", "horizon_end: must be a date as YYYY-MM-DD, not '20261231'"),
    (("site",), [], "site: must be an object, not []"),
    (("site", "timezone"), "America/Gotham", "site.timezone: is not an IANA time zone: 'America/Gotham'"),
    (("site", "timezone"), "../etc/passwd", "site.timezone: is not an IANA time zone: '../etc/passwd'"),
    (("site", "timezone"), "", "site.timezone: must be a text that is not empty, not ''"),
    (("site", "grid_minutes"), 7, "site.grid_minutes: must divide 1440, not 7"),
    (("site", "grid_minutes"), 0, "site.grid_minutes: must be at least 1, not 0"),
    (("site", "grid_minutes"), True, "site.grid_minutes: must be a whole number, not True"),
    (("site", "grid_minutes"), 5.0, "site.grid_minutes: must be a whole number, not 5.0"),
    (("site", "opening_hours"), {"monday": []}, "site.opening_hours.monday: is not a field of the format"),
    (
        ("site", "opening_hours"),
        {"mon": [["8:00", "12:00"]]},
        "site.opening_hours.mon[0][0]: must be a time of day as HH:MM, not '8:00'",
    ),
    (
        ("site", "opening_hours"),
        {"mon": [["08:00", "24:30"]]},
        "site.opening_hours.mon[0][1]: must be a time of day from 00:00 to 24:00, not '24:30'",
    ),
    (
        ("site", "opening_hours"),
        {"mon": [["08:60", "12:00"]]},
        "site.opening_hours.mon[0][0]: must be a time of day from 00:00 to 24:00, not '08:60'",
    ),
    (
        ("site", "opening_hours"),
        {"mon": [["12:00", "08:00"]]},
        "site.opening_hours.mon[0]: must begin before it ends",
    ),
    (("site", "opening_hours"), {"mon": [["08:00"]]}, "site.opening_hours.mon[0]: must be a pair, not ['08:00']"),
    (("site", "closed_dates", 0), 25, "site.closed_dates[0]: must be a date as YYYY-MM-DD, not 25"),
    (("site", "extra_openings", 0, "to"), "09:00", "site.extra_openings[0].to: must lie after from"),
    (("site", "extra_openings", 0, "date"), GONE, "site.extra_openings[0].date: is missing"),
    (("resources", 0, "id"), "", "resources[0].id: must be a text that is not empty, not ''"),
    (("resources", 1, "id"), "chair-1", "resources[1].id: appears a second time: 'chair-1'"),
    (("resources", 1, "seats"), 0, "resources[1].seats: must be at least 1, not 0"),
    (("resources", 1, "skills"), "acls", "resources[1].skills: must be a list, not 'acls'"),
    (("resources", 1, "skills"), [3], "resources[1].skills[0]: must be a text that is not empty, not 3"),
    (("resources", 1, "seat"), 1, "resources[1].seat: is not a field of the format"),
    (
        ("resources", 0, "unavailable"),
        [["2026-12-09T08:00:00-05:00", "2026-12-09T08:00:00-05:00"]],
        "resources[0].unavailable[0]: must start before it ends: 2026-12-09T08:00:00-05:00, 2026-12-09T08:00:00-05:00",
    ),
    (("bookings", 0, "resource"), "chair-7", "bookings[0].resource: names no resource: 'chair-7'"),
    (("bookings", 0, "seat"), 1, "bookings[0].seat: must be below the seats of 'chair-1' (1), not 1"),
    (("bookings", 0, "seat"), -1, "bookings[0].seat: must be at least 0, not -1"),
    (("bookings", 0, "start"), "2026-12-09", "bookings[0].start: has no UTC offset: '2026-12-09'"),
    (
        ("bookings", 0, "end"),
        "2026-12-09T08:00:00-05:00",
        "bookings[0].end: must lie after start (2026-12-09T08:00:00-05:00): 2026-12-09T08:00:00-05:00",
    ),
    (("protocols",), [], "protocols: must be an object, not []"),
    ((*VISIT, "minutes"), 0, "protocols.short.visits.dose.minutes: must be at least 1, not 0"),
    ((*VISIT, "minutes"), "150", "protocols.short.visits.dose.minutes: must be a whole number, not '150'"),
    ((*VISIT, "treatment"), [20, 15], "protocols.short.visits.dose.treatment[1]: must be at least 20, not 15"),
    ((*VISIT, "treatment"), [20], "protocols.short.visits.dose.treatment: must be a pair, not [20]"),
    ((*VISIT, "holds", 0, "to"), 0, "protocols.short.visits.dose.holds[0].to: must lie after from (0), not 0"),
    ((*VISIT, "holds", 0, "from"), -5, "protocols.short.visits.dose.holds[0].from: must be at least 0, not -5"),
    (
        (*VISIT, "holds", 0, "skill"),
        None,
        "protocols.short.visits.dose.holds[0].skill: must not be null: leave an optional field out",
    ),
    (
        (*VISIT, "holds", 0, "same_as"),
        0,
        "protocols.short.visits.dose.holds[0].same_as: must be the index of an earlier hold, not 0",
    ),
    (
        (*VISIT, "holds", 1, "same_as"),
        0,
        "protocols.short.visits.dose.holds[1].same_as: hold 0 is of another kind: 'chair'",
    ),
    ((*TRACK, "visit"), "nap", "protocols.short.tracks[0].visit: names no visit of the protocol: 'nap'"),
    ((*TRACK, "first_day"), 2, "protocols.short.tracks[0].first_day: must be 0 for the first track, not 2"),
    ((*TRACK, "name"), "more", "protocols.short.tracks[1].name: appears a second time: 'more'"),
    ((*TRACK, "phases"), [], "protocols.short.tracks[0].phases: must name at least one phase"),
    ((*PHASE, "periods"), 0, "protocols.short.tracks[0].phases[0].periods: must be at least 1, not 0"),
    ((*PHASE, "periods"), 10**9, "protocols.short.tracks[0].phases[0].periods: must be at most 4000, not 1000000000"),
    ((*PHASE, "per_period"), 0, "protocols.short.tracks[0].phases: must hold 1 to 2000 sessions, not 0"),
    (
        (*PHASE, "min_gap_hours"),
        -1,
        "protocols.short.tracks[0].phases[0].min_gap_hours: must be between 0 and 1000000 hours, not -1",
    ),
    (
        (*PHASE, "min_gap_hours"),
        "44",
        "protocols.short.tracks[0].phases[0].min_gap_hours: must be a number of hours, not '44'",
    ),
    (
        (*PHASE, "min_gap_hours"),
        float("nan"),
        "protocols.short.tracks[0].phases[0].min_gap_hours: must be a number of hours, not nan",
    ),
    (
        (*PHASE, "max_gap_hours"),
        None,
        "protocols.short.tracks[0].phases[0].max_gap_hours: must not be null: leave an optional field out",
    ),
    ((*PHASE, "max_in"), [2], "protocols.short.tracks[0].phases[0].max_in: must be a pair, not [2]"),
    ((*PHASE, "max_in"), [0, 7], "protocols.short.tracks[0].phases[0].max_in[0]: must be at least 1, not 0"),
    ((*PHASE, "slip"), 2, "protocols.short.tracks[0].phases[0].slip: is not a field of the format"),
    ((*PHASE, "visit"), "nap", "protocols.short.tracks[0].phases[0].visit: names no visit of the protocol: 'nap'"),
    (
        (*LINKS, "type"),
        "near",
        "protocols.short.links[0].type: must be one of window, at_least, sequence, clear, apart, not 'near'",
    ),
    ((*LINKS, "max_hours"), GONE, "protocols.short.links[0].max_hours: is missing: a link of type window needs it"),
    ((*LINKS, "hours"), 3, "protocols.short.links[0].hours: does not belong to a link of type window"),
    ((*LINKS, "after"), "dose", "protocols.short.links[0].after: must be another track than track: 'dose'"),
    ((*LINKS, "after"), "moore", "protocols.short.links[0].after: names no track of the protocol: 'moore'"),
    ((*COURSE, "id"), 1, "courses[0].id: must be a text that is not empty, not 1"),
    ((*COURSE, "protocol"), "long", "courses[0].protocol: names no protocol: 'long'"),
    ((*COURSE, "preferred_time"), "24:00", "courses[0].preferred_time: must be at most 1439, not 1440"),
    ((*COURSE, "preferred_time"), "nine", "courses[0].preferred_time: must be a time of day as HH:MM, not 'nine'"),
    ((*COURSE, "earliest_start"), GONE, "courses[0].earliest_start: is missing"),
    ((*COURSE, "shift_days"), 1.5, "courses[0].shift_days: must be a whole number, not 1.5"),
    (
        (*COURSE, "unavailable"),
        [["2026-12-09T08:00:00-05:00"]],
        "courses[0].unavailable[0]: must be a pair, not ['2026-12-09T08:00:00-05:00']",
    ),
    ((*COURSE, "locked", 0, "track"), "does", "courses[0].locked[0].track: names no track of 'short': 'does'"),
    ((*COURSE, "locked", 0, "number"), 5, "courses[0].locked[0].number: must be at most 4, not 5"),
    ((*COURSE, "locked", 0, "number"), 0, "courses[0].locked[0].number: must be at least 1, not 0"),
    (
        (*COURSE, "locked", 0, "start"),
        "2026-12-07T09:00:00.500-05:00",
        "courses[0].locked[0].start: must be a whole second: 2026-12-07T09:00:00.500000-05:00",
    ),
    (
        (*COURSE, "locked", 0, "holds", 0, "seat"),
        "0",
        "courses[0].locked[0].holds[0].seat: must be a whole number, not '0'",
    ),
    ((*COURSE, "locked"), [SESSION, SESSION], "courses[0].locked[1]: appears a second time: ('dose', 1)"),
    ((*COURSE, "current"), [SESSION], "courses[0].current[0]: is locked too: dose 1"),
]


@pytest.mark.parametrize(
    ("path", "value", "line"), BAD, ids=[f"{i}-{bad[2].split(':')[0]}" for i, bad in enumerate(BAD)]
)
def test_a_bad_field_is_named_with_its_fault_in_one_line(path, value, line):
    with pytest.raises(FormatError) as caught:
        read_problem(json.dumps(changed(path, value)))
    assert str(caught.value) == line
    assert "\n" not in str(caught.value)


def test_the_document_that_the_bad_ones_come_from_is_good():
    assert read_problem(changed(("format",), "course-planning/1")).courses[0].id == "c1"


def test_a_latest_start_before_the_earliest_is_refused_unless_the_start_is_locked():
    document = copy.deepcopy(GOOD)
    document["courses"][0]["latest_start"] = "2026-12-01"
    with pytest.raises(FormatError, match=r"^courses\[0\].latest_start: lies before earliest_start \(2026-12-07\)$"):
        read_problem(document)
    document["courses"][0]["locked"] = [SESSION]
    assert read_problem(document).courses[0].latest_start.day == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "document: is not JSON: Expecting value at line 1 column 1"),
        ("{", "document: is not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        ("[]", "document: must be an object, not []"),
        ("null", "document: must be an object, not None"),
        (b"\xff\xfe{", "document: is not UTF-8 text"),
        ('{"format": 1, "format": 2}', "document: has the field 'format' twice in one object"),
        ("[" * 100_000, "document: is nested too deeply"),
    ],
)
def test_a_text_that_is_no_document_is_refused(text, line):
    with pytest.raises(FormatError) as caught:
        read_problem(text)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: Interval(datetime(2026, 1, 1), datetime(2026, 1, 2)), "[0]"),  # noqa: DTZ001 (what is refused)
        (lambda: Booking("a", 0, datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)), "end"),
        (lambda: Visit(30, (0, 40)), "treatment[1]"),
        (lambda: Visit(30, (0, 30), cast(Any, [HoldNeed("chair", 0, 30)])), "holds"),
        (lambda: HoldNeed("chair", 30, 30), "to"),
        (lambda: Phase("a", 1, 7, 1, float("inf")), "min_gap_hours"),
        (lambda: Link("apart", track="a"), "track"),
        (lambda: Week((((600, 500),), (), (), (), (), (), ())), "mon[0]"),
        (lambda: Site("Mars/Base", 5, Week()), "timezone"),
        (
            lambda: Course("c", "p", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 540),
            "earliest_start",
        ),
    ],
)
def test_the_dataclasses_refuse_wrong_input_when_built(build, field):
    with pytest.raises(FormatError) as caught:
        build()
    assert caught.value.field == field
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", ["tiny", "tiny-infeasible", "saint", "spravato", "ketamine"])
def test_a_problem_written_and_read_is_the_same(name):
    problem = read_problem(example(name))
    assert read_problem(json.dumps(write_problem(problem))) == problem


@pytest.mark.parametrize("family", SINGLE + LINKED)
def test_every_field_survives_a_round_trip(family):
    for seed in range(3):
        problem = read_problem(make(seed, families=[family], long=False))
        again = write_problem(problem)
        assert read_problem(again) == problem
        assert write_problem(read_problem(again)) == again


def test_a_result_is_read_back_and_its_faults_are_named():
    written = planned(example("tiny"))
    written["courses"][0]["status"] = "done"
    with pytest.raises(
        FormatError, match=r"^courses\[0\].status: must be one of planned, infeasible, unknown, not 'done'$"
    ):
        read_result(written)
