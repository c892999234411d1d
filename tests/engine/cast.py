"""A small clinic in New York, and courses with sessions at given times, to keep and to break one rule at a time."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from scheduling.engine import (
    Booking,
    Course,
    CoursePlan,
    HoldNeed,
    Interval,
    Link,
    Phase,
    PlacedHold,
    PlacedSession,
    Problem,
    Protocol,
    Resource,
    Result,
    Site,
    Track,
    Visit,
    Week,
    check,
    write_problem,
    write_result,
)

from .judging import judge

DAILY = Week.of({day: [("08:00", "18:00")] for day in ("mon", "tue", "wed", "thu", "fri")})
EVERY_DAY = Week((((480, 1080),),) * 7)
ALWAYS = Week((((0, 1440),),) * 7)

DOSE = Visit(60, (10, 20), (HoldNeed("chair", 0, 70), HoldNeed("nurse", 0, 20, skill="rems")))
BARE = Visit(30, (5, 25))

CHAIRS = (Resource("chair-1", "chair"), Resource("chair-2", "chair"))
NURSES = (Resource("nurse-1", "nurse", 1, ("rems",)), Resource("nurse-2", "nurse"))


def at(text, zone="America/New_York"):
    from zoneinfo import ZoneInfo

    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


def span(start, end):
    return Interval(at(start), at(end))


def phase(periods=1, period_days=7, per_period=2, least=0, **more):
    return Phase(more.pop("name", "induction"), periods, period_days, per_period, least, **more)


def track(name="dose", visit="dose", phases=None, **more):
    return Track(name, visit, phases or (phase(),), **more)


def protocol(*tracks, visits=None, links=()):
    return Protocol(visits or {"dose": DOSE, "bare": BARE}, tracks or (track(),), tuple(links))


def two_tracks(*links, one=2, two=2, days=14):
    """Two tracks of visits that need no seat, so that only links and gaps matter."""
    first = track("ket", "bare", (phase(1, days, one, slip_days=days),))
    second = track("tms", "bare", (phase(1, days, two, slip_days=days),))
    return protocol(first, second, links=links)


def clinic(shape=None, *, zone="America/New_York", grid=5, hours=DAILY, course=None, resources=None, **more):
    site = Site(zone, grid, hours, more.pop("closed_dates", ()), more.pop("extra_openings", ()))
    course = course or patient()
    return Problem(
        site=site,
        resources=CHAIRS + NURSES if resources is None else resources,
        protocols={"p": shape or protocol()},
        courses=(course,),
        horizon_end=more.pop("horizon_end", date(2027, 12, 31)),
        bookings=more.pop("bookings", ()),
        now=more.pop("now", None),
    )


def patient(**more):
    given = {"earliest_start": date(2026, 12, 7), "latest_start": date(2026, 12, 11), "preferred_time": 540}
    return Course(more.pop("id", "c1"), "p", **{**given, **more})


def session(number, start, track="dose", holds=None, zone="America/New_York"):
    """A session with the seats that a dose needs; a bare visit is given none."""
    if holds is None:
        holds = (("chair", "chair-1", 0), ("nurse", "nurse-1", 0)) if track == "dose" else ()
    return PlacedSession(track, number, at(start, zone), tuple(PlacedHold(*hold) for hold in holds))


def answer(*sessions, course_id="c1"):
    return Result((CoursePlan(course_id, "planned", tuple(sessions), 0),), 0)


def violations(problem, result):
    """What `check` finds; the independent judge must object exactly when it does."""
    found = check(problem, result)
    verdict = judge(write_problem(problem), write_result(result))
    assert bool(verdict["violations"]) == bool(found), verdict["violations"]
    return found


def broken(problem, *sessions):
    """(rule, track, number) of everything that a plan breaks."""
    return [(v.rule, v.track, v.number) for v in violations(problem, answer(*sessions))]


def with_course(problem, **changes):
    return replace(problem, courses=(replace(problem.courses[0], **changes),))


def booking(resource, start, end, seat=0):
    return Booking(resource, seat, at(start), at(end))


def link(type_, **fields):
    return Link(type_, **fields)


def days_later(text, days, zone="America/New_York"):
    return at(text, zone) + timedelta(days=days)
