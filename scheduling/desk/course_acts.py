"""The buttons of a course: tick a gate, and take that back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from protocols.models import Gate
from scheduling.desk.acting import find_row, go_back
from scheduling.desk.base import staff_of
from scheduling.desk.undo import offer_button
from scheduling.gates import meet_gate, withdraw_gate
from scheduling.models import Course


def page_of(course: Course) -> str:
    return reverse("admin:scheduling_course_change", args=[course.pk])


def tick_gate(request: HttpRequest, course: Course, gate_id: str) -> HttpResponse:
    gate = find_row(Gate.objects.filter(version=course.version_id), gate_id)
    today = timezone.now().astimezone(course.site.zone).date()
    if withdrawn := request.POST.get("withdraw", ""):
        if withdrawn.isdecimal() and withdraw_gate(course, gate, record_id=int(withdrawn)):
            messages.success(request, f"Taken back: {gate.name}.")
        return go_back(request, page_of(course))
    session = find_row(course.sessions.all(), request.POST["session"]) if request.POST.get("session") else None
    record = meet_gate(course, gate, met_on=today, by=staff_of(request), session=session)
    url = reverse("admin:desk_gate", args=[course.pk, gate.pk])
    offer_button(request, f"Met: {gate.name}.", url, withdraw=str(record.pk))
    return go_back(request, page_of(course))
