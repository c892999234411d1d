"""Plans of one course side by side: what each costs and in what it differs, in sentences for staff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from itertools import pairwise

from scheduling import engine
from scheduling.planning import Proposal
from scheduling.words import count_of, name_code, say_day, say_time

FAR_MINUTES = 60
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
DAY_NAMES = dict(
    zip(
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
        strict=True,
    )
)


def outline_of(proposal: Proposal) -> engine.Outline:
    """Start day, usual time and usual weekdays of a planned proposal."""
    return engine.outline(proposal.problem, proposal.problem.course(proposal.plan.id), proposal.plan.sessions)


def say_costs(proposal: Proposal, *, kinds: Mapping[str, str]) -> list[str]:
    """Why a plan costs what it costs, what the patient sees first; `kinds` are the names of kinds by code."""
    parts = proposal.cost_parts
    lines = [_say_start(parts["start"] // 10), _say_length(parts["length"] // 4), _say_times(proposal)]
    lines.append(_say_changes(proposal, parts["continuity"] // 8, kinds))
    if uneven := _count_uneven(proposal):
        lines.append(f"{count_of(uneven, 'gap')} between visits off the protocol's even rhythm.")
    if moved := _count_moved(proposal):
        lines.append(f"{count_of(moved, 'booked visit')} would move.")
    return [line for line in lines if line]


def say_differences(proposal: Proposal, other: Proposal) -> list[str]:
    """In what `other` differs from the proposal: its start day, its time of day, its weekdays."""
    here, there = outline_of(proposal), outline_of(other)
    said = {
        "start": _say_other_start(here, there),
        "time": f"Usually around {_clock(there.time)} instead of {_clock(here.time)}.",
        "weekdays": f"{_list_days(there.usual_days)} instead of {_list_days(here.usual_days)}.",
    }
    return [said[code] for code in there.differs(here)]


def _say_other_start(here: engine.Outline, there: engine.Outline) -> str:
    days = (there.start_on - here.start_on).days
    return f"Starts {say_day(there.start_on)}, {count_of(abs(days), 'day')} {'later' if days > 0 else 'earlier'}."


def say_usual(outline: engine.Outline) -> str:
    """The usual weekdays and time of a plan, such as `Tuesdays and Fridays around 9:00 AM`."""
    return f"{_list_days(outline.usual_days)} around {_clock(outline.time)}"


def _list_days(days: Sequence[str]) -> str:
    if tuple(days) == WORKDAYS:
        return "Weekdays"
    names = [DAY_NAMES[day] for day in days]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _say_start(days: int) -> str:
    return f"Starts {count_of(days, 'day')} later than asked." if days else "Starts on the first day asked for."


def _say_length(days: int) -> str:
    return f"{count_of(days, 'day')} from the first visit to the last." if days else ""


def _say_times(proposal: Proposal) -> str:
    """How many visits lie how far off the preferred time; those that are given already are no choice."""
    course = proposal.problem.course(proposal.plan.id)
    away = [abs(minute - course.preferred_time) for minute in _minutes(proposal)]
    wish = _clock(course.preferred_time)
    if not away:
        return ""
    if far := sum(minutes > FAR_MINUTES for minutes in away):
        who = f"{'All ' if far == len(away) > 1 else ''}{count_of(far, 'visit')}"
        return f"{who} more than an hour off the preferred time, {wish}."
    if max(away) < proposal.problem.site.grid_minutes:
        return f"Every visit at the preferred time, {wish}."
    return f"Every visit within {max(away)} minutes of the preferred time, {wish}."


def _minutes(proposal: Proposal) -> Iterable[int]:
    given = {session.key for session in proposal.problem.course(proposal.plan.id).locked}
    for session in proposal.plan.sessions:
        if session.key not in given:
            local = session.start.astimezone(proposal.problem.site.zone)
            yield local.hour * 60 + local.minute


def _clock(minute: int) -> str:
    return say_time(time(minute // 60, minute % 60))


def _say_changes(proposal: Proposal, changes: int, kinds: Mapping[str, str]) -> str:
    """Of what should stay the same from visit to visit, named by kind."""
    protocol = proposal.problem.protocol_of(proposal.problem.course(proposal.plan.id))
    watched = dict.fromkeys(track.continuity for track in protocol.tracks if track.continuity)
    names = " or ".join(kinds.get(code, name_code(code)) for code in watched)
    if not names:
        return ""
    return f"{count_of(changes, 'change')} of {names}." if changes else f"The same {names} throughout."


def _count_uneven(proposal: Proposal) -> int:
    """The gaps that could be more even: two visits in seven days are three or four days apart at best."""
    zone = proposal.problem.site.zone
    on = {session.key: session.start.astimezone(zone).date() for session in proposal.plan.sessions}
    found = 0
    for track in proposal.problem.protocol_of(proposal.problem.course(proposal.plan.id)).tracks:
        for before, slot in pairwise(track.slots):
            phase = track.phases[slot.phase]
            if before.phase == slot.phase and phase.per_period in (1, 2, 3):
                days = (on[track.name, slot.number] - on[track.name, before.number]).days
                found += abs(phase.per_period * days - phase.period_days) >= phase.per_period
    return found


def _count_moved(proposal: Proposal) -> int:
    placed = {session.key: session.start for session in proposal.plan.sessions}
    current = proposal.problem.course(proposal.plan.id).current
    return sum(placed[session.key] != session.start for session in current)
