"""New course: find the patient, say what is wanted, see the proposed calendar, book it with one button.

Nothing is written before it is booked; the plan that was shown travels signed in the page.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from clinic.models import Patient, User
from scheduling.booking import book_course, request_course
from scheduling.desk.acting import find_row, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.booking_hints import decisions_ahead, needed_before_booking, other_courses
from scheduling.desk.course_acts import page_of
from scheduling.desk.course_page import WAITING
from scheduling.desk.find_patients import find_patients
from scheduling.desk.new_course_form import WISHES, NewCourseForm, read_span
from scheduling.desk.plan_token import StalePlan, read_plan, sign_plan
from scheduling.desk.proposal_page import describe_proposal
from scheduling.desk.searches import is_search, read_search, refuse_unknown, start_search
from scheduling.desk.wording import describe_relaxations, say_also_free
from scheduling.engine import UNKNOWN, CoursePlan
from scheduling.models import Course
from scheduling.planning import Proposal, propose_course

FOUND_AT_MOST = 25
OWN_FIELDS = {"csrfmiddlewaretoken", "step", "plan", "try"}
REPLANNED = "Since you looked, the calendar has changed. This is the plan as it would be now."


def show_new_course(request: HttpRequest, admin_site: AdminSite, *, waiting: Course | None = None) -> HttpResponse:
    """The three steps; with a course that waits to be planned, its wishes are the start and its row is booked."""
    user, now = staff_of(request), timezone.now()
    patients = Patient.objects.at_sites(user.visible_sites()).select_related("home_site")
    if waiting is None and "patient" not in request.GET:
        return _choose_patient(request, admin_site, patients)
    if waiting is not None and waiting.status not in WAITING:
        messages.info(request, "This course is booked already.")
        return HttpResponseRedirect(page_of(waiting))
    patient = waiting.patient if waiting else find_row(patients, request.GET["patient"])
    today = now.astimezone(patient.home_site.zone).date()
    data = with_trial(request.POST) if request.method == "POST" else None
    form = NewCourseForm(data, patient=patient, sites=user.visible_sites(), today=today, waiting=waiting)
    if data is None or data.get("step") == "edit" or not form.is_valid():
        return _render(request, admin_site, "form", patient, form=form)
    timezone.activate(form.cleaned_data["site"].zone)
    if data.get("step") == "book":
        return _book(request, admin_site, form, now=now)
    return _preview(request, admin_site, form, data, now=now)


def _choose_patient(request: HttpRequest, admin_site: AdminSite, patients: Any) -> HttpResponse:
    if is_search(request):
        return start_search(request)
    if (away := refuse_unknown(request)) is not None:
        return away
    text = read_search(request)
    found = list(find_patients(patients, text).select_related("home_site")[: FOUND_AT_MOST + 1]) if text else []
    context = {"query": text, "found": found[:FOUND_AT_MOST], "has_more": len(found) > FOUND_AT_MOST}
    return _render(request, admin_site, "patient", None, **context)


def propose(form: NewCourseForm, *, now: datetime, by: User) -> Proposal:
    """Plan what the form asks for; nothing is written."""
    course = form.draft(uuid=uuid4(), now=now, by=by)
    return propose_course(course, now=now, anchor_at=form.anchor_at, also_free=form.agreed_span)


def _preview(
    request: HttpRequest, admin_site: AdminSite, form: NewCourseForm, data: QueryDict, *, now: datetime, note: str = ""
) -> HttpResponse:
    try:
        proposal = propose(form, now=now, by=staff_of(request))
    except ValidationError as faults:
        form.add_faults(faults)
        return _render(request, admin_site, "form", form.patient, form=form)
    if note:
        messages.warning(request, note)
    course, now = proposal.course, timezone.now()
    context: dict[str, Any] = {"form": form, "proposal": proposal, "carried": carried_fields(data)}
    context["also_has"] = other_courses(course, staff_of(request).visible_sites())
    if proposal.is_planned:
        context["needed"] = needed_before_booking(course, today=now.astimezone(course.site.zone).date())
        context["undecided"] = decisions_ahead(course, proposal.plan)
        context["plan"] = describe_proposal(proposal, now=now)
        context["agreed"] = say_also_free(form.agreed_span, course.site)
        context["token"] = sign_plan(proposal.plan, user_id=staff_of(request).pk, request=form.fingerprint())
    else:
        context["ran_out"] = proposal.plan.status == UNKNOWN
        context["ways_out"] = describe_relaxations(proposal.relaxations, course=proposal.course)
    return _render(request, admin_site, "plan", form.patient, **context)


def _book(request: HttpRequest, admin_site: AdminSite, form: NewCourseForm, *, now: datetime) -> HttpResponse:
    user, course = staff_of(request), None
    with suppress(StalePlan), refusals_told(request):
        plan = read_plan(request.POST.get("plan", ""), user_id=user.pk, request=form.fingerprint())
        course = book_plan(form, plan, now=now, by=user)
    if course is not None:
        messages.success(request, "The course is booked. The patient is told within a few minutes.")
        return HttpResponseRedirect(page_of(course))
    return _preview(request, admin_site, form, request.POST, now=now, note=REPLANNED)


def book_plan(form: NewCourseForm, plan: CoursePlan, *, now: datetime, by: User) -> Course:
    """Book what was shown, or nothing. A second click finds the course that the first one booked."""
    if form.waiting is None and (existing := Course.objects.filter(uuid=plan.id).first()):
        return existing
    course = form.draft(uuid=UUID(plan.id), now=now, by=by)
    if form.anchor_at is None and form.waiting is None:
        return book_course(course, plan=plan, now=now, by=by, also_free=form.agreed_span)
    with transaction.atomic():
        if form.waiting is not None:
            course.save(update_fields=WISHES)
        else:
            # The day of the operation is a session that stands before the others are booked around it.
            asked = form.asked_for()
            course = request_course(**asked, now=now, by=by, anchor_at=form.anchor_at, uuid=UUID(plan.id))
        plan = replace(plan, id=str(course.uuid))
        return book_course(course, plan=plan, now=now, by=by, also_free=form.agreed_span)


def with_trial(posted: QueryDict) -> QueryDict:
    """The posted fields, changed as the way out that staff want to try says; nonsense changes nothing.

    A time at which the patient would come after all is that one time: the weekly hours stay as they were agreed. It
    counts until the wishes are changed.
    """
    data = posted.copy()
    if data.get("step") == "edit":
        data.pop("also_free", None)
    kind, *values = data.get("try", "").split(":")
    with suppress(ValueError, OverflowError):
        if kind == "later" and len(values) == 1:
            data["latest_start"] = str(
                date.fromisoformat(str(data.get("latest_start", ""))) + timedelta(days=int(values[0]))
            )
        if kind == "free":
            read_span(":".join(values), UTC)
            data["also_free"] = ":".join(values)
    return data


def carried_fields(data: QueryDict) -> list[tuple[str, str]]:
    """The form's own fields, for the hidden inputs of the next step."""
    return [(name, value) for name, values in data.lists() if name not in OWN_FIELDS for value in values]


def _render(
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
