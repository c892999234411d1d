"""The exchange format as text or plain dicts: problems and results in and out (docs/planning-format.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any, TypeVar

from .faults import FormatError, named, need_int, shown
from .intervals import Interval
from .problem import (
    WEEKDAYS,
    Booking,
    Course,
    Opening,
    PlacedHold,
    PlacedSession,
    Problem,
    Resource,
    Site,
    Week,
    minutes_of,
)
from .protocol import HoldNeed, Link, Phase, Protocol, Track, Visit
from .result import Alternative, CostParts, CoursePlan, Relaxation, Result

PROBLEM_FORMAT = "course-planning/1"
RESULT_FORMAT = "course-planning-result/1"

T = TypeVar("T")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_problem(source: str | bytes | Mapping[str, Any]) -> Problem:
    """The problem of a JSON text or of a dict already parsed; raises FormatError with the path of the bad field."""
    document = _record(
        _parsed(source),
        "document",
        {"format", "site", "horizon_end", "resources", "protocols", "courses"},
        {"now", "bookings"},
    )
    _need_format(document, PROBLEM_FORMAT)
    return Problem(
        site=_read(document, "site", _site),
        resources=_items(document, "resources", _resource),
        protocols=_named(document, "protocols", _protocol),
        courses=_items(document, "courses", _course),
        horizon_end=_read(document, "horizon_end", _date),
        bookings=_items(document, "bookings", _booking),
        now=_maybe(document, "now", _instant),
    )


def read_result(source: str | bytes | Mapping[str, Any]) -> Result:
    """The result of a JSON text or of a dict already parsed."""
    document = _record(_parsed(source), "document", {"format", "courses", "cost"}, {"bound", "seconds"})
    _need_format(document, RESULT_FORMAT)
    return Result(
        courses=_items(document, "courses", _course_plan),
        cost=document["cost"],
        bound=document.get("bound"),
        seconds=document.get("seconds", 0.0),
    )


def write_problem(problem: Problem) -> dict[str, Any]:
    """The document of a problem, such that `read_problem(write_problem(problem)) == problem`."""
    site = problem.site
    out: dict[str, Any] = {"format": PROBLEM_FORMAT}
    out["site"] = {
        "timezone": site.timezone,
        "grid_minutes": site.grid_minutes,
        "opening_hours": _week_out(site.opening_hours),
        "closed_dates": [day.isoformat() for day in site.closed_dates],
    }
    if site.extra_openings:
        out["site"]["extra_openings"] = [
            {"date": o.on.isoformat(), "from": _clock(o.begin), "to": _clock(o.end)} for o in site.extra_openings
        ]
    if problem.now is not None:
        out["now"] = problem.now.isoformat()
    out["horizon_end"] = problem.horizon_end.isoformat()
    out["resources"] = [_resource_out(resource) for resource in problem.resources]
    out["bookings"] = [
        {"resource": b.resource, "seat": b.seat, "start": b.start.isoformat(), "end": b.end.isoformat()}
        for b in problem.bookings
    ]
    out["protocols"] = {name: _protocol_out(protocol) for name, protocol in problem.protocols.items()}
    out["courses"] = [_course_out(course) for course in problem.courses]
    return out


def write_result(result: Result) -> dict[str, Any]:
    """The document of a result, such that `read_result(write_result(result)) == result`."""
    return {
        "format": RESULT_FORMAT,
        "courses": [_course_plan_out(course) for course in result.courses],
        "cost": result.cost,
        "bound": result.bound,
        "seconds": result.seconds,
    }


# Reading


def _parsed(source: str | bytes | Mapping[str, Any]) -> Any:
    if not isinstance(source, str | bytes):
        return source
    try:
        return json.loads(source, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        raise FormatError("document", f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except UnicodeDecodeError:
        raise FormatError("document", "is not UTF-8 text") from None
    except RecursionError:
        raise FormatError("document", "is nested too deeply") from None
    except FormatError:
        raise
    except ValueError as error:  # such as a number of thousands of digits
        raise FormatError("document", f"is not JSON: {error}") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise FormatError("document", f"has the field {shown(twin)} twice in one object")
    return found


def _need_format(document: Mapping[str, Any], wanted: str) -> None:
    if document["format"] != wanted:
        raise FormatError("format", f"must be {wanted!r}, not {shown(document['format'])}")


def _record(value: Any, path: str, needed: set[str], optional: set[str]) -> dict[str, Any]:
    """The object itself, once it has every needed field and no unknown one, and none of them null."""
    if not isinstance(value, Mapping):
        raise FormatError(path, f"must be an object, not {shown(value)}")
    keys = set(value)
    if missing := needed - keys:
        raise FormatError(min(missing), "is missing")
    if unknown := keys - needed - optional:
        raise FormatError(named(str(min(unknown, key=str))), "is not a field of the format")
    for name in value:
        if value[name] is None and name not in NULLABLE:
            raise FormatError(name, "must not be null: leave an optional field out")
    return dict(value)


NULLABLE = {"bound", "skill"}
"""Fields that the format writes as null: of a result and its relaxations only."""


def _read(record: Mapping[str, Any], field: str, reader: Callable[[Any], T]) -> T:
    try:
        return reader(record[field])
    except FormatError as error:
        raise error.below(field) from None


def _maybe(record: Mapping[str, Any], field: str, reader: Callable[[Any], T]) -> T | None:
    return _read(record, field, reader) if record.get(field) is not None else None


def _items(record: Mapping[str, Any], field: str, reader: Callable[[Any], T]) -> tuple[T, ...]:
    if field not in record:
        return ()
    return _read(record, field, lambda value: _list(value, reader))


def _list(value: Any, reader: Callable[[Any], T]) -> tuple[T, ...]:
    if not isinstance(value, list | tuple):
        raise FormatError("", f"must be a list, not {shown(value)}")
    out: list[T] = []
    for item in value:
        try:
            out.append(reader(item))
        except FormatError as error:
            raise error.below(f"[{len(out)}]") from None
    return tuple(out)


def _named(record: Mapping[str, Any], field: str, reader: Callable[[Any], T]) -> dict[str, T]:
    value = record[field]
    if not isinstance(value, Mapping):
        raise FormatError(field, f"must be an object, not {shown(value)}")
    out: dict[str, T] = {}
    for name, item in value.items():
        try:
            out[name] = reader(item)
        except FormatError as error:
            raise error.below(f"{field}.{named(name)}") from None
    return out


def _date(value: Any) -> date:
    if not isinstance(value, str) or not DATE.fullmatch(value):
        raise FormatError("", f"must be a date as YYYY-MM-DD, not {shown(value)}")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise FormatError("", f"is not a date of the calendar: {shown(value)}") from None


def _instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise FormatError("", f"must be an instant as ISO 8601 text, not {shown(value)}")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise FormatError("", f"must be an instant as ISO 8601 text, not {shown(value)}") from None
    if found.tzinfo is None:
        raise FormatError("", f"has no UTC offset: {shown(value)}")
    return found


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise FormatError("", f"must be a pair, not {shown(value)}")
    return value[0], value[1]


def _span(value: Any) -> Interval:
    start, end = _list(_pair(value), _instant)
    return Interval(start, end)


def _clock_span(value: Any) -> tuple[int, int]:
    begin, end = _list(_pair(value), minutes_of)
    return begin, end


def _week(value: Any) -> Week:
    table = _record(value, "", set(), set(WEEKDAYS))
    return Week(tuple(_items(table, day, _clock_span) for day in WEEKDAYS))


def _texts(value: Any) -> tuple[str, ...]:
    return _list(value, lambda item: item)


def _site(value: Any) -> Site:
    record = _record(value, "", {"timezone", "grid_minutes", "opening_hours"}, {"closed_dates", "extra_openings"})
    return Site(
        timezone=record["timezone"],
        grid_minutes=record["grid_minutes"],
        opening_hours=_read(record, "opening_hours", _week),
        closed_dates=_items(record, "closed_dates", _date),
        extra_openings=_items(record, "extra_openings", _opening),
    )


def _opening(value: Any) -> Opening:
    record = _record(value, "", {"date", "from", "to"}, set())
    return Opening(_read(record, "date", _date), _read(record, "from", minutes_of), _read(record, "to", minutes_of))


def _resource(value: Any) -> Resource:
    record = _record(value, "", {"id", "kind"}, {"seats", "skills", "hours", "unavailable"})
    return Resource(
        id=record["id"],
        kind=record["kind"],
        seats=record.get("seats", 1),
        skills=_read(record, "skills", _texts) if "skills" in record else (),
        hours=_maybe(record, "hours", _week),
        unavailable=_items(record, "unavailable", _span),
    )


def _booking(value: Any) -> Booking:
    record = _record(value, "", {"resource", "seat", "start", "end"}, set())
    return Booking(record["resource"], record["seat"], _read(record, "start", _instant), _read(record, "end", _instant))


def _protocol(value: Any) -> Protocol:
    record = _record(value, "", {"visits", "tracks"}, {"links"})
    return Protocol(
        visits=_named(record, "visits", _visit),
        tracks=_items(record, "tracks", _track),
        links=_items(record, "links", _link),
    )


def _visit(value: Any) -> Visit:
    record = _record(value, "", {"minutes", "treatment", "holds"}, set())
    return Visit(record["minutes"], _read(record, "treatment", _pair), _items(record, "holds", _hold_need))


def _hold_need(value: Any) -> HoldNeed:
    record = _record(value, "", {"kind", "from", "to"}, {"skill", "same_as"})
    _refuse_null(record, "skill")
    return HoldNeed(record["kind"], record["from"], record["to"], record.get("skill"), record.get("same_as"))


def _refuse_null(record: Mapping[str, Any], field: str) -> None:
    if field in record and record[field] is None:
        raise FormatError(field, "must not be null: leave an optional field out")


def _track(value: Any) -> Track:
    record = _record(value, "", {"name", "visit", "phases"}, {"first_day", "continuity"})
    return Track(
        name=record["name"],
        visit=record["visit"],
        phases=_items(record, "phases", _phase),
        first_day=record.get("first_day", 0),
        continuity=record.get("continuity"),
    )


def _phase(value: Any) -> Phase:
    needed = {"name", "periods", "period_days", "per_period", "min_gap_hours"}
    record = _record(value, "", needed, {"max_gap_hours", "slip_days", "max_in", "visit"})
    if "max_in" in record:
        record["max_in"] = _read(record, "max_in", _pair)
    return Phase(**record)


def _link(value: Any) -> Link:
    record = _record(value, "", {"type"}, {"track", "after", "min_hours", "max_hours", "count", "hours", "tracks"})
    if "tracks" in record:
        record["tracks"] = _read(record, "tracks", _pair)
    return Link(**record)


def _course(value: Any) -> Course:
    needed = {"id", "protocol", "earliest_start", "latest_start", "preferred_time"}
    optional = {"availability", "unavailable", "extra_availability", "locked", "current", "shift_days"}
    record = _record(value, "", needed, optional)
    return Course(
        id=record["id"],
        protocol=record["protocol"],
        earliest_start=_read(record, "earliest_start", _date),
        latest_start=_read(record, "latest_start", _date),
        preferred_time=_read(record, "preferred_time", minutes_of),
        availability=_maybe(record, "availability", _week),
        unavailable=_items(record, "unavailable", _span),
        extra_availability=_items(record, "extra_availability", _span),
        locked=_items(record, "locked", _session),
        current=_items(record, "current", _session),
        shift_days=record.get("shift_days"),
    )


def _session(value: Any) -> PlacedSession:
    record = _record(value, "", {"track", "number", "start", "holds"}, set())
    return PlacedSession(
        record["track"], record["number"], _read(record, "start", _instant), _items(record, "holds", _hold)
    )


def _hold(value: Any) -> PlacedHold:
    record = _record(value, "", {"kind", "resource", "seat"}, set())
    return PlacedHold(record["kind"], record["resource"], record["seat"])


def _course_plan(value: Any) -> CoursePlan:
    record = _record(
        value, "", {"id", "status"}, {"cost", "optimal", "sessions", "message", "relaxations", "alternatives"}
    )
    return CoursePlan(
        id=record["id"],
        status=record["status"],
        sessions=_items(record, "sessions", _session),
        cost=record.get("cost"),
        optimal=record.get("optimal", False),
        message=record.get("message", ""),
        relaxations=_items(record, "relaxations", _relaxation),
        alternatives=_items(record, "alternatives", _alternative) if "alternatives" in record else None,
    )


def _alternative(value: Any) -> Alternative:
    needed = {"cost", "parts", "differs", "start_on", "time", "weekdays", "sessions"}
    record = _record(value, "", needed, set())
    parts = _read(record, "parts", _parts)
    if record["cost"] != parts.total:
        raise FormatError("cost", f"must be the sum of its parts ({parts.total}), not {shown(record['cost'])}")
    return Alternative(
        sessions=_items(record, "sessions", _session),
        cost=parts,
        differs=_items(record, "differs", str),
        start_on=_read(record, "start_on", _date),
        time=_read(record, "time", minutes_of),
        weekdays=_items(record, "weekdays", str),
    )


def _parts(value: Any) -> CostParts:
    names = {field.name for field in fields(CostParts)} - {"unplanned"}
    record = _record(value, "", names, set())
    for name in sorted(names):
        need_int(name, record[name], 0)
    return CostParts(**record)


def read_relaxation(value: Mapping[str, Any]) -> Relaxation:
    """One relaxation of a result's document."""
    return _relaxation(value)


