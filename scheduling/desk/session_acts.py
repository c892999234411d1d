"""The buttons of a session: arrived, treated, completed, missed, undo, cancel, move. Each is one POST and one call."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.models import User
from protocols.models.visit import Place
from scheduling.attendance import mark_arrived, mark_completed, mark_missed, mark_treated, undo_attendance
from scheduling.desk.acting import go_back, read_seen_at, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.undo import offer_button, tell_done
from scheduling.models import MissedReason, Session, SessionStatus
from scheduling.moving import cancel_session, move_session
from scheduling.refusals import refuse
from scheduling.words import say_moment, say_time

ARRIVED, TREATED, COMPLETED, MISSED = "arrived", "treated", "completed", "missed"
UNDO, CANCEL, MOVE = "undo", "cancel", "move"
ACTS = {ARRIVED, TREATED, COMPLETED, MISSED, UNDO, CANCEL, MOVE}
MARKS = {ARRIVED, TREATED, COMPLETED}
"""Those that change no other visit: they are taken back one by one."""
FURTHEST = timedelta(days=2 * 366)
RELOAD = "This page was not complete. Nothing was changed; please try once more."


def acts_for(session: Session, *, now: datetime) -> tuple[str, ...]:
    """The acts that make sense for a session as it is; the domain has the last word."""
    if session.visit_type.place == Place.EXTERNAL:
        return (MOVE,) if session.status == SessionStatus.BOOKED and session.start > now else ()
    match session.status:
        case SessionStatus.BOOKED if session.local_date > now.astimezone(session.local_start.tzinfo).date():
            return (MOVE, CANCEL)
        case SessionStatus.BOOKED:
            return (ARRIVED, MISSED, MOVE, CANCEL) if session.end > now else (ARRIVED, MISSED)
        case SessionStatus.UNRECORDED:
            return (COMPLETED, MISSED)
        case SessionStatus.ARRIVED:
            return (COMPLETED, UNDO) if session.treated_at else (COMPLETED, MISSED, UNDO)
        case SessionStatus.COMPLETED | SessionStatus.MISSED:
            return (UNDO,)
    return ()


def act_on_session(request: HttpRequest, session: Session, act: str) -> HttpResponse:
    now, user, seen_at = timezone.now(), staff_of(request), read_seen_at(request)
    back = reverse("admin:scheduling_session_change", args=[session.pk])
    if seen_at is None:
        messages.error(request, RELOAD)
        return go_back(request, back)
    with refusals_told(request) as refused:
        done = DO[act](request, session, now=now, by=user, seen_at=seen_at)
    if not refused:
        _tell(request, session, act, done, now=now)
    return go_back(request, back)


def _tell(request: HttpRequest, session: Session, act: str, done: str, *, now: datetime) -> None:
    """Each click can be taken back from the sentence that says what it did."""
    if act in MARKS:
        session.refresh_from_db(fields=["changed_at"])
        url = reverse("admin:desk_session_act", args=[session.pk, UNDO])
        offer_button(request, done, url, seen_at=session.changed_at.isoformat())
    else:
        tell_done(request, done, now=now)


def _arrive(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    mark_arrived(session, now=now, by=by, seen_at=seen_at)
    return f"{session.patient.full_name} has arrived."


def _treat(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    at = read_clock(request.POST.get("at", ""), session, now=now)
    watch = mark_treated(session, at=at, now=now, by=by, seen_at=seen_at)
    until = say_time(watch.until.astimezone(session.site.zone))
    return f"Treatment given. {session.patient.full_name} is watched until {until} at least."


def read_clock(posted: str, session: Session, *, now: datetime) -> datetime:
    """A time of the visit's day by the clock of its site; now where none is given."""
    if not posted:
        return now
    try:
        at = time.fromisoformat(posted).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise refuse("Time: give the time at which the treatment was given, such as 9:30 AM.") from None
    return datetime.combine(session.local_date, at, session.site.zone)


def _complete(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    mark_completed(session, now=now, by=by, seen_at=seen_at)
    return f"The visit of {session.patient.full_name} is completed."


def _miss(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    reason = request.POST.get("reason", "")
    if reason not in MissedReason.values:
        raise refuse("Reason: choose why the visit was missed.")
    outcome = mark_missed(session, reason=reason, now=now, by=by, seen_at=seen_at)
    return outcome.message or "The visit is marked as missed."


def _undo(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    undo_attendance(session, now=now, by=by, seen_at=seen_at)
    return "Taken back."


def _cancel(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    reason = request.POST.get("reason", "").strip()
    if not reason or len(reason) > 200:
        raise refuse("Reason: say in a few words why the visit is cancelled.")
    cancel_session(session, reason=reason, now=now, by=by, seen_at=seen_at)
    return "The visit is cancelled. The patient is told within a few minutes."


def _move(request: HttpRequest, session: Session, *, now: datetime, by: User, seen_at: datetime) -> str:
    start = read_start(request.POST, session, now=now)
    if start is None:
        raise refuse("New time: choose one of the times offered.")
    override = request.POST.get("override_reason", "").strip()[:200]
    if override and not by.has_perm("scheduling.override_rules"):
        raise refuse("Only a clinician may set a rule aside.")
    if "override" in request.POST and not override:
        raise refuse("Reason: say why the rule is set aside.")
    moved = move_session(session, start=start, now=now, by=by, override_reason=override, seen_at=seen_at)
    told = (
        "The patient is told" if moved.visit_type.is_announced else "The patient is told of visits that moved with it"
    )
    return f"Moved to {say_moment(moved.local_start)}. {told} within a few minutes."


def read_start(posted: Any, session: Session, *, now: datetime) -> datetime | None:
    """The chosen instant; a time that is not one of those offered comes as day and time on the site's clock."""
    try:
        if "day" in posted:
            on, at = date.fromisoformat(posted.get("day", "")), time.fromisoformat(posted.get("time", ""))
            start = datetime.combine(on, at.replace(second=0, microsecond=0, tzinfo=None), session.site.zone)
        else:
            start = datetime.fromisoformat(posted.get("start", ""))
        return start if start.tzinfo and abs(start - now) < FURTHEST else None
    except (ValueError, OverflowError):
        return None


DO = {ARRIVED: _arrive, TREATED: _treat, COMPLETED: _complete, MISSED: _miss, UNDO: _undo, CANCEL: _cancel, MOVE: _move}
