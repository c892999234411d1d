"""The day board: resources as columns, time down the side, visits to be looked at and dragged."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from clinic.models import Site
from scheduling.desk.acting import need_permission, post_only
from scheduling.desk.base import staff_of
from scheduling.desk.board_moves import book_move, show_move, show_starts
from scheduling.desk.board_rows import places_first, read_board
from scheduling.models import Session
from scheduling.words import say_day

DAY, WEEK = "day", "week"
FURTHEST = timedelta(days=730)
LEGEND = (
    ("around", "Before and after"),
    ("treatment", "Treatment"),
    ("watching", "Monitoring"),
    ("turnover", "Turnover"),
)


def board_urls(sessions: Any) -> list[URLPattern]:
    """The board's addresses, for the admin class of sessions, which finds the visits that the user may see."""
    wrap = sessions.admin_site.admin_view

    def show(request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.view_session")
        return show_board(request, sessions.admin_site)

    def starts(request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_session")
        return show_starts(request, sessions.find(request, pk))

    def move(request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_session")
        return show_move(request, sessions.find(request, pk))

    def book(request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_session")
        return book_move(request, sessions.find(request, pk))

    return [
        path("board/", wrap(show), name="desk_board"),
        path("board/<str:pk>/starts/", wrap(starts), name="desk_board_starts"),
        path("board/<str:pk>/move/", wrap(move), name="desk_board_move"),
        path("board/<str:pk>/book/", wrap(post_only(book)), name="desk_board_book"),
    ]


def show_board(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    now = timezone.now()
    sites = list(staff_of(request).visible_sites())
    site = read_site(request, sites)
    if site is None:
        return TemplateResponse(request, "desk/board.html", {**admin_site.each_context(request), "title": "Day board"})
    timezone.activate(site.zone)  # the admin site's wrapper puts it back
    today = now.astimezone(site.zone).date()
    view = WEEK if request.GET.get("view") == WEEK else DAY
    day = read_day(request, today=today)
    days = days_of(day, view)
    board = read_board(site, days, now=now)
    context = {
        **admin_site.each_context(request),
        "title": "Day board",
        "site": site,
        "sites": sites if len(sites) > 1 else [],
        "view": view,
        "day": day,
        "heading": say_days(days),
        "earlier": day - len(days) * timedelta(days=1),
        "later": day + len(days) * timedelta(days=1),
        "today": today,
        "next_day": None if board["visits"] else find_next_day(site, days[-1]),
        "kinds": list_kinds(board, places_first(site), view),
        "legend": LEGEND,
        "data": {**board, **say_how(request, site, view)},
    }
    return TemplateResponse(request, "desk/board.html", context)


def read_site(request: HttpRequest, sites: list[Site]) -> Site | None:
    """The one that is asked for, else the first that the user sees."""
    asked = request.GET.get("site", "")
    return next((site for site in sites if str(site.pk) == asked), sites[0] if sites else None)


def read_day(request: HttpRequest, *, today: date) -> date:
    try:
        wanted = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return today
    return min(max(wanted, today - FURTHEST), today + FURTHEST)


def days_of(day: date, view: str) -> list[date]:
    """The one day, or its week from Monday on."""
    if view == DAY:
        return [day]
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=number) for number in range(7)]


def say_days(days: list[date]) -> str:
    if len(days) == 1:
        return say_day(days[0])
    return f"Week of {days[0]:%B} {days[0].day}, {days[0].year}"


def find_next_day(site: Site, day: date) -> date | None:
    """The first date after a day that has visits: what a clerk looks for on a Sunday."""
    after = datetime.combine(day + timedelta(days=1), datetime.min.time(), site.zone)
    visits = Session.objects.live().filter(site=site, start__gte=after).order_by("start")
    return visits.values_list("local_date", flat=True).first()


def list_kinds(board: dict[str, Any], places: set[str], view: str) -> list[dict[str, Any]]:
    """Each kind that has a column. At first the places are shown; of a week, which is wide, the busiest kind."""
    kinds = list({column["kind"]: column["kindName"] for column in board["columns"]}.items())
    shown = [code for code, _ in kinds if code in places] or [code for code, _ in kinds]
    if view == WEEK and shown:
        kind_of = {column["id"]: column["kind"] for column in board["columns"]}
        held = Counter(kind_of[resource] for _, resource, _, _ in board["blocks"] if resource in kind_of)
        shown = [max(shown, key=lambda code: held[code])]
    return [{"code": code, "name": name, "shown": code in shown} for code, name in kinds]


def say_how(request: HttpRequest, site: Site, view: str) -> dict[str, Any]:
    """What the script needs beside the rows: the addresses it asks, and whether this user may move visits."""
    return {
        "view": view,
        "site": site.pk,
        "mayMove": request.user.has_perm("scheduling.change_session"),
        "urls": {
            "starts": reverse("admin:desk_board_starts", kwargs={"pk": "PK"}),
            "move": reverse("admin:desk_board_move", kwargs={"pk": "PK"}),
            "book": reverse("admin:desk_board_book", kwargs={"pk": "PK"}),
            "visit": reverse("admin:scheduling_session_change", args=["PK"]),
            "act": reverse("admin:desk_session_act", kwargs={"pk": "PK", "act": "ACT"}),
            "course": reverse("admin:scheduling_course_change", args=["PK"]),
        },
    }
