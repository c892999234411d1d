"""Forms due after visits: sent one by one, ticked off here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from protocols.models import Gate
from scheduling.desk.acting import find_row, go_back, need_permission, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.undo import offer_button
from scheduling.desk.worklists import SHOWN_AT_MOST, show_rows, sites_of
from scheduling.due_forms import RECENT, forms_due, forms_sent, mark_sent
from scheduling.gates import withdraw_gate
from scheduling.models import Session
from scheduling.words import say_short_day

SENT_SHOWN = 10


def show_forms(request: HttpRequest, admin_site: AdminSite) -> HttpResponse:
    need_permission(request, "scheduling.view_gaterecord")
    now, sites = timezone.now(), sites_of(request)
    older, recent = "older" in request.GET, now - RECENT
    related = ("patient", "site", "course__version__protocol")
    rows = [
        describe_form(visit, now=now)
        for visit in forms_due(sites, since=None if older else recent).select_related(*related)[: SHOWN_AT_MOST + 1]
    ]
    sent = list(forms_sent(sites, since=recent)[:SENT_SHOWN])
    return show_rows(request, admin_site, "forms", "Forms due", rows, sites=sites, sent=sent, older=older)


def describe_form(visit: Any, *, now: datetime) -> dict[str, Any]:
    """`visit` carries what `forms_due` adds to it."""
    return {"session": visit, "due_on": visit.due_on, "today": now.astimezone(visit.site.zone).date()}


def act_on_form(request: HttpRequest, pk: str, gate: str) -> HttpResponse:
    """Tick off what was sent, or take a wrong tick back."""
    need_permission(request, "scheduling.add_gaterecord")
    rows = Session.objects.filter(site__in=sites_of(request)).select_related("patient", "site", "course")
    session: Session = find_row(rows, pk)
    form: Gate = find_row(Gate.objects.filter(version=session.course.version_id), gate)
    back = reverse("admin:desk_forms")
    if "withdraw" in request.POST:
        return take_back(request, session, form, back=back)
    with refusals_told(request):
        record = mark_sent(session, form, now=timezone.now(), by=staff_of(request))
        done = f"Ticked off: {name_form(session, form)}."
        offer_button(request, done, request.path, withdraw=str(record.pk))
    return go_back(request, back)


def take_back(request: HttpRequest, session: Session, form: Gate, *, back: str) -> HttpResponse:
    wanted = request.POST["withdraw"]
    if wanted.isdecimal() and withdraw_gate(session.course, form, record_id=int(wanted)):
        messages.success(request, f"Taken back: {name_form(session, form)}.")
    else:
        messages.warning(request, "Somebody has taken this back already.")
    return go_back(request, back)


def name_form(session: Session, form: Gate) -> str:
    return f"{form.name}, {session.patient.full_name}, visit of {say_short_day(session.local_date)}"
