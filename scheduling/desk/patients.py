"""Patients: found by what the caller says, with the times they can come and the courses they are on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from clinic.duplicates import find_duplicates
from clinic.forms import WeeklyTableField
from clinic.models import Patient, PatientAbsence, Site
from clinic.patient_rules import find_patient_faults
from scheduling.desk.acting import find_row, need_permission, post_only
from scheduling.desk.asking import AskingAdmin, Doubt
from scheduling.desk.base import staff_of
from scheduling.desk.contact_acts import DO, act_on_contact, describe_contact
from scheduling.desk.find_patients import find_patients
from scheduling.desk.labels import NamedTable
from scheduling.models import Course
from scheduling.words import say_date


class PatientForm(forms.ModelForm):
    availability = WeeklyTableField(
        required=False,
        label="Can come",
        help_text="Leave everything empty if any time suits. A weekday left empty beside others is a day "
        "on which the patient cannot come.",
    )

    class Meta:
        model = Patient
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them
        labels = {"timezone": "Time zone", "email": "E-mail", "reminders_by": "Reminders by"}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        site = values.get("home_site") or getattr(self.instance, "home_site", None)
        now = timezone.now()
        for name, fault in find_patient_faults(
            values, today=(now.astimezone(site.zone) if site else now).date()
        ).items():
            self.add_error(name, fault)
        return values


class AbsenceInline(NamedTable):
    model = PatientAbsence
    verbose_name = "absence"
    verbose_name_plural = "absences: journeys, operations"


@admin.register(Patient)
class PatientAdmin(AskingAdmin):
    form = PatientForm
    change_form_template = "desk/patient_form.html"
    site_path = "home_site"
    list_display = ("full_name", "born", "phone", "home_site")
    list_filter = (("home_site", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("home_site",)
    search_fields = ("family_name",)
    search_help_text = "Name, phone number, birth date or reference, in any order."
    inlines = (AbsenceInline,)
    fieldsets = (
        (None, {"fields": ("given_name", "family_name", "birth_date", "home_site", "reference")}),
        ("How to reach the patient", {"fields": ("phone", "email", "channel", "reminders_by", "language", "timezone")}),
        ("Times", {"fields": ("preferred_time", "availability")}),
    )

    @admin.display(description="name", ordering="family_name")
    def full_name(self, patient: Patient) -> str:
        return str(patient)

    @admin.display(description="born", ordering="birth_date")
    def born(self, patient: Patient) -> str:
        return say_date(patient.birth_date) if patient.birth_date else ""

    def limit_to_sites(self, rows: QuerySet[Any], sites: QuerySet[Site]) -> QuerySet[Any]:
        return rows.at_sites(sites)  # type: ignore[attr-defined]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return find_patients(queryset, search_term), False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A patient of another site who is on a course here keeps their home."""
        here = obj is None or staff_of(request).visible_sites().filter(pk=obj.home_site_id).exists()
        return () if here else ("home_site",)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Absences are entered in the clock of the home site, which a new patient does not have yet."""
        return self.inlines if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"home_site": staff_of(request).visible_sites().first(), **super().get_changeform_initial_data(request)}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = {"courses": self.list_courses(request, object_id), **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if (patient := kwargs.get("obj")) is not None:
            context["contact"] = describe_contact(patient)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(post_only(self.contact_view))
        return [path("<str:pk>/contact/<str:act>/", view, name="desk_contact_act"), *super().get_urls()]

    def contact_view(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        need_permission(request, "clinic.change_patient")
        if act not in DO:
            raise Http404
        return act_on_contact(request, find_row(self.get_queryset(request), pk), act)

    def list_courses(self, request: HttpRequest, patient_id: str | None) -> QuerySet[Course]:
        """The patient's courses at the user's sites; those elsewhere are not the user's business."""
        if patient_id is None or not patient_id.isdecimal():
            return Course.objects.none()
        mine = Course.objects.at_sites(staff_of(request).visible_sites())
        return mine.filter(patient_id=patient_id).select_related("version__protocol", "site")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.courses.exists())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            self.ask_about_duplicates(request, obj)
        super().save_model(request, obj, form, change)

    def ask_about_duplicates(self, request: HttpRequest, patient: Patient) -> None:
        """Two people may share a name or a phone: staff look at who is there already, and decide."""
        found = find_duplicates(patient, among=self.get_queryset(request)).select_related("home_site")[:10]
        token = ",".join(str(other.pk) for other in found)
        if found and self.agreed_token(request) != token:
            raise Doubt(
                sentence="This may be someone who is already a patient.",
                columns=("Patient", "Born", "Phone", "Home site"),
                rows=[describe_patient(other) for other in found],
                button="Add as another person",
                token=token,
            )


def describe_patient(patient: Patient) -> tuple[Any, ...]:
    link = format_html('<a href="{}">{}</a>', reverse("admin:clinic_patient_change", args=[patient.pk]), patient)
    born = say_date(patient.birth_date) if patient.birth_date else "–"
    return link, born, patient.phone or "–", patient.home_site
