"""The demonstration's site, what it can treat with, and the days it is closed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.models import Closure, Outage, Resource, ResourceHours, Site, SiteHours
from clinic.public_holidays import list_public_holidays

CODE = "riverside"
TIMEZONE = "America/New_York"
OPENS_AT, CLOSES_AT = time(7, 30), time(19, 0)
WORKDAYS = range(5)
# Holidays are entered so far back and ahead of the day of the demonstration.
HOLIDAYS_BEFORE, HOLIDAYS_AFTER = timedelta(days=90), timedelta(days=500)

# kind, name, skills, seats
RESOURCES: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    ("tms_device", "TMS A (figure-8)", ("figure8",), 1),
    ("tms_device", "TMS B (figure-8)", ("figure8",), 1),
    ("tms_device", "TMS C (H1, H4 and H7 coils)", ("h1", "h4", "h7"), 1),
    ("tms_device", "TMS D (MRI-guided)", ("mri_guided",), 1),
    ("tms_operator", "Technician Alvarez", (), 1),
    ("tms_operator", "Technician Burke", (), 1),
    ("tms_operator", "Technician Chen", (), 1),
    ("tms_operator", "Technician Diaz", (), 1),
    ("chair", "Chair 1", (), 1),
    ("chair", "Chair 2", (), 1),
    ("chair", "Chair 3", (), 1),
    ("chair", "Chair 4", (), 1),
    ("chair", "Chair 5", (), 1),
    ("infusion_room", "Infusion room North", (), 1),
    ("infusion_room", "Infusion room South", (), 1),
    ("infusion_room", "Infusion room East", (), 1),
    ("clinician", "Dr. Kim", ("rems", "acls", "prescriber"), 1),
    ("clinician", "Dr. Osei", ("rems", "acls", "prescriber"), 1),
    ("clinician", "Nurse Patel", ("rems", "acls"), 1),
    ("clinician", "Nurse Romero", ("rems", "acls"), 1),
    ("monitor", "Recovery nurse, morning and noon", (), 4),
    ("monitor", "Recovery nurse, noon and evening", (), 4),
    ("prescriber_on_site", "Prescriber on duty", (), 20),
    ("tdcs_device", "tDCS stimulator", (), 1),
    ("programmer", "Programmer tablet", (), 1),
    ("video_room", "Video room", (), 2),
    ("lounge", "Day lounge", (), 6),
)
# Where somebody works other hours than the site's.
HOURS: dict[str, tuple[range, time, time]] = {
    "Technician Diaz": (range(4), time(7, 30), time(13, 30)),
    "Nurse Romero": (WORKDAYS, time(9, 0), time(17, 0)),
    "Recovery nurse, morning and noon": (WORKDAYS, time(7, 30), time(15, 30)),
    "Recovery nurse, noon and evening": (WORKDAYS, time(11, 0), time(19, 0)),
}
# Resource, days after the demonstration, hours, reason.
OUTAGE = ("TMS C (H1, H4 and H7 coils)", 17, time(12), time(15), "Yearly service")


def make_site(*, now: datetime) -> Site:
    """The site as it stands, or a new one, marked as the demonstration's."""
    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    site, is_new = Site.objects.get_or_create(
        code=CODE,
        defaults={
            "name": "Riverside (demonstration)",
            "public_name": "Riverside Clinic",
            "timezone": TIMEZONE,
            "address": "12 Harbor Street, Suite 300, New York, NY 10004",
            "phone": "+1 212 555 0100",
            "email": "appointments@riverside.example",
            "holiday_country": "US",
            "holiday_subdivision": "NY",
            "demonstration_on": today,
        },
    )
    if is_new:
        SiteHours.objects.bulk_create(
            SiteHours(site=site, weekday=day, opens_at=OPENS_AT, closes_at=CLOSES_AT) for day in WORKDAYS
        )
        make_resources(site, today=today)
        enter_holidays(site, first_on=today - HOLIDAYS_BEFORE, last_on=today + HOLIDAYS_AFTER)
    return site


def make_resources(site: Site, *, today: date) -> None:
    rows = [
        Resource(site=site, kind_id=kind, name=name, skills=list(skills), seats=seats)
        for kind, name, skills, seats in RESOURCES
    ]
    made = {resource.name: resource for resource in Resource.objects.bulk_create(rows)}
    ResourceHours.objects.bulk_create(
        ResourceHours(resource=made[name], weekday=day, opens_at=opens_at, closes_at=closes_at)
        for name, (days, opens_at, closes_at) in HOURS.items()
        for day in days
    )
    name, offset, begins_at, ends_at, reason = OUTAGE
    day = today + timedelta(days=offset)
    start, end = (datetime.combine(day, clock, tzinfo=site.zone) for clock in (begins_at, ends_at))
    Outage.objects.create(resource=made[name], start=start, end=end, reason=reason)


def enter_holidays(site: Site, *, first_on: date, last_on: date) -> None:
    offered = list_public_holidays(
        country=site.holiday_country,
        subdivision=site.holiday_subdivision,
        years=range(first_on.year, last_on.year + 1),
    )
    Closure.objects.bulk_create(
        Closure(site=site, first_on=holiday.on, last_on=holiday.on, reason=holiday.name[:120])
        for holiday in offered
        if first_on <= holiday.on <= last_on
    )
