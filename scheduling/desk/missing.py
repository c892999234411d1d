"""Visits whose patient has not come: what their protocol does with one that is missed, and the way to say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from clinic.models import Site
from protocols.models import Phase
from protocols.models.shape import MissedPolicy
from protocols.models.visit import Place
from scheduling.models import Session, SessionStatus
from scheduling.replanning import policy_at
from scheduling.words import label_of

SHOWN_AT_MOST = 12
OPEN = (SessionStatus.BOOKED, SessionStatus.UNRECORDED)
POLICIES = {
    MissedPolicy.APPEND: "goes to the end of the course",
    MissedPolicy.REBOOK: "goes into the same week, else to the end",
    MissedPolicy.STEP_BACK: "goes into the same week; a clinician considers stepping back",
}


def describe_overdue(sites: Sequence[Site], *, now: datetime) -> list[dict[str, Any]]:
    """Visits that should have begun and have no outcome, the latest first."""
    rows = (
        Session.objects.filter(site__in=sites, status__in=OPEN, start__lte=now)
        .exclude(visit_type__place=Place.EXTERNAL)
        .select_related("patient", "site", "track", "course__version__protocol")
        .order_by("-start", "pk")
    )
    sessions = list(rows[:SHOWN_AT_MOST])
    phases: dict[int, list[Phase]] = defaultdict(list)
    for phase in Phase.objects.filter(track__in={session.track_id for session in sessions}).order_by("position"):
        phases[phase.track_id].append(phase)
    return [
        {
            "session": session,
            "starts": session.local_start,
            "label": label_of(session, several=False),
            "policy": POLICIES[MissedPolicy(policy_at(phases[session.track_id], session.number))],
            "url": reverse("admin:scheduling_session_change", args=[session.pk]),
        }
        for session in sessions
    ]