def _relaxation(value: Any) -> Relaxation:
    optional = {"days", "track", "phase", "kind", "skill", "from", "to", "date"}
    record = _record(value, "", {"type"}, optional)
    plain: dict[str, Any] = {name: record.get(name) for name in ("type", "days", "track", "phase", "kind", "skill")}
    if "date" in record:
        return Relaxation(
            **plain,
            on=_read(record, "date", _date),
            begin=_maybe(record, "from", minutes_of),
            end_minute=_maybe(record, "to", minutes_of),
        )
    return Relaxation(**plain, start=_maybe(record, "from", _instant), end=_maybe(record, "to", _instant))


# Writing


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _week_out(week: Week) -> dict[str, Any]:
    return {
        name: [[_clock(a), _clock(b)] for a, b in spans]
        for name, spans in zip(WEEKDAYS, week.days, strict=True)
        if spans
    }


def _spans_out(spans: tuple[Interval, ...]) -> list[list[str]]:
    return [[span.start.isoformat(), span.end.isoformat()] for span in spans]


def _resource_out(resource: Resource) -> dict[str, Any]:
    out: dict[str, Any] = {"id": resource.id, "kind": resource.kind, "seats": resource.seats}
    out["skills"] = list(resource.skills)
    if resource.hours is not None:
        out["hours"] = _week_out(resource.hours)
    if resource.unavailable:
        out["unavailable"] = _spans_out(resource.unavailable)
    return out


