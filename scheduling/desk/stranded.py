"""Visits without a place: booked, then left without room by a closure, an outage or shorter hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from scheduling.desk.base import staff_of
from scheduling.desk.disruption_entry import STRANDED
from scheduling.desk.session_rows import describe_sessions
from scheduling.impact import Stranded, find_stranded_among, find_stranded_at
from scheduling.models import Session

SHOWN_AT_MOST = 200


def show_stranded(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    now = timezone.now()
    places = list(staff_of(request).visible_sites())
    stranded = find_stranded_at([place.pk for place in places], now=now)
    reasons = join_reasons(stranded)
    sessions = list({found.session.pk: found.session for found in stranded}.values())
    shown = sessions[:SHOWN_AT_MOST]
    prefetch_related_objects(shown, "holds__resource")
    rows = describe_sessions(shown, now=now, tracks={})
    mark_stranded(rows, reasons)
    context = {
        **admin_site.each_context(request),
        "title": "Visits without a place",
        "rows": rows,
        "number": len(sessions),
        "several_sites": len(places) > 1,
        "planning": f"?{urlencode({'what': f'{STRANDED}:{places[0].pk}'})}" if len(places) == 1 else "",
    }
    return TemplateResponse(request, "desk/stranded.html", context)


def join_reasons(stranded: Iterable[Stranded]) -> dict[int, str]:
    """By session: all that it has lost."""
    reasons: dict[int, str] = {}
    for found in stranded:
        before = reasons.get(found.session.pk)
        reasons[found.session.pk] = f"{before}; {found.reason}" if before else found.reason
    return reasons


def reasons_among(sessions: Iterable[Session], *, now: datetime) -> dict[int, str]:
    return join_reasons(find_stranded_among(sessions, now=now))


def mark_stranded(rows: Iterable[dict[str, Any]], reasons: dict[int, str]) -> None:
    """Each row says what its visit has lost; nothing for nearly all."""
    for row in rows:
        row["stranded"] = reasons.get(row["session"].pk, "")
