"""What in a patient's own weekly hours makes a course impossible on any calendar, in sentences for staff."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Collection, Iterable, Iterator, Sequence

from scheduling.engine import Course, Phase, Problem, Visit
from scheduling.posing import Key
from scheduling.words import count_of

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def find_causes(problem: Problem, course: Course) -> list[str]:
    if course.availability is None or course.extra_availability:
        return []
    protocol = problem.protocol_of(course)
    given = {at.key for at in course.locked}
    keys = [(track.name, slot.number) for track in protocol.tracks for slot in track.slots]
    wanted = [key for key in keys if key not in given]
    visits = [protocol.visit_of(*key) for key in wanted]
    return list(dict.fromkeys([*_too_long(course, visits), *_too_few_weekdays(problem, course, wanted)]))


def _too_long(course: Course, visits: Iterable[Visit]) -> Iterator[str]:
    minutes = max((visit.minutes for visit in visits), default=0)
    most = max((end - begin for spans in _week_of(course) for begin, end in _joined(spans)), default=0)
    if 0 < most < minutes:
        yield f"A visit takes {minutes} minutes; the patient's weekly hours leave at most {most}."


def _week_of(course: Course) -> Sequence[Sequence[tuple[int, int]]]:
    return course.availability.days if course.availability else ()


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _too_few_weekdays(problem: Problem, course: Course, wanted: Collection[Key]) -> Iterator[str]:
    """A track has at most one visit on a date. Of phases with visits that are given nothing is said."""
    weekdays = [day for day, spans in enumerate(_week_of(course)) if spans]
    for track in problem.protocol_of(course).tracks:
        for index, phase in enumerate(track.phases):
            keys = [(track.name, slot.number) for slot in track.slots if slot.phase == index]
            if keys and all(key in wanted for key in keys) and (needed := _beyond(phase, weekdays)):
                yield f"{needed} needed; the patient can come on {_say_weekdays(weekdays)}."


def _beyond(phase: Phase, weekdays: Sequence[int]) -> str:
    """What the phase asks for and these weekdays never give; empty where they may."""
    for periods in range(1, phase.periods + 1):
        days, visits = periods * phase.period_days + phase.slip_days, periods * phase.per_period
        if visits > _most_dates(weekdays, days):
            if phase.period_days == 7 and phase.per_period > len(weekdays):
                visits, within = phase.per_period, "a week"
            else:
                within = f"within {count_of(days, 'day')}"
            return f"{_number(visits).capitalize()} visit{'s' if visits > 1 else ''} {within} {_are(visits)}"
    return ""


def _most_dates(weekdays: Sequence[int], days: int) -> int:
    """The most dates on these weekdays that any so many days in a row have."""
    return max(sum((first + day) % 7 in weekdays for day in range(days)) for first in range(7))


def _say_weekdays(weekdays: Sequence[int]) -> str:
    count = f"{_number(len(weekdays))} weekday{'s' if len(weekdays) > 1 else ''}"
    names = [day_name[day] for day in weekdays]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    return f"{count} ({listed})" if names else count


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _are(count: int) -> str:
    return "are" if count > 1 else "is"
