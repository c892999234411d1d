"""What the planner answered, in the API's terms: resources by UUID, times with the site's offset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clinic.models import Resource, Site
from scheduling.choices import outline_of
from scheduling.engine import PlacedSession
from scheduling.planning import Proposal


def describe_proposal(proposal: Proposal) -> dict[str, Any]:
    """The body of a preview, in the shape of ProposalSerializer."""
    plan, site = proposal.plan, proposal.course.site
    uuids = read_uuids(site) if proposal.is_planned else {}
    return {
        "status": plan.status,
        "message": proposal.message,
        "relaxations": proposal.relaxations,
        "cost": proposal.cost_parts,
        "sessions": describe_placed(plan.sessions, site=site, uuids=uuids),
        "alternatives": [describe_alternative(other, plan=proposal, uuids=uuids) for other in proposal.alternatives],
    }


def describe_alternative(proposal: Proposal, *, plan: Proposal, uuids: Mapping[str, str]) -> dict[str, Any]:
    """A further plan beside the one proposed, in the shape of AlternativeSerializer."""
    seen = outline_of(proposal)
    return {
        "differs": list(seen.differs(outline_of(plan))),
        "start_on": seen.start_on.isoformat(),
        "time": f"{seen.time // 60:02d}:{seen.time % 60:02d}",
        "weekdays": list(seen.usual_days),
        "cost": proposal.cost_parts,
        "sessions": describe_placed(proposal.plan.sessions, site=proposal.course.site, uuids=uuids),
    }


def read_uuids(site: Site) -> dict[str, str]:
    """What the site's resources are called outside, by what the engine calls them."""
    return {str(pk): str(uuid) for pk, uuid in Resource.objects.filter(site=site).values_list("pk", "uuid")}


def describe_placed(placed: Iterable[PlacedSession], *, site: Site, uuids: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "track": session.track,
            "number": session.number,
            "start": session.start.astimezone(site.zone).isoformat(),
            "holds": [
                {"kind": hold.kind, "resource": uuids[hold.resource], "seat": hold.seat} for hold in session.holds
            ],
        }
        for session in sorted(placed, key=lambda session: session.start)
    ]
