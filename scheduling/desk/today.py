"""The first page: who comes when, who is here and watched, and what waits for somebody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from clinic.models import Site
from scheduling.desk.calls import AHEAD
from scheduling.desk.driver_acts import describe_driver
from scheduling.desk.session_rows import describe_sessions, for_rows, on_dates, today_at
from scheduling.desk.watched import add_watches, minutes_late, say_minutes
from scheduling.desk.worklists import due_points, left_open, sites_of, unsure_drivers, visits_at
from scheduling.due_forms import RECENT, forms_due
from scheduling.impact import find_reasons_at
from scheduling.messages.call_list import calls_to_make
from scheduling.models import Course, CourseStatus, Notice, Session, SessionStatus
from scheduling.models.session import GONE

ALL, TO_COME, HERE, WATCHED, DONE = "all", "expected", "here", "watched", "done"


def describe_today(request: HttpRequest) -> dict[str, Any]:
    now, sites = timezone.now(), sites_of(request)
    rows = describe_visits(visits_at(sites).filter(today_at(sites, now=now)), now=now)
    tabs = count_tabs(rows)
    shown = request.GET.get("show", ALL)
    shown = shown if shown in tabs else ALL
    next_day = None if rows else find_next_day(sites, now=now)
    next_visits = visits_at(sites).filter(on_dates({site.pk: next_day for site in sites})) if next_day else None
    courses = count_courses(sites)
    day_figures, waiting = count_day(tabs), count_waiting(sites, courses, now=now)
    page = reverse("admin:index")
    return {
        "now": now.astimezone(sites[0].zone) if sites else now,
        "today": now.astimezone(sites[0].zone).date() if sites else now.date(),
        "places": sites,
        "several_sites": len(sites) > 1,
        "tabs": [{"key": key, "label": LABELS[key], "number": len(found)} for key, found in tabs.items()],
        "shown": shown,
        "rows": tabs[shown],
        "watched": tabs[WATCHED],
        "has_visits": bool(rows),
        "next_day": next_day,
        "next_rows": [] if next_visits is None else describe_visits(next_visits, now=now),
        "figures": day_figures + waiting,
        "day_figures": day_figures,
        "waiting": waiting,
        "planning": courses.get(CourseStatus.PLANNING, 0),
        "page": page if shown == ALL else f"{page}?show={shown}",
    }


def describe_visits(sessions: QuerySet[Session], *, now: datetime) -> list[dict[str, Any]]:
    rows = describe_sessions(for_rows(sessions).select_related("driver"), now=now, tracks={})
    add_watches(rows, now=now)
    for row in rows:
        session = row["session"]
        row["protocol"] = session.course.version.protocol.name
        row["home"] = describe_driver(session) if session.is_live else None
        row["late"] = minutes_late(session, now=now)
        row["late_text"] = say_minutes(row["late"])
    mark_now(rows, now=now)
    return rows


def mark_now(rows: list[dict[str, Any]], *, now: datetime) -> None:
    """The first visit to come after one that has begun stands below the line of this minute."""
    for before, row in pairwise(rows):
        row["is_next"] = before["session"].start <= now < row["session"].start


def find_next_day(sites: Collection[Site], *, now: datetime) -> date | None:
    """The first date to come that has visits: what a clerk looks for on a Sunday."""
    return visits_at(sites).filter(start__gt=now).values_list("local_date", flat=True).first()


LABELS = {ALL: "All", TO_COME: "Expected", HERE: "Here", WATCHED: "Being watched", DONE: "Done"}


def count_tabs(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The visits of the day by what they are now; a link to each is a list of its own."""

    def of(*states: str) -> list[dict[str, Any]]:
        return [row for row in rows if row["session"].status in states]

    here = of(SessionStatus.ARRIVED)
    watched = [row for row in here if row["watch"] and row["watch"]["has_begun"]]
    return {
        ALL: rows,
        TO_COME: of(SessionStatus.BOOKED, SessionStatus.UNRECORDED),
        HERE: here,
        WATCHED: sorted(watched, key=lambda row: row["watch"]["until"]),
        DONE: of(SessionStatus.COMPLETED, *GONE),
    }


def count_day(tabs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    page = reverse("admin:index")
    return [
        figure(len(tabs[ALL]), "visits today", f"{page}#visits"),
        figure(len(tabs[HERE]), "here now", f"{page}?show={HERE}#visits"),
        figure(len(tabs[WATCHED]), "being watched", f"{page}?show={WATCHED}#visits"),
    ]


def count_courses(sites: Collection[Site]) -> dict[str, int]:
    """Those that wait for a plan, by state."""
    waiting = Course.objects.filter(site__in=sites, status__in=[CourseStatus.PLANNING, CourseStatus.INFEASIBLE])
    return dict(waiting.order_by().values_list("status").annotate(Count("pk")))


def count_waiting(sites: Collection[Site], courses: Mapping[str, int], *, now: datetime) -> list[dict[str, Any]]:
    """What waits for somebody; each number is the length of the list behind it."""
    infeasible = f"{reverse('admin:scheduling_course_changelist')}?status__exact=infeasible"
    calls = calls_to_make(Notice.objects.filter(course__site__in=sites), now=now, ahead=AHEAD).count()
    stranded = len(find_reasons_at([site.pk for site in sites], now=now))
    counted = [
        (unsure_drivers(sites, now=now).count(), "without a confirmed driver", reverse("admin:desk_drivers")),
        (calls, "to call", reverse("admin:desk_call_list")),
        (left_open(sites, now=now).count(), "outcomes not recorded", reverse("admin:desk_unrecorded")),
        (stranded, "visits without a place", reverse("admin:desk_stranded")),
        (courses.get(CourseStatus.INFEASIBLE, 0), "could not be planned", infeasible),
        (due_points(sites, now=now).count(), "decisions due", reverse("admin:desk_decisions")),
        (forms_due(sites, since=now - RECENT).count(), "forms due", reverse("admin:desk_forms")),
    ]
    return [figure(number, label, url, wants=True) for number, label, url in counted]


def figure(number: int, label: str, url: str, *, wants: bool = False) -> dict[str, Any]:
    return {"number": number, "label": label, "url": url, "wants": wants and number > 0}
