"""What may be changed of a whole course, each with the plan before it is done: stop it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms

from clinic.models import User
from scheduling.booking import stop_course
from scheduling.course_change import CourseChange, VisitShift, refuse_unless_shown
from scheduling.desk.changing_page import Act, Shown
from scheduling.models import Course


class StopForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=200, required=False, widget=forms.TextInput({"class": "wide"}))


def stop_act(course: Course, data: Any, now: datetime) -> Act:
    def do(values: dict[str, Any], expected: str, now: datetime, by: User) -> None:
        refuse_unless_shown(propose_stop(course, now=now), expected)
        stop_course(course, reason=values["reason"], now=now, by=by)

    return Act(
        heading=f"Stop the course of {course.patient.full_name}?",
        title="Stop the course",
        lede="Visits to come are cancelled, and their seats are free again. What has happened stays as it is.",
        button="Stop the course",
        keep="Keep it",
        done="The course is stopped. The patient is told within a few minutes.",
        form=StopForm(data),
        propose=lambda values, now: show(propose_stop(course, now=now)),
        do=do,
        at_once=True,
        is_final=True,
        needed=("reason",),
        told="The patient is told once, within a few minutes. Until then it can be undone.",
    )


def propose_stop(course: Course, *, now: datetime) -> CourseChange:
    to_come = course.sessions.to_come(now=now).select_related("track")
    gone = tuple(VisitShift(row.track.name, row.number, row.start, None, row.pk) for row in to_come)
    return CourseChange(course, gone)


def show(change: CourseChange) -> Shown:
    return Shown(change.shifts, change.fingerprint, change.refusals, change.notes)


ACTS: dict[str, Callable[[Course, Any, datetime], Act]] = {"stop": stop_act}