def _protocol_out(protocol: Protocol) -> dict[str, Any]:
    return {
        "visits": {name: _visit_out(visit) for name, visit in protocol.visits.items()},
        "tracks": [_track_out(track) for track in protocol.tracks],
        "links": [_given(link, "type track after min_hours max_hours count hours tracks") for link in protocol.links],
    }


def _visit_out(visit: Visit) -> dict[str, Any]:
    holds = []
    for hold in visit.holds:
        out: dict[str, Any] = {"kind": hold.kind, "from": hold.begin, "to": hold.end}
        holds.append(out | _given(hold, "skill same_as"))
    return {"minutes": visit.minutes, "treatment": list(visit.treatment), "holds": holds}


def _track_out(track: Track) -> dict[str, Any]:
    names = "name periods period_days per_period min_gap_hours max_gap_hours slip_days max_in visit"
    out = _given(track, "name visit continuity first_day")
    out["phases"] = [_given(phase, names) for phase in track.phases]
    return out


def _given(thing: Any, names: str) -> dict[str, Any]:
    """The fields that are there, tuples as lists."""
    values = {name: getattr(thing, name) for name in names.split()}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items() if v is not None}


def _course_out(course: Course) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": course.id,
        "protocol": course.protocol,
        "earliest_start": course.earliest_start.isoformat(),
        "latest_start": course.latest_start.isoformat(),
        "preferred_time": _clock(course.preferred_time),
    }
    if course.availability is not None:
        out["availability"] = _week_out(course.availability)
    for field in ("unavailable", "extra_availability"):
        if spans := getattr(course, field):
            out[field] = _spans_out(spans)
    for field in ("locked", "current"):
        if sessions := getattr(course, field):
            out[field] = [_session_out(session) for session in sessions]
    if course.shift_days is not None:
        out["shift_days"] = course.shift_days
    return out


