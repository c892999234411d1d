"""One patient on one protocol version at one site."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.models import Patient, Site
from clinic.weekly import validate_weekly_table
from protocols.models import DecisionPoint, Gate, ProtocolVersion
from protocols.models.decision import DecisionMode


class CourseStatus(models.TextChoices):
    PLANNING = "planning", "Being planned"
    INFEASIBLE = "infeasible", "Could not be planned"
    BOOKED = "booked", "Booked"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    FINISHED = "finished", "Finished"
    STOPPED = "stopped", "Stopped"


LIVE = (CourseStatus.PLANNING, CourseStatus.BOOKED, CourseStatus.RUNNING, CourseStatus.PAUSED)


class CourseQuerySet(models.QuerySet["Course"]):
    def at_sites(self, sites: models.QuerySet[Site]) -> CourseQuerySet:
        return self.filter(site__in=sites)

    def live(self) -> CourseQuerySet:
        """Courses with visits to come or to be planned."""
        return self.filter(status__in=LIVE)


@audited(exclude=("plan_attempts",))
class Course(models.Model):
    """The course is the thing that is planned, booked, moved and told; its sessions are its visits."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="courses")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="courses")
    version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="courses")
    reference = models.CharField(
        max_length=60, blank=True, help_text="The referral's number, by which a second import finds this course."
    )
    status = models.CharField(max_length=12, choices=CourseStatus, default=CourseStatus.PLANNING, editable=False)
    earliest_start = models.DateField(help_text="The first visit lies on this day or later.")
    latest_start = models.DateField(help_text="The first visit lies on this day or earlier.")
    preferred_time = models.TimeField()
    availability = models.JSONField(null=True, blank=True, validators=[validate_weekly_table])
    shift_days = models.SmallIntegerField(
        null=True, blank=True, editable=False, help_text="How much later the windows of what remains lie after a miss."
    )
    open_periods = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Periods of the open-ended phase that are booked so far."
    )
    added_visits = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Visits beyond the protocol's, by name of the track."
    )
    rhythm = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="Decided for the open-ended phase: from which session on, how many in how many days.",
    )
    paused_on = models.DateField(null=True, blank=True, editable=False, help_text="First day of a pause.")
    paused_until = models.DateField(
        null=True, blank=True, editable=False, help_text="Last day of a pause, where that is known."
    )
    pause_reason = models.CharField(max_length=200, blank=True, editable=False)
    plan_message = models.TextField(blank=True, editable=False)
    plan_attempts = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Attempts at planning that have begun and came to no end yet."
    )
    relaxations = models.JSONField(default=list, blank=True, editable=False)
    plan_cost = models.JSONField(default=dict, blank=True, editable=False)
    requested_at = models.DateTimeField(editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    booked_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    end_reason = models.CharField(max_length=200, blank=True, editable=False)

    objects = CourseQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "pk"]
        permissions = [("decide_course", "Can decide at a decision point of a course")]
        indexes = [models.Index(fields=["site", "status"])]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "reference"], condition=~Q(reference=""), name="referral_is_unique_at_its_site"
            ),
            models.CheckConstraint(
                name="course_may_start_on_some_day", condition=Q(latest_start__gte=F("earliest_start"))
            ),
            models.CheckConstraint(
                name="paused_course_says_since_when", condition=~Q(status="paused") | Q(paused_on__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version.protocol} for {self.patient}"

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def known_pause_on(self) -> date | None:
        """The first day of a pause of which the end is known: the visits after it are booked."""
        return self.paused_on if self.paused_until else None


class DecisionOutcome(models.TextChoices):
    CONTINUE = "continue", "Continue"
    STEP_BACK = "step_back", "Step back"
    STOP = "stop", "Stop"


class CourseDecisionQuerySet(models.QuerySet["CourseDecision"]):
    def closing(self) -> CourseDecisionQuerySet:
        """Those after which their point is not due any more: one that blocks is open again after a step back."""
        return self.exclude(outcome=DecisionOutcome.STEP_BACK, decision_point__mode=DecisionMode.BLOCKING)


@audited()
class CourseDecision(models.Model):
    """What a clinician decided at a decision point."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="decisions")
    decision_point = models.ForeignKey(DecisionPoint, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=DecisionOutcome)
    note = models.TextField(blank=True, help_text="For clinicians: the front desk does not see it.")
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = CourseDecisionQuerySet.as_manager()

    class Meta:
        ordering = ["decided_at"]
        permissions = [("view_decision_note", "Can read what clinicians noted at a decision")]
        constraints = [
            models.UniqueConstraint(fields=["course", "decision_point"], name="a_point_is_decided_once_in_a_course"),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} ({self.decision_point})"


@audited()
class GateRecord(models.Model):
    """A gate that is met, for the course or for one visit of it."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="gate_records")
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey("Session", on_delete=models.CASCADE, null=True, blank=True, related_name="gate_records")
    met_on = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["met_on", "pk"]

    def __str__(self) -> str:
        return f"{self.gate} met on {self.met_on}"
