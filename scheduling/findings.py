"""What `check` finds, in sentences for staff: by session, rule, resource and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clinic.models import Resource, Site
from scheduling import engine
from scheduling.refusals import Refusal

RULES = {0: "plan", 1: "numbering", 2: "start", 3: "window", 4: "gap", 5: "link", 6: "opening", 7: "seat", 8: "overlap"}
"""Names of the rules of docs/planning-format.md; 9 concerns sessions that are given."""


def refusals_of(problem: engine.Problem, plan: engine.CoursePlan, *, site: Site) -> list[Refusal]:
    """Every rule that the plan of one course breaks."""
    return explain(engine.check(problem, engine.Result(courses=(plan,), cost=plan.cost or 0)), problem, site=site)


def explain(violations: Iterable[engine.Violation], problem: engine.Problem, *, site: Site) -> list[Refusal]:
    found = list(violations)
    ids = {int(v.resource) for v in found if v.resource and v.resource.isdigit()}
    names = dict(Resource.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    refusals = [_refusal(violation, names, problem, site) for violation in found]
    return list(dict.fromkeys(refusals))


def _refusal(violation: engine.Violation, names: Mapping[int, str], problem: engine.Problem, site: Site) -> Refusal:
    resource = names.get(int(violation.resource), "") if violation.resource and violation.resource.isdigit() else ""
    at = violation.time.astimezone(site.zone) if violation.time else None
    when = f" on {at:%B} {at.day} at {at:%H:%M}" if at else ""
    rule = RULES.get(violation.rule, "given")
    message = f"{violation.message[:1].upper()}{violation.message[1:]}."
    if rule == "seat" and resource:
        # The engine's own words name rows by their keys, and the course that is in the way.
        state = "taken" if "together with" in violation.message else "not available"
        message = f"{resource} is {state}{when}."
    elif rule == "opening" and "patient" in violation.message:
        rule, message = "patient", f"The patient is not free{when}."
    return Refusal(
        message,
        session=f"{violation.track} {violation.number}" if violation.track else "",
        rule=rule,
        resource=resource,
        time=at.isoformat() if at else "",
    )
