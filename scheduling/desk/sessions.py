"""Sessions: a list to look things up in, and a page for each with its buttons. Nobody edits the fields."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clinic.models import Patient
from protocols.models import Gate
from protocols.models.decision import GateMoment
from scheduling.desk import answer_acts, driver_acts
from scheduling.desk.acting import find_row, need_permission, post_only
from scheduling.desk.answer_acts import act_on_answer, describe_answers
from scheduling.desk.base import ReadOnlyAdmin, badge, staff_of
from scheduling.desk.board import board_urls
from scheduling.desk.changing_page import show_changing
from scheduling.desk.course_changes import skip_act
from scheduling.desk.disruptions_page import disruption_urls
from scheduling.desk.driver_acts import act_on_driver, describe_driver
from scheduling.desk.find_patients import find_patients
from scheduling.desk.moving_page import show_moving
from scheduling.desk.session_acts import ACTS, act_on_session
from scheduling.desk.session_rows import describe_sessions, for_rows, read_tracks, today_at
from scheduling.desk.stranded import mark_stranded, reasons_among, show_stranded
from scheduling.desk.watched import add_watches
from scheduling.models import GateRecord, MissedReason, Session, SessionStatus
from scheduling.words import label_of, say_short_day, say_time


class WhenFilter(admin.SimpleListFilter):
    title = "day"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("today", "Today"), ("tomorrow", "Tomorrow"), ("week", "The next 7 days"), ("past", "Past")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        match self.value():
            case "today":
                return queryset.filter(today_at(staff_of(request).visible_sites(), now=now))
            case "tomorrow":
                return queryset.filter(today_at(staff_of(request).visible_sites(), now=now, days=1))
            case "week":
                return queryset.filter(start__gte=now, start__lt=now + timedelta(days=7))
            case "past":
                return queryset.filter(start__lt=now)
        return queryset


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ("when", "patient_name", "visit", "protocol", "state")
    list_display_links = ("when",)
    list_filter = (WhenFilter, "status", ("site", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("patient", "site", "track", "visit_type", "course__version__protocol")
    search_fields = ("patient__family_name",)
    search_help_text = "Name, phone number or birth date of the patient"
    ordering = ("start", "pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(patient__in=find_patients(Patient.objects.all(), search_term).values("pk")), False

    @admin.display(description="Day and time", ordering="start")
    def when(self, session: Session) -> str:
        starts = session.local_start
        return f"{say_short_day(starts.date())}, {starts.year}, {say_time(starts)}"

    @admin.display(description="Patient", ordering="patient__family_name")
    def patient_name(self, session: Session) -> str:
        return str(session.patient)

    @admin.display(description="Visit")
    def visit(self, session: Session) -> str:
        return f"{label_of(session)}: {session.visit_type.name}"

    @admin.display(description="Protocol")
    def protocol(self, session: Session) -> str:
        return session.course.version.protocol.name

    @admin.display(description="State", ordering="status")
    def state(self, session: Session) -> SafeString:
        return badge(session.status, session.get_status_display())

    def name_of(self, row: Session) -> str:
        return f"{label_of(row)}, {say_short_day(row.local_date)}"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("stranded/", wrap(self.stranded_view), name="desk_stranded"),
            *disruption_urls(self),
            *board_urls(self),
            path("<str:pk>/move/", wrap(self.move_view), name="desk_session_move"),
            path("<str:pk>/skip/", wrap(self.skip_view), name="desk_session_skip"),
            path("<str:pk>/act/<str:act>/", wrap(post_only(self.act_view)), name="desk_session_act"),
            path("<str:pk>/driver/<str:act>/", wrap(post_only(self.driver_view)), name="desk_driver_act"),
            path("<str:pk>/answers/<str:answer>/<str:act>/", wrap(post_only(self.answer_view)), name="desk_answer_act"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest, pk: str) -> Session:
        need_permission(request, "scheduling.view_session")
        session: Session = find_row(for_rows(self.get_queryset(request)), pk)
        timezone.activate(session.site.zone)
        return session

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        session, now = self.find(request, object_id), timezone.now()
        tracks = read_tracks(session.course.version_id)
        rows = describe_sessions([session], now=now, tracks=tracks)
        mark_stranded(rows, reasons_among([session], now=now))
        add_watches(rows, now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{describe_visit(session, tracks)}, {say_short_day(session.local_date)}",
            "crumbs": crumbs_of(session),
            "row": rows[0],
            "course": session.course,
            "notices": session.notices.order_by("due_at", "pk"),
            "gates": visit_gates(session),
            "home": describe_driver(session),
            "answers": describe_answers(session),
            "reasons": MissedReason.choices,
            "back": reverse("admin:scheduling_session_change", args=[session.pk]),
        }
        return TemplateResponse(request, "desk/session.html", context)

    def stranded_view(self, request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.view_session")
        return show_stranded(request, self.admin_site)

    def move_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_session")
        session = self.find(request, pk)
        return show_moving(request, self.admin_site, session)

    def skip_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.change_session")
        session = self.find(request, pk)
        label = describe_visit(session, read_tracks(session.course.version_id))
        data = request.POST if request.method == "POST" else None
        return show_changing(request, self.admin_site, session.course, skip_act(session, data, label=label))

    def act_view(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        need_permission(request, "scheduling.change_session")
        if act not in ACTS:
            raise Http404
        return act_on_session(request, self.find(request, pk), act)

    def driver_view(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        need_permission(request, "scheduling.change_driver")
        if act not in driver_acts.DO:
            raise Http404
        return act_on_driver(request, self.find(request, pk), act)

    def answer_view(self, request: HttpRequest, pk: str, answer: str, act: str) -> HttpResponse:
        need_permission(request, "scheduling.change_answer")
        if act not in answer_acts.DO:
            raise Http404
        return act_on_answer(request, self.find(request, pk), answer, act)


def describe_visit(session: Session, tracks: dict[int, int]) -> str:
    return label_of(session, several=len(tracks) > 1)


def crumbs_of(session: Session) -> list[dict[str, str]]:
    course = session.course
    return [
        {"label": "Courses", "url": reverse("admin:scheduling_course_changelist")},
        {"label": str(session.patient), "url": reverse("admin:scheduling_course_change", args=[course.pk])},
    ]


def visit_gates(session: Session) -> list[dict[str, Any]]:
    """What must be true at this visit, with the record that says it is."""
    gates = Gate.objects.filter(version_id=session.course.version_id, each_visit=True)
    gates = gates.filter(Q(visit_type=None) | Q(visit_type_id=session.visit_type_id))
    if session.status != SessionStatus.COMPLETED:
        gates = gates.exclude(moment=GateMoment.AFTER)
    records = {record.gate_id: record for record in GateRecord.objects.filter(session=session)}
    return [{"gate": gate, "record": records.get(gate.pk), "due": due_day(gate, session)} for gate in gates]


def due_day(gate: Gate, session: Session) -> date | None:
    return None if gate.due_days is None else session.local_date + timedelta(days=gate.due_days)
