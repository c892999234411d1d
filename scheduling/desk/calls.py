"""The call list: what is to be said by phone, worked down from the top."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from clinic.models import Language, User
from scheduling.answers import handle_answer, reopen_answer
from scheduling.desk.acting import find_row, go_back
from scheduling.desk.base import staff_of
from scheduling.desk.undo import offer_button
from scheduling.messages.call_list import Call, calls_to_make, describe_calls, mark_called, take_back_call
from scheduling.messages.papers import read_refused
from scheduling.models import Notice, NoticeKind
from scheduling.words import say_moment

SHOWN_AT_MOST = 200
AHEAD = timedelta(days=1)
"""Who is called today about tomorrow is on the list already."""
# What is written down on the page of the visit, where the answer and the driver stand.
AT_THE_VISIT = {NoticeKind.ANSWER, NoticeKind.DRIVER_CALL, NoticeKind.DRIVER_REMINDER}


def show_calls(request: HttpRequest, admin_site: AdminSite, notices: QuerySet[Notice]) -> HttpResponse:
    """Due now and until this time tomorrow; a driver not named is urgent for as long."""
    now = timezone.now()
    related = ("patient__home_site", "course__site", "session__track", "answer")
    calls = calls_to_make(notices, now=now, ahead=AHEAD).select_related(*related)
    found = list(calls[: SHOWN_AT_MOST + 1])
    words = describe_calls(found[:SHOWN_AT_MOST], now=now)
    refused = read_refused({notice.patient_id for notice in found})
    context = {
        **admin_site.each_context(request),
        "title": "Call list",
        "calls": [describe_call(notice, words[notice.pk], refused) for notice in found[:SHOWN_AT_MOST]],
        "has_more": len(found) > SHOWN_AT_MOST,
        "now": now,
    }
    return TemplateResponse(request, "desk/calls.html", context)


def finish_call(request: HttpRequest, notices: QuerySet[Notice], pk: str) -> HttpResponse:
    notice = find_row(notices.select_related("patient", "answer"), pk)
    if make_call(notice, now=timezone.now(), by=staff_of(request)):
        url = reverse("admin:desk_call_undone", args=[notice.pk])
        offer_button(request, f"Done: {notice.patient.full_name}.", url)
    else:
        messages.warning(request, "Somebody has done this already, or it is not needed any more.")
    return go_back(request, reverse("admin:desk_call_list"))


def reopen_call(request: HttpRequest, notices: QuerySet[Notice], pk: str) -> HttpResponse:
    """A wrong tick: the call stands on the list again."""
    notice = find_row(notices.select_related("patient", "answer"), pk)
    is_back = reopen_answer(notice.answer) if notice.answer else take_back_call(notice, now=timezone.now())
    if is_back:
        messages.success(request, f"On the list again: {notice.patient.full_name}.")
    else:
        messages.warning(request, "This call is on the list already, or it is not needed any more.")
    return go_back(request, reverse("admin:desk_call_list"))


def make_call(notice: Notice, *, now: datetime, by: User) -> bool:
    """The call about an answer settles the answer with it."""
    if notice.answer is not None:
        return handle_answer(notice.answer, how="Called", now=now, by=by)
    return mark_called(notice, now=now, by=by)


def describe_call(notice: Notice, call: Call, refused: Collection[tuple[int, str]]) -> dict[str, Any]:
    at_visit = notice.kind in AT_THE_VISIT and notice.session_id is not None
    zone, answer = notice.course.site.zone, notice.answer
    return {
        "notice": notice,
        "refuses_mail": (notice.patient_id, notice.patient.email) in refused,
        "speaks": notice.patient.get_language_display() if notice.patient.language != Language.ENGLISH else "",
        "is_told": notice.kind == NoticeKind.CHANGES and not call.appointments,
        "wanted": say_moment(answer.wanted_start.astimezone(zone)) if answer and answer.wanted_start else "",
        "words": call,
        "due": notice.due_at.astimezone(zone),
        "course_url": reverse("admin:scheduling_course_change", args=[notice.course_id]),
        "visit_url": reverse("admin:scheduling_session_change", args=[notice.session_id]) if at_visit else "",
        "print_url": reverse("admin:desk_course_print", args=[notice.course_id]),
    }
