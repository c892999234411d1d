"""New course: find the patient, say what is wanted, see up to three proposed calendars, book one with one button.

Nothing is written before it is booked; the plans that were shown travel signed in the page.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone

from clinic.models import Patient, User
from scheduling.booking import book_course, propose_stop, record_infeasible, request_course
from scheduling.desk.acting import find_row, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.booking_hints import decisions_ahead, needed_before_booking, other_courses
from scheduling.desk.course_acts import page_of
from scheduling.desk.course_page import WAITING
from scheduling.desk.new_course_form import WISHES, NewCourseForm
from scheduling.desk.new_course_patient import choose_patient
from scheduling.desk.new_course_steps import render_step
from scheduling.desk.plan_token import StalePlan, read_plan, sign_plan
from scheduling.desk.proposal_page import PLANS_SHOWN, describe_proposals
from scheduling.desk.trial import read_supposed, with_trial
from scheduling.desk.undo import offer_button
from scheduling.desk.wording import describe_relaxations, say_also_free, say_supposed
from scheduling.engine import INFEASIBLE, UNKNOWN, CoursePlan, Relaxation
from scheduling.locking import lock_patient
from scheduling.models import Course, CourseStatus
from scheduling.planning import Proposal, propose_course

OWN_FIELDS = {"csrfmiddlewaretoken", "step", "plan", "try", "suppose"}
REPLANNED = "Since you looked, the calendar has changed. This is the plan as it would be now."


def show_new_course(request: HttpRequest, admin_site: AdminSite, *, waiting: Course | None = None) -> HttpResponse:
    """The three steps; with a course that waits to be planned, its wishes are the start and its row is booked."""
    user, now = staff_of(request), timezone.now()
    patients = Patient.objects.at_sites(user.visible_sites()).select_related("home_site")
    if waiting is None and "patient" not in request.GET:
        return choose_patient(request, admin_site, patients)
    if waiting is not None and waiting.status not in WAITING:
        messages.info(request, "This course is booked already.")
        return HttpResponseRedirect(page_of(waiting))
    patient = waiting.patient if waiting else find_row(patients, request.GET["patient"])
    today = now.astimezone(patient.home_site.zone).date()
    data = with_trial(request.POST) if request.method == "POST" else None
    form = NewCourseForm(
        data,
        patient=patient,
        sites=user.visible_sites(),
        today=today,
        waiting=waiting,
        like=find_like(request, patient),
    )
    if data is None or data.get("step") == "edit" or not form.is_valid():
        return render_step(request, admin_site, "form", patient, form=form)
    timezone.activate(form.cleaned_data["site"].zone)
    if data.get("plan"):
        return _book(request, admin_site, form, now=now)
    return _preview(request, admin_site, form, data, now=now)


def find_like(request: HttpRequest, patient: Patient) -> Course | None:
    """The patient's course that the new one begins as a copy of, where the address names one that the user may see."""
    if "like" not in request.GET:
        return None
    mine = Course.objects.at_sites(staff_of(request).visible_sites()).filter(patient=patient)
    found: Course = find_row(mine.select_related("version__protocol", "site"), request.GET["like"])
    return found


def propose(
    form: NewCourseForm, *, now: datetime, by: User, alternatives: int = 0, relaxation: Relaxation | None = None
) -> Proposal:
    """Plan what the form asks for; nothing is written."""
    course = form.draft(uuid=uuid4(), now=now, by=by)
    also_free = form.agreed_span
    return propose_course(
        course,
        now=now,
        anchor_at=form.anchor_at,
        also_free=also_free,
        alternatives=alternatives,
        relaxation=relaxation,
    )


