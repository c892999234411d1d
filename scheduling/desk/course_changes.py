"""What may be changed of a whole course, each act with its form, its plan, and what it says when it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from clinic.models import User
from protocols.models import DecisionPoint
from protocols.models.visit import Place
from scheduling.adding import add_visit, propose_added
from scheduling.booking import propose_stop, stop_course
from scheduling.course_change import CourseChange
from scheduling.deciding_ahead import propose_decision
from scheduling.decisions import decide
from scheduling.desk.changing_page import Act, Shown
from scheduling.desk.course_change_forms import (
    AddForm,
    DecisionForm,
    PauseForm,
    ResumeForm,
    RhythmForm,
    SkipForm,
    StopForm,
    code_of,
)
from scheduling.models import Course, Session
from scheduling.models.course import DecisionOutcome
from scheduling.pausing import pause_course, propose_pause, propose_resume, resume_course
from scheduling.rhythm import propose_rhythm, rhythm_choices, set_rhythm
from scheduling.skipping import propose_skip, skip_session
from scheduling.words import say_moment

Query = Mapping[str, str]
TOLD = "The patient is told within a few minutes."


def stop_act(course: Course, data: Any, query: Query, today: date) -> Act:
    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        stop_course(course, reason=values["reason"], expected=expected, now=now, by=by)

    return Act(
        heading=f"Stop the course of {course.patient.full_name}?",
        title="Stop the course",
        lede="Visits to come are cancelled, and their seats are free again. What has happened stays as it is.",
        button="Stop the course",
        keep="Keep it",
        done=f"The course is stopped. {TOLD}",
        form=StopForm(data),
        propose=lambda values, now: show(propose_stop(course, now=now)),
        do=do,
        at_once=True,
        is_final=True,
        needed=("reason",),
        told="The patient is told once, within a few minutes.",
    )


def decision_act(course: Course, point: DecisionPoint, data: Any, outcome: str) -> Act:
    """Asked with an outcome, its plan is shown at once."""

    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        decide(course, point, outcome=values["outcome"], note=values["note"], expected=expected, now=now, by=by)

    is_known = outcome in DecisionOutcome.values
    return Act(
        heading=point.question,
        title="Decision",
        lede=f"{course.patient.full_name} · {course.version.protocol.name} · {point.get_mode_display()}",
        button="Decide so",
        keep="Decide later",
        done=f"Decided. {TOLD}",
        form=DecisionForm(data, initial={"outcome": outcome} if is_known else None),
        propose=lambda values, now: show(propose_decision(course, point, outcome=values["outcome"], now=now)),
        do=do,
        at_once=is_known,
    )


def pause_act(course: Course, data: Any, query: Query, today: date) -> Act:
    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        pause_course(course, **values, expected=expected, now=now, by=by)

    def find(values: dict[str, Any], now: datetime) -> Shown:
        first, last = values["first_on"], values["last_on"]
        found = propose_pause(course, first_on=first, last_on=last, now=now)
        return show(found, pause=(first, last))

    return Act(
        heading=f"Pause the course of {course.patient.full_name}",
        title="Pause",
        lede="No visit lies in the days of a pause. Visits in it move behind it, with as few others as can be.",
        button="Pause the course",
        done=f"The course is paused. {TOLD}",
        form=PauseForm(data, initial={"first_on": today + timedelta(days=1)}),
        propose=find,
        do=do,
        needed=("reason",),
        gone="set aside",
    )


def resume_act(course: Course, data: Any, query: Query, today: date) -> Act:
    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        resume_course(course, on=values["on"], expected=expected, now=now, by=by)

    return Act(
        heading=f"Resume the course of {course.patient.full_name}",
        title="Resume",
        lede="Visits that were set aside are planned again from that day on, in the rhythm of the treatment.",
        button="Resume the course",
        done=f"The course goes on. {TOLD}",
        form=ResumeForm(data, initial={"on": today + timedelta(days=1)}),
        propose=lambda values, now: show(propose_resume(course, on=values["on"], now=now)),
        do=do,
        at_once=True,
        added="planned again",
    )


def add_act(course: Course, data: Any, query: Query, today: date) -> Act:
    away = Place.EXTERNAL
    tracks = list(course.version.tracks.exclude(visit_type__place=away).values_list("name", flat=True))

    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        add_visit(course, track=values["track"], expected=expected, now=now, by=by)

    return Act(
        heading=f"Add a visit for {course.patient.full_name}",
        title="Add a visit",
        lede="One more visit at the end, by the rules of the treatment; of an open-ended one, its next period.",
        button="Add it",
        done=f"Added. {TOLD}",
        form=AddForm(data, tracks=tracks),
        propose=lambda values, now: show(propose_added(course, track=values["track"], now=now)),
        do=do,
        at_once=len(tracks) == 1,
    )


def rhythm_act(course: Course, data: Any, query: Query, today: date) -> Act:
    choices = rhythm_choices(course)
    asked = query.get("rhythm", "")
    is_known = asked in {code_of(choice) for choice in choices}

    def read(values: dict[str, Any]) -> dict[str, int]:
        per_period, period_days = values["rhythm"].split("/")
        return {"per_period": int(per_period), "period_days": int(period_days)}

    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        set_rhythm(course, **read(values), expected=expected, now=now, by=by)

    return Act(
        heading=f"How often {course.patient.full_name} comes",
        title="Rhythm",
        lede="From the next visit on. What is booked already is planned again, and stays where it can.",
        button="Change the rhythm",
        done=f"The rhythm is changed. {TOLD}",
        form=RhythmForm(data, choices=choices, initial={"rhythm": asked} if is_known else None),
        propose=lambda values, now: show(propose_rhythm(course, **read(values), now=now)),
        do=do,
        at_once=is_known,
    )


def skip_act(session: Session, data: Any, *, label: str) -> Act:
    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        skip_session(session, expected=expected, now=now, by=by, reason=values["reason"])

    return Act(
        heading=f"Skip {label} of {session.patient.full_name}",
        title="Skip",
        lede=f"{say_moment(session.local_start)}. The course has one visit less; the others keep their times.",
        button="Skip this visit",
        keep="Keep it",
        done=f"Skipped. {TOLD}",
        form=SkipForm(data),
        propose=lambda values, now: show(propose_skip(session, now=now)),
        do=do,
        at_once=True,
        needed=("reason",),
    )


def show(change: CourseChange, *, pause: tuple[date, date | None] | None = None) -> Shown:
    return Shown(change.shifts, change.fingerprint, change.refusals, change.notes, pause)


ACTS: dict[str, Callable[[Course, Any, Query, date], Act]] = {
    "stop": stop_act,
    "pause": pause_act,
    "resume": resume_act,
    "add": add_act,
    "rhythm": rhythm_act,
}
DECIDES = {"rhythm"}
"""Acts that are a clinician's."""
