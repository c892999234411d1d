"""What was changed lately, by whom, and whether it can still be undone: each with its visits before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from protocols.models import Track
from scheduling.changes import undo_change, why_not_undo_each
from scheduling.desk.acting import go_back, need_permission, press
from scheduling.desk.base import staff_of
from scheduling.models import Change, ChangedCourse, ChangedSession, SessionStatus
from scheduling.models.session import GONE
from scheduling.words import label_session, say_short_day, say_time

CLINICAL = "A clinician has decided this: only a clinician takes it back."
DECIDED = ("decisions", "rhythm")
"""Of a course: what only a clinician sets."""
A_PAGE = 30
VISITS_SHOWN = 12


def changes_of(request: HttpRequest) -> QuerySet[Change]:
    return Change.objects.filter(site__in=staff_of(request).visible_sites())


def show_changes(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    need_permission(request, "scheduling.view_change")
    now = timezone.now()
    courses = ChangedCourse.objects.select_related("course__patient").order_by("pk")
    sessions = ChangedSession.objects.select_related("session__track").order_by("pk")
    rows = changes_of(request).select_related("site", "made_by", "undone_by")
    rows = rows.prefetch_related(Prefetch("courses", courses), Prefetch("sessions", sessions))
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    changes = list(page.object_list)
    why_not = why_not_undo_each([change for change in changes if change.undone_at is None], now=now)
    tracks = count_tracks(changes)
    may_decide = request.user.has_perm("scheduling.decide_course")
    clinical = {change.pk: CLINICAL for change in changes if is_decision(change, may_decide)}
    context = {
        **admin_site.each_context(request),
        "title": "Recent changes",
        "page": page,
        "changes": [describe_change(change, {**why_not, **clinical}, tracks, now=now) for change in changes],
        "several_sites": staff_of(request).visible_sites().count() > 1,
        "may_undo": request.user.has_perm("scheduling.change_change"),
        "may_offer": request.user.has_perm("scheduling.view_waitingentry"),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "desk/changes.html", context)


def is_decision(change: Change, may_decide: bool) -> bool:
    """Whether it is a clinician's, and the reader is none."""
    if may_decide:
        return False
    return any(row.before[name] != row.after[name] for row in change.courses.all() for name in DECIDED)


def count_tracks(changes: Sequence[Change]) -> dict[int, int]:
    """How many tracks the protocol version of each changed visit has, by version."""
    versions = {row.session.track.version_id for change in changes for row in change.sessions.all()}
    found: dict[int, int] = dict.fromkeys(versions, 0)
    for version in Track.objects.filter(version__in=versions).values_list("version", flat=True):
        found[version] += 1
    return found


def describe_change(
    change: Change, why_not: Mapping[int, str], tracks: Mapping[int, int], *, now: datetime
) -> dict[str, Any]:
    zone, rows = change.site.zone, list(change.sessions.all())
    visits = [
        describe_visit(row, zone, several=tracks[row.session.track.version_id] > 1) for row in rows if is_seen(row)
    ]
    return {
        "change": change,
        "at": change.made_at.astimezone(zone),
        "undone": change.undone_at and change.undone_at.astimezone(zone),
        "courses": [row.course for row in change.courses.all()],
        "visits": visits[:VISITS_SHOWN],
        "number": len(visits),
        "more": max(len(visits) - VISITS_SHOWN, 0),
        "why_not": "" if change.undone_at else why_not.get(change.pk, ""),
        "frees": change.undone_at is None and any(frees_seats(row, now) for row in rows),
        "offer_url": f"{reverse('admin:desk_waiting')}?change={change.uuid}",
    }


def is_seen(row: ChangedSession) -> bool:
    """Not where the visit alone took another number, as those after a missed one do."""
    return row.before is None or any(row.before[name] != row.after[name] for name in ("start", "status", "holds"))


def describe_visit(row: ChangedSession, zone: ZoneInfo, *, several: bool) -> dict[str, str]:
    """One line of what became of a visit: where it was, and where it is."""
    label = label_session(row.session.track.name, row.after["number"], several=several)
    return {"label": label, "before": say_state(row.before, zone), "after": say_state(row.after, zone)}


def say_state(state: Mapping[str, Any] | None, zone: ZoneInfo) -> str:
    """When the visit is; or that it is not."""
    if state is None:
        return "not booked"
    if state["status"] in GONE:
        return SessionStatus(state["status"]).label.lower()
    start = datetime.fromisoformat(state["start"]).astimezone(zone)
    return f"{say_short_day(start.date())}, {say_time(start)}"


def frees_seats(row: ChangedSession, now: datetime) -> bool:
    """Whether the visit left seats ahead of us."""
    if row.before is None or row.before["holds"] == row.after["holds"]:
        return False
    return any(datetime.fromisoformat(held["end"]) > now for held in row.before["holds"])


def undo_one(request: HttpRequest, uuid: str) -> HttpResponse:
    need_permission(request, "scheduling.change_change")
    change = find_change(request, uuid)
    back = reverse("admin:desk_changes")
    if change.undone_at is not None:
        messages.warning(request, "This was undone already.")
        return go_back(request, back)
    if is_decision(change, request.user.has_perm("scheduling.decide_course")):
        messages.error(request, CLINICAL)
        return go_back(request, back)
    return press(request, lambda: _undo(request, change), back=back)


def _undo(request: HttpRequest, change: Change) -> str:
    undo_change(change, now=timezone.now(), by=staff_of(request))
    return f"Undone: {change.summary}. All is as it was before, and nobody is told."


def find_change(request: HttpRequest, uuid: str) -> Change:
    """404 looks the same for none and for one at another site."""
    try:
        found = changes_of(request).filter(uuid=UUID(uuid)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found
