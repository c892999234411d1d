"""What `check` finds, in sentences for staff: by session, rule, resource and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from clinic.models import Resource, Site
from scheduling import engine
from scheduling.refusals import Refusal
from scheduling.words import label_session, say_time

RULES = {0: "plan", 1: "numbering", 2: "start", 3: "window", 4: "gap", 5: "link", 6: "opening", 7: "seat", 8: "overlap"}
"""Names of the rules of docs/planning-format.md; 9 concerns sessions that are given."""
SENTENCES = {
    "plan": "is not answered by the plan",
    "numbering": "is not placed exactly once",
    "window": "lies outside the days that the protocol gives this visit",
    "link": "does not keep the distance to the visits of the other track",
    "overlap": "overlaps another visit of the course",
    "given": "stands already and would be changed",
}


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
    rule = RULES.get(violation.rule, "given")
    if rule == "opening" and "patient" in violation.message:
        rule = "patient"
    return Refusal(
        _say(rule, violation, problem, resource, at),
        session=f"{violation.track} {violation.number}" if violation.track else "",
        rule=rule,
        resource=resource,
        time=at.isoformat() if at else "",
    )


def _say(rule: str, violation: engine.Violation, problem: engine.Problem, resource: str, at: datetime | None) -> str:
    """The engine's own words name tracks and rows by their keys, and the course that is in the way."""
    when = f" on {at:%B} {at.day} at {say_time(at)}" if at else ""
    who = _name_visit(violation, problem)
    match rule:
        case "seat" if resource:
            return f"{resource} is {'taken' if 'together with' in violation.message else 'not available'}{when}."
        case "seat":
            return f"{who}{when} does not have every seat and person that it needs."
        case "patient":
            return f"The patient is not free{when}."
        case "opening" if at and (at.hour * 60 + at.minute) % problem.site.grid_minutes:
            return f"{who}{when} does not start on a full step of {problem.site.grid_minutes} minutes."
        case "opening":
            return f"{who}{when} lies outside the opening hours."
        case "start":
            return f"{who}{when} {_say_start(violation, problem, at)}."
        case "gap":
            return f"{who}{when} does not keep its distance to the visit before it: {_say_gap(violation, problem)}."
    return f"{who}{when} {SENTENCES[rule]}."


def _name_visit(violation: engine.Violation, problem: engine.Problem) -> str:
    if violation.track is None or violation.number is None:
        return "The course"
    several = len(problem.protocol_of(problem.course(violation.course)).tracks) > 1
    return label_session(violation.track, violation.number, several=several)


def _say_start(violation: engine.Violation, problem: engine.Problem, at: datetime | None) -> str:
    if at and problem.now and at < problem.now:
        return "lies in the past"
    if at and at.date() > problem.horizon_end:
        return "lies further ahead than is planned"
    return "lies outside the dates asked for"


def _say_gap(violation: engine.Violation, problem: engine.Problem) -> str:
    """What the protocol asks for at this visit."""
    track = problem.protocol_of(problem.course(violation.course)).by_name[violation.track or ""]
    phase = track.phases[track.slots[(violation.number or 1) - 1].phase]
    most = f" and at most {phase.max_gap_hours:g}" if phase.max_gap_hours is not None else ""
    asked = f"the protocol asks for at least {phase.min_gap_hours:g}{most} hours"
    many = f", and for no more than {phase.max_in[0]} visits in {phase.max_in[1]} days" if phase.max_in else ""
    return f"{asked}{many}"
