"""Where: a clinic location, when it is open, and how it speaks to patients."""

from __future__ import annotations

from datetime import datetime, time
from uuid import uuid4
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.weekly import WEEKDAY_NAMES

YEARS = range(1971, 9001)
"""Of moments that are typed: beyond these, an instant of another time zone cannot be read back."""
WEEKDAY_CHOICES = list(enumerate(WEEKDAY_NAMES))


def validate_timezone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(f"{value!r} is not an IANA time zone such as America/New_York.")


def validate_grid(value: int) -> None:
    if not value or 1440 % value:
        raise ValidationError("The grid must divide the day: 5, 10, 15, 20 or 30 minutes, say.")


def default_reminder_days() -> list[int]:
    """The pair with the best evidence (Steiner and others, Am J Manag Care 2018;24:377)."""
    return [3, 1]


class PatientMoves(models.TextChoices):
    NO = "no", "No: the patient phones"
    APPROVAL = "approval", "Yes, once staff have approved"
    DIRECT = "direct", "Yes, at once"


@audited()
class Site(models.Model):
    """One clinic location of the organisation."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    code = models.SlugField(max_length=40, unique=True, help_text="Short name used in commands and files.")
    name = models.CharField(max_length=120, help_text="As staff call it.")
    public_name = models.CharField(
        max_length=120, help_text="As patients read it in messages; name no drug, device or diagnosis here."
    )
    timezone = models.CharField(max_length=64, validators=[validate_timezone], help_text="IANA name.")
    address = models.TextField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    email = models.EmailField(blank=True, help_text="Messages come from this address, and replies go to it.")
    grid_minutes = models.PositiveSmallIntegerField(
        default=15, validators=[validate_grid], help_text="Visits start on multiples of this many minutes."
    )
    lead_minutes = models.PositiveIntegerField(default=120, help_text="No visit is booked sooner than this from now.")
    horizon_days = models.PositiveSmallIntegerField(
        default=56, help_text="How far ahead open-ended courses are kept booked."
    )
    invite_days = models.PositiveSmallIntegerField(
        default=14, help_text="How many days before a visit its calendar invite is sent."
    )
    debounce_seconds = models.PositiveIntegerField(
        default=120, help_text="Messages wait this long for corrections before they are sent."
    )
    reminder_time = models.TimeField(default=time(10, 0), help_text="When reminders go out, in the patient's zone.")
    reminder_days = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(30)]),
        default=default_reminder_days,
        help_text="How many days before a visit it is brought to mind, such as 3, 1.",
    )
    quiet_from = models.TimeField(
        default=time(21, 0), help_text="From then on, in the patient's zone, no reminder and no text message goes out."
    )
    quiet_until = models.TimeField(default=time(8, 0), help_text="Until then.")
    mails_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty where the mail server sets no limit."
    )
    patient_moves = models.CharField(
        "patients choose another time",
        max_length=10,
        choices=PatientMoves,
        default=PatientMoves.APPROVAL,
        help_text="Whether patients may move a visit on their own page.",
    )
    allows_ride_service = models.BooleanField(
        "allows a taxi or ride service", default=False, help_text="Whether one will do where a driver is required."
    )
    holiday_country = models.CharField(max_length=2, blank=True, help_text="ISO code, such as US.")
    holiday_subdivision = models.CharField(max_length=10, blank=True, help_text="Such as NY.")
    active = models.BooleanField(default=True)
    demonstration_on = models.DateField(
        null=True, blank=True, editable=False, help_text="The day of the demonstration; empty for a real site."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="site_grid_is_positive", condition=Q(grid_minutes__gt=0) & Q(grid_minutes__lte=1440)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class OpeningSpan(models.Model):
    """Open from one wall-clock time to another; closing at 00:00 means midnight at the day's end."""

    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        abstract = True

    @property
    def closes_text(self) -> str:
        return "24:00" if self.closes_at == time(0) else f"{self.closes_at:%H:%M}"

    def clean(self) -> None:
        if None not in (self.opens_at, self.closes_at) and time(0) != self.closes_at <= self.opens_at:
            raise ValidationError({"closes_at": "Closes before it opens."})


class HoursTable(OpeningSpan):
    """One opening interval of a weekday."""

    weekday = models.PositiveSmallIntegerField(choices=WEEKDAY_CHOICES, validators=[MaxValueValidator(6)])

    class Meta:
        abstract = True
        ordering = ["weekday", "opens_at"]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}-{self.closes_text}"


def refuse_far_years(**moments: datetime | None) -> None:
    """To be called by `clean`; the names are those of the fields."""
    far = [name for name, moment in moments.items() if moment is not None and moment.year not in YEARS]
    if far:
        raise ValidationError(dict.fromkeys(far, f"Choose a year from {YEARS[0]} to {YEARS[-1]}."))


def closes_after_opening(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(closes_at__gt=F("opens_at")) | Q(closes_at=time(0)))


@audited()
class SiteHours(HoursTable):
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="hours")

    class Meta(HoursTable.Meta):
        verbose_name = "opening hours"
        verbose_name_plural = "opening hours"
        constraints = [closes_after_opening("site_closes_after_it_opens")]


@audited()
class Closure(models.Model):
    """Whole local dates on which the site is closed, both ends included."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="closures")
    first_on = models.DateField("first day")
    last_on = models.DateField("last day")
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["first_on"]
        constraints = [
            models.CheckConstraint(name="closure_ends_after_it_begins", condition=Q(last_on__gte=F("first_on"))),
            models.UniqueConstraint(fields=["site", "first_on", "last_on"], name="closure_is_entered_once"),
        ]

    def __str__(self) -> str:
        days = f"{self.first_on}" if self.first_on == self.last_on else f"{self.first_on} to {self.last_on}"
        return f"{days} {self.reason}".strip()

    def clean(self) -> None:
        if None not in (self.first_on, self.last_on) and self.last_on < self.first_on:
            raise ValidationError({"last_on": "The last day lies before the first."})


@audited()
class ExtraOpening(OpeningSpan):
    """The site is open then after all, closed date or not, and every resource works then."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="extra_openings")
    date = models.DateField()

    class Meta:
        ordering = ["date", "opens_at"]
        constraints = [closes_after_opening("extra_opening_closes_after_it_opens")]

    def __str__(self) -> str:
        return f"{self.date} {self.opens_at:%H:%M}-{self.closes_text}"
