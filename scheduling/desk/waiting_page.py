"""The waiting list, and who of it could take seats that were set free, to be called from the top."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin import AdminSite
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from clinic.models import Resource, Site, User
from scheduling.booking import TO_BOOK
from scheduling.changes import FreedSpan, freed_spans
from scheduling.desk.base import staff_of
from scheduling.desk.plan_token import sign_plan
from scheduling.desk.proposal_page import describe_visits
from scheduling.models import Change, Session, WaitingEntry, WaitingOffer
from scheduling.takers import Looked, Taker, look_through
from scheduling.waiting import waiting_at
from scheduling.words import count_of, label_session, say_short_day, say_time

SPANS_SHOWN = 8
SECONDS = 0.5
"""Of computing, for planning: whoever is further down the list is looked at on the next page."""
LISTED_AT_MOST = 200
JUST_NOW = timedelta(days=1)
"""How long an entry that was taken off is still shown, to be put back."""


def show_waiting(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    """The list; with `look` or a change in the address also who could have a place now."""
    user, now = staff_of(request), timezone.now()
    sites = user.visible_sites()
    change = find_change(request, sites)
    entries = list(waiting_at(sites).prefetch_related(_offers(), _next_visits(now))[: LISTED_AT_MOST + 1])
    context = {
        **admin_site.each_context(request),
        "title": "Waiting list",
        "change": change,
        "rows": [describe_entry(entry) for entry in entries[:LISTED_AT_MOST]],
        "has_more": len(entries) > LISTED_AT_MOST,
        "closed": list_closed(sites, now=now),
        "several_sites": sites.count() > 1,
        "page": request.get_full_path(),
    }
    if change is not None or "look" in request.GET:
        context |= look_for_takers(request, user, sites, change, now=now)
    return TemplateResponse(request, "desk/waiting.html", context)


def find_change(request: HttpRequest, sites: QuerySet[Site]) -> Change | None:
    """The change that set seats free, as the address names it; 404 for one that the user may not see."""
    if not (text := request.GET.get("change", "")):
        return None
    found = Change.objects.filter(site__in=sites, uuid__in=_uuid_of(text)).select_related("site").first()
    if found is None:
        raise Http404
    return found


def _uuid_of(text: str) -> list[str]:
    try:
        return [str(UUID(text))]
    except ValueError:
        return []


def look_for_takers(
    request: HttpRequest, user: User, sites: QuerySet[Site], change: Change | None, *, now: datetime
) -> dict[str, Any]:
    """Who could have a place, as far down the list as the page has time for, and where to look further."""
    skip = int(text) if (text := request.GET.get("skip", "")).isdecimal() and len(text) < 6 else 0
    spans = freed_spans(change, now=now) if change else []
    looked, began = Looked((), 0, 0), time.thread_time()
    if change is None or spans:
        where = [change.site] if change else list(sites)
        looked = look_through(
            where, now=now, spans=spans, skip=skip, out_of_time=lambda: time.thread_time() - began > SECONDS
        )
    ends, freed = skip + looked.number, say_spans(spans)
    return {
        "looked": looked,
        "looked_at": (skip + 1, ends),
        "further": urlencode({**request.GET.dict(), "skip": ends}) if ends < looked.total else "",
        "places": [describe_taker(taker, spans, user=user) for taker in looked.takers],
        "freed": freed[:SPANS_SHOWN],
        "freed_more": len(freed) - SPANS_SHOWN,
    }


def say_spans(spans: Sequence[FreedSpan]) -> list[str]:
    """Chair 1 on Thu, Nov 26, 9:00 AM to 11:00 AM; a seat of several is a line of its own."""
    related = Resource.objects.filter(pk__in={span.resource_id for span in spans}).select_related("site")
    resources = {resource.pk: resource for resource in related}
    said = []
    for span in spans:
        resource = resources[span.resource_id]
        start, end = span.start.astimezone(resource.site.zone), span.end.astimezone(resource.site.zone)
        until = say_time(end) if end.date() == start.date() else f"{say_short_day(end.date())}, {say_time(end)}"
        said.append(f"{resource.name}: {say_short_day(start.date())}, {say_time(start)} to {until}")
    return said


def describe_taker(taker: Taker, spans: Sequence[FreedSpan], *, user: User) -> dict[str, Any]:
    """A place in words, with what its buttons need to book exactly that."""
    entry, zone = taker.entry, taker.entry.course.site.zone
    whole = sum(int((span.end - span.start).total_seconds()) // 60 for span in spans)
    shown = {"taker": taker, "entry": entry, "start": taker.start.isoformat(), "others": [], "visits": []}
    shown["fills"] = f"Uses {taker.filled_minutes} of {count_of(whole, 'minute')} set free" if whole else ""
    if taker.proposal is not None:
        visits = describe_visits(taker.proposal)
        first, last = visits[0]["starts"], visits[-1]["starts"]
        until = f" until {say_short_day(last.date())}" if len(visits) > 1 else ""
        token = sign_plan(taker.proposal.plan, user_id=user.pk, request=fingerprint_of(entry))
        what = f"{count_of(len(visits), 'visit')} from {_say(first)}{until}"
        return {**shown, "what": what, "visits": visits, "plan": token}
    if taker.moved is None or taker.session is None:
        raise AssertionError("a taker has a plan or a visit that moves")
    shifts = [
        {
            "label": label_session(shift.track, shift.number, several=True),
            "old": shift.old_start.astimezone(zone),
            "new": shift.new_start.astimezone(zone),
        }
        for shift in taker.moved.shifts
    ]
    return {**shown, "shift": shifts[0], "others": shifts[1:], "expected": taker.moved.fingerprint}


def fingerprint_of(entry: WaitingEntry) -> dict[str, str]:
    return {"waiting": str(entry.pk)}


def _offers() -> Prefetch[Any]:
    return Prefetch("offers", WaitingOffer.objects.order_by("asked_at"))


def _next_visits(now: datetime) -> Prefetch[Any]:
    return Prefetch("course__sessions", Session.objects.to_come(now=now).order_by("start"), to_attr="visits_to_come")


def describe_entry(entry: WaitingEntry) -> dict[str, Any]:
    course = entry.course
    zone, visits = course.site.zone, course.visits_to_come  # type: ignore[attr-defined]  # prefetched
    if course.status in TO_BOOK:
        wants = "A place for the whole course"
    else:
        wants = f"An earlier visit; the next is {_say(visits[0].local_start)}" if visits else "An earlier visit"
    declined = [
        {"offer": offer, "start": offer.start.astimezone(zone)} for offer in entry.offers.all() if not offer.taken
    ]
    return {
        "entry": entry,
        "wants": wants,
        "declined": declined,
        "url": reverse("admin:scheduling_course_change", args=[course.pk]),
        "change_url": reverse("admin:desk_waiting_add", args=[course.pk]),
    }


def _say(moment: datetime) -> str:
    return f"{say_short_day(moment.date())}, {say_time(moment)}"


def list_closed(sites: QuerySet[Site], *, now: datetime) -> list[WaitingEntry]:
    """What was taken off the list since yesterday, newest first."""
    rows = WaitingEntry.objects.filter(course__site__in=sites, closed_at__gte=now - JUST_NOW)
    return list(rows.select_related("course__patient", "course__version__protocol").order_by("-closed_at")[:20])


def read_start(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None
