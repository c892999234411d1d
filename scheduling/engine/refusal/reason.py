"""Why a course has no plan, as a value: what is lacking, for which session and on which dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

NO_RESOURCE, NO_SKILL, LONGER, PAST = "no_resource", "no_skill", "longer", "past"
CLOSED, SITE, PATIENT = "closed", "site", "patient"
RESOURCE, SEATS, TOGETHER = "resource", "seats", "together"
WINDOW, HORIZON, GAP, SPACING, LINKS = "window", "horizon", "gap", "spacing", "links"

LACKS = {
    NO_RESOURCE: "the site has nothing of this kind",
    NO_SKILL: "nothing of this kind at the site has the skill",
    LONGER: "the visit is longer than a day",
    PAST: "every date for the session is past",
    CLOSED: "the site is closed on every date for the session",
    SITE: "the site is not open long enough",
    PATIENT: "the patient cannot come for long enough while the site is open",
    RESOURCE: "nothing of this kind, with this skill, is free while the patient can come",
    SEATS: "not as many of this kind are free at once as the visit needs",
    TOGETHER: "each is free at some time, but never all at one time",
    WINDOW: "the protocol leaves no date",
    HORIZON: "every date for the session lies after the horizon",
    GAP: "no free start keeps the gap to the session before",
    SPACING: "every session has dates, but no choice of starts keeps gaps and limits",
    LINKS: "every track alone has dates, but not with the links between them",
}
"""What can be lacking, by code."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a course has no plan: what is lacking (a code of LACKS), for which session, from `first` to `last`.

    `track` and `number` name the session; both are None where no single session is to blame. `kind` and `skills` are
    those of the resource that is short, `minutes` the length of the visit. `others` are further kinds with their
    skills: those that the site does not have either, or all that the visit needs at one time.
    """

    lack: str
    first: date
    last: date
    track: str | None = None
    number: int | None = None
    minutes: int | None = None
    kind: str | None = None
    skills: tuple[str, ...] = ()
    others: tuple[tuple[str, tuple[str, ...]], ...] = ()
