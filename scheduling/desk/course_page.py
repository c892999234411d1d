"""One course: its visits as months and as a list, what is open, what was said to the patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from protocols.models import Gate
from scheduling.decisions import due_decisions
from scheduling.desk.contact_acts import refuses_mail
from scheduling.desk.month_calendar import lay_out_months
from scheduling.desk.proposal_page import closed_days
from scheduling.desk.session_rows import chips_of, describe_sessions, for_rows, read_tracks
from scheduling.desk.stranded import mark_stranded, reasons_among
from scheduling.desk.wording import describe_relaxations, say_availability
from scheduling.models import Course, CourseStatus, GateRecord, Notice, SessionStatus
from scheduling.models.course import DecisionOutcome
from scheduling.words import label_of

GONE = {SessionStatus.MISSED, SessionStatus.CANCELLED}
WAITING = (CourseStatus.PLANNING, CourseStatus.INFEASIBLE)


def show_course(request: HttpRequest, admin_site: AdminSite, course: Course) -> HttpResponse:
    now = timezone.now()
    today = now.astimezone(course.site.zone).date()
    tracks = read_tracks(course.version_id)
    rows = describe_sessions(for_rows(course.sessions.all()), now=now, tracks=tracks)
    mark_stranded(rows, reasons_among([row["session"] for row in rows], now=now))
    chips = chips_of(rows)
    notices = name_visits(course.notices.select_related("session__track"), several=len(tracks) > 1)
    page = reverse("admin:scheduling_course_change", args=[course.pk])
    context = {
        **admin_site.each_context(request),
        "title": str(course.patient),
        "crumbs": [{"label": "Courses", "url": reverse("admin:scheduling_course_changelist")}],
        "course": course,
        "page": page,
        "rows": rows,
        "months": lay_out_months(chips, today=today, closed=closed_days(course.site, chips)),
        "states": [{"state": state, "text": state.label} for state in SessionStatus],
        "counts": count_states(rows),
        "next_row": next((row for row in rows if row["session"].status == "booked" and row["starts"] > now), None),
        "due": due_decisions(course, now=now) if course.is_live else [],
        "outcomes": DecisionOutcome.choices,
        "decided": course.decisions.select_related("decision_point__track", "decided_by"),
        "gates": course_gates(course, today=today),
        "notices": notices,
        "notice_counts": count_notices(notices),
        "is_waiting": course.status in WAITING,
        "ways_out": describe_relaxations(course.relaxations, course=course),
        "wishes": wishes_of(course),
        "refuses_mail": refuses_mail(course.patient),
        "can_come": say_availability(course.availability or {}),
    }
    return TemplateResponse(request, "desk/course.html", context)


def count_states(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    states = [row["session"].status for row in rows]
    return {state.value: states.count(state) for state in SessionStatus} | {"live": sum(s not in GONE for s in states)}


def course_gates(course: Course, *, today: date) -> list[dict[str, Any]]:
    """What must be true for the whole course, each with its newest record."""
    records: dict[int, GateRecord] = {}
    for record in GateRecord.objects.filter(course=course, session=None).order_by("met_on", "pk"):
        records[record.gate_id] = record
    gates = Gate.objects.filter(version_id=course.version_id, each_visit=False)
    return [_describe_gate(gate, records.get(gate.pk), today=today) for gate in gates]


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
