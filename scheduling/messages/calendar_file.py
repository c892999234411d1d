"""The course as a printed calendar, for patients without e-mail: month grids and a list, in discreet words.

`course_calendar` gives the facts, `course_calendar_html` the body of a page; it has class names and no inline style,
as the pages of the desk allow none.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.dateformat import format as format_date
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from scheduling.messages.sender import one_line
from scheduling.messages.told import is_ahead
from scheduling.messages.wording import Appointment, bring_texts, clock_text, day_text, describe
from scheduling.models import Course, Session


@dataclass(frozen=True)
class Day:
    on: date
    is_outside: bool
    times: tuple[str, ...]


@dataclass(frozen=True)
class Month:
    title: str
    weekdays: tuple[str, ...]
    weeks: tuple[tuple[Day, ...], ...]


@dataclass(frozen=True)
class CourseCalendar:
    patient_name: str
    public_name: str
    address: str
    phone: str
    months: tuple[Month, ...]
    appointments: tuple[Appointment, ...]
    bring: tuple[str, ...]
    printed_on: str
    is_phoned: bool  # else changes come by mail


def course_calendar(course: Course, *, now: datetime) -> CourseCalendar:
    """All appointments to come, in the site's wall-clock time."""
    site, patient = course.site, course.patient
    rows = course.sessions.select_related("visit_type", "announcement")
    sessions = [
        session
        for session in rows.prefetch_related("visit_type__instructions").order_by("start")
        if is_ahead(session, now=now)
    ]
    with translation.override(course.patient.language):
        return CourseCalendar(
            patient_name=patient.full_name,
            public_name=site.public_name,
            address=one_line(", ".join(site.address.splitlines())),
            phone=site.phone,
            months=lay_out_months(sessions),
            appointments=tuple(describe(session, patient=patient, site=site) for session in sessions),
            bring=tuple(bring_texts(sessions)),
            printed_on=day_text(now.astimezone(site.zone)),
            is_phoned=not patient.gets_email,
        )


def course_calendar_html(course: Course, *, now: datetime) -> SafeString:
    context = {"calendar": course_calendar(course, now=now)}
    with translation.override(course.patient.language):
        return mark_safe(render_to_string("messages/course_calendar.html", context))  # noqa: S308 (a template's output)


def week_calendar() -> calendar.Calendar:
    """Weeks begin on the day that Django's form of the language names; 0 is Sunday there."""
    return calendar.Calendar(firstweekday=(get_format("FIRST_DAY_OF_WEEK") - 1) % 7)


def lay_out_months(sessions: Iterable[Session]) -> tuple[Month, ...]:
    """The months that hold an appointment, in the language that is active."""
    times: dict[date, list[str]] = defaultdict(list)
    for session in sessions:
        times[session.local_date].append(clock_text(session.local_start))
    months = groupby(sorted(times), key=lambda day: (day.year, day.month))
    return tuple(lay_out_month(year, month, times) for (year, month), _days in months)


def lay_out_month(year: int, month: int, times: Mapping[date, list[str]]) -> Month:
    weeks = week_calendar()
    return Month(
        title=capfirst(format_date(date(year, month, 1), get_format("MESSAGE_MONTH"))),
        weekdays=tuple(str(WEEKDAYS_ABBR[day]) for day in weeks.iterweekdays()),
        weeks=tuple(
            tuple(lay_out_day(day, month, times) for day in week) for week in weeks.monthdatescalendar(year, month)
        ),
    )


def lay_out_day(day: date, month: int, times: Mapping[date, list[str]]) -> Day:
    """A day of a neighbouring month keeps its cell and shows nothing."""
    is_outside = day.month != month
    return Day(day, is_outside, () if is_outside else tuple(times.get(day, ())))
