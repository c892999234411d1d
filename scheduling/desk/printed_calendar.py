"""The course calendar on paper, for patients without e-mail: dates, times and place, no treatment named."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from scheduling.messages.calendar_file import course_calendar_html
from scheduling.models import Course


def show_printed_calendar(request: HttpRequest, course: Course) -> HttpResponse:
    now = timezone.now()
    context = {"course": course, "calendar": course_calendar_html(course, now=now)}
    return TemplateResponse(request, "desk/printed_calendar.html", context)
