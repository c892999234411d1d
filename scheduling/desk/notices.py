"""Messages: which went out, which wait; and the call list, worked down by phone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import DateTimeField, DurationField, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clinic.models import Patient
from scheduling.desk.acting import find_row, go_back, need_permission, post_only
from scheduling.desk.base import ReadOnlyAdmin, badge, staff_of
from scheduling.desk.find_patients import find_patients
from scheduling.messages.call_list import Call, calls_to_make, describe_calls, mark_called
from scheduling.models import Notice
from scheduling.words import label_of, say_short_day, say_time

SHOWN_AT_MOST = 200
AT = Coalesce("sent_at", "due_at")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    site_path = "course__site"
    list_display = ("when", "patient_name", "kind", "visit", "channel", "state")
    list_filter = ("status", "channel", "kind", ("course__site", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("patient", "course__site", "session__track")
    search_fields = ("patient__family_name",)
    search_help_text = "Name, phone number or birth date of the patient"
    fields = ("patient_name", "kind", "visit", "channel", "state", "due_at", "sent_at", "attempts", "outcome")
    readonly_fields = ("patient_name", "visit", "state")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(patient__in=find_patients(Patient.objects.all(), search_term).values("pk")), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": "Messages", **(extra_context or {})})

    def get_ordering(self, request: HttpRequest) -> Any:
        """Nearest to now first: what has just gone out, and what goes out next."""
        now = Value(timezone.now(), output_field=DateTimeField())
        away = Greatest(AT - now, now - AT, output_field=DurationField())
        return [away, "-pk"]

    @admin.display(description="When", ordering=AT)
    def when(self, notice: Notice) -> str:
        at = (notice.sent_at or notice.due_at).astimezone(notice.course.site.zone)
        return f"{say_short_day(at.date())}, {at.year}, {say_time(at)}"

    @admin.display(description="Patient", ordering="patient__family_name")
    def patient_name(self, notice: Notice) -> str:
        return str(notice.patient)

    @admin.display(description="Visit")
    def visit(self, notice: Notice) -> str:
        if notice.session is None:
            return "Whole course"
        return f"{label_of(notice.session)}, {say_short_day(notice.session.local_date)}"

    @admin.display(description="State", ordering="status")
    def state(self, notice: Notice) -> SafeString:
        return badge(notice.status, notice.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("calls/", wrap(self.call_list_view), name="desk_call_list"),
            path("calls/<str:pk>/done/", wrap(post_only(self.call_done_view)), name="desk_call_done"),
            *super().get_urls(),
        ]

    def call_list_view(self, request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.view_notice")
        now = timezone.now()
        calls = calls_to_make(self.get_queryset(request), now=now, ahead=timedelta(days=1))
        found = list(calls.select_related("patient__home_site", "course__site", "session__track")[: SHOWN_AT_MOST + 1])
        words = describe_calls(found[:SHOWN_AT_MOST], now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Call list",
            "calls": [describe_call(notice, words[notice.pk]) for notice in found[:SHOWN_AT_MOST]],
            "has_more": len(found) > SHOWN_AT_MOST,
            "now": now,
        }
        return TemplateResponse(request, "desk/calls.html", context)

    def call_done_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_notice")
        notice = find_row(self.get_queryset(request).select_related("patient"), pk)
        if mark_called(notice, now=timezone.now(), by=staff_of(request)):
            messages.success(request, f"Done: {notice.patient.full_name}.")
        else:
            messages.warning(request, "Somebody has done this already, or it is not needed any more.")
        return go_back(request, reverse("admin:desk_call_list"))


def describe_call(notice: Notice, call: Call) -> dict[str, Any]:
    return {
        "notice": notice,
        "words": call,
        "due": notice.due_at.astimezone(notice.course.site.zone),
        "course_url": reverse("admin:scheduling_course_change", args=[notice.course_id]),
        "print_url": reverse("admin:desk_course_print", args=[notice.course_id]),
    }