def _session_out(session: PlacedSession) -> dict[str, Any]:
    return {
        "track": session.track,
        "number": session.number,
        "start": session.start.isoformat(),
        "holds": [{"kind": h.kind, "resource": h.resource, "seat": h.seat} for h in session.holds],
    }


def _course_plan_out(course: CoursePlan) -> dict[str, Any]:
    out: dict[str, Any] = {"id": course.id, "status": course.status}
    if course.planned:
        out |= {"cost": course.cost, "optimal": course.optimal}
        out["sessions"] = [_session_out(session) for session in course.sessions]
        if course.alternatives is not None:
            out["alternatives"] = [_alternative_out(alternative) for alternative in course.alternatives]
        return out
    out["message"] = course.message
    out["relaxations"] = [_relaxation_out(relaxation) for relaxation in course.relaxations]
    return out


def _alternative_out(alternative: Alternative) -> dict[str, Any]:
    parts = asdict(alternative.cost)
    del parts["unplanned"]
    return {
        "cost": alternative.cost.total,
        "parts": parts,
        "differs": list(alternative.differs),
        "start_on": alternative.start_on.isoformat(),
        "time": _clock(alternative.time),
        "weekdays": list(alternative.weekdays),
        "sessions": [_session_out(session) for session in alternative.sessions],
    }


def _relaxation_out(relaxation: Relaxation) -> dict[str, Any]:
    out = _given(relaxation, "type days track phase kind")
    if relaxation.type == "add_seat":
        out["skill"] = relaxation.skill
    if relaxation.start is not None and relaxation.end is not None:
        out |= {"from": relaxation.start.isoformat(), "to": relaxation.end.isoformat()}
    if relaxation.on is not None and relaxation.begin is not None and relaxation.end_minute is not None:
        out |= {
            "date": relaxation.on.isoformat(),
            "from": _clock(relaxation.begin),
            "to": _clock(relaxation.end_minute),
        }
    return out
