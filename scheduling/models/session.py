"""One visit of a course, and the seats it holds.

Only `scheduling.booking` and the acts beside it write sessions and holds.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.models import Patient, Resource, Site
from protocols.models import Track, VisitType
from scheduling.models.course import Course
from scheduling.models.no_overlap import NoOverlap, period, same


class SessionStatus(models.TextChoices):
    BOOKED = "booked", "Booked"
    ARRIVED = "arrived", "Arrived"
    COMPLETED = "completed", "Completed"
    UNRECORDED = "unrecorded", "Outcome not recorded"
    MISSED = "missed", "Missed"
    CANCELLED = "cancelled", "Cancelled"


GONE = (SessionStatus.MISSED, SessionStatus.CANCELLED)


class MissedReason(models.TextChoices):
    NO_SHOW = "no_show", "Did not come"
    NO_DRIVER = "no_driver", "No driver"
    ATE = "ate", "Ate or drank too late"
    UNWELL = "unwell", "Unwell, or measures out of range"
    CLINIC = "clinic", "The clinic could not treat"
    OTHER = "other", "Other"


class SessionQuerySet(models.QuerySet["Session"]):
    def at_sites(self, sites: models.QuerySet[Site]) -> SessionQuerySet:
        return self.filter(site__in=sites)

    def live(self) -> SessionQuerySet:
        """Sessions that take up the patient's time: neither cancelled nor missed."""
        return self.exclude(status__in=GONE)

    def to_come(self, *, now: datetime) -> SessionQuerySet:
        return self.filter(status=SessionStatus.BOOKED, start__gte=now)


@audited()
class Session(models.Model):
    """One visit. `start`/`end` are instants derived from the promised wall-clock time `local_start` in `timezone`."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    uid = models.UUIDField(default=uuid4, unique=True, editable=False, help_text="UID of its calendar event.")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="sessions")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="sessions")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="sessions")
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="+")
    visit_type = models.ForeignKey(VisitType, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    start = models.DateTimeField()
    end = models.DateTimeField()
    local_date = models.DateField()
    local_time = models.TimeField()
    timezone = models.CharField(max_length=64)
    status = models.CharField(max_length=12, choices=SessionStatus, default=SessionStatus.BOOKED)
    sequence = models.PositiveIntegerField(default=0, help_text="SEQUENCE of its calendar event (RFC 5546 2.1.4).")
    missed_reason = models.CharField(max_length=12, choices=MissedReason, blank=True)
    cancel_reason = models.CharField(max_length=200, blank=True)
    set_aside = models.BooleanField(
        default=False, help_text="Cancelled while the course is paused: planned again when it goes on."
    )
    treated_at = models.DateTimeField(
        null=True, blank=True, help_text="When the treatment was given, from which the watching is counted."
    )
    override_reason = models.CharField(max_length=200, blank=True, help_text="Why a rule was set aside.")
    status_at = models.DateTimeField(help_text="When the status last changed.")
    status_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["start", "pk"]
        permissions = [("override_rules", "Can set a scheduling rule aside, with a reason")]
        triggers = [pgtrigger.ReadOnly(name="a_session_keeps_its_uid", fields=["uid"])]
        indexes = [
            models.Index(fields=["site", "start"]),
            models.Index(fields=["course", "start"]),
            models.Index(fields=["status", "end"]),
        ]
        constraints = [
            models.CheckConstraint(name="session_ends_after_it_starts", condition=Q(end__gt=F("start"))),
            models.UniqueConstraint(
                fields=["course", "track", "number"],
                condition=~Q(status__in=GONE),
                name="a_number_of_a_track_is_booked_once",
            ),
            NoOverlap(
                name="patient_is_in_one_place_at_a_time",
                condition=~Q(status__in=GONE),
                expressions=[same("patient"), period()],
                violation_error_code="overlap",
                violation_error_message="The patient is not free at that time.",
            ),
            models.CheckConstraint(
                name="set_aside_session_is_cancelled", condition=Q(set_aside=False) | Q(status="cancelled")
            ),
            models.CheckConstraint(
                name="missed_session_has_its_reason", condition=~Q(status="missed") | ~Q(missed_reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.track} {self.number} on {self.local_date} at {self.local_time:%H:%M}"

    @property
    def local_start(self) -> datetime:
        return self.start.astimezone(ZoneInfo(self.timezone))

    @property
    def local_end(self) -> datetime:
        return self.end.astimezone(ZoneInfo(self.timezone))

    @property
    def is_live(self) -> bool:
        return self.status not in GONE


class Hold(models.Model):
    """One seat of one resource for part of a session. A session that is cancelled or missed gives up its holds."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="holds")
    position = models.PositiveSmallIntegerField(help_text="Index among the holds of its visit.")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="holds")
    seat = models.PositiveSmallIntegerField(default=0)
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        ordering = ["session", "position"]
        indexes = [models.Index(fields=["resource", "end"])]
        constraints = [
            models.CheckConstraint(name="hold_ends_after_it_starts", condition=Q(end__gt=F("start"))),
            models.UniqueConstraint(fields=["session", "position"], name="a_hold_of_a_visit_is_kept_once"),
            NoOverlap(
                name="a_seat_serves_one_patient_at_a_time",
                expressions=[same("resource"), same("seat"), period()],
                violation_error_code="overlap",
                violation_error_message="That seat is taken at that time.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} seat {self.seat + 1}"
