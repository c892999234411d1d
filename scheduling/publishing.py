"""Publish a site's protocol: refuse one that has faults, or that no empty calendar of the site could ever take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import prefetch_related_objects

from clinic.models import Resource, Site, User
from clinic.models.site import HoursTable
from clinic.weekly import WEEKDAYS
from protocols.lifecycle import LifecycleError, can_edit, publish_version
from protocols.models import Instruction, Protocol, ProtocolVersion
from protocols.models.visit import Place
from protocols.validation import find_faults, find_untranslated
from scheduling import engine
from scheduling.explaining import read_names, say_ways, write_relaxations
from scheduling.messages.discretion import clinical_words
from scheduling.shapes import VERSION_LOOKUPS, last_day, shape_version

TRIAL_TIME = time(10, 0)
TRIAL_DAYS = 7  # every weekday is tried as the first day
OPEN_PERIODS = 2
TRIAL_SECONDS = 5.0
# What a patient asks for and can change; a trial asks for nothing.
ASKED_FOR = {"extend_latest_start", "free_patient"}


class PublishingRefused(Exception):
    """The draft cannot be published; `faults` are sentences for the clinician."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = faults


def publish_protocol(version: ProtocolVersion, *, now: datetime, by: User | None) -> ProtocolVersion:
    """Publish a site's draft, which retires its version before. Raises PublishingRefused with every reason."""
    with transaction.atomic():
        # From here on nobody edits the draft: what is judged is what is published.
        Protocol.objects.select_for_update().get(pk=version.protocol_id)
        draft = ProtocolVersion.objects.select_for_update().get(pk=version.pk)
        if draft.protocol.site is None or not can_edit(draft):
            raise LifecycleError(f"{version} is not a draft of a site's own protocol.")
        faults = find_obstacles(draft, site=draft.protocol.site, now=now)
        if faults:
            raise PublishingRefused(faults)
        return publish_version(version, now=now, by=by)


def find_obstacles(version: ProtocolVersion, *, site: Site, now: datetime) -> list[str]:
    """Why the version could never be booked at the site: its faults, and when it has none, a trial of the planner."""
    return find_faults(version, site=site) or try_version(version, site=site, now=now)


def find_notes(version: ProtocolVersion) -> list[str]:
    """What the clinician should know of the texts, and publishing does not refuse."""
    return [*find_telling_texts(version), *find_untranslated(version)]


def find_telling_texts(version: ProtocolVersion) -> list[str]:
    """Instructions that name a treatment, in either language: only the patient's own page says them."""
    texts = Instruction.objects.filter(visit_type__version=version).select_related("visit_type").order_by("pk")
    return [
        f"Visit {one.visit_type.name}: “{text}” names “{words[0]}”, so messages leave it out. Patients read it only on "
        "their own page, behind the link in the mail."
        for one in texts
        for text in (one.text, one.text_es)
        if (words := clinical_words(text))
    ]


def try_version(version: ProtocolVersion, *, site: Site, now: datetime) -> list[str]:
    """Plan one course on an empty calendar with every resource at work; the reason where that is proven impossible.

    A trial that runs out of time proves nothing and refuses nothing.
    """
    reasons: list[str] = []
    for anchor in trial_anchors(version, site=site, now=now):
        problem = pose_trial(version, site=site, now=now, anchor=anchor)
        [plan] = engine.plan(problem, time_limit=TRIAL_SECONDS).courses
        if plan.status != engine.INFEASIBLE:
            return []
        reasons.append(_reason(plan, site=site))
    return [f"No course could be booked even on an empty calendar of {site}. {reasons[0]}"]


def _reason(plan: engine.CoursePlan, *, site: Site) -> str:
    """What would help; where nothing alone would, what is in the way."""
    ways = [way for way in write_relaxations(plan) if way["type"] not in ASKED_FOR]
    if ways or plan.obstacle is None:
        return say_ways(ways, site=site)
    return f"{engine.reason_in_words(plan.obstacle, read_names(site))}."


def trial_anchors(version: ProtocolVersion, *, site: Site, now: datetime) -> list[datetime | None]:
    """What the course is counted from: nothing, or for an operation elsewhere each day of a week."""
    first = version.tracks.order_by("position")[0]
    if first.visit_type.place != Place.EXTERNAL:
        return [None]
    days = [trial_monday(site, now) + timedelta(days=day) for day in range(TRIAL_DAYS)]
    return [datetime.combine(day, TRIAL_TIME, site.zone).astimezone(UTC) for day in days]


def trial_monday(site: Site, now: datetime) -> date:
    today = now.astimezone(site.zone).date()
    return today + timedelta(days=7 - today.weekday())


def pose_trial(
    version: ProtocolVersion, *, site: Site, now: datetime, anchor: datetime | None = None
) -> engine.Problem:
    """One course that may start on any day of a week, nothing else booked, no closure and no outage."""
    prefetch_related_objects([version], *VERSION_LOOKUPS)
    shape = shape_version(version, open_periods=OPEN_PERIODS)
    monday = trial_monday(site, now)
    latest = monday + timedelta(days=TRIAL_DAYS - 1)
    locked = (engine.PlacedSession(shape.tracks[0].name, 1, anchor),) if anchor else ()
    course = engine.Course("trial", "trial", monday, latest, engine.minutes_of(TRIAL_TIME), locked=locked)
    return engine.Problem(
        site=engine.Site(site.timezone, site.grid_minutes, read_week(site.hours.all())),
        resources=read_resources(site),
        protocols={"trial": shape},
        courses=(course,),
        horizon_end=latest + timedelta(days=last_day(shape)),
    )


def read_resources(site: Site) -> tuple[engine.Resource, ...]:
    rows = Resource.objects.working().filter(site=site).order_by("pk").prefetch_related("hours")
    return tuple(
        engine.Resource(
            id=str(row.pk),
            kind=row.kind_id,
            seats=row.seats,
            skills=tuple(row.skills),
            hours=read_week(list(row.hours.all())) if row.hours.all() else None,
        )
        for row in rows
    )


def read_week(rows: Iterable[HoursTable]) -> engine.Week:
    table: dict[str, list[tuple[time | str, time | str]]] = {}
    for row in rows:
        table.setdefault(WEEKDAYS[row.weekday], []).append((row.opens_at, row.closes_text))
    return engine.Week.of(table)
