"""Messages: which went out, which wait, and the page of each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import DateTimeField, DurationField, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from clinic.models import Patient
from scheduling.desk.acting import find_row, need_permission, post_only
from scheduling.desk.base import ReadOnlyAdmin, badge
from scheduling.desk.calls import finish_call, reopen_call, show_calls
from scheduling.desk.find_patients import find_patients
from scheduling.desk.message_page import name_visit, repeat_message, show_message
from scheduling.models import Notice
from scheduling.words import say_short_day, say_time

AT = Coalesce("sent_at", "due_at")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    site_path = "course__site"
    list_display = ("when", "patient_name", "kind", "visit", "channel", "state")
    list_filter = ("status", "channel", "kind", ("course__site", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("patient", "course__site", "session__track")
    search_fields = ("patient__family_name",)
    search_help_text = "Name, phone number or birth date of the patient"

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
        return name_visit(notice)

    @admin.display(description="State", ordering="status")
    def state(self, notice: Notice) -> SafeString:
        return badge(notice.status, notice.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("calls/", wrap(self.call_list_view), name="desk_call_list"),
            path("calls/<str:pk>/done/", wrap(post_only(self.call_done_view)), name="desk_call_done"),
            path("calls/<str:pk>/undone/", wrap(post_only(self.call_undone_view)), name="desk_call_undone"),
            path("<str:pk>/again/", wrap(post_only(self.again_view)), name="desk_message_again"),
            *super().get_urls(),
        ]

    def call_list_view(self, request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.view_notice")
        return show_calls(request, self.admin_site, self.get_queryset(request))

    def call_done_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_notice")
        return finish_call(request, self.get_queryset(request), pk)

    def call_undone_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_notice")
        return reopen_call(request, self.get_queryset(request), pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        need_permission(request, "scheduling.view_notice")
        return show_message(request, self.admin_site, self.find(request, object_id))

    def again_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_notice")
        return repeat_message(request, self.find(request, pk))

    def find(self, request: HttpRequest, pk: str) -> Notice:
        related = ("patient", "course__site", "session__track", "session__visit_type", "asked_by")
        notice: Notice = find_row(self.get_queryset(request).select_related(*related), pk)
        timezone.activate(notice.course.site.zone)
        return notice
