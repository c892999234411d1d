"""What came in: mails and text messages, what each was and what became of it; also those that were left alone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst

from clinic.models import Patient, Site
from scheduling.desk.base import ReadOnlyAdmin, badge
from scheduling.desk.find_patients import find_patients
from scheduling.messages.sms.words import Meaning
from scheduling.models import Inbound
from scheduling.replies.taken import BOUNCE, COUNTER, LEFT_ALONE, REPLY
from scheduling.words import label_of, say_short_day, say_time

UNKNOWN, TEXT = "unknown", "text"
KINDS = {
    LEFT_ALONE: "Left alone",
    UNKNOWN: "From a number nobody has",
    REPLY: "Reply of a calendar",
    COUNTER: "Another time proposed",
    TEXT: "Text message",
    BOUNCE: "A message of ours that came back",
}
MEANINGS = {
    Meaning.STOP: "Wants no more texts",
    Meaning.CANCEL: "Wants no more texts, or not to come",
    Meaning.CONFIRM: "Will come",
    Meaning.CALL: "Wants to be called",
    Meaning.START: "Wants texts again",
    Meaning.HELP: "Asked who we are",
    Meaning.OTHER: "Not understood",
}


class KindFilter(admin.SimpleListFilter):
    title = "what it was"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() in KINDS else queryset


@admin.register(Inbound)
class InboundAdmin(ReadOnlyAdmin):
    list_display = ("when", "source", "what", "became", "patient_link", "visit_link")
    list_display_links = None
    list_filter = (KindFilter, "source")
    list_select_related = ("patient__home_site", "session__site", "session__track", "session__patient")
    search_fields = ("patient__family_name",)
    search_help_text = "Name, phone number or birth date of the patient"

    def limit_to_sites(self, rows: QuerySet[Any], sites: QuerySet[Site]) -> QuerySet[Any]:
        """By the visit, else by the patient. What is about nobody we know is of no site: for superusers alone."""
        patients = Patient.objects.at_sites(sites).values("pk")
        return rows.filter(Q(session__site__in=sites) | Q(session=None, patient__in=patients))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """A row has no page of its own: all that is kept stands in the list."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        found = find_patients(Patient.objects.all(), search_term).values("pk")
        return queryset.filter(Q(patient__in=found) | Q(session__patient__in=found)), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": "Came in", **(extra_context or {})})

    @admin.display(description="When", ordering="received_at")
    def when(self, row: Inbound) -> str:
        site = row.session.site if row.session else row.patient.home_site if row.patient else None
        at = row.received_at.astimezone(site.zone if site else timezone.get_current_timezone())
        return f"{say_short_day(at.date())}, {at.year}, {say_time(at)}"

    @admin.display(description="What it was", ordering="kind")
    def what(self, row: Inbound) -> str:
        state = "skipped" if row.kind in {LEFT_ALONE, UNKNOWN} else "done"
        return badge(state, KINDS.get(row.kind, capfirst(row.kind)))

    @admin.display(description="What became of it", ordering="outcome")
    def became(self, row: Inbound) -> str:
        if row.kind == TEXT and row.outcome in MEANINGS:
            return MEANINGS[Meaning(row.outcome)]
        return "Could not be read; the log names the fault" if row.outcome.startswith("fault ") else row.outcome

    @admin.display(description="Patient")
    def patient_link(self, row: Inbound) -> str:
        """Not that of a visit whose invite somebody else answered: the visit says whose it is."""
        if row.patient is None:
            return ""
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:clinic_patient_change", args=[row.patient.pk]), row.patient
        )

    @admin.display(description="Visit")
    def visit_link(self, row: Inbound) -> str:
        if row.session is None:
            return ""
        text = f"{label_of(row.session)}, {say_short_day(row.session.local_date)}"
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:scheduling_session_change", args=[row.session.pk]), text
        )
