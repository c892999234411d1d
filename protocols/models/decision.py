"""What must be true, and where a clinician decides."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from clinic.audit import audited
from protocols.models.frozen import frozen_below
from protocols.models.protocol import ProtocolVersion
from protocols.models.shape import Track
from protocols.models.visit import VisitType


class GateMoment(models.TextChoices):
    BOOKING = "booking", "Before booking"
    CHECK_IN = "check_in", "At check-in"
    TREATMENT = "treatment", "Before treatment"
    DISCHARGE = "discharge", "Before leaving"
    AFTER = "after", "After the visit"


@audited()
class Gate(models.Model):
    """What must be true at a moment: enrolment, consent, authorisation, driver, fasting."""

    version = models.ForeignKey(ProtocolVersion, on_delete=models.CASCADE, related_name="gates")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    moment = models.CharField(max_length=10, choices=GateMoment)
    visit_type = models.ForeignKey(
        VisitType,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="gates",
        help_text="Empty: any visit.",
    )
    valid_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="How long once met; empty: for the course, or the visit it is asked at.",
    )
    due_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="After the visit: calendar days until it must be done, such as a form."
    )
    each_visit = models.BooleanField(default=False, help_text="Asked anew at every visit, such as the driver.")

    class Meta:
        ordering = ["version", "pk"]
        triggers = [frozen_below()]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="gate_code_is_unique_in_its_version"),
            models.CheckConstraint(
                name="what_is_due_after_the_visit_has_its_days",
                condition=Q(moment="after", due_days__isnull=False, each_visit=True)
                | (~Q(moment="after") & Q(due_days=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What the constraint keeps, said at the field."""
        is_after = self.moment == GateMoment.AFTER
        faults = {}
        if is_after != (self.due_days is not None):
            faults["due_days"] = "Due days: give them for what is due after the visit, and only there."
        if is_after and not self.each_visit:
            faults["each_visit"] = "What is due after the visit is due after every visit."
        if faults:
            raise ValidationError(faults)


class DecisionMode(models.TextChoices):
    BLOCKING = "blocking", "Blocking: nothing beyond it is booked until decided"
    REVIEW = "review", "Review: shown when due"


@audited()
class DecisionPoint(models.Model):
    """Where a clinician decides, after session `after_number` of a track."""

    version = models.ForeignKey(ProtocolVersion, on_delete=models.CASCADE, related_name="decision_points")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="decision_points")
    after_number = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    mode = models.CharField(max_length=10, choices=DecisionMode)
    question = models.CharField(max_length=200)

    class Meta:
        ordering = ["track", "after_number"]
        triggers = [frozen_below()]
        constraints = [
            models.UniqueConstraint(fields=["track", "after_number"], name="one_decision_after_a_session"),
            models.CheckConstraint(name="decision_follows_a_session", condition=Q(after_number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"After {self.track} {self.after_number}: {self.question}"
