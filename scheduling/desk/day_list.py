"""The visits of one day on paper, for when the network is down or somebody wants to tick with a pen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from clinic.models import Site
from protocols.holds import stage_spans
from scheduling.desk.acting import need_permission
from scheduling.desk.base import staff_of
from scheduling.desk.driver_acts import describe_driver
from scheduling.desk.session_rows import describe_sessions, for_rows, on_dates
from scheduling.desk.worklists import sites_of, visits_at
from scheduling.models import SessionStatus

FURTHEST = timedelta(days=2 * 366)


def show_day_list(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    need_permission(request, "scheduling.view_session")
    now, sites = timezone.now(), sites_of(request)
    today = now.astimezone(sites[0].zone).date() if sites else now.date()
    on = read_day(request.GET.get("day", ""), today=today)
    rows = read_day_rows(sites, on=on, now=now)
    context = {
        **admin_site.each_context(request),
        "title": "Day list",
        "on": on,
        "today": today,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1),
        "pages": group_by_site(sites, rows),
        "printed": now.astimezone(sites[0].zone) if sites else now,
        "by": staff_of(request),
    }
    return TemplateResponse(request, "desk/day_list.html", context)


def read_day(text: str, *, today: date) -> date:
    try:
        on = date.fromisoformat(text)
    except ValueError:
        return today
    return on if abs(on - today) < FURTHEST else today


def read_day_rows(sites: Iterable[Site], *, on: date, now: datetime) -> list[dict[str, Any]]:
    """Those that are expected on the day, or were there."""
    visits = visits_at(list(sites)).filter(on_dates({site.pk: on for site in sites}))
    visits = visits.exclude(status=SessionStatus.MISSED).select_related("driver")
    rows = describe_sessions(for_rows(visits).prefetch_related("visit_type__stages"), now=now, tracks={})
    for row in rows:
        session = row["session"]
        row["home"] = describe_driver(session)
        row["watched_until"] = plan_watching(row)
    return rows


def plan_watching(row: dict[str, Any]) -> datetime | None:
    """When the watching ends by the plan: a time to write another one beside."""
    watched = [span.end for span in stage_spans(row["session"].visit_type) if span.stage.is_monitoring]
    return row["starts"] + timedelta(minutes=watched[-1]) if watched else None


def group_by_site(sites: Iterable[Site], rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A clinic begins on a sheet of its own."""
    found = list(rows)
    pages = [{"site": site, "rows": [row for row in found if row["session"].site_id == site.pk]} for site in sites]
    with_visits = [page for page in pages if page["rows"]]
    return with_visits or pages[:1]
