"""One course: its visits as a timeline of weeks and as a list, what is open, what was said to the patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from protocols.models import Gate, Track
from scheduling.decisions import due_decisions
from scheduling.desk.contact_acts import refuses_mail
from scheduling.desk.course_change_forms import code_of
from scheduling.desk.course_timeline import add_marks, lay_out_timeline, may_be_changed, name_phases, say_pause
from scheduling.desk.session_rows import describe_sessions, for_rows
from scheduling.desk.stranded import mark_stranded, reasons_among
from scheduling.desk.wording import describe_relaxations, say_availability
from scheduling.models import Course, CourseStatus, GateRecord, Notice, SessionStatus
from scheduling.models.course import DecisionOutcome
from scheduling.rhythm import rhythm_choices
from scheduling.words import label_of

GONE = {SessionStatus.MISSED, SessionStatus.CANCELLED}
WAITING = (CourseStatus.PLANNING, CourseStatus.INFEASIBLE)


def show_course(request: HttpRequest, admin_site: AdminSite, course: Course) -> HttpResponse:
    now = timezone.now()
    today = now.astimezone(course.site.zone).date()
    prefetch_related_objects([course.version], "tracks__phases", "decision_points__track")
    tracks = list(course.version.tracks.all())
    several = len(tracks) > 1
    rows = describe_sessions(
        for_rows(course.sessions.all()), now=now, tracks={track.pk: track.position for track in tracks}
    )
    mark_stranded(rows, reasons_among([row["session"] for row in rows], now=now))
    notices = name_visits(course.notices.select_related("session__track"), several=several)
    gates = list(Gate.objects.filter(version_id=course.version_id))
    records = list(GateRecord.objects.filter(course=course).order_by("met_on", "pk"))
    decided = list(course.decisions.select_related("decision_point__track", "decided_by"))
    points = course.version.decision_points.all()
    add_marks(rows, gates=[g for g in gates if g.each_visit], records=records, notices=notices, now=now)
    name_phases(course, rows, tracks)
    weeks = lay_out_timeline(course, rows, now=now, points=points, decided=decided)
    context = {
        **admin_site.each_context(request),
        "title": str(course.patient),
        "crumbs": [{"label": "Courses", "url": reverse("admin:scheduling_course_changelist")}],
        "course": course,
        "page": reverse("admin:scheduling_course_change", args=[course.pk]),
        "rows": rows,
        "weeks": weeks,
        "has_this_week": any(week.is_now for week in weeks.rows),
        "counts": count_states(rows),
        "next_row": next((row for row in rows if row["session"].status == "booked" and row["starts"] > now), None),
        "due": due_decisions(course, now=now) if course.is_live else [],
        "outcomes": DecisionOutcome.choices,
        "decided": decided,
        "gates": gates_of_course(gates, records, today=today),
        "notices": notices,
        "notice_counts": count_notices(notices),
        "is_waiting": course.status in WAITING,
        "pause": say_pause(course, today=today),
        "can_change": may_be_changed(course),
        "rhythms": rhythms_of(course, tracks),
        "ways_out": describe_relaxations(course.relaxations, course=course),
        "wishes": wishes_of(course),
        "refuses_mail": refuses_mail(course.patient),
        "can_come": say_availability(course.availability or {}),
    }
    return TemplateResponse(request, "desk/course.html", context)


def rhythms_of(course: Course, tracks: Iterable[Track]) -> list[dict[str, Any]]:
    """The rhythms that a clinician may choose for what goes on without an end; empty for most courses."""
    if not any(phase.open_ended for track in tracks for phase in track.phases.all()):
        return []
    return [{"code": code_of(choice), "choice": choice} for choice in rhythm_choices(course)]


def count_states(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    sessions = [row["session"] for row in rows]
    states = [session.status for session in sessions if not session.set_aside]
    counts = {state.value: states.count(state) for state in SessionStatus}
    return counts | {"live": sum(s not in GONE for s in states), "set_aside": len(sessions) - len(states)}


def course_gates(course: Course, *, today: date) -> list[dict[str, Any]]:
    """What must be true for the whole course, each with its newest record."""
    records = GateRecord.objects.filter(course=course).order_by("met_on", "pk")
    return gates_of_course(Gate.objects.filter(version_id=course.version_id), records, today=today)


def gates_of_course(gates: Iterable[Gate], records: Iterable[GateRecord], *, today: date) -> list[dict[str, Any]]:
    newest = {record.gate_id: record for record in records if record.session_id is None}
    return [_describe_gate(gate, newest.get(gate.pk), today=today) for gate in gates if not gate.each_visit]


def _describe_gate(gate: Gate, record: GateRecord | None, *, today: date) -> dict[str, Any]:
    expired = bool(record and record.valid_until and record.valid_until < today)
    return {"gate": gate, "record": record, "expired": expired}


def name_visits(notices: Iterable[Notice], *, several: bool) -> list[Notice]:
    """The notices, each with the visit that it is about (`visit_label`)."""
    found = list(notices)
    for notice in found:
        label = label_of(notice.session, several=several) if notice.session else ""
        notice.visit_label = label  # type: ignore[attr-defined]
    return found


def count_notices(notices: Iterable[Notice]) -> str:
    """How many wait, went out, failed: in words, none left out."""
    states = Counter(notice.get_status_display().lower() for notice in notices)
    return ", ".join(f"{number} {state}" for state, number in states.most_common())


def wishes_of(course: Course) -> list[tuple[str, str]]:
    """What was asked for, as the fields of the new-course form."""
    fields = [
        ("site", str(course.site_id)),
        ("version", str(course.version_id)),
        ("earliest_start", course.earliest_start.isoformat()),
        ("latest_start", course.latest_start.isoformat()),
        ("preferred_time", f"{course.preferred_time:%H:%M}"),
    ]
    for day, spans in (course.availability or {}).items():
        for index, (start, end) in enumerate(spans):
            fields.append((f"availability_{day}_{index}_from", start))
            fields.append((f"availability_{day}_{index}_to", "00:00" if end == "24:00" else end))
    return fields
