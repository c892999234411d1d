"""The shape of a visit: ordered stages, what each needs, and what the patient is told."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from clinic.audit import audited
from clinic.models import ResourceKind
from protocols.models.frozen import BY_STAGE, BY_VISIT_TYPE, frozen_below
from protocols.models.protocol import ProtocolVersion


class Place(models.TextChoices):
    CLINIC = "clinic", "At the clinic"
    VIDEO = "video", "By video"
    HOME = "home", "At home"
    EXTERNAL = "external", "Elsewhere: a date we only know of, such as an operation"


@audited()
class VisitType(models.Model):
    version = models.ForeignKey(ProtocolVersion, on_delete=models.CASCADE, related_name="visit_types")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=80, help_text="As staff read it.")
    place = models.CharField(max_length=10, choices=Place, default=Place.CLINIC)
    sedating = models.BooleanField(
        default=False,
        help_text="Needs a driver; no driving until the next day, after restful sleep.",
    )

    class Meta:
        ordering = ["pk"]
        triggers = [frozen_below()]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="visit_type_code_is_unique_in_its_version"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_announced(self) -> bool:
        """External anchors are never invited, reminded or marked missed."""
        return self.place != Place.EXTERNAL


@audited()
class Stage(models.Model):
    """One part of a visit. Stages follow each other without a break; minutes are elapsed."""

    visit_type = models.ForeignKey(VisitType, on_delete=models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    minutes = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    is_treatment = models.BooleanField(default=False, help_text="The treatment itself is given here.")
    is_monitoring = models.BooleanField(default=False, help_text="The patient is watched; the minutes are a minimum.")
    after_leaving = models.BooleanField(default=False, help_text="Turnover: the patient has left.")

    class Meta:
        ordering = ["visit_type", "position"]
        triggers = [frozen_below(BY_VISIT_TYPE)]
        constraints = [
            models.UniqueConstraint(fields=["visit_type", "position"], name="stage_position_is_unique_in_its_visit"),
            models.CheckConstraint(name="stage_takes_time", condition=Q(minutes__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.minutes} min)"


@audited()
class StageTask(models.Model):
    """Something due inside a stage, such as blood pressure 40 minutes after dosing."""

    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="tasks")
    name = models.CharField(max_length=80)
    at_minute = models.PositiveSmallIntegerField(help_text="Minutes after the start of the stage.")

    class Meta:
        ordering = ["stage", "at_minute"]
        triggers = [frozen_below(BY_STAGE)]

    def __str__(self) -> str:
        return f"{self.name} at +{self.at_minute} min"


@audited()
class Need(models.Model):
    """One seat of a kind that a stage needs.

    Needs of one kind and skill on neighbouring stages are one hold, of one seat, through all of them. With
    `same_seat`, every hold of that kind and skill in the visit is on the seat of the first (an accelerated TMS day).
    """

    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="needs")
    kind = models.ForeignKey(ResourceKind, on_delete=models.PROTECT, related_name="+")
    skill = models.SlugField(max_length=40, blank=True)
    same_seat = models.BooleanField(default=False)

    class Meta:
        ordering = ["stage", "pk"]
        triggers = [frozen_below(BY_STAGE)]
        constraints = [
            models.UniqueConstraint(fields=["stage", "kind", "skill"], name="stage_needs_a_kind_and_skill_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.skill})" if self.skill else f"{self.kind}"


class InstructionKind(models.TextChoices):
    NO_FOOD = "no_food", "Stop eating"
    NO_DRINK = "no_drink", "Stop drinking"
    DRIVER = "driver", "Bring a driver"
    BRING = "bring", "Bring along"
    OTHER = "other", "Other"


CLOCK_TIME = "{time}"


@audited()
class Instruction(models.Model):
    """What the patient must do for a visit.

    A text that names a treatment stays out of every message and stands on the patient's own page alone. `{time}` in a
    text becomes the clock time so many minutes before the visit; in Spanish it brings its article ("las 9:30 a. m.").
    """

    visit_type = models.ForeignKey(VisitType, on_delete=models.CASCADE, related_name="instructions")
    kind = models.CharField(max_length=10, choices=InstructionKind)
    minutes_before = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Minutes before the visit starts: for fasting, or where the text says {time}. Told as a clock time.",
    )
    text = models.CharField(
        max_length=200,
        blank=True,
        help_text="One that names the treatment is left out of mails and stands on the patient's own page alone.",
    )
    text_es = models.CharField(
        "text in Spanish",
        max_length=200,
        blank=True,
        help_text="Without one, patients who read Spanish get the text.",
    )

    class Meta:
        ordering = ["visit_type", "pk"]
        triggers = [frozen_below(BY_VISIT_TYPE)]
        constraints = [
            models.CheckConstraint(
                name="fasting_instruction_has_its_minutes",
                condition=~Q(kind__in=["no_food", "no_drink"]) | Q(minutes_before__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.text}".strip()
