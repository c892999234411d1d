"""Pause a course and let it go on: visits in the days of a pause move behind it, or are set aside until it ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial

from clinic.models import User
from protocols.models.visit import Place
from scheduling import engine
from scheduling.broken_links import find_broken_links
from scheduling.changes import recording
from scheduling.course_change import CourseChange, order_shifts
from scheduling.locking import booking_transaction, lock_course, retried
from scheduling.models import Change, Course, CourseStatus, Session, SessionStatus
from scheduling.models.change import ChangeKind
from scheduling.planning import FURTHEST
from scheduling.posing import Key, close_up, let_go, only_given, shift_into_windows, unlock, window, with_course
from scheduling.refusals import refuse
from scheduling.replanning import may_move
from scheduling.revising import (
    Attempt,
    Revision,
    as_it_is,
    find_as_shown,
    first_solved,
    given_up_after,
    propose,
    read_course,
    read_rows,
    show_gone,
    solve,
    ways_later,
    why_none,
    write_revision,
)
from scheduling.settling import settle_course
from scheduling.snapshots import Numbered
from scheduling.words import label_session, say_short_day

ONE_DAY = timedelta(days=1)
UNDER_WAY = (CourseStatus.BOOKED, CourseStatus.RUNNING)
ASIDE = "{count} set aside: planned again when the course goes on."
ALONE = "Without the visits that must follow within their hours stay: {visits}. Consider pausing a few days later."
NOTHING = "No visit lies in these days."
ELSEWHERE = "A date that is not at the clinic lies in these days: move it first, the visits are counted from it."
NO_ROOM = "The visits in these days find no place after them that keeps the rules of the treatment."
ALREADY = "The course is paused from {days} already. End that pause first, or enter these days as an absence."
STAY = "The visits stay where they are; move those that can come earlier."


def propose_pause(course: Course, *, first_on: date, last_on: date | None, now: datetime) -> CourseChange:
    """What a pause from one day to another changes, both included; without a last day until somebody ends it."""
    return propose(course, partial(_find_pause, first_on=first_on, last_on=last_on, now=now))


@retried
def pause_course(
    course: Course,
    *,
    first_on: date,
    last_on: date | None,
    reason: str,
    expected: str,
    now: datetime,
    by: User | None,
) -> Change | None:
    """Pause as it was shown (`expected` is the fingerprint), or change nothing.

    With a last day the visits in it move behind it, with as few others as can be, and the windows of what remains lie
    later. Without one the visits to come are set aside: cancelled, their seats free, until the course goes on.
    """
    find = partial(_find_pause, first_on=first_on, last_on=last_on, now=now)
    with booking_transaction():
        course = lock_course(course.pk)
        found = find_as_shown(course, find, expected)
        with recording([course], kind=ChangeKind.PAUSED, summary=_say_pause(first_on, last_on), now=now, by=by) as kept:
            course.pause_reason = reason[:200]
            found = replace(found, fields={**found.fields, "pause_reason": course.pause_reason})
            write_revision(course, found, why_gone=reason or "The course is paused", now=now, by=by)
    return kept.change


def _find_pause(course: Course, *, first_on: date, last_on: date | None, now: datetime) -> Revision:
    _refuse_pause(course, first_on, last_on, now)
    rows = read_rows(course)
    days = _with_pause(course, first_on, last_on, now)
    course.paused_on, course.paused_until = days  # so that nothing is planned into these days
    fields = {"paused_on": days[0], "paused_until": days[1]}
    if last_on is None:
        found = _set_aside(course, rows, first_on, now)
        return replace(found, fields={**fields, "status": CourseStatus.PAUSED})
    found = _move_behind(course, rows, first_on, last_on, now)
    return replace(found, fields={**found.fields, **fields})


def _refuse_pause(course: Course, first_on: date, last_on: date | None, now: datetime) -> None:
    today = now.astimezone(course.site.zone).date()
    if course.status not in UNDER_WAY:
        raise refuse(f"The course is {course.get_status_display().lower()}.", rule="status")
    if first_on < today:
        raise refuse("A pause begins today or later.", rule="past")
    if last_on is not None and last_on < first_on:
        raise refuse("The last day of the pause lies before its first.", rule="dates")
    if max(first_on, last_on or first_on) > today + FURTHEST:
        raise refuse("A pause cannot lie more than two years ahead.", rule="horizon")


def _with_pause(course: Course, first_on: date, last_on: date | None, now: datetime) -> tuple[date, date | None]:
    """The days of the pause with those of one that is there already: it is prolonged, and not forgotten."""
    there_on, there_until = course.paused_on, course.paused_until
    if not there_on or not there_until or there_until < now.astimezone(course.site.zone).date():
        return first_on, last_on
    if first_on > there_until + ONE_DAY or (last_on and last_on < there_on - ONE_DAY):
        days = f"{say_short_day(there_on)} to {say_short_day(there_until)}"
        raise refuse(ALREADY.format(days=days), rule="dates")
    return min(first_on, there_on), last_on and max(last_on, there_until)


def _set_aside(course: Course, rows: Numbered, first_on: date, now: datetime) -> Revision:
    """Every visit to come from that day on gives up its seats and keeps its number."""
    gone = tuple(row for row in rows.values() if may_move(row, now) and row.local_date >= first_on)
    notes: tuple[str, ...] = (
        (ASIDE.format(count=f"{len(gone)} visit{'s are' if len(gone) != 1 else ' is'}"),) if gone else (NOTHING,)
    )
    if left := _left_alone(course, rows, gone, now):
        notes += (ALONE.format(visits=", ".join(left)),)
    change = CourseChange(course, order_shifts(list(show_gone(gone))), notes=notes)
    return replace(as_it_is(course, rows, now=now), change=change, gone=gone, set_aside=True)


def _left_alone(course: Course, rows: Numbered, gone: Collection[Session], now: datetime) -> list[str]:
    """Visits before the pause that ask for one after them which is set aside now."""
    without = {key for key, row in rows.items() if row in gone or not row.is_live}
    already = {key for key, row in rows.items() if not row.is_live}
    kept = {track for track, _ in set(rows) - without}
    if kept != {track for track, _ in rows}:
        return []
    problem = only_given(read_course(course, rows, now=now))
    broken = find_broken_links(problem, rows, without, now) - find_broken_links(problem, rows, already, now)
    return [label_session(*key, several=True) for key in sorted(broken)]


def _move_behind(course: Course, rows: Numbered, first_on: date, last_on: date, now: datetime) -> Revision:
    inside = {
        key for key, row in rows.items() if first_on <= row.local_date <= last_on and row.status == SessionStatus.BOOKED
    }
    if any(rows[key].visit_type.place == Place.EXTERNAL for key in inside):
        raise refuse(ELSEWHERE, rule="status")
    inside = {key for key in inside if may_move(rows[key], now)}
    problem = only_given(read_course(course, rows, now=now, until=last_on))
    if not inside:
        return as_it_is(course, rows, now=now, note=NOTHING)
    attempts = list(_attempts(problem, rows, inside, first_on, last_on, now))
    found = solve(course, attempts, least=len(inside))
    if found is None:
        raise refuse(f"{NO_ROOM} {why_none(course, attempts[-1])}", rule="plan")
    return found


def _attempts(
    problem: engine.Problem, rows: Numbered, inside: Collection[Key], first_on: date, last_on: date, now: datetime
) -> Iterator[Attempt]:
    """Those after the pause take the numbers before them, and those in it come last; else each keeps its number."""
    posed = begin_later(problem.courses[0], last_on) if _has_first(problem, inside) else problem.courses[0]
    after = {
        k for k, row in rows.items() if may_move(row, now) and row.local_date > last_on and not row.override_reason
    }
    length = (last_on - first_on).days + 1
    for closed in _closings(problem, inside, after):
        way = posed
        for track, number in sorted(closed, reverse=True):
            way = close_up(way, track, number)
        moved_up = {_moved_up(key, closed): row for key, row in rows.items() if key not in closed}
        if any(_changes_visit(problem, key, row) for key, row in moved_up.items()):
            continue
        way = let_go(way, {_moved_up(key, closed) for key in inside if key not in closed})
        way = unlock(way, {_moved_up(key, closed) for key in after if key not in closed})
        homeless = tuple(rows[key] for key in sorted(closed))
        for shift in _shifts(problem, way, length):
            yield Attempt(with_course(problem, replace(way, shift_days=shift)), moved_up, homeless)
    own = unlock(let_go(posed, {*inside, *given_up_after(rows, inside)}), after)
    for shift in _shifts(problem, own, length):
        yield Attempt(with_course(problem, replace(own, shift_days=shift)), rows)


def _closings(problem: engine.Problem, inside: Collection[Key], after: Collection[Key]) -> Iterator[set[Key]]:
    """Which numbers are closed up and come last: those in the pause, as far as any visit can stand for them.

    A visit that is like no other, a longer first one, keeps its number. It takes the place of the first one behind the
    pause, which comes last instead.
    """
    yield set(inside)
    protocol = problem.protocol_of(problem.courses[0])
    alike = {key for key in inside if (t := protocol.by_name[key[0]]) and t.visit_of(t.slots[key[1] - 1]) == t.visit}
    if alike != set(inside):
        closed = set(alike)
        for track, _ in set(inside) - alike:
            waiting = sorted(key for key in after if key[0] == track and key not in closed)
            closed |= set(waiting[:1])
        yield closed


def _has_first(problem: engine.Problem, keys: Collection[Key]) -> bool:
    return (problem.protocol_of(problem.courses[0]).tracks[0].name, 1) in keys


def _moved_up(key: Key, inside: Collection[Key]) -> Key:
    return key[0], key[1] - sum(track == key[0] and number < key[1] for track, number in inside)


def _changes_visit(problem: engine.Problem, key: Key, row: Session) -> bool:
    """A longer first visit, say, cannot be taken over by the session that came after it."""
    track = problem.protocol_of(problem.courses[0]).by_name[key[0]]
    return row.is_live and track.visit_of(track.slots[key[1] - 1]) != row.visit_type.code


def _shifts(problem: engine.Problem, posed: engine.Course, length: int) -> Iterator[int | None]:
    """How much later windows lie: by the pause's length, as far as those who stay allow; by the least; by all."""
    if (problem.protocol_of(posed).tracks[0].name, 1) not in {at.key for at in posed.locked}:
        yield posed.shift_days  # nothing has been yet: the windows are counted from the new first visit
        return
    base = posed.shift_days or 0
    least = shift_into_windows(problem, posed, posed.current)
    slack = [
        (at.start.astimezone(problem.site.zone).date() - found[0]).days
        for at in posed.current
        if (found := window(problem, posed, at.key))
    ]
    kept = min([base + length, *slack])
    yield from dict.fromkeys([max(kept, least), least, base + length])


