"""Proposed plans as a page shows them: side by side as months, as lists, with cost and differences in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from clinic.models import Closure, Resource, Site
from scheduling.choices import outline_of, say_costs, say_differences, say_usual
from scheduling.desk.month_calendar import Chip, Month, crop_weeks, lay_out_months
from scheduling.explaining import read_names
from scheduling.planning import Proposal
from scheduling.words import label_session, name_code

PLANS_SHOWN = 3
LETTERS = "ABCDEFGH"
PROPOSED, ALIKE = ("proposed", "Proposed"), ("alike", "As in plan A")


@dataclass(frozen=True)
class Wording:
    """What plans of one course are described with, read once for all of them."""

    site: Site
    visits: Mapping[str, str]
    resources: Mapping[str, str]
    kinds: Mapping[str, str]


def describe_proposals(proposal: Proposal, *, now: datetime) -> list[dict[str, Any]]:
    """The plan and its alternatives, the cheapest first, in months that stand beside each other."""
    proposals = [proposal, *proposal.alternatives]
    wording = read_wording(proposal)
    plans = [_describe_visits(one, wording) for one in proposals]
    best = {(row["track"], row["starts"]) for row in plans[0]["rows"]}
    chips = [_chips_of(plans[0])] + [_chips_of(plan, best) for plan in plans[1:]]
    for letter, plan, months, one in zip(LETTERS, plans, _lay_out(chips, wording, now), proposals, strict=False):
        plan["letter"], plan["months"], plan["proposal"] = letter, months, one
        plan["cost"] = say_costs(one, kinds=wording.kinds)
        plan["differences"] = say_differences(proposal, one) if one is not proposal else []
        plan["usual"] = say_usual(outline_of(one))
    return plans


def _lay_out(chips: Sequence[list[Chip]], wording: Wording, now: datetime) -> list[list[Month]]:
    """The same months for all plans; side by side they begin and end with the weeks that have visits."""
    every = [chip for of_plan in chips for chip in of_plan]
    first, last = min(chip.starts.date() for chip in every), max(chip.starts.date() for chip in every)
    today, closed = now.astimezone(wording.site.zone).date(), closed_days(wording.site, every)
    months = [lay_out_months(of_plan, today=today, closed=closed, span=(first, last)) for of_plan in chips]
    return months if len(months) == 1 else [crop_weeks(of_plan, first=first, last=last) for of_plan in months]


def read_wording(proposal: Proposal) -> Wording:
    site = proposal.course.site
    return Wording(
        site,
        {visit.code: visit.name for visit in proposal.course.version.visit_types.all()},
        {str(pk): name for pk, name in Resource.objects.filter(site=site).values_list("pk", "name")},
        read_names(site).kinds,
    )


def describe_visits(proposal: Proposal) -> list[dict[str, Any]]:
    """The visits of one plan as rows of a list."""
    rows: list[dict[str, Any]] = _describe_visits(proposal, read_wording(proposal))["rows"]
    return rows


def _describe_visits(proposal: Proposal, wording: Wording) -> dict[str, Any]:
    protocol = proposal.problem.protocol_of(proposal.problem.course(proposal.plan.id))
    order = {track.name: index for index, track in enumerate(protocol.tracks)}
    rows: list[dict[str, Any]] = []
    for placed in sorted(proposal.plan.sessions, key=lambda session: session.start):
        track = protocol.by_name[placed.track]
        visit = track.visit_of(track.slots[placed.number - 1])
        minutes = protocol.visits[visit].minutes
        rows.append(
            {
                "starts": placed.start.astimezone(wording.site.zone),
                "ends": (placed.start + timedelta(minutes=minutes)).astimezone(wording.site.zone),
                "label": label_session(placed.track, placed.number, several=len(order) > 1),
                "visit": wording.visits.get(visit, name_code(visit)),
                "where": _join_resources(placed.holds, wording),
                "track": order[placed.track] % 4,
            }
        )
    return {"rows": rows, "first": rows[0], "last": rows[-1]}


def _chips_of(plan: Mapping[str, Any], best: Collection[tuple[int, datetime]] = ()) -> list[Chip]:
    """Those that the best plan has too are told apart: what differs is what the eye looks for."""
    return [
        Chip(row["starts"], row["label"], *(ALIKE if (row["track"], row["starts"]) in best else PROPOSED), row["track"])
        for row in plan["rows"]
    ]


def _join_resources(holds: Any, wording: Wording) -> str:
    """A seat that a change to be tried would add has no name yet: it is one more of its kind."""
    names = (wording.resources.get(h.resource, f"one more {wording.kinds.get(h.kind, h.kind)}") for h in holds)
    return ", ".join(dict.fromkeys(names))


def closed_days(site: Site, chips: Sequence[Chip]) -> dict[date, str]:
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
