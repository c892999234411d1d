"""A treatment's template and its versions. A published version never changes; the database refuses it too."""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from clinic.audit import audited
from clinic.models import Site
from protocols.models.frozen import frozen_itself


class Family(models.TextChoices):
    TMS = "tms", "TMS"
    SPRAVATO = "spravato", "Spravato (esketamine)"
    KETAMINE = "ketamine", "Ketamine"
    COMBINED = "combined", "Ketamine and TMS"
    OTHER = "other", "Other neuromodulation"


class ProtocolQuerySet(models.QuerySet["Protocol"]):
    def library(self) -> ProtocolQuerySet:
        return self.filter(site=None)

    def usable_at(self, sites: models.QuerySet[Site]) -> ProtocolQuerySet:
        """The shared library and what these sites have adopted."""
        return self.filter(Q(site=None) | Q(site__in=sites))


@audited()
class Protocol(models.Model):
    """A treatment's template: of the shared, read-only library where `site` is empty, else a site's own."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="protocols")
    code = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    family = models.CharField(max_length=20, choices=Family)
    summary = models.TextField(blank=True)
    adopted_from = models.ForeignKey(
        "ProtocolVersion", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="adoptions"
    )

    objects = ProtocolQuerySet.as_manager()

    class Meta:
        ordering = ["family", "name"]
        permissions = [
            ("adopt_protocol", "Can adopt a library protocol for a site"),
            ("publish_protocol", "Can publish a version of a protocol"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "code"], name="protocol_code_is_unique_at_its_site", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_library(self) -> bool:
        return self.site_id is None


class VersionStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    RETIRED = "retired", "Retired"


class ProtocolVersionQuerySet(models.QuerySet["ProtocolVersion"]):
    def published(self) -> ProtocolVersionQuerySet:
        return self.filter(status=VersionStatus.PUBLISHED)


@audited()
class ProtocolVersion(models.Model):
    """One edition of a protocol: a draft, or published and then immutable. A course keeps the one it began with."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    protocol = models.ForeignKey(Protocol, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=VersionStatus, default=VersionStatus.DRAFT, editable=False)
    notes = models.TextField(blank=True, help_text="What changed, for colleagues.")
    reminder_days = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(30)]),
        null=True,
        blank=True,
        help_text="How many days before a visit it is brought to mind, such as 3, 1; empty as the site does.",
    )
    reminder_time = models.TimeField(
        null=True, blank=True, help_text="When reminders go out, in the patient's zone; empty as the site does."
    )
    library_digest = models.CharField(max_length=64, blank=True, editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    objects = ProtocolVersionQuerySet.as_manager()

    class Meta:
        ordering = ["protocol", "-number"]
        triggers = [frozen_itself()]
        constraints = [
            models.UniqueConstraint(fields=["protocol", "number"], name="version_number_is_unique_in_its_protocol"),
            models.UniqueConstraint(
                fields=["protocol"], condition=Q(status="draft"), name="protocol_has_one_draft_at_most"
            ),
            models.CheckConstraint(
                name="published_version_has_its_date", condition=Q(status="draft") | Q(published_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.protocol} v{self.number}"

    @property
    def is_draft(self) -> bool:
        return self.status == VersionStatus.DRAFT
