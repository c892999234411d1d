"""One message: what became of it, its text as it was sent, and a button that sends it once more."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from scheduling.desk.acting import refusals_told
from scheduling.desk.base import staff_of
from scheduling.messages.again import BY_MACHINE, ENDED, refusal_of, send_again
from scheduling.models import Notice
from scheduling.words import label_of, say_short_day


def show_message(request: HttpRequest, admin_site: AdminSite, notice: Notice) -> HttpResponse:
    course = notice.course
    context = {
        **admin_site.each_context(request),
        "title": f"{notice.get_kind_display()} to {notice.patient.full_name}",
        "crumbs": crumbs_of(notice),
        "notice": notice,
        "visit": name_visit(notice),
        "copies": notice.copies.all(),
        "repetitions": notice.repetitions.order_by("created_at"),
        "can_send_again": may_be_sent_again(notice) and request.user.has_perm("scheduling.change_notice"),
        "is_refused": bool(refusal_of(notice)),
        "course": course,
    }
    return TemplateResponse(request, "desk/message.html", context)


def may_be_sent_again(notice: Notice) -> bool:
    return notice.channel in BY_MACHINE and notice.status in ENDED


def name_visit(notice: Notice) -> str:
    if notice.session is None:
        return "Whole course"
    return f"{label_of(notice.session)}, {say_short_day(notice.session.local_date)}"


def crumbs_of(notice: Notice) -> list[dict[str, Any]]:
    crumbs = [{"label": "Messages", "url": reverse("admin:scheduling_notice_changelist")}]
    crumbs.append(
        {"label": str(notice.patient), "url": reverse("admin:scheduling_course_change", args=[notice.course_id])}
    )
    return crumbs


def repeat_message(request: HttpRequest, notice: Notice) -> HttpResponse:
    """To the new message, which waits for the next delivery; or back, with the reason why not."""
    shown = notice
    with refusals_told(request) as refused:
        despite = "despite_refusal" in request.POST
        shown = send_again(notice, now=timezone.now(), by=staff_of(request), despite_refusal=despite)
    if not refused:
        messages.success(request, "It goes out once more within a minute.")
    return HttpResponseRedirect(reverse("admin:scheduling_notice_change", args=[shown.pk]))
