"""What holds for every problem: protocols with links of all types and clinics of all sorts, drawn by hypothesis."""

import copy
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scheduling.engine import check, legal_starts, plan, read_problem, relaxed, write_problem

from .judging import planned
from .tiny import LINKS, VISITS, iso

FEW = settings(deadline=None, max_examples=30, derandomize=True, suppress_health_check=list(HealthCheck))
START = date(2026, 11, 9)
"""A Monday; no clock of the zones drawn changes in the two months after it."""
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kathmandu"]


@st.composite
def phases(draw, sessions):
    out: list[dict[str, Any]] = []
    while sessions:
        per = draw(st.integers(1, min(3, sessions)))
        sessions -= per
        days = draw(st.integers(per, 4))
        phase = {"name": f"phase {len(out)}", "periods": 1, "period_days": days, "per_period": per}
        phase["min_gap_hours"] = draw(st.sampled_from([0, 12, 20, 23.5, 24]))
        phase["slip_days"] = draw(st.integers(0, 4))
        if draw(st.booleans()):
            phase["max_gap_hours"] = draw(st.sampled_from([48, 72.5, 100]))
        if draw(st.integers(0, 3)) == 0:
            phase["max_in"] = draw(st.sampled_from([[1, 2], [2, 3], [2, 4]]))
        out.append(phase)
    return out


@st.composite
def links(draw, count):
    one, other = draw(st.permutations([f"t{i}" for i in range(count)]))[:2]
    kind = draw(st.sampled_from(LINKS))
    if kind == "apart":
        return {"type": kind, "tracks": [one, other]}
    link = {"type": kind, "track": one, "after": other}
    if kind == "clear":
        return {**link, "hours": draw(st.sampled_from([1, 12, 24.5, 48]))}
    link |= {"min_hours": draw(st.sampled_from([0, 2, 20])), "max_hours": draw(st.sampled_from([30, 72, 150]))}
    return {**link, "count": draw(st.integers(0, 2))} if kind == "at_least" else link


@st.composite
def clinics(draw, least=1):
    """A week of opening hours, two chairs and a nurse, some bookings and one course."""
    zone, count = draw(st.sampled_from(ZONES)), draw(st.integers(least, 3))
    names = [name for name in VISITS if name != "pair"]
    tracked = [
        {
            "name": f"t{i}",
            "visit": draw(st.sampled_from(names)),
            "first_day": draw(st.integers(0, 2)) if i else 0,
            "continuity": draw(st.sampled_from(["chair", "nurse"])),
            "phases": draw(phases(draw(st.integers(1, 4 if count == 1 else 2)))),
        }
        for i in range(count)
    ]
    days = st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    opened = draw(st.sets(days, min_size=4))
    out = {
        "format": "course-planning/1",
        "site": {
            "timezone": zone,
            "grid_minutes": draw(st.sampled_from([30, 60])),
            "opening_hours": {day: [["08:00", draw(st.sampled_from(["12:00", "14:00"]))]] for day in sorted(opened)},
        },
        "horizon_end": (START + timedelta(days=draw(st.integers(5, 12)))).isoformat(),
        "resources": [
            {"id": "chair-1", "kind": "chair", "skills": ["big"]},
            {"id": "chair-2", "kind": "chair", "skills": []},
            {"id": "nurse", "kind": "nurse", "seats": draw(st.integers(1, 2))},
        ],
        "protocols": {
            "p": {
                "visits": VISITS,
                "tracks": tracked,
                "links": draw(st.lists(links(count), max_size=2)) if count > 1 else [],
            }
        },
        "courses": [
            {
                "id": "c1",
                "protocol": "p",
                "earliest_start": START.isoformat(),
                "latest_start": (START + timedelta(days=draw(st.integers(0, 3)))).isoformat(),
                "preferred_time": draw(st.sampled_from(["08:00", "10:15", "13:00"])),
            }
        ],
    }
    out["bookings"] = draw(st.lists(bookings(zone), max_size=8))
    return json.loads(json.dumps(out))


@st.composite
def bookings(draw, zone):
    day, minute = START + timedelta(days=draw(st.integers(0, 10))), draw(st.integers(16, 27)) * 30
    length = draw(st.sampled_from([30, 90, 240]))
    seat = {"resource": draw(st.sampled_from(["chair-1", "chair-2", "nurse"])), "seat": 0}
    return {**seat, "start": iso(zone, day, minute), "end": iso(zone, day, minute + length)}


def cost_of(document):
    """The proven cost of the only course; a million where it is proven to have no plan."""
    written = planned(document)
    assert written["bound"] == written["cost"]
    assert written["courses"][0]["status"] == "infeasible" or written["courses"][0]["optimal"]
    return written["cost"]


