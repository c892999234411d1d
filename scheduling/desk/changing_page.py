"""One page for every act that changes a course's visits: what is wanted, what would change, and one button to do it.

A POST with step `show` only reads. What was shown comes back as its fingerprint, and nothing else than that is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from clinic.models import User
from scheduling.desk.acting import refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.course_acts import page_of
from scheduling.desk.shift_rows import AnyShift, describe_shifts
from scheduling.desk.undo import tell_done
from scheduling.models import Course
from scheduling.refusals import BookingRefused, Refusal

TOLD = "Nothing is changed yet. The patient is told within a few minutes after."


@dataclass(frozen=True)
class Shown:
    """What an act would change, its fingerprint, or why it cannot be."""

    shifts: Sequence[AnyShift] = ()
    expected: str = ""
    refusals: Sequence[Refusal] = ()
    notes: Sequence[str] = ()
    pause: tuple[date, date | None] | None = None


@dataclass(frozen=True)
class Act:
    """An act as its page has it. `at_once`: the plan is shown before anything is filled in."""

    heading: str
    lede: str
    button: str
    done: str
    form: forms.Form
    propose: Callable[[dict[str, Any], datetime], Shown]
    do: Callable[[dict[str, Any], str, datetime, User], Any]
    at_once: bool = False
    is_final: bool = False
    needed: tuple[str, ...] = ()
    """Fields beside the button: they may be empty while one looks, but not when it is done."""
    told: str = TOLD
    keep: str = ""
    gone: str = "given up"
    added: str = "new"
    hidden: list[tuple[str, str]] = field(default_factory=list)
    title: str = ""
    when_refused: str = ""
    """Where to look again after a refusal; empty: on the same page, with the plan as it would be now."""


def show_changing(request: HttpRequest, admin_site: AdminSite, course: Course, act: Act) -> HttpResponse:
    now, form = timezone.now(), act.form
    is_asked = request.method == "POST" or act.at_once
    values = read_values(form) if is_asked else None
    if values is not None and request.POST.get("step") == "book" and not lacks_needed(form, act, values):
        with refusals_told(request) as refused:
            act.do(values, request.POST.get("expected", ""), now, staff_of(request))
        if not refused:
            tell_done(request, act.done, now=now)
            return HttpResponseRedirect(page_of(course))
        if act.when_refused:
            return HttpResponseRedirect(act.when_refused)
        course.refresh_from_db()
    shown = propose(act, values, now=now) if values is not None else None
    context: dict[str, Any] = {
        **admin_site.each_context(request),
        "title": act.title or act.heading,
        "crumbs": crumbs_of(course),
        "act": act,
        "form": form,
        "page": page_of(course),
        "hidden": act.hidden,
        "options": [field for field in form.visible_fields() if field.name not in act.needed],
        "asked": [field for field in form.visible_fields() if field.name in act.needed],
    }
    if shown is not None:
        context["refusals"] = shown.refusals
        if not shown.refusals:
            words = {"gone": act.gone, "added": act.added}
            context["plan"] = describe_shifts(course, shown.shifts, now=now, pause=shown.pause, **words)
            context["sentences"] = say_result(context["plan"]["summary"], shown.notes)
            context["hidden"] = [*act.hidden, ("expected", shown.expected)]
    return TemplateResponse(request, "desk/change.html", context)


def say_result(summary: str, notes: Sequence[str]) -> list[str]:
    """What changes in sentences; a note that begins with the counts says them already."""
    counted = any(note.startswith(summary.rstrip(".")) for note in notes)
    return [*([] if counted else [summary]), *notes]


def propose(act: Act, values: dict[str, Any], *, now: datetime) -> Shown:
    try:
        return act.propose(values, now)
    except BookingRefused as refused:
        return Shown(refusals=refused.refusals)


def read_values(form: forms.Form) -> dict[str, Any] | None:
    """The form's values: those it was sent, else those it begins with; None where something is wrong."""
    if form.is_bound:
        return form.cleaned_data if form.is_valid() else None
    return {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}


def lacks_needed(form: forms.Form, act: Act, values: dict[str, Any]) -> bool:
    for name in act.needed:
        if not values.get(name):
            form.add_error(name, f"{form.fields[name].label}: say it in a few words.")
    return not form.is_valid()


def crumbs_of(course: Course) -> list[dict[str, str]]:
    return [
        {"label": "Courses", "url": reverse("admin:scheduling_course_changelist")},
        {"label": str(course.patient), "url": page_of(course)},
    ]
