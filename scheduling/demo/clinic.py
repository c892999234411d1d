"""Prepare the demonstration clinic, and fill its calendar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from django.db import transaction

from clinic.models import Site
from protocols.library import load_library
from protocols.lifecycle import adopt_protocol
from protocols.models import Protocol
from scheduling.attendance import mark_unrecorded
from scheduling.demo.history import play_past
from scheduling.demo.site import CODE, make_site
from scheduling.demo.staff import find_account, make_staff
from scheduling.models import Course, CourseStatus
from scheduling.publishing import publish_protocol
from scheduling.referral_file import Referral, read_referrals
from scheduling.referrals import Progress, import_referrals

REFERRALS = Path(__file__).with_name("referrals.csv")
ADOPTED = "tms-10hz"
ADOPTED_BEFORE = timedelta(days=80)


def prepare_demo(*, now: datetime) -> Site:
    """Site, resources, staff, and the site's own protocol. Asked twice, it returns what exists."""
    if not Protocol.objects.library().exists():
        load_library(now=now)
    with transaction.atomic():
        site = make_site(now=now)
        make_staff(site)
        adopt_for(site, now=now - ADOPTED_BEFORE)
    return site


def adopt_for(site: Site, *, now: datetime) -> None:
    """What a clinician does: adopt a protocol, change it to the clinic's habits, publish it."""
    if Protocol.objects.filter(site=site, code=ADOPTED).exists():
        return
    clinician = find_account("clinician")
    draft = adopt_protocol(Protocol.objects.library().get(code=ADOPTED), site=site, now=now, by=clinician)
    draft.notes = "Riverside gives five more minutes to settle in and to note the day's mood before each treatment."
    draft.save(update_fields=["notes"])
    stage = draft.visit_types.get(code="session").stages.order_by("position")[0]
    stage.minutes += 5
    stage.save(update_fields=["minutes"])
    publish_protocol(draft, now=now, by=clinician)


def find_demo_site() -> Site | None:
    return Site.objects.filter(code=CODE).exclude(demonstration_on=None).first()


def settle_day(site: Site, *, now: datetime) -> None:
    """The dates of the referrals are counted from the day the calendar is first filled on."""
    if not Course.objects.filter(site=site).exists():
        site.demonstration_on = now.astimezone(site.zone).date()
        site.save(update_fields=["demonstration_on"])


def read_demo_referrals(site: Site) -> tuple[Referral, ...]:
    return read_referrals(REFERRALS.read_bytes(), today=day_of(site)).referrals


def fill_past(site: Site, referrals: Sequence[Referral], *, now: datetime, progress: Progress | None = None) -> None:
    """The courses that began before the demonstration: all of them and all their visits, or nothing."""
    begun = [row for row in referrals if row.earliest_start < day_of(site)]
    if Course.objects.filter(site=site, reference__in=[row.referral_id for row in begun]).exists():
        return
    with transaction.atomic():
        play_past(
            begun,
            site=site,
            now=now,
            clerk=find_account("frontdesk"),
            clinician=find_account("clinician"),
            progress=progress,
        )
        mark_unrecorded(now=now)


def request_rest(site: Site, referrals: Sequence[Referral], *, now: datetime) -> list[int]:
    """Import the courses to come; the ids of all that wait to be planned, those of an earlier attempt too."""
    import_referrals(referrals, site=site, now=now, by=find_account("frontdesk"))
    waiting = Course.objects.filter(site=site, status=CourseStatus.PLANNING).order_by("pk")
    return list(waiting.values_list("pk", flat=True))


def day_of(site: Site) -> date:
    if site.demonstration_on is None:
        raise ValueError("The site is not the demonstration's.")
    return site.demonstration_on
