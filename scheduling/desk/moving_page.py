"""Move a session: the legal times, a week at a time; alone, with what must move for it, or with all that follow."""

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
from scheduling.desk.moving_together import (
    ALONE,
    FOLLOWING,
    LEDES,
    MODES,
    OTHERS,
    open_starts,
    show_moving_together,
)
from scheduling.desk.session_acts import MOVE, acts_for
from scheduling.desk.session_rows import read_tracks
from scheduling.models import Session
from scheduling.planning import legal_times
from scheduling.words import label_of, say_short_day

ONE_WEEK = timedelta(weeks=1)


def show_moving(request: HttpRequest, admin_site: AdminSite, session: Session) -> HttpResponse:
    if request.method == "POST":
        return show_moving_together(request, admin_site, session)
    now = timezone.now()
    today = now.astimezone(session.site.zone).date()
    monday = read_monday(request.GET.get("week", ""), session, today=today)
    is_external = session.visit_type.place == Place.EXTERNAL
    mode = request.GET.get("with", "")
    mode = mode if mode in LEDES else ALONE
    starts: list[datetime] = []
    with refusals_told(request):
        if (can_move := MOVE in acts_for(session, now=now)) and not is_external:
            last = monday + timedelta(days=6)
            starts = find_starts(session, mode, now=now, first_on=max(monday, today), last_on=last)
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
        "days": group_by_day(starts, session),
        "mode": mode,
        "modes": [{"value": value, "label": label, "is_on": value == mode} for value, label in MODES],
        "lede": LEDES[mode],
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


def find_starts(session: Session, mode: str, *, now: datetime, first_on: date, last_on: date) -> list[datetime]:
    if mode in {OTHERS, FOLLOWING}:
        return open_starts(session, now=now, first_on=first_on, last_on=last_on, following=mode == FOLLOWING)
    return [offer.start for offer in legal_times(session, now=now, first_on=first_on, last_on=last_on)]


def group_by_day(found: Iterable[datetime], session: Session) -> list[dict[str, Any]]:
    zone = session.site.zone
    starts = sorted(start.astimezone(zone) for start in found)
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
