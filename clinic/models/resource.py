"""What a visit needs: devices, chairs, rooms, staff posts, and when they work."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.models.site import HoursTable, Site, closes_after_opening, refuse_far_years


@audited()
class ResourceKind(models.Model):
    """A kind of resource, as protocols ask for it: tms_device, chair, monitor ..."""

    code = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=80, help_text="As staff read it, such as TMS device.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ResourceQuerySet(models.QuerySet["Resource"]):
    def working(self) -> ResourceQuerySet:
        return self.filter(active=True)


@audited()
class Resource(models.Model):
    """One device, chair, room or post. `seats` says how many patients it serves at once."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="resources")
    kind = models.ForeignKey(ResourceKind, on_delete=models.PROTECT, related_name="resources")
    name = models.CharField(max_length=80)
    skills = ArrayField(
        models.SlugField(max_length=40),
        default=list,
        blank=True,
        help_text="What it can do beyond its kind, separated by commas: h7, rems, acls ...",
    )
    seats = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    active = models.BooleanField(default=True, help_text="Taken out of service for good when not ticked.")

    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["site", "kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="resource_name_is_unique_at_its_site"),
            models.CheckConstraint(name="resource_has_a_seat", condition=Q(seats__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name


@audited()
class ResourceHours(HoursTable):
    """When the resource works; without any row it works whenever the site is open."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="hours")

    class Meta(HoursTable.Meta):
        verbose_name = "working hours"
        verbose_name_plural = "working hours"
        constraints = [closes_after_opening("resource_stops_after_it_starts")]


@audited()
class Outage(models.Model):
    """A span in which the resource cannot be used: repair, leave, illness."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="outages")
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["start"]
        constraints = [models.CheckConstraint(name="outage_ends_after_it_starts", condition=Q(end__gt=F("start")))]

    def __str__(self) -> str:
        return f"{self.resource} out {format_span(self.start, self.end, self.resource.site)}"

    def clean(self) -> None:
        refuse_far_years(start=self.start, end=self.end)
        if None not in (self.start, self.end) and self.end <= self.start:
            raise ValidationError({"end": "The outage ends before it starts."})


def format_span(start: datetime, end: datetime, site: Site) -> str:
    """The span in the site's wall-clock time."""
    return f"{start.astimezone(site.zone):%Y-%m-%d %H:%M} to {end.astimezone(site.zone):%Y-%m-%d %H:%M}"