def _say_pause(first_on: date, last_on: date | None) -> str:
    if last_on is None:
        return f"Paused from {say_short_day(first_on)} on"
    return f"Paused from {say_short_day(first_on)} to {say_short_day(last_on)}"


# Going on


def propose_resume(course: Course, *, on: date, now: datetime) -> CourseChange:
    """What was set aside, planned again from a day on."""
    return propose(course, partial(_find_resumed, on=on, now=now))


@retried
def resume_course(course: Course, *, on: date, expected: str, now: datetime, by: User | None) -> Change | None:
    """Let the course go on as it was shown, or change nothing. Visits that were set aside stand again in their rows."""
    find = partial(_find_resumed, on=on, now=now)
    with booking_transaction():
        course = lock_course(course.pk)
        found = find_as_shown(course, find, expected)
        summary = f"Resumed on {say_short_day(on)}"
        with recording([course], kind=ChangeKind.RESUMED, summary=summary, now=now, by=by) as kept:
            write_revision(course, found, why_gone="", now=now, by=by)
            settle_course(course, now=now)
    return kept.change


def _find_resumed(course: Course, *, on: date, now: datetime) -> Revision:
    today = now.astimezone(course.site.zone).date()
    if course.status != CourseStatus.PAUSED and not (course.paused_until and course.paused_until >= today):
        raise refuse("The course is not paused.", rule="status")
    if not today <= on <= today + FURTHEST:
        raise refuse("A course goes on today or later, and within two years.", rule="dates")
    rows = read_rows(course)
    was_aside = course.status == CourseStatus.PAUSED
    if not was_aside:
        return as_it_is(course, rows, now=now, note=STAY, fields=_ended_pause(course, on))
    ended, course.paused_on = _ended_pause(course, on), None  # so that these days can be planned again
    found = _plan_again(course, rows, on, now)
    return replace(found, fields={**found.fields, "status": CourseStatus.BOOKED, **ended})


