"""Courses: the list, and each course's page in place of Django's form."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Max, Min, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clinic.models import Patient
from protocols.models import DecisionPoint
from scheduling.desk.acting import find_row, need_permission, post_only
from scheduling.desk.base import SiteScopedAdmin, badge
from scheduling.desk.changing_page import show_changing
from scheduling.desk.course_acts import tick_gate
from scheduling.desk.course_changes import ACTS, DECIDES, decision_act
from scheduling.desk.course_page import WAITING, show_course
from scheduling.desk.find_patients import find_patients
from scheduling.desk.new_course import show_new_course
from scheduling.desk.printed_calendar import show_printed_calendar
from scheduling.models import Course, CourseDecision, GateRecord, Session, SessionStatus
from scheduling.models.session import GONE
from scheduling.words import count_of, say_short_day


@admin.register(Course)
class CourseAdmin(SiteScopedAdmin):
    list_display = ("patient_name", "protocol", "state", "progress", "first_visit", "last_visit")
    list_filter = ("status", ("site", admin.RelatedOnlyFieldListFilter), "version__protocol__family")
    list_select_related = ("patient", "site", "version__protocol")
    search_fields = ("patient__family_name",)
    search_help_text = "Name, phone number or birth date of the patient"
    history_links = ((Session, "course"), (CourseDecision, "course"), (GateRecord, "course"))
    history_guarded = {CourseDecision: {"note": "scheduling.view_decision_note"}}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("patient__home_site", "site", "version__protocol")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(patient__in=find_patients(Patient.objects.all(), search_term).values("pk")), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The figures of the visits are read for the rows of this page alone."""
        found = super().get_changelist_instance(request)
        figures = count_visits([course.pk for course in found.result_list])
        for course in found.result_list:
            course.figures = figures.get(course.pk, {})
        return found

    @admin.display(description="Patient", ordering="patient__family_name")
    def patient_name(self, course: Course) -> str:
        return str(course.patient)

    @admin.display(description="Protocol", ordering="version__protocol__name")
    def protocol(self, course: Course) -> str:
        return course.version.protocol.name

    @admin.display(description="State", ordering="status")
    def state(self, course: Course) -> SafeString:
        shown = badge(course.status, course.get_status_display())
        note = note_on(course)
        return format_html('{}<span class="row-note">{}</span>', shown, note) if note else shown

    @admin.display(description="Visits")
    def progress(self, course: Any) -> str:
        found = course.figures
        return f"{found['completed']} of {found['live']} done" if found.get("live") else ""

    @admin.display(description="First visit")
    def first_visit(self, course: Any) -> str:
        return say_short_day(course.figures["first"]) if course.figures.get("first") else ""

    @admin.display(description="Last visit")
    def last_visit(self, course: Any) -> str:
        return say_short_day(course.figures["last"]) if course.figures.get("last") else ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<str:pk>/plan/", wrap(self.plan_view), name="desk_course_plan"),
            path("<str:pk>/print/", wrap(self.print_view), name="desk_course_print"),
            path("<str:pk>/stop/", wrap(self.act_view), {"act": "stop"}, name="desk_course_stop"),
            path("<str:pk>/do/<str:act>/", wrap(self.act_view), name="desk_course_act"),
            path("<str:pk>/decide/<str:point>/", wrap(self.decide_view), name="desk_decide"),
            path("<str:pk>/gates/<str:gate>/", wrap(post_only(self.gate_view)), name="desk_gate"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest, pk: str, permission: str = "scheduling.view_course") -> Course:
        need_permission(request, permission)
        course: Course = find_row(self.get_queryset(request), pk)
        timezone.activate(course.site.zone)
        return course

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        need_permission(request, "scheduling.add_course")
        return show_new_course(request, self.admin_site)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return show_course(request, self.admin_site, self.find(request, object_id))

    def plan_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        course = self.find(request, pk, "scheduling.add_course")
        return show_new_course(request, self.admin_site, waiting=course)

    def print_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        return show_printed_calendar(request, self.find(request, pk))

    def act_view(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        permission = "scheduling.decide_course" if act in DECIDES else "scheduling.change_course"
        course = self.find(request, pk, permission)
        if act not in ACTS:
            raise Http404
        data = request.POST if request.method == "POST" else None
        today = timezone.now().astimezone(course.site.zone).date()
        return show_changing(request, self.admin_site, course, ACTS[act](course, data, request.GET.dict(), today))

    def decide_view(self, request: HttpRequest, pk: str, point: str) -> HttpResponse:
        course = self.find(request, pk, "scheduling.decide_course")
        found = find_row(DecisionPoint.objects.filter(version=course.version_id), point)
        data = request.POST if request.method == "POST" else None
        act = decision_act(course, found, data, request.GET.get("outcome", ""))
        return show_changing(request, self.admin_site, course, act)

    def gate_view(self, request: HttpRequest, pk: str, gate: str) -> HttpResponse:
        return tick_gate(request, self.find(request, pk, "scheduling.add_gaterecord"), gate)


def note_on(course: Any) -> str:
    """What else staff should know at a glance; few courses have it."""
    if course.status in WAITING:
        return str(course.plan_message)
    missed = course.figures.get("missed", 0)
    return f"{count_of(missed, 'visit')} missed" if missed else ""


def count_visits(course_ids: list[int]) -> dict[int, dict[str, Any]]:
    """By course: how many visits it has, are done, were missed, and from when to when, in one query."""
    live = ~Q(status__in=GONE)
    rows = (
        Session.objects.filter(course__in=course_ids)
        .order_by()
        .values("course")
        .annotate(
            live=Count("pk", filter=live),
            completed=Count("pk", filter=Q(status=SessionStatus.COMPLETED)),
            missed=Count("pk", filter=Q(status=SessionStatus.MISSED)),
            first=Min("local_date", filter=live),
            last=Max("local_date", filter=live),
        )
    )
    return {row["course"]: dict(row) for row in rows}
