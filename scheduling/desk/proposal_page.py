"""A proposed plan as a page shows it: months, a list, and its cost in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from clinic.models import Closure, Resource, Site
from scheduling.choices import say_costs
from scheduling.desk.month_calendar import Chip, lay_out_months
from scheduling.explaining import read_names
from scheduling.planning import Proposal
from scheduling.words import label_session, name_code


def describe_proposal(proposal: Proposal, *, now: datetime) -> dict[str, Any]:
    course, plan = proposal.course, proposal.plan
    site = course.site
    protocol = proposal.problem.protocol_of(proposal.problem.course(plan.id))
    names = {visit.code: visit.name for visit in course.version.visit_types.all()}
    order = {track.name: index for index, track in enumerate(protocol.tracks)}
    resources = {str(pk): name for pk, name in Resource.objects.filter(site=site).values_list("pk", "name")}
    rows: list[dict[str, Any]] = []
    for placed in sorted(plan.sessions, key=lambda session: session.start):
        starts = placed.start.astimezone(site.zone)
        track = protocol.by_name[placed.track]
        visit = track.visit_of(track.slots[placed.number - 1])
        minutes = protocol.visits[visit].minutes
        rows.append(
            {
                "starts": starts,
                "ends": (placed.start + timedelta(minutes=minutes)).astimezone(site.zone),
                "label": label_session(placed.track, placed.number, several=len(order) > 1),
                "visit": names.get(visit, name_code(visit)),
                "where": _join_resources(placed.holds, resources),
                "track": order[placed.track] % 4,
            }
        )
    chips = [Chip(row["starts"], row["label"], "proposed", "Proposed", row["track"]) for row in rows]
    today = now.astimezone(site.zone).date()
    cost = say_costs(proposal, kinds=read_names(site).kinds)
    closed = closed_days(site, chips)
    return {"rows": rows, "months": lay_out_months(chips, today=today, closed=closed), "cost": cost}


def _join_resources(holds: Any, resources: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(resources.get(hold.resource, "") for hold in holds))


def closed_days(site: Site, chips: list[Chip]) -> dict[date, str]:
    """The site's closures in the months of these chips."""
    if not chips:
        return {}
    days = [chip.starts.date() for chip in chips]
    first, last = min(days).replace(day=1), max(days) + timedelta(days=31)
    found: dict[date, str] = {}
    for closure in Closure.objects.filter(site=site, last_on__gte=first, first_on__lte=last):
        begins, ends = max(closure.first_on, first), min(closure.last_on, last)
        for offset in range((ends - begins).days + 1):
            found[begins + timedelta(days=offset)] = closure.reason or "Closed"
    return found
