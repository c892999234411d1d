"""Bad input: status 2 and one line that names field and fault, or an honest answer in time; never a traceback."""

import copy
import json
import random
import time
from typing import Any

import pytest
from django.core.management import call_command

from scheduling.engine import FormatError, plan, read_problem, write_result

from .generate import LINKED, SINGLE, make
from .judging import example, judge, planned
from .tiny import tiny

HOLDS = [{"kind": "chair", "resource": "chair-1", "seat": 0}, {"kind": "monitor", "resource": "nurse-post", "seat": 0}]
GONE = object()


def full():
    """A small problem in which every field of the format is there at least once."""
    out = copy.deepcopy(example("tiny"))
    out["now"] = "2026-12-01T09:00:00-05:00"
    out["site"]["extra_openings"] = [{"date": "2026-12-08", "from": "09:00", "to": "12:00"}]
    out["resources"][0] |= {
        "seats": 1,
        "skills": ["quiet"],
        "hours": {day: [["08:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "unavailable": [["2026-12-24T08:00:00-05:00", "2026-12-25T08:00:00-05:00"]],
    }
    shape = out["protocols"]["short"]
    visit = shape["visits"]["dose"]
    visit["holds"].append({"kind": "chair", "skill": "quiet", "from": 150, "to": 160, "same_as": 0})
    shape["visits"]["talk"] = {"minutes": 30, "treatment": [0, 30], "holds": []}
    first = shape["tracks"][0]
    first |= {"first_day": 0, "continuity": "chair"}
    first["phases"][0] |= {"max_gap_hours": 200, "slip_days": 2, "max_in": [2, 4], "visit": "dose"}
    phase = {"name": "talks", "periods": 1, "period_days": 14, "per_period": 1, "min_gap_hours": 0, "slip_days": 30}
    shape["tracks"].append({"name": "talk", "visit": "talk", "phases": [phase]})
    hours = {"track": "talk", "after": "dose", "min_hours": 0}
    shape["links"] = [
        {"type": "window", **hours, "max_hours": 900},
        {"type": "at_least", **hours, "max_hours": 900, "count": 0},
        {"type": "sequence", **hours, "max_hours": 900},
        {"type": "clear", "track": "talk", "after": "dose", "hours": 1},
        {"type": "apart", "tracks": ["talk", "dose"]},
    ]
    course = out["courses"][0]
    away = [["2026-12-22T08:00:00-05:00", "2026-12-23T08:00:00-05:00"]]
    course |= {"unavailable": away, "extra_availability": away, "shift_days": 0}
    course.setdefault("availability", {day: [["08:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})
    course["locked"] = [{"track": "dose", "number": 1, "start": "2026-12-07T09:00:00-05:00", "holds": three_holds()}]
    course["current"] = [{"track": "dose", "number": 2, "start": "2026-12-09T09:00:00-05:00", "holds": three_holds()}]
    return out


def three_holds():
    return [dict(hold) for hold in (*HOLDS, HOLDS[0])]


def places(value, path=()):
    """The paths of everything in a document, of long lists the first three."""
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for index in range(min(len(value), 3)):
            yield from places(value[index], (*path, index))


def changed(document, path, value):
    """A copy with one thing set, or taken away."""
    out = here = copy.deepcopy(document)
    for step in path[:-1]:
        here = here[step]
    if value is GONE:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return out


def dotted(path):
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def refused(document):
    """The line that says what is wrong with a document, None where it is read."""
    try:
        read_problem(json.dumps(document))
    except FormatError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 300
        return str(error)
    return None


def test_the_full_problem_is_good_and_has_a_plan():
    assert [course["status"] for course in planned(full())["courses"]] == ["planned"]


@pytest.mark.parametrize(
    "value", [None, True, {"no": "such"}, [[[1]]], 1e30, -1e30, float("nan"), float("-inf"), "", 10**30]
)
def test_nothing_in_a_problem_may_be_what_it_cannot_be(value):
    """Whatever is replaced, the line names it, or what is right above or below it."""
    document = full()
    for path in places(document):
        if value == 10**30 and (path[-1] in ("count", "seat") or path[-2:] == ("max_in", 0)):
            continue  # a whole number like any other
        line = refused(changed(document, path, value))
        assert line is not None, dotted(path)
        field = line.split(": ")[0]
        assert field.startswith(dotted(path)) or dotted(path[:-1]).startswith(field) or path[-1] in NAMES, line


NAMES = {
    "id",
    "name",
    "resource",
    "track",
    "after",
    "visit",
    "kind",
    "protocol",
    "type",
    "seats",
    0,
    1,
    "short",
    "dose",
}
"""What others refer to: the fault may be found where they do."""


def test_a_field_that_is_needed_is_missed_and_an_optional_one_is_not():
    document = full()
    missed: set[str] = set()
    left_out: set[str] = set()
    for path in places(document):
        if isinstance(path[-1], str):
            line = refused(changed(document, path, GONE))
            (left_out if line is None else missed).add(path[-1])
            assert line is None or f"{path[-1]}: is missing" in line or "names no" in line or "skill" in line, line
    assert left_out >= {"now", "bookings", "seats", "hours", "unavailable", "availability", "extra_openings", "links"}
    assert left_out >= {"first_day", "continuity", "max_gap_hours", "slip_days", "max_in", "shift_days", "locked"}
    assert missed >= {"format", "site", "timezone", "grid_minutes", "opening_hours", "horizon_end", "resources"}
    assert missed >= {"id", "kind", "start", "end", "seat", "tracks", "phases", "periods", "per_period", "holds"}


DOSE = ("protocols", "short", "visits", "dose")
TRACK = ("protocols", "short", "tracks", 0)
COURSE = ("courses", 0)
LIMITS = [
    (("courses", 0, "id"), "x" * 1001, "courses[0].id: must have at most 1000 characters, not 1001"),
    (("horizon_end",), "0001-01-01", "horizon_end: lies before the year 1971: 0001-01-01"),
    ((*COURSE, "earliest_start"), "1970-12-31", "courses[0].earliest_start: lies before the year 1971: 1970-12-31"),
    ((*COURSE, "latest_start"), "9999-12-31", "courses[0].latest_start: lies after the year 2999: 9999-12-31"),
    (("now",), "9001-01-01T00:00:00+00:00", "now: lies outside the years 1970 to 9000: 9001-01-01T00:00:00+00:00"),
    (("site", "timezone"), "localtime", "site.timezone: is not an IANA time zone: 'localtime'"),
    (("site", "timezone"), "right/Europe/Berlin", "site.timezone: is not an IANA time zone: 'right/Europe/Berlin'"),
    (("site", "timezone"), "A\x00B", "site.timezone: is not an IANA time zone: 'A\\x00B'"),
    (("x" * 10_000,), 1, "x" * 57 + "...: is not a field of the format"),
    ((*DOSE, "minutes"), 100_001, "protocols.short.visits.dose.minutes: must be at most 100000, not 100001"),
    (
        (*DOSE, "holds"),
        [{"kind": "chair", "from": 0, "to": 5}] * 101,
        "protocols.short.visits.dose.holds: must be at most 100, not 101",
    ),
    (
        (*TRACK, "phases", 0, "per_period"),
        2000,
        "protocols.short.tracks[0].phases: must hold 1 to 2000 sessions, not 4000",
    ),
    (
        ("protocols", "short", "links"),
        [{"type": "apart", "tracks": ["talk", "dose"]}] * 101,
        "protocols.short.links: must be at most 100, not 101",
    ),
    (
        ("protocols", "short", "links", 0, "type"),
        ["window"],
        "protocols.short.links[0].type: must be one of window, at_least, sequence, clear, apart, not ['window']",
    ),
    (
        ("protocols", "short", "links", 4, "tracks"),
        [["talk"], "dose"],
        "protocols.short.links[4].tracks[0]: must be a text that is not empty, not ['talk']",
    ),
    (("resources", 0, "seats"), 10**6, "resources[0].seats: must be at most 1000, not 1000000"),
]


@pytest.mark.parametrize(("path", "value", "line"), LIMITS, ids=[limit[2].split(": ")[0] for limit in LIMITS])
def test_a_limit_is_named(path, value, line):
    assert refused(changed(full(), path, value)) == line


def test_start_dates_lie_at_most_4000_days_apart():
    document = example("tiny")
    document["courses"][0]["latest_start"] = "2037-11-21"
    assert refused(document) == "courses[0].latest_start: lies more than 4000 days after earliest_start (2026-12-07)"


def test_a_protocol_has_at_most_twenty_tracks_and_2000_sessions():
    document = example("tiny")
    shape = document["protocols"]["short"]
    one = shape["tracks"][0]
    shape["tracks"] = [{**one, "name": f"track {i}"} for i in range(21)]
    assert refused(document) == "protocols.short.tracks: must be at most 20, not 21"
    phase = {**one["phases"][0], "periods": 700, "per_period": 1, "period_days": 1}
    shape["tracks"] = [{**one, "name": f"track {i}", "phases": [phase]} for i in range(3)]
    assert refused(document) == "protocols.short.tracks: must hold at most 2000 sessions together, not 2100"


# Strange, but no fault of the format: answered


def given(number, start, holds=HOLDS):
    return {"track": "dose", "number": number, "start": start, "holds": holds}


AT_ONCE = [given(number, "2026-12-09T09:00:00-05:00") for number in (1, 2, 3, 4)]
BACKWARDS = [given(number, f"2026-12-{20 - number}T09:00:00-05:00") for number in (1, 2, 4)]
LONG_AGO = [given(1, "1970-01-01T00:00:00+00:00")]
OVERLAPPING = [
    {"resource": "chair-1", "seat": 0, "start": f"2026-12-09T{h:02d}:00:00-05:00", "end": "2026-12-09T20:00:00-05:00"}
    for h in range(8, 18)
]
ODD = [
    ("contradictory locked sessions, all at once", (*COURSE, "locked"), AT_ONCE, "planned"),
    ("locked sessions out of order", (*COURSE, "locked"), BACKWARDS, "infeasible"),
    ("a locked session without its holds", (*COURSE, "locked"), [given(1, "2026-12-07T09:00:00-05:00", [])], "planned"),
    ("a locked session of long ago", (*COURSE, "locked"), LONG_AGO, "planned"),
    ("a current session of long ago", (*COURSE, "current"), LONG_AGO, "planned"),
    ("a horizon before the start", ("horizon_end",), "2026-01-01", "infeasible"),
    ("a horizon of 1971", ("horizon_end",), "1971-01-01", "infeasible"),
    ("a horizon far away", ("horizon_end",), "9999-12-31", "planned"),
    ("a visit longer than a day", (*DOSE, "minutes"), 1500, "infeasible"),
    ("a visit of 69 days", (*DOSE, "minutes"), 100_000, "infeasible"),
    ("a hold of 69 days", (*DOSE, "holds", 0, "to"), 100_000, "infeasible"),
    ("bookings that overlap", ("bookings",), OVERLAPPING, "planned"),
    ("no bookings", ("bookings",), [], "planned"),
    ("a grid of a day", ("site", "grid_minutes"), 1440, "infeasible"),
    ("a site that never opens", ("site", "opening_hours"), {}, "infeasible"),
    ("a maximum gap below the minimum", (*TRACK, "phases", 0, "max_gap_hours"), 1, "infeasible"),
    ("a minimum gap of a century", (*TRACK, "phases", 0, "min_gap_hours"), 1_000_000, "infeasible"),
    ("a slip of eleven years", (*TRACK, "phases", 0, "slip_days"), 4000, "planned"),
    ("a shift of eleven years", (*COURSE, "shift_days"), 4000, "infeasible"),
    ("a shift into the past", (*COURSE, "shift_days"), -4000, "infeasible"),
    ("500 sessions in a week", (*TRACK, "phases", 0, "per_period"), 500, "infeasible"),
    ("dates at the ends of time", ("site", "closed_dates"), ["1971-01-01", "9999-12-31"], "planned"),
]


@pytest.mark.parametrize(("path", "value", "status"), [odd[1:] for odd in ODD], ids=[odd[0] for odd in ODD])
def test_what_is_odd_but_legal_is_answered(path, value, status):
    document = changed(example("tiny"), path, value)
    (answer,) = planned(document, time_limit=5)["courses"]
    assert answer["status"] == status
    assert answer["status"] == "planned" or answer["message"].endswith(".")


# The command


def ask(capsys, tmp_path, data, limit="1"):
    """(status, lines on standard error, courses by status) of the command."""
    file = tmp_path / "problem.json"
    file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    status: Any = 0
    try:
        call_command("plan_file", str(file), "--time-limit", limit)
    except SystemExit as error:
        status = error.code
    written = capsys.readouterr()
    answers = [course["status"] for course in json.loads(written.out)["courses"]] if written.out else []
    return status, written.err, {name: answers.count(name) for name in set(answers)}


TEXTS = [
    (b"", "document: is not JSON: Expecting value at line 1 column 1\n"),
    (b'{"format": "\xff"}', "document: is not UTF-8 text\n"),
    (b"[" * 1_000_000, "document: is nested too deeply\n"),
    (b'{"a":' * 1_000_000, "document: is nested too deeply\n"),
    (b'"' + b"x" * 50_000_000 + b'"', f"document: must be an object, not '{'x' * 56}...\n"),
    (b'{"horizon_end": ' + b"9" * 5000 + b"}", None),
    (b'{"format": "course-planning/1", "courses": [], "x\\ny\\u2028z": 1}', None),
]


@pytest.mark.parametrize(("data", "line"), TEXTS, ids=range(len(TEXTS)))
def test_a_text_that_is_no_problem_gets_status_2_and_one_line(capsys, tmp_path, data, line):
    status, error, answers = ask(capsys, tmp_path, data)
    assert (status, answers, len(error.splitlines())) == (2, {}, 1)
    assert line is None or error == line


def test_a_fault_in_the_fields_gets_status_2_and_one_line(capsys, tmp_path):
    document = changed(example("tiny"), (*COURSE, "protocol"), "sho\nrt")
    line = "courses[0].protocol: names no protocol: 'sho\\nrt'\n"
    assert ask(capsys, tmp_path, document) == (2, line, {})


def test_a_hundred_thousand_overlapping_bookings_are_read_and_planned_around(capsys, tmp_path):
    document = example("tiny")
    document["bookings"] = OVERLAPPING * 10_000
    assert ask(capsys, tmp_path, document) == (0, "", {"planned": 1})


@pytest.mark.parametrize("family", ["tms", "combined"])
def test_ten_thousand_courses_are_answered_in_time(capsys, tmp_path, family):
    """Those that the time did not reach are `unknown`; reading, checking and writing take some seconds too."""
    document = make(1, families=[family], load=0.2)
    document["courses"] = [{**document["courses"][0], "id": f"c{i}"} for i in range(10_000)]
    began = time.process_time()
    status, error, answers = ask(capsys, tmp_path, document)
    assert (status, error, sum(answers.values())) == (0, "", 10_000)
    assert set(answers) <= {"planned", "infeasible", "unknown"}
    assert time.process_time() - began < 15


# Anything at all

VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 7, 60, 1439, 1440, 10**9, 0.5, 1e30, float("nan"), "", "x", [], {}, [[]], [1, 2]),
    *("09:00", "24:00", "25:00", "2026-12-07", "1971-01-01", "9999-12-31", "2026-12-08T09:00:30+00:00", "UTC"),
    *("2026-12-08T09:00:00", "9000-12-31T23:59:59+00:00", [["08:00", "12:00"]], {"mon": [["08:00", "12:00"]]}),
]
OPTIONAL = [
    "seats",
    "skill",
    "skills",
    "same_as",
    "now",
    "slip_days",
    "max_in",
    "visit",
    "first_day",
    "hours",
    "locked",
]


def spoiled(rng):
    """A problem with one to three things changed, taken away, doubled or put elsewhere."""
    if rng.random() < 0.7:
        document = tiny(rng.randrange(10**6), tracks=rng.choice([1, 2, 3]), given=rng.random() < 0.6)
    else:
        document = make(rng.randrange(10**6), families=[rng.choice(SINGLE + LINKED)], load=0.2, long=False, days=28)
    document = json.loads(json.dumps(document))  # with nothing in two places
    for _ in range(rng.choice([1, 1, 2, 3])):
        paths = list(places(document))
        path = rng.choice(paths)
        here = document
        for step in path[:-1]:
            here = here[step]
        value, act = here[path[-1]], rng.randrange(6)
        if act == 0:
            del here[path[-1]]
        elif act == 1 and isinstance(value, list) and value:
            value.append(copy.deepcopy(rng.choice(value)))
        elif act == 2 and isinstance(value, int | float):
            here[path[-1]] = value + rng.choice([-1, 1, -10, 10, 100, 0.5])
        elif act == 3 and isinstance(here, dict):
            here[rng.choice(OPTIONAL)] = copy.deepcopy(rng.choice(VALUES))
        else:
            here[path[-1]] = copy.deepcopy(rng.choice(VALUES))
    return document


@pytest.mark.parametrize("block", range(10))
def test_a_spoiled_problem_is_refused_in_one_line_or_answered_by_the_rules(block):
    for seed in range(block * 60, block * 60 + 60):
        document = spoiled(random.Random(seed))
        if refused(document) is None:
            document = json.loads(json.dumps(document))
            result = plan(read_problem(document), time_limit=2)
            verdict = judge(document, write_result(result))
            assert (verdict["violations"], verdict["cost"]) == ([], result.cost), seed
            assert all(course.planned or course.message for course in result.courses), seed


@pytest.mark.parametrize(("seats", "status"), [(59, "infeasible"), (60, "planned")])
def test_sixty_holds_of_one_kind_at_once_need_sixty_seats(seats, status):
    """Found by counting: to try them one by one would take for ever."""
    document = example("tiny")
    holds = [{"kind": "chair", "from": 0, "to": 30}] * 60
    document["protocols"]["short"]["visits"]["dose"]["holds"] = holds
    document["resources"] = [{"id": f"chair-{i}", "kind": "chair"} for i in range(seats)]
    document["bookings"] = []
    (answer,) = planned(document, time_limit=2)["courses"]
    assert answer["status"] == status
