"""The frame around the steps of a new course."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from clinic.models import Patient


def render_step(
    request: HttpRequest, admin_site: AdminSite, step: str, patient: Patient | None, **context: Any
) -> HttpResponse:
    base = {
        **admin_site.each_context(request),
        "title": f"New course for {patient.full_name}" if patient else "New course",
        "crumbs": [{"label": "Courses", "url": reverse("admin:scheduling_course_changelist")}],
        "step": step,
        "patient": patient,
    }
    return TemplateResponse(request, f"desk/new_course_{step}.html", {**base, **context})
