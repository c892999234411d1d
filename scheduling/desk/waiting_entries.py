"""The waiting list's addresses and buttons: put on, change, take off, book what was offered, declined, put back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from clinic.models import User
from scheduling.desk.acting import find_row, go_back, need_permission, post_only, press, refusals_told
from scheduling.desk.base import ReadOnlyAdmin, staff_of
from scheduling.desk.plan_token import StalePlan, read_plan
from scheduling.desk.undo import offer_button, tell_done
from scheduling.desk.waiting_page import fingerprint_of, read_start, show_waiting
from scheduling.models import Course, WaitingEntry, WaitingOffer
from scheduling.models.waiting import ClinicalNeed
from scheduling.refusals import refuse
from scheduling.waiting import (
    add_to_waiting,
    decline_offer,
    put_back,
    take_back_decline,
    take_course,
    take_earlier,
    withdraw,
)

LOOK_AGAIN = "What was offered does not stand any more. Nothing was changed; please look again."
NOTICES = ((4, "4 hours"), (24, "A day"), (48, "Two days"), (168, "A week"))


class WaitingForm(forms.Form):
    need = forms.TypedChoiceField(
        choices=ClinicalNeed.choices,
        coerce=int,
        initial=ClinicalNeed.ROUTINE.value,
        widget=forms.RadioSelect,
        label="How urgent it is",
        help_text="Whoever is more urgent is called first. Of equals, whoever fits best, then whoever waits longest.",
    )
    short_notice_hours = forms.TypedChoiceField(
        choices=NOTICES,
        coerce=int,
        initial=24,
        widget=forms.RadioSelect,
        label="How long before a visit they must know of it",
    )


@admin.register(WaitingEntry)
class WaitingEntryAdmin(ReadOnlyAdmin):
    site_path = "course__site"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("course__patient", "course__site")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("list/", wrap(self.list_view), name="desk_waiting"),
            path("course/<str:pk>/", wrap(self.add_course_view), name="desk_waiting_add"),
            path("<str:pk>/do/<str:act>/", wrap(post_only(self.act_view)), name="desk_waiting_act"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:desk_waiting"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """An entry has no page of its own: it stands in the list."""

    def list_view(self, request: HttpRequest) -> HttpResponse:
        need_permission(request, "scheduling.view_waitingentry")
        return show_waiting(request, self.admin_site)

    def add_course_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        need_permission(request, "scheduling.add_waitingentry")
        mine = Course.objects.at_sites(staff_of(request).visible_sites())
        course = find_row(mine.select_related("patient", "site", "version__protocol"), pk)
        return show_adding(request, self.admin_site, course)

    def act_view(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        need_permission(request, "scheduling.change_waitingentry")
        if act not in DO:
            raise Http404
        entry, now, user = find_row(self.get_queryset(request), pk), timezone.now(), staff_of(request)
        timezone.activate(entry.course.site.zone)
        with refusals_told(request):
            DO[act](request, entry, now, user)
        return go_back(request, reverse("admin:desk_waiting"))


def show_adding(request: HttpRequest, admin_site: Any, course: Course) -> HttpResponse:
    """How urgent, and at what notice; for a course that waits already, the same to be changed."""
    entry = course.waiting_entries.waiting().first()
    initial = {"need": entry.need, "short_notice_hours": entry.short_notice_hours} if entry else {}
    form = WaitingForm(request.POST or None, initial=initial)
    back = reverse("admin:scheduling_course_change", args=[course.pk])
    if request.method == "POST" and form.is_valid():

        def put_on() -> str:
            add_to_waiting(course, **form.cleaned_data, now=timezone.now(), by=staff_of(request))
            return f"{course.patient.full_name} is on the waiting list."

        return press(request, put_on, back=reverse("admin:desk_waiting"))
    context = {
        **admin_site.each_context(request),
        "title": "Waiting list",
        "crumbs": [{"label": str(course.patient), "url": back}],
        "course": course,
        "entry": entry,
        "form": form,
        "back": back,
    }
    return TemplateResponse(request, "desk/waiting_add.html", context)


def _withdraw(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    withdraw(entry, now=now, by=by)
    offer_button(request, f"{entry.course.patient.full_name} is off the waiting list.", _address(entry, "back"))


def _put_back(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    put_back(entry)
    messages.success(request, f"{entry.course.patient.full_name} is on the waiting list again.")


def _decline(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    start = read_start(request.POST.get("start", ""))
    if start is None:
        raise refuse(LOOK_AGAIN, rule="changed")
    offer = decline_offer(entry, start=start, now=now, by=by)
    sentence = f"Written down: {entry.course.patient.full_name} declined. They stay on the list."
    offer_button(request, sentence, _address(entry, "undecline"), offer=str(offer.pk))


def _take_back(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    take_back_decline(find_row(WaitingOffer.objects.filter(entry=entry), request.POST.get("offer", "")))
    messages.success(request, f"Taken back: {entry.course.patient.full_name} has not declined.")


def _take(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    """Book exactly what was shown: the signed plan, or the moves by their fingerprint."""
    name = entry.course.patient.full_name
    if request.POST.get("plan"):
        _take_course(request, entry, now, by)
        sentence = f"{name}'s course is booked. The patient is told within a few minutes."
    else:
        _take_earlier(request, entry, now, by)
        sentence = f"{name} comes earlier. The patient is told within a few minutes."
    tell_done(request, sentence, now=now)


def _take_course(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    need_permission(request, "scheduling.add_course")
    try:
        plan = read_plan(request.POST["plan"], user_id=by.pk, request=fingerprint_of(entry))
    except StalePlan:
        raise refuse(LOOK_AGAIN, rule="changed") from None
    take_course(entry, plan=plan, now=now, by=by)


def _take_earlier(request: HttpRequest, entry: WaitingEntry, now: datetime, by: User) -> None:
    need_permission(request, "scheduling.change_session")
    start, expected = read_start(request.POST.get("start", "")), request.POST.get("expected", "")
    if start is None or not expected:
        raise refuse(LOOK_AGAIN, rule="changed")
    session = find_row(entry.course.sessions.all(), request.POST.get("session", ""))
    take_earlier(entry, session=session, start=start, expected=expected, now=now, by=by)


def _address(entry: WaitingEntry, act: str) -> str:
    return reverse("admin:desk_waiting_act", args=[entry.pk, act])


DO = {"withdraw": _withdraw, "back": _put_back, "decline": _decline, "undecline": _take_back, "take": _take}
