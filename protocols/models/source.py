"""Where a number comes from, shown to staff beside it."""

from __future__ import annotations

from django.db import models

from clinic.audit import audited
from protocols.models.frozen import frozen_below
from protocols.models.protocol import ProtocolVersion


class SourceTag(models.TextChoices):
    LABEL = "LABEL", "US drug label, REMS or cleared device schedule: check against the current label"
    GUIDELINE = "GUIDELINE", "Society or consensus guideline"
    TRIAL = "TRIAL", "Published study"
    PRACTICE = "PRACTICE", "What named clinics, payers or vendors do"
    ASSUMPTION = "ASSUMPTION", "Our planning default, without a source"


@audited()
class Source(models.Model):
    """The source of one value of a version: `subject` names the row, `field` the value."""

    version = models.ForeignKey(ProtocolVersion, on_delete=models.CASCADE, related_name="sources")
    subject = models.CharField(max_length=120, help_text="Such as phase spravato/induction.")
    field = models.CharField(max_length=40)
    value = models.CharField(max_length=120, help_text="The value that the source stands for.")
    tag = models.CharField(max_length=10, choices=SourceTag)
    citation = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["version", "subject", "field"]
        triggers = [frozen_below()]
        constraints = [
            models.UniqueConstraint(fields=["version", "subject", "field"], name="a_value_has_one_source"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.field}: {self.tag}"
