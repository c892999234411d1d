"""Move one session: the legal times, by day, a week at a time. No other time is offered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from protocols.models.visit import Place
from scheduling.desk.acting import refusals_told
from scheduling.desk.session_acts import MOVE, acts_for
from scheduling.desk.session_rows import read_tracks
from scheduling.engine import PlacedSession
from scheduling.models import Session
from scheduling.planning import legal_times
from scheduling.words import label_of, say_short_day

ONE_WEEK = timedelta(weeks=1)


def show_moving(request: HttpRequest, admin_site: AdminSite, session: Session) -> HttpResponse:
    now = timezone.now()
    today = now.astimezone(session.site.zone).date()
    monday = read_monday(request.GET.get("week", ""), session, today=today)
    is_external = session.visit_type.place == Place.EXTERNAL
    offers: list[PlacedSession] = []
    with refusals_told(request):
        if (can_move := MOVE in acts_for(session, now=now)) and not is_external:
            last = monday + timedelta(days=6)
            offers = legal_times(session, now=now, first_on=max(monday, today), last_on=last)
    several = len(read_tracks(session.course.version_id)) > 1
    page = reverse("admin:scheduling_session_change", args=[session.pk])
    context = {
        **admin_site.each_context(request),
        "title": "Move",
        "crumbs": [
            {"label": "Courses", "url": reverse("admin:scheduling_course_changelist")},
            {
                "label": str(session.patient),
                "url": reverse("admin:scheduling_course_change", args=[session.course_id]),
            },
            {"label": f"{label_of(session, several=several)}, {say_short_day(session.local_date)}", "url": page},
        ],
        "session": session,
        "can_move": can_move,
        "is_external": is_external,
        "days": group_by_day(offers, session),
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "earlier": monday - ONE_WEEK if monday > today else None,
        "later": monday + ONE_WEEK,
        "is_own_week": monday == monday_of(session.local_date),
        "own_week": monday_of(session.local_date),
        "page": page,
        "next": reverse("admin:scheduling_course_change", args=[session.course_id]),
    }
    return TemplateResponse(request, "desk/move.html", context)


def group_by_day(offers: Iterable[PlacedSession], session: Session) -> list[dict[str, Any]]:
    zone = session.site.zone
    starts = sorted(offer.start.astimezone(zone) for offer in offers)
    return [
        {"on": on, "times": [{"start": at, "is_now": at == session.start} for at in times]}
        for on, times in groupby(starts, key=datetime.date)
    ]


def read_monday(text: str, session: Session, *, today: date) -> date:
    """The week that is asked for; at first the session's own, or this one once that is past."""
    try:
        wanted = date.fromisoformat(text)
    except ValueError:
        wanted = session.local_date
    return monday_of(min(max(wanted, today), today + timedelta(days=730)))


def monday_of(on: date) -> date:
    return on - timedelta(days=on.weekday())