def _preview(
    request: HttpRequest, admin_site: AdminSite, form: NewCourseForm, data: QueryDict, *, now: datetime, note: str = ""
) -> HttpResponse:
    user, site = staff_of(request), form.cleaned_data["site"]
    supposed = read_supposed(data, site)
    further = 0 if supposed else PLANS_SHOWN - 1
    try:
        proposal = propose(form, now=now, by=user, alternatives=further, relaxation=supposed)
    except ValidationError as faults:
        form.add_faults(faults)
        return render_step(request, admin_site, "form", form.patient, form=form)
    if data.get("step") == "wait" and proposal.plan.status == INFEASIBLE:
        return _let_wait(form, proposal, now=now, by=user)
    if note:
        messages.warning(request, note)
    context: dict[str, Any] = {"form": form, "proposal": proposal, "carried": carried_fields(data)}
    context["also_has"] = other_courses(proposal.course, user.visible_sites())
    if proposal.is_planned:
        context |= _describe_planned(form, proposal, user)
        context["supposed"] = say_supposed(supposed, proposal.course)
    else:
        context["ran_out"] = proposal.plan.status == UNKNOWN
        context["ways_out"] = describe_relaxations(proposal.relaxations, course=proposal.course)
    return render_step(request, admin_site, "plan", form.patient, **context)


def _let_wait(form: NewCourseForm, proposal: Proposal, *, now: datetime, by: User) -> HttpResponse:
    """Keep the course that does not fit, and ask how urgent it is: it waits until somebody's place is set free."""
    course = form.waiting or _keep(form, proposal, now=now, by=by)
    return HttpResponseRedirect(reverse("admin:desk_waiting_add", args=[course.pk]))


def _keep(form: NewCourseForm, proposal: Proposal, *, now: datetime, by: User) -> Course:
    """The course of these wishes; a second click finds the one that the first has kept."""
    asked = form.asked_for()
    with transaction.atomic():
        lock_patient(form.patient.pk)
        kept = Course.objects.filter(status=CourseStatus.INFEASIBLE, patient=form.patient, version=asked["version"])
        for course in kept.select_related("site"):
            if all((getattr(course, name) or None) == (asked[name] or None) for name in ("site", *WISHES)):
                return course
        course = request_course(**asked, now=now, by=by, anchor_at=form.anchor_at)
        return record_infeasible(course.pk, proposal)


def _describe_planned(form: NewCourseForm, proposal: Proposal, user: User) -> dict[str, Any]:
    course, now = proposal.course, timezone.now()
    plans = describe_proposals(proposal, now=now)
    request = form.fingerprint()
    for plan in plans:
        plan["token"] = sign_plan(plan["proposal"].plan, user_id=user.pk, request=request)
    return {
        "plans": plans,
        "plan": plans[0],
        "token": plans[0]["token"],
        "needed": needed_before_booking(course, today=now.astimezone(course.site.zone).date()),
        "undecided": decisions_ahead(course, proposal.plan),
        "agreed": say_also_free(form.agreed_span, course.site),
    }


def _book(request: HttpRequest, admin_site: AdminSite, form: NewCourseForm, *, now: datetime) -> HttpResponse:
    user, course = staff_of(request), None
    with suppress(StalePlan), refusals_told(request):
        plan = read_plan(request.POST.get("plan", ""), user_id=user.pk, request=form.fingerprint())
        course = book_plan(form, plan, now=now, by=user)
    if course is not None:
        _tell_booked(request, form, course, now=now)
        return HttpResponseRedirect(page_of(course))
    return _preview(request, admin_site, form, request.POST, now=now, note=REPLANNED)


def _tell_booked(request: HttpRequest, form: NewCourseForm, course: Course, *, now: datetime) -> None:
    """What was booked by mistake is stopped from the sentence that says so; who waited for it goes on waiting."""
    sentence = "The course is booked. The patient is told within a few minutes."
    if form.waiting is not None:
        messages.success(request, sentence)
        return
    url = reverse("admin:desk_course_stop", args=[course.pk])
    seen = propose_stop(course, now=now).fingerprint
    offer_button(request, sentence, url, step="book", reason="Booked by mistake", expected=seen)


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


def carried_fields(data: QueryDict) -> list[tuple[str, str]]:
    """The form's own fields, for the hidden inputs of the next step."""
    return [(name, value) for name, values in data.lists() if name not in OWN_FIELDS for value in values]
