"""What waits for somebody, as lists that are worked down: drivers, outcomes, decisions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from clinic.models import Site
from protocols.models.visit import Place
from scheduling.desk.acting import need_permission
from scheduling.desk.base import staff_of
from scheduling.desk.driver_acts import describe_driver
from scheduling.desk.session_rows import describe_sessions, for_rows, on_dates, today_at
from scheduling.models import CourseDecision, CourseStatus, Driver, Session, SessionStatus
from scheduling.models.course import DecisionOutcome
from scheduling.models.driver import SETTLED

SHOWN_AT_MOST = 200
OPEN = (SessionStatus.BOOKED, SessionStatus.ARRIVED)
# Who comes after the next holidays is asked about then.
LOOK_AHEAD = timedelta(days=14)


def visits_at(sites: Collection[Site]) -> QuerySet[Session]:
    return Session.objects.filter(site__in=sites).exclude(status=SessionStatus.CANCELLED).order_by("start", "pk")


# Who takes the patient home


def unsure_drivers(sites: Collection[Site], *, now: datetime) -> QuerySet[Session]:
    """Sedating visits, of today and of the next day that has visits, for whose time nobody has agreed to drive."""
    agreed = Driver.objects.filter(session=OuterRef("pk"), status__in=SETTLED, agreed_start=OuterRef("start"))
    near = today_at(sites, now=now) | on_dates(next_days(sites, now=now))
    still = Q(status=SessionStatus.ARRIVED) | Q(status=SessionStatus.BOOKED, end__gt=now)
    return visits_at(sites).filter(near, still, visit_type__sedating=True).filter(~Exists(agreed))


def next_days(sites: Collection[Site], *, now: datetime) -> dict[int, date]:
    """By site: the first date after today that has visits."""
    today = {site.pk: now.astimezone(site.zone).date() for site in sites}
    ahead = Session.objects.to_come(now=now).filter(site__in=sites, start__lt=now + LOOK_AHEAD)
    found: dict[int, date] = {}
    for site_id, on in ahead.values_list("site", "local_date").distinct().order_by("-local_date"):
        if on > today[site_id]:
            found[site_id] = on
    return found


def show_drivers(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    need_permission(request, "scheduling.view_driver")
    now, sites = timezone.now(), sites_of(request)
    rows = read_rows(unsure_drivers(sites, now=now).select_related("driver"), now=now)
    for row in rows:
        row["home"] = describe_driver(row["session"])
    return show_rows(request, admin_site, "drivers", "No confirmed driver", rows, sites=sites)


# What nobody recorded


def left_open(sites: Collection[Site], *, now: datetime) -> QuerySet[Session]:
    """Visits of earlier days that nobody closed: not recorded, or arrived and never completed."""
    over = Q(status__in=OPEN, end__lt=now) & ~today_at(sites, now=now) & ~Q(visit_type__place=Place.EXTERNAL)
    return visits_at(sites).filter(Q(status=SessionStatus.UNRECORDED) | over)


def show_unrecorded(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    need_permission(request, "scheduling.view_session")
    now, sites = timezone.now(), sites_of(request)
    rows = read_rows(left_open(sites, now=now), now=now)
    return show_rows(request, admin_site, "unrecorded", "Outcomes not recorded", rows, sites=sites)


# Where a clinician decides


def due_points(sites: Collection[Site], *, now: datetime) -> QuerySet[Session]:
    """The sessions after which a clinician is to decide and has not, each with the question."""
    here = Q(track__decision_points__after_number=F("number"))
    decided = CourseDecision.objects.closing().filter(course=OuterRef("course"), decision_point=OuterRef("point__pk"))
    reached = Session.objects.annotate(point=FilteredRelation("track__decision_points", condition=here)).filter(
        point__isnull=False,
        site__in=sites,
        start__lte=now,
        course__status__in=[CourseStatus.BOOKED, CourseStatus.RUNNING],
    )
    # After a step back the point is due again once what was repeated is over.
    stepped_back = CourseDecision.objects.filter(
        course=OuterRef("course"), decision_point=OuterRef("point__pk"), outcome=DecisionOutcome.STEP_BACK
    )
    ahead = Session.objects.to_come(now=now).filter(
        course=OuterRef("course"), track=OuterRef("track"), number__gt=OuterRef("number"), start__gt=now
    )
    asked = (
        reached.exclude(status=SessionStatus.MISSED)
        .filter(~Exists(decided), ~(Exists(stepped_back) & Exists(ahead)))
        .annotate(question=F("point__question"))
    )
    return asked.select_related("patient", "site", "course__version__protocol").order_by("start", "pk")


def show_decisions(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    need_permission(request, "scheduling.view_course")
    now, sites = timezone.now(), sites_of(request)
    rows = [{"session": session} for session in due_points(sites, now=now)[: SHOWN_AT_MOST + 1]]
    return show_rows(request, admin_site, "decisions", "Decisions due", rows, sites=sites)


# What the lists share


def sites_of(request: HttpRequest) -> list[Site]:
    return list(staff_of(request).visible_sites())


def read_rows(sessions: QuerySet[Session], *, now: datetime) -> list[dict[str, Any]]:
    return describe_sessions(for_rows(sessions)[: SHOWN_AT_MOST + 1], now=now, tracks={})


def show_rows(
    request: HttpRequest,
    admin_site: AdminSite,
    name: str,
    title: str,
    rows: list[dict[str, Any]],
    *,
    sites: Collection[Site],
    **more: Any,
) -> HttpResponse:
    context = {
        **admin_site.each_context(request),
        "title": title,
        "rows": rows[:SHOWN_AT_MOST],
        "has_more": len(rows) > SHOWN_AT_MOST,
        "several_sites": len(sites) > 1,
        "page": request.path,
        **more,
    }
    return TemplateResponse(request, f"desk/{name}.html", context)
