"""What an act did to the visits of courses, kept so that it can be undone until the patients have been told.

Only `scheduling.changes` writes these rows.
"""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.db import models

from clinic.models import Closure, Outage, Site
from scheduling.models.course import Course
from scheduling.models.session import Session


class ChangeKind(models.TextChoices):
    MOVED = "moved", "Visits moved"
    CANCELLED = "cancelled", "Visit cancelled"
    MISSED = "missed", "Visit missed"
    ADDED = "added", "Visits added"
    PAUSED = "paused", "Course paused"
    RESUMED = "resumed", "Course resumed"
    STOPPED = "stopped", "Course stopped"
    RHYTHM = "rhythm", "Rhythm changed"
    OUTAGE = "outage", "Resource out of use"
    CLOSURE = "closure", "Clinic closed"
    REPLANNED = "replanned", "Visits planned again"


class Change(models.Model):
    """One act: what it was, who did it, and whether it was undone."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=12, choices=ChangeKind)
    summary = models.CharField(max_length=200, help_text="What was done, without a patient's name.")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    outages = models.ManyToManyField(Outage, blank=True, related_name="changes", help_text="Recorded with it.")
    closures = models.ManyToManyField(Closure, blank=True, related_name="changes", help_text="Recorded with it.")

    class Meta:
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["site", "made_at"])]

    def __str__(self) -> str:
        return self.summary


class ChangedCourse(models.Model):
    """A course that an act touched: its own fields before and after, as JSON."""

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="courses")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="changes")
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        ordering = ["change", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["change", "course"], name="a_course_stands_in_a_change_once"),
        ]

    def __str__(self) -> str:
        return f"{self.change}: course {self.course_id}"


class ChangedSession(models.Model):
    """A session that an act moved, gave up or made: its row and holds before and after, as JSON; null where none."""

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="sessions")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="changes")
    before = models.JSONField(null=True, help_text="Null where the act made the session.")
    after = models.JSONField()

    class Meta:
        ordering = ["change", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["change", "session"], name="a_session_stands_in_a_change_once"),
        ]

    def __str__(self) -> str:
        return f"{self.change}: session {self.session_id}"
