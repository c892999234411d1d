"""The first page: who comes today, and what waits for somebody."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from clinic.models import Site
from scheduling.desk.base import staff_of
from scheduling.desk.session_rows import describe_sessions, for_rows, today_at
from scheduling.impact import find_stranded_at
from scheduling.messages.call_list import calls_to_make
from scheduling.models import Course, CourseDecision, CourseStatus, Notice, Session, SessionStatus

DECISIONS_SHOWN = 12


def describe_today(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    sites = staff_of(request).visible_sites()
    places = list(sites)
    rows = describe_visits(todays_sessions(sites, now=now), now=now)
    next_day = None if rows else find_next_day(sites, now=now)
    decisions = list(due_points(sites, now=now)[: DECISIONS_SHOWN + 1])
    return {
        "today": now.astimezone(places[0].zone).date() if places else now.date(),
        "places": places,
        "several_sites": len(places) > 1,
        "rows": rows,
        "next_day": next_day,
        "next_rows": describe_visits(visits_at(sites).filter(local_date=next_day), now=now) if next_day else [],
        "figures": count_figures(request, sites, rows, now=now),
        "decisions": decisions[:DECISIONS_SHOWN],
        "page": reverse("admin:index"),
    }


def describe_visits(sessions: QuerySet[Session], *, now: datetime) -> list[dict[str, Any]]:
    rows = describe_sessions(for_rows(sessions), now=now, tracks={})
    for row in rows:
        row["protocol"] = row["session"].course.version.protocol.name
    return rows


def visits_at(sites: QuerySet[Site]) -> QuerySet[Session]:
    return Session.objects.filter(site__in=sites).exclude(status=SessionStatus.CANCELLED).order_by("start", "pk")


def todays_sessions(sites: QuerySet[Site], *, now: datetime) -> QuerySet[Session]:
    return visits_at(sites).filter(today_at(sites, now=now))


def find_next_day(sites: QuerySet[Site], *, now: datetime) -> date | None:
    """The first date to come that has visits: what a clerk looks for on a Sunday."""
    return visits_at(sites).filter(start__gt=now).values_list("local_date", flat=True).first()


def due_points(sites: QuerySet[Site], *, now: datetime) -> QuerySet[Session]:
    """The sessions after which a clinician is to decide and has not, each with the question."""
    here = Q(track__decision_points__after_number=F("number"))
    decided = CourseDecision.objects.closing().filter(course=OuterRef("course"), decision_point=OuterRef("point__pk"))
    reached = Session.objects.annotate(point=FilteredRelation("track__decision_points", condition=here)).filter(
        point__isnull=False,
        site__in=sites,
        start__lte=now,
        course__status__in=[CourseStatus.BOOKED, CourseStatus.RUNNING],
    )
    asked = (
        reached.exclude(status=SessionStatus.MISSED).filter(~Exists(decided)).annotate(question=F("point__question"))
    )
    return asked.select_related("patient", "course__version__protocol").order_by("start", "pk")


def count_figures(
    request: HttpRequest, sites: QuerySet[Site], rows: list[dict[str, Any]], *, now: datetime
) -> list[dict[str, Any]]:
    """Numbers that link to the lists behind them."""
    states = [row["session"].status for row in rows]
    courses = Course.objects.at_sites(sites).aggregate(
        infeasible=Count("pk", filter=Q(status=CourseStatus.INFEASIBLE)),
        planning=Count("pk", filter=Q(status=CourseStatus.PLANNING)),
    )
    unrecorded = Session.objects.at_sites(sites).filter(status=SessionStatus.UNRECORDED).count()
    stranded = {found.session.pk for found in find_stranded_at([site.pk for site in sites], now=now)}
    calls = calls_to_make(Notice.objects.filter(course__site__in=sites), now=now).count()
    course_list = reverse("admin:scheduling_course_changelist")
    session_list = reverse("admin:scheduling_session_changelist")
    wanted = [
        (len(rows), "visits today", f"{session_list}?when=today", False),
        (states.count(SessionStatus.ARRIVED), "here now", f"{session_list}?when=today&status__exact=arrived", False),
        (unrecorded, "outcomes not recorded", f"{session_list}?status__exact=unrecorded", True),
        (len(stranded), "visits without a place", reverse("admin:desk_stranded"), True),
        (calls, "to call", reverse("admin:desk_call_list"), True),
        (courses["infeasible"], "could not be planned", f"{course_list}?status__exact=infeasible", True),
        (courses["planning"], "being planned", f"{course_list}?status__exact=planning", False),
        (due_points(sites, now=now).count(), "decisions due", "#decisions", True),
    ]
    return [
        {"number": number, "label": label, "url": url, "wants": wants and number > 0}
        for number, label, url, wants in wanted
    ]
