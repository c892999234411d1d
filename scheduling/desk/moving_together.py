"""Move a visit with what must move for it, or with all that follow: where it could begin, and what else would move."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from clinic.models import User
from scheduling import engine
from scheduling.desk.acting import read_seen_at
from scheduling.desk.changing_page import Act, Shown, show_changing
from scheduling.desk.session_acts import RELOAD
from scheduling.models import Course, Session
from scheduling.rearranging import pose_around, propose_move, read_course, rearrange
from scheduling.refusals import refuse
from scheduling.words import label_of, say_moment

ALONE, OTHERS, FOLLOWING = "alone", "others", "following"
MODES = (
    (ALONE, "This visit alone"),
    (OTHERS, "Other visits may move too"),
    (FOLLOWING, "This and the following"),
)
LEDES = {
    ALONE: "Only times that keep every rule of the treatment are offered; the other visits stay where they are.",
    OTHERS: "Times at which the visit itself has a place. What else would have to move is shown before anything is.",
    FOLLOWING: "The visits after it move along as far as they must, those before it stay. You see all of them first.",
}
TIME_LIMIT = 3.0


class StartForm(forms.Form):
    start = forms.DateTimeField(widget=forms.HiddenInput)


def open_starts(session: Session, *, now: datetime, first_on: date, last_on: date, following: bool) -> list[datetime]:
    """Where the visit itself has a place, whatever that means for the others; those before it stay with `following`."""
    course = Course.objects.select_related("site", "version").get(pk=session.course_id)
    rows, problem = read_course(course, now=now)
    key = (session.track.name, session.number)
    if key not in rows:
        return []
    around = engine.Around(pose_around(problem, rows, key), time_limit=TIME_LIMIT)
    after = max((row.end for row in rows.values() if row.start < session.start), default=now) if following else now
    zone = session.site.zone
    found = (start.astimezone(zone) for start in around.open_starts(key) if start > after)
    return [start for start in found if first_on <= start.date() <= last_on]


def show_moving_together(request: HttpRequest, admin_site: AdminSite, session: Session) -> HttpResponse:
    """What moves with the visit to the time that was chosen; a second POST moves it so."""
    mode = FOLLOWING if request.POST.get("with") == FOLLOWING else OTHERS
    following = mode == FOLLOWING
    seen_at = read_seen_at(request)
    form = StartForm(request.POST)
    what = f"{label_of(session, several=session.course.version.tracks.count() > 1)} of {session.patient.full_name}"

    def propose(values: dict[str, Any], now: datetime) -> Shown:
        _refuse_far(values["start"], now)
        found = propose_move(session, start=values["start"], now=now, following=following)
        return Shown(found.shifts, found.fingerprint, found.refusals)

    def move(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        if seen_at is None:
            raise refuse(RELOAD)
        rearrange(
            session, start=values["start"], expected=expected, now=now, by=by, seen_at=seen_at, following=following
        )

    wanted = form.cleaned_data["start"].astimezone(session.site.zone) if form.is_valid() else None
    act = Act(
        heading=f"Move {what}{' and the following' if following else ''}",
        title="Move",
        lede=f"From {say_moment(session.local_start)} to {say_moment(wanted)}." if wanted else LEDES[OTHERS],
        button="Move as shown",
        done=f"Moved to {say_moment(wanted)}. The patient is told within a few minutes." if wanted else "",
        form=form,
        propose=propose,
        do=move,
        when_refused=f"{reverse('admin:desk_session_move', args=[session.pk])}?with={mode}",
        hidden=[("with", mode), ("seen_at", request.POST.get("seen_at", ""))],
    )
    return show_changing(request, admin_site, session.course, act)


def _refuse_far(start: datetime, now: datetime) -> None:
    if abs(start - now) > timedelta(days=2 * 366):
        raise refuse("New time: choose one of the times offered.")
