"""Disruptions: what is out is said in two clicks, all visits that it hits are planned again, and one click does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import Count, F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from clinic.models import Site
from scheduling.changes import why_not_undo_each
from scheduling.desk.acting import need_permission, post_only, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.disruption_entry import (
    STRANDED,
    Unreadable,
    list_choices,
    list_days,
    read_disruption,
    read_wanted,
)
from scheduling.desk.disruption_rows import describe_replanning
from scheduling.desk.disruption_token import read_replanning, sign_replanning
from scheduling.desk.missing import describe_overdue
from scheduling.desk.plan_token import StalePlan
from scheduling.desk.undo import offer_undo
from scheduling.disruptions.answer import Replanning, propose_replanning
from scheduling.disruptions.applying import agree, apply_replanning
from scheduling.disruptions.question import Disruption, find_hit, is_written_down
from scheduling.disruptions.words import summarize
from scheduling.impact import find_stranded_at
from scheduling.models import Change, ChangeKind
from scheduling.words import count_of

KINDS = (ChangeKind.OUTAGE, ChangeKind.CLOSURE, ChangeKind.REPLANNED)
LATELY = timedelta(days=3)
SHOWN_LATELY = 5
STALE = "This page was open for too long, or is not whole. Nothing was changed; please look again."
NOTHING_TICKED = "Tick at least one patient."


def disruption_urls(sessions: Any) -> list[URLPattern]:
    """The addresses of these pages, for the admin class of sessions."""
    wrap = sessions.admin_site.admin_view

    def show(request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.view_session")
        return show_disruptions(request, sessions.admin_site)

    def apply(request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.add_change")
        return apply_disruption(request)

    return [
        path("disruptions/", wrap(show), name="desk_disruptions"),
        path("disruptions/apply/", wrap(post_only(apply)), name="desk_disruptions_apply"),
    ]


def show_disruptions(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    """The questions; once they are answered, what can be done."""
    now, sites, wanted = timezone.now(), _sites_of(request), read_wanted(request.GET)
    context: dict[str, Any] = {**admin_site.each_context(request), "title": "Disruptions", "wanted": wanted}
    if sites and wanted.is_asked:
        try:
            disruption = read_disruption(wanted, sites, now=now)
        except Unreadable as fault:
            messages.error(request, str(fault))
        else:
            timezone.activate(disruption.site.zone)  # the admin site's wrapper puts it back
            only = _read_only(request)
            found = propose_replanning(disruption, now=now, only=only)
            context |= _describe_proposal(request, found, only)
            return TemplateResponse(request, "desk/disruption.html", context)
    if sites:
        context |= _describe_questions(request, sites, now=now)
    return TemplateResponse(request, "desk/disruptions.html", context)


def _sites_of(request: HttpRequest) -> list[Site]:
    return list(staff_of(request).visible_sites())


def _read_only(request: HttpRequest) -> list[int] | None:
    """The courses that were ticked, where not all of them were."""
    text = request.GET.get("only", "")
    return [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 18] if text else None


def _describe_questions(request: HttpRequest, sites: Sequence[Site], *, now: datetime) -> dict[str, Any]:
    stranded = {found.session.pk: found.session for found in find_stranded_at([site.pk for site in sites], now=now)}
    counts = [(site, sum(session.site_id == site.pk for session in stranded.values())) for site in sites]
    return {
        "choices": list_choices(sites),
        "several": len(sites) > 1,
        "days": list_days(sites, now=now),
        "stranded": [
            {"what": f"{STRANDED}:{site.pk}", "site": site, "number": number} for site, number in counts if number
        ],
        "overdue": describe_overdue(sites, now=now),
        "lately": _describe_lately(sites, now=now),
    }


def _describe_lately(sites: Sequence[Site], *, now: datetime) -> list[dict[str, Any]]:
    made = Change.objects.filter(site__in=sites, kind__in=KINDS, made_at__gte=now - LATELY)
    rows = list(made.select_related("made_by", "site").annotate(patients=Count("courses"))[:SHOWN_LATELY])
    why_not = why_not_undo_each([change for change in rows if change.undone_at is None], now=now)
    return [
        {
            "change": change,
            "made": change.made_at.astimezone(change.site.zone),
            "patients": change.patients,
            "why_not": why_not.get(change.pk, ""),
        }
        for change in rows
    ]


def _describe_proposal(request: HttpRequest, found: Replanning, only: Sequence[int] | None) -> dict[str, Any]:
    agreed = [agree(answer) for answer in found.placed]
    return {
        **describe_replanning(found, ticked=only),
        "title": summarize(found.disruption),
        "crumbs": [{"label": "Disruptions", "url": reverse("admin:desk_disruptions")}],
        "found": found,
        "is_new": found.disruption.is_new,
        "is_written_down": is_written_down(found.disruption),
        "token": sign_replanning(found.disruption, agreed, user_id=staff_of(request).pk),
        "minutes": count_of(max(1, round(found.disruption.site.debounce_seconds / 60)), "minute"),
        "may_apply": request.user.has_perm("scheduling.add_change"),
    }


def apply_disruption(request: HttpRequest) -> HttpResponse:
    now, user = timezone.now(), staff_of(request)
    asked = {key: request.POST.get(key, "")[:40] for key in ("what", "when", "from", "to")}
    again = f"{reverse('admin:desk_disruptions')}?{urlencode({key: value for key, value in asked.items() if value})}"
    try:
        disruption, agreed = read_replanning(request.POST.get("token", ""), _sites_of(request), user_id=user.pk)
    except StalePlan:
        messages.error(request, STALE)
        return HttpResponseRedirect(again)
    disruption = replace(disruption, reason=request.POST.get("reason", "").strip()[:120])
    ticked = {int(pk) for pk in request.POST.getlist("course") if pk.isdecimal() and len(pk) < 18}
    moving = "record" not in request.POST
    chosen = [one for one in agreed if moving and one.course_id in ticked]
    if moving and agreed and not chosen:
        messages.error(request, NOTHING_TICKED)
        return HttpResponseRedirect(again)
    with refusals_told(request) as refused:
        change = apply_replanning(disruption, chosen, now=now, by=user)
    if refused:
        some = len(chosen) < len(agreed)
        only = "&" + urlencode({"only": ",".join(str(one.course_id) for one in chosen)}) if chosen and some else ""
        return HttpResponseRedirect(again + only)
    left = {session.course_id for session in find_hit(disruption, now=now)}
    offer_undo(request, change, _say_done(disruption, change, left=len(left)))
    return HttpResponseRedirect(reverse("admin:desk_disruptions"))


def _say_done(disruption: Disruption, change: Change | None, *, left: int) -> str:
    planned = change.courses.count() if change else 0
    done = f"{summarize(disruption)}."
    if change and planned:
        done += f" The visits of {count_of(planned, 'patient')} are planned again; {_say_told(change)}."
    if left:
        done += f" {count_of(left, 'patient')} still {'has' if left == 1 else 'have'} visits without a place."
    return done


def _say_told(change: Change) -> str:
    """Who only sits elsewhere is told nothing."""
    moved = change.sessions.exclude(before__start=F("after__start")).order_by()
    told = moved.values("session__course").distinct().count()
    if not told:
        return "all times stay, so nobody is told"
    return f"{told} of them {'has' if told == 1 else 'have'} a new time, and {'is' if told == 1 else 'are'} told of it"
