"""The course calendar on paper, for patients without e-mail: dates, times and place, no treatment named."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from protocols.models.visit import Place
from scheduling.desk.month_calendar import Chip, lay_out_months
from scheduling.models import Course


def show_printed_calendar(request: HttpRequest, course: Course) -> HttpResponse:
    now = timezone.now()
    visits = course.sessions.live().exclude(visit_type__place=Place.EXTERNAL).select_related("visit_type")
    rows = list(visits.filter(end__gte=now))
    chips = [Chip(visit.local_start, "", "proposed", "Appointment") for visit in rows]
    today = now.astimezone(course.site.zone).date()
    context = {"course": course, "visits": rows, "months": lay_out_months(chips, today=today), "printed_on": today}
    return TemplateResponse(request, "desk/printed_calendar.html", context)