@FEW
@given(document=clinics())
def test_more_seats_more_hours_and_fewer_bookings_never_cost_more(document):
    cost = cost_of(document)
    more = copy.deepcopy(document)
    more["resources"].append({"id": "another", "kind": "chair", "skills": ["big"]})
    assert cost_of(more) <= cost
    longer = copy.deepcopy(document)
    longer["site"]["extra_openings"] = [
        {"date": (START + timedelta(days=i)).isoformat(), "from": "07:00", "to": "15:00"} for i in (1, 3)
    ]
    assert cost_of(longer) <= cost
    if document["bookings"]:
        fewer = {**document, "bookings": document["bookings"][1:]}
        assert cost_of(fewer) <= cost


@FEW
@given(document=clinics(), data=st.data())
def test_a_wider_protocol_never_costs_more(document, data):
    cost = cost_of(document)
    track = document["protocols"]["p"]["tracks"][
        data.draw(st.integers(0, len(document["protocols"]["p"]["tracks"]) - 1))
    ]
    phase = data.draw(st.sampled_from(track["phases"]))
    phase["slip_days"] = phase.get("slip_days", 0) + 1
    phase.pop("max_gap_hours", None)
    phase.pop("max_in", None)
    assert cost_of(document) <= cost
    document["protocols"]["p"]["links"] = document["protocols"]["p"]["links"][1:]
    assert cost_of(document) <= cost


@FEW
@given(document=clinics())
def test_a_week_later_all_is_the_same(document):
    """No clock changes, weekdays are the same: the same plan seven days later."""
    assert [later(each, 7) for each in sessions(document)] == sessions(shifted(document, 7))


def sessions(document):
    return [
        (s["track"], s["number"], s["start"], s["holds"]) for s in planned(document)["courses"][0].get("sessions", [])
    ]


def later(session, days):
    track, number, start, holds = session
    return track, number, (datetime.fromisoformat(start) + timedelta(days=days)).isoformat(), holds


def shifted(value, days):
    """Every date and instant of a document so many days later."""
    if isinstance(value, dict):
        return {name: shifted(each, days) for name, each in value.items()}
    if isinstance(value, list):
        return [shifted(each, days) for each in value]
    if isinstance(value, str) and value[:4].isdigit():
        moved = datetime.fromisoformat(value) + timedelta(days=days)
        return moved.isoformat() if "T" in value else moved.date().isoformat()
    return value


@FEW
@given(document=clinics(), order=st.permutations([0, 1, 2]))
def test_names_and_the_order_of_resources_change_no_cost(document, order):
    text = json.dumps(document)
    for name in ("chair", "nurse", "big", "t0", "t1", "t2", "c1", "long", "short", "twin", "skilled", "bare"):
        text = text.replace(f'"{name}"', f'"x {name[::-1]}"')
    text = text.replace('"chair-', '"z').replace('"nurse-', '"a')
    renamed = json.loads(text)
    renamed["resources"] = [renamed["resources"][i] for i in order]
    renamed["bookings"].reverse()
    assert cost_of(renamed) == cost_of(document)


@FEW
@given(document=clinics())
def test_a_planned_session_may_stay_where_it_is(document):
    problem = read_problem(document)
    (answer,) = plan(problem, time_limit=20).courses
    assume(answer.planned)
    for session in answer.sessions:
        offers = legal_starts(problem, "c1", session.track, session.number, fixed=answer.sessions)
        assert session.start in [offer.start for offer in offers]


@FEW
@given(document=clinics())
def test_what_is_planned_stays_best_when_it_is_booked(document):
    """Booked now where it is best, nothing moves; and the same with the first session locked."""
    best = planned(document)["courses"][0]
    assume(best["status"] == "planned")
    again = copy.deepcopy(document)
    again["courses"][0]["current"] = best["sessions"]
    assert cost_of(again) == best["cost"]
    kept = planned(again)["courses"][0]["sessions"]
    assert [(s["track"], s["number"], s["start"]) for s in kept] == [
        (s["track"], s["number"], s["start"]) for s in best["sessions"]
    ]


@FEW
@given(document=clinics())
def test_every_relaxation_works_alone(document):
    document["courses"][0]["latest_start"] = document["courses"][0]["earliest_start"]
    document["bookings"] += [
        {**booking, "resource": other, "seat": 0} for booking in document["bookings"] for other in ("chair-1", "nurse")
    ]
    problem = read_problem(document)
    (answer,) = plan(problem, time_limit=20).courses
    assume(answer.status == "infeasible")
    assert answer.message.endswith(".")
    for relaxation in answer.relaxations:
        changed = relaxed(problem, "c1", relaxation)
        assert read_problem(write_problem(changed)) == changed
        result = plan(changed, time_limit=20)
        assert [course.status for course in result.courses] == ["planned"], relaxation
        assert check(changed, result) == []


@pytest.mark.parametrize("kind", LINKS)
@settings(FEW, max_examples=15)
@given(data=st.data())
def test_links_of_each_type_are_kept_and_proven(kind, data):
    document = data.draw(clinics(least=2))
    tracks = document["protocols"]["p"]["tracks"]
    link = data.draw(links(len(tracks)).filter(lambda link: link["type"] == kind))
    document["protocols"]["p"]["links"] = [link]
    cost_of(document)
