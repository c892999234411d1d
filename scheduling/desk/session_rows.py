"""Sessions as lists show them: what, when, where, and the buttons that apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from clinic.models import Site
from protocols.models import Track
from scheduling.desk.month_calendar import Chip
from scheduling.desk.session_acts import acts_for
from scheduling.models import Session
from scheduling.words import label_of

# A date lies within so much of its noon in UTC, wherever its clock is.
AROUND = timedelta(hours=36)


def for_rows(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """With all that a row shows, in a fixed number of queries."""
    related = ("patient", "site", "track", "visit_type", "course__version__protocol")
    return sessions.select_related(*related).prefetch_related("holds__resource")


def read_tracks(version_id: int) -> dict[int, int]:
    """Each track's place in its protocol."""
    return dict(Track.objects.filter(version_id=version_id).values_list("pk", "position"))


def today_at(sites: Iterable[Site], *, now: datetime, days: int = 0) -> Q:
    """Sessions on today's date, or days later, by each site's own clock."""
    return on_dates({site.pk: now.astimezone(site.zone).date() + timedelta(days=days) for site in sites})


def on_dates(dates: Mapping[int, date]) -> Q:
    """Sessions of a date at each site. The instants around it are named too: they are what the index is over."""
    found = Q(pk__in=[])
    for site_id, on in dates.items():
        noon = datetime.combine(on, time(12), UTC)
        found |= Q(site=site_id, local_date=on, start__gte=noon - AROUND, start__lt=noon + AROUND)
    return found


def describe_sessions(sessions: Iterable[Session], *, now: datetime, tracks: dict[int, int]) -> list[dict[str, Any]]:
    """`tracks` gives each track's place in its protocol, for its color, and so tells whether there are several."""
    return [_describe(session, now=now, tracks=tracks) for session in sessions]


def _describe(session: Session, *, now: datetime, tracks: dict[int, int]) -> dict[str, Any]:
    return {
        "session": session,
        "starts": session.local_start,
        "ends": session.local_end,
        "label": label_of(session, several=len(tracks) > 1),
        "track": tracks.get(session.track_id, 0) % 4,
        "where": list(dict.fromkeys(hold.resource.name for hold in session.holds.all())),
        "acts": acts_for(session, now=now),
        "url": reverse("admin:scheduling_session_change", args=[session.pk]),
    }


def chips_of(rows: Iterable[dict[str, Any]]) -> list[Chip]:
    return [
        Chip(
            row["starts"],
            row["label"],
            row["session"].status,
            row["session"].get_status_display(),
            row["track"],
            row["url"],
        )
        for row in rows
    ]
