"""Who: a patient of the organisation, with no more than scheduling needs."""

from __future__ import annotations

from uuid import uuid4
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.models.site import Site, refuse_far_years, validate_timezone
from clinic.weekly import validate_weekly_table


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail with calendar invites"
    FEED = "feed", "E-mail and a calendar to subscribe to"
    PRINT = "print", "Printed calendar and phone calls"


BY_EMAIL = (Channel.EMAIL, Channel.FEED)


class ReminderChannel(models.TextChoices):
    AS_ABOVE = "channel", "By the same way as everything else"
    SMS = "sms", "Text messages"


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    SPANISH = "es", "Spanish"


class PatientQuerySet(models.QuerySet["Patient"]):
    def at_sites(self, sites: models.QuerySet[Site]) -> PatientQuerySet:
        """Patients whose home site or one of whose courses is at one of the sites."""
        mine = Q(home_site__in=sites) | Q(pk__in=self.model.objects.filter(courses__site__in=sites).values("pk"))
        return self.filter(mine)


@audited()
class Patient(models.Model):
    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    home_site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    reference = models.CharField(
        max_length=60, blank=True, help_text="The number another system knows this patient by."
    )
    given_name = models.CharField(max_length=80)
    family_name = models.CharField(max_length=80)
    birth_date = models.DateField(null=True, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=2, choices=Language, default=Language.ENGLISH)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    reminders_by = models.CharField(
        max_length=10,
        choices=ReminderChannel,
        default=ReminderChannel.AS_ABOVE,
        help_text="Text messages go out only with the patient's recorded consent for their number.",
    )
    timezone = models.CharField(
        max_length=64, blank=True, validators=[validate_timezone], help_text="Only where it differs from the site's."
    )
    preferred_time = models.TimeField(null=True, blank=True)
    availability = models.JSONField(
        null=True,
        blank=True,
        validators=[validate_weekly_table],
        help_text='When the patient can come, such as {"mon": [["08:00", "12:00"]]}; empty means any time.',
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PatientQuerySet.as_manager()

    class Meta:
        ordering = ["family_name", "given_name", "pk"]
        indexes = [models.Index(fields=["family_name", "given_name"]), models.Index(fields=["phone"])]
        constraints = [
            models.UniqueConstraint(
                fields=["reference"], condition=~Q(reference=""), name="patient_reference_is_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.family_name}, {self.given_name}"

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone) if self.timezone else self.home_site.zone

    @property
    def gets_email(self) -> bool:
        return bool(self.email) and self.channel in BY_EMAIL

    @property
    def gets_invites(self) -> bool:
        """A patient has invites or a feed, never both: the same event would stand in their calendar twice."""
        return bool(self.email) and self.channel == Channel.EMAIL


@audited()
class PatientAbsence(models.Model):
    """A span in which the patient cannot come: a journey, an operation."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="absences")
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        ordering = ["start"]
        constraints = [models.CheckConstraint(name="absence_ends_after_it_starts", condition=Q(end__gt=F("start")))]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    def clean(self) -> None:
        refuse_far_years(start=self.start, end=self.end)
        if None not in (self.start, self.end) and self.end <= self.start:
            raise ValidationError({"end": "The absence ends before it starts."})