def _ended_pause(course: Course, on: date) -> dict[str, date | str | None]:
    """A pause that has begun keeps its days up to the one before; one that has not is forgotten."""
    if course.paused_until and on > course.paused_until:
        return {}
    if course.paused_on and course.paused_on < on:
        return {"paused_until": on - timedelta(days=1)}
    return {"paused_on": None, "paused_until": None, "pause_reason": ""}


def _plan_again(course: Course, rows: Numbered, on: date, now: datetime) -> Revision:
    aside = {key for key, row in rows.items() if row.set_aside}
    since = min((rows[key].status_at for key in aside), default=_paused_at(course, now))
    # Who missed a visit while the course was paused was not given another time then.
    missed = {key for key, row in rows.items() if row.status == SessionStatus.MISSED and row.status_at >= since}
    days = [rows[key].local_date for key in aside | missed]
    until = on + (max(days) - min(days)) if days else on
    problem = only_given(read_course(course, rows, now=now, until=until))
    begins = datetime.combine(on, time(0), course.site.zone)
    problem = replace(problem, now=max(problem.now or now, begins))
    posed = let_go(problem.courses[0], aside | missed | given_up_after(rows, aside | missed))
    kept = {key: row for key, row in rows.items() if key not in missed}
    ways = _ways_on(problem, posed, aside | missed, on)
    return first_solved(course, [Attempt(with_course(problem, way), kept) for way in ways])


def _paused_at(course: Course, now: datetime) -> datetime:
    """When the pause was made, which may have found nothing to set aside."""
    changes = Change.objects.filter(kind=ChangeKind.PAUSED, courses__course=course.pk, undone_at=None)
    return changes.order_by("-pk").values_list("made_at", flat=True).first() or now


def _ways_on(problem: engine.Problem, posed: engine.Course, keys: Collection[Key], on: date) -> Iterator[engine.Course]:
    """With the windows as they are, else as much later as the pause was long; a course not begun begins later."""
    if _has_first(problem, keys):
        yield begin_later(posed, on)
        return
    yield from ways_later(problem, replace(posed, shift_days=posed.shift_days or 0), keys, on)


def begin_later(posed: engine.Course, on: date) -> engine.Course:
    """A course whose first visit is not given may begin from a day on, within as many days as were asked for."""
    width = max(timedelta(days=14), posed.latest_start - posed.earliest_start)
    return replace(posed, latest_start=max(posed.latest_start, on + width))
