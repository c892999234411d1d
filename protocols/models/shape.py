"""The course's shape: tracks of phases, and how tracks relate, exactly as the planner poses them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.models import ResourceKind
from protocols.models.frozen import BY_TRACK, frozen_below
from protocols.models.protocol import ProtocolVersion
from protocols.models.visit import VisitType


@audited()
class Track(models.Model):
    """One series of visits. The course starts on the day of session 1 of the first track."""

    version = models.ForeignKey(ProtocolVersion, on_delete=models.CASCADE, related_name="tracks")
    position = models.PositiveSmallIntegerField()
    name = models.SlugField(max_length=40)
    visit_type = models.ForeignKey(VisitType, on_delete=models.RESTRICT, related_name="+")
    first_day = models.PositiveSmallIntegerField(default=0, help_text="Days after the course's start day.")
    continuity = models.ForeignKey(
        ResourceKind,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="A kind that should stay the same resource from session to session.",
    )

    class Meta:
        ordering = ["version", "position"]
        triggers = [frozen_below()]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="track_position_is_unique_in_its_version"),
            models.UniqueConstraint(fields=["version", "name"], name="track_name_is_unique_in_its_version"),
            models.CheckConstraint(name="first_track_begins_on_day_0", condition=Q(position__gt=0) | Q(first_day=0)),
        ]

    def __str__(self) -> str:
        return self.name


class MissedPolicy(models.TextChoices):
    APPEND = "append", "Append at the end, keep the count"
    REBOOK = "rebook", "Rebook within its period, else append"
    STEP_BACK = "step_back", "Rebook; a clinician considers stepping back"


@audited()
class Phase(models.Model):
    """`periods` periods of `period_days` days with `per_period` sessions each; gaps in elapsed hours, dates local."""

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    name = models.SlugField(max_length=40)
    periods = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    period_days = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    per_period = models.PositiveSmallIntegerField(help_text="0: a phase of waiting.")
    min_gap_hours = models.PositiveSmallIntegerField()
    max_gap_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    slip_days = models.PositiveSmallIntegerField(default=0)
    max_in_count = models.PositiveSmallIntegerField(null=True, blank=True, help_text="At most this many sessions ...")
    max_in_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="... on so many dates in a row.")
    visit_type = models.ForeignKey(
        VisitType, on_delete=models.RESTRICT, null=True, blank=True, related_name="+", help_text="Default: the track's."
    )
    open_ended = models.BooleanField(
        default=False, help_text="Goes on until a clinician ends it; booked ahead up to the site's horizon."
    )
    missed_policy = models.CharField(max_length=10, choices=MissedPolicy, default=MissedPolicy.APPEND)

    class Meta:
        ordering = ["track", "position"]
        triggers = [frozen_below(BY_TRACK)]
        constraints = [
            models.UniqueConstraint(fields=["track", "position"], name="phase_position_is_unique_in_its_track"),
            models.UniqueConstraint(fields=["track", "name"], name="phase_name_is_unique_in_its_track"),
            models.CheckConstraint(
                name="phase_has_periods_and_days", condition=Q(periods__gte=1) & Q(period_days__gte=1)
            ),
            models.CheckConstraint(
                name="phase_gaps_are_in_order",
                condition=Q(max_gap_hours=None) | Q(max_gap_hours__gte=F("min_gap_hours")),
            ),
            models.CheckConstraint(
                name="phase_limit_has_count_and_days",
                condition=Q(max_in_count=None, max_in_days=None) | Q(max_in_count__gte=1, max_in_days__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if (
            self.max_gap_hours is not None
            and self.min_gap_hours is not None
            and self.max_gap_hours < self.min_gap_hours
        ):
            raise ValidationError({"max_gap_hours": "The longest gap is shorter than the shortest."})
        if (self.max_in_count is None) != (self.max_in_days is None):
            raise ValidationError({"max_in_days": "Give both the count and the days of the limit, or neither."})


class LinkType(models.TextChoices):
    WINDOW = "window", "Window: every session falls between min and max hours after the latest of the other track"
    AT_LEAST = "at_least", "At least: so many sessions between min and max hours after each of the other track"
    SEQUENCE = "sequence", "Sequence: begins min to max hours after the last of the other track"
    CLEAR = "clear", "Clear: none within so many hours after any of the other track"
    APART = "apart", "Apart: never on one date with the other track"


@audited()
class Link(models.Model):
    """How `track` relates to `after`, in elapsed hours from the end of a treatment to the start of another."""

    version = models.ForeignKey(ProtocolVersion, on_delete=models.CASCADE, related_name="links")
    type = models.CharField(max_length=10, choices=LinkType)
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="links")
    after = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="+")
    min_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    max_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    count = models.PositiveSmallIntegerField(null=True, blank=True, help_text="For at least: how many.")
    hours = models.PositiveSmallIntegerField(null=True, blank=True, help_text="For clear: how long.")

    class Meta:
        ordering = ["version", "pk"]
        triggers = [frozen_below()]
        constraints = [
            models.CheckConstraint(name="link_joins_two_tracks", condition=~Q(track=F("after"))),
            models.CheckConstraint(
                name="link_has_the_numbers_of_its_type",
                condition=(
                    Q(type="window", min_hours__isnull=False, max_hours__isnull=False, count=None, hours=None)
                    | Q(
                        type="at_least",
                        min_hours__isnull=False,
                        max_hours__isnull=False,
                        count__isnull=False,
                        hours=None,
                    )
                    | Q(type="sequence", min_hours__isnull=False, count=None, hours=None)
                    | Q(type="clear", min_hours=None, max_hours=None, count=None, hours__isnull=False)
                    | Q(type="apart", min_hours=None, max_hours=None, count=None, hours=None)
                ),
            ),
            models.CheckConstraint(
                name="link_hours_are_in_order",
                condition=Q(max_hours=None) | Q(min_hours=None) | Q(max_hours__gte=F("min_hours")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.track} {self.get_type_display().split(':')[0].lower()} {self.after}"
