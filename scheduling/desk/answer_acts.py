"""What patients answered, beside the visit it is about, and the buttons that settle it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from scheduling.answers import handle_answer, reopen_answer
from scheduling.desk.acting import find_row, go_back, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.undo import offer_button, tell_done
from scheduling.models import Answer, AnswerKind, Session, SessionStatus
from scheduling.offers import approve_wish, decline_wish
from scheduling.words import count_of, say_moment

DONE, APPROVE, DECLINE, REOPEN = "done", "approve", "decline", "reopen"


def describe_answers(session: Session) -> list[dict[str, Any]]:
    """The latest first, with the time that was asked for on the site's clock."""
    answers = session.answers.select_related("handled_by").order_by("-given_at", "-pk")
    return [_describe(answer, session) for answer in answers]


def _describe(answer: Answer, session: Session) -> dict[str, Any]:
    waits = answer.needs_staff and answer.handled_at is None
    is_earlier = answer.is_stale or answer.sequence not in {None, session.sequence}
    is_open = session.status == SessionStatus.BOOKED and not is_earlier
    wanted = answer.wanted_start and say_moment(answer.wanted_start.astimezone(session.local_start.tzinfo))
    return {
        "answer": answer,
        "wanted": wanted or "",
        "waits": waits,
        "is_earlier": is_earlier,
        "may_approve": waits and answer.kind == AnswerKind.MOVE_WANTED and is_open,
    }


def act_on_answer(request: HttpRequest, session: Session, pk: str, act: str) -> HttpResponse:
    answer: Answer = find_row(session.answers.select_related("session", "patient"), pk)
    back = reverse("admin:scheduling_session_change", args=[session.pk])
    now = timezone.now()
    with refusals_told(request) as refused:
        done = DO[act](request, answer, now=now)
    if not refused:
        if act in {DONE, DECLINE}:
            offer_button(request, done, reverse("admin:desk_answer_act", args=[session.pk, pk, REOPEN]))
        else:
            tell_done(request, done, now=now)
    return go_back(request, back)


def _finish(request: HttpRequest, answer: Answer, *, now: datetime) -> str:
    how = request.POST.get("how", "").strip() or "Spoken to"
    if handle_answer(answer, how=how, now=now, by=staff_of(request)):
        return "Done."
    return "Somebody has done this already."


def _approve(request: HttpRequest, answer: Answer, *, now: datetime) -> str:
    moved = approve_wish(answer, now=now, by=staff_of(request))
    others = f" {count_of(len(moved) - 1, 'other visit')} moved with it." if len(moved) > 1 else ""
    return f"Moved to {say_moment(moved[0].local_start)}.{others} The patient is told within a few minutes."


def _decline(request: HttpRequest, answer: Answer, *, now: datetime) -> str:
    decline_wish(answer, how="The time stays", now=now, by=staff_of(request))
    return "The visit stays at its time. No message goes out for this."


def _reopen(request: HttpRequest, answer: Answer, *, now: datetime) -> str:
    return "Taken back: it is still to be done." if reopen_answer(answer) else "It waits for somebody already."


DO = {DONE: _finish, APPROVE: _approve, DECLINE: _decline, REOPEN: _reopen}
