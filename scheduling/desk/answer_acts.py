"""What patients answered, beside the visit it is about, and the buttons that settle it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from scheduling.answers import handle_answer
from scheduling.desk.acting import find_row, press
from scheduling.desk.base import staff_of
from scheduling.models import Answer, AnswerKind, Session, SessionStatus
from scheduling.offers import approve_wish, decline_wish
from scheduling.words import count_of, say_moment

DONE, APPROVE, DECLINE = "done", "approve", "decline"


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
    return press(request, lambda: DO[act](request, answer), back=back)


def _finish(request: HttpRequest, answer: Answer) -> str:
    how = request.POST.get("how", "").strip() or "Spoken to"
    if handle_answer(answer, how=how, now=timezone.now(), by=staff_of(request)):
        return "Done."
    return "Somebody has done this already."


def _approve(request: HttpRequest, answer: Answer) -> str:
    moved = approve_wish(answer, now=timezone.now(), by=staff_of(request))
    others = f" {count_of(len(moved) - 1, 'other visit')} moved with it." if len(moved) > 1 else ""
    return f"Moved to {say_moment(moved[0].local_start)}.{others} The patient is told within a few minutes."


def _decline(request: HttpRequest, answer: Answer) -> str:
    decline_wish(answer, how="The time stays", now=timezone.now(), by=staff_of(request))
    return "The visit stays at its time. No message goes out for this."


DO = {DONE: _finish, APPROVE: _approve, DECLINE: _decline}
