"""First step of a new course: find the patient by what the caller says, or write a new one down right here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from clinic.models import Patient
from scheduling.desk.acting import need_permission
from scheduling.desk.base import staff_of
from scheduling.desk.find_patients import find_patients
from scheduling.desk.new_course_steps import render_step
from scheduling.desk.new_patient_form import NewPatientForm, read_caller
from scheduling.desk.searches import is_search, read_search, refuse_unknown, start_search

FOUND_AT_MOST = 25
ADD_PATIENT = "add_patient"
"""The name of the button that saves a new patient; its value says to which doubtful others staff said no."""


def choose_patient(request: HttpRequest, admin_site: AdminSite, patients: QuerySet[Patient]) -> HttpResponse:
    if is_search(request):
        return start_search(request)
    if (away := refuse_unknown(request)) is not None:
        return away
    if request.method == "POST" and ADD_PATIENT in request.POST:
        return _add_patient(request, admin_site, patients)
    text = read_search(request)
    form = _new_form(request, initial=read_caller(text))
    return _render(request, admin_site, patients, text=text, form=form)


def page_for(patient: Patient) -> str:
    return f"{reverse('admin:scheduling_course_add')}?{urlencode({'patient': patient.pk})}"


def _add_patient(request: HttpRequest, admin_site: AdminSite, patients: QuerySet[Patient]) -> HttpResponse:
    """Save the patient and go on; where they may be known already, ask first, with nothing saved."""
    need_permission(request, "clinic.add_patient")
    form = _new_form(request, data=request.POST)
    if not form.is_valid():
        return _render(request, admin_site, patients, text=read_search(request), form=form)
    same = form.find_duplicates(patients)
    token = ",".join(str(other.pk) for other in same)
    if same and request.POST[ADD_PATIENT] != token:
        context = {"same": same, "agreed": token}
        return _render(request, admin_site, patients, text=read_search(request), form=form, **context)
    return HttpResponseRedirect(page_for(form.save()))


def _new_form(request: HttpRequest, **values: Any) -> NewPatientForm:
    sites = staff_of(request).visible_sites()
    values["initial"] = {"home_site": sites.first(), **values.get("initial", {})}
    return NewPatientForm(values.pop("data", None), sites=sites, now=timezone.now(), **values)


def _render(
    request: HttpRequest,
    admin_site: AdminSite,
    patients: QuerySet[Patient],
    *,
    text: str,
    form: NewPatientForm,
    **context: Any,
) -> HttpResponse:
    found = list(find_patients(patients, text).select_related("home_site")[: FOUND_AT_MOST + 1]) if text else []
    if text and not found:
        form.begin_typing()
    shown = {"query": text, "found": found[:FOUND_AT_MOST], "has_more": len(found) > FOUND_AT_MOST, "form": form}
    return render_step(request, admin_site, "patient", None, **shown, **context)
