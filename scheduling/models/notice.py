"""What a person is told: the outbox of messages, and what was last said about each session.

A notice is written in the transaction that causes it and sent later, once (`scheduling.messages`).
"""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q

from clinic.models import Patient
from scheduling.models.course import Course
from scheduling.models.session import Session


class NoticeKind(models.TextChoices):
    COURSE_SUMMARY = "course_summary", "Course calendar"
    CHANGES = "changes", "Changed times"
    CALENDAR = "calendar", "Calendar invite, update or cancellation"
    REMINDER = "reminder", "Reminder"
    DRIVER_REMINDER = "driver_reminder", "Reminder: driver required"
    DIGEST = "digest", "Week ahead"
    WITHDRAWAL = "withdrawal", "Calendar cancellation to a former address"


class NoticeChannel(models.TextChoices):
    EMAIL = "email", "E-mail"
    CALL = "call", "Call list"
    PRINT = "print", "Printed calendar"


class NoticeStatus(models.TextChoices):
    DUE = "due", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    DONE = "done", "Done by staff"
    SKIPPED = "skipped", "Not needed any more"
    FAILED = "failed", "Failed"


class Announcement(models.Model):
    """What the patient was last told about a session, by summary or by invite."""

    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="announcement")
    told_start = models.DateTimeField()
    told_cancelled = models.BooleanField(default=False)
    invited_to = models.EmailField(blank=True, help_text="Address the invite went to; empty before the first invite.")
    invited_sequence = models.PositiveIntegerField(null=True, blank=True)
    told_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.session} told {self.told_at:%Y-%m-%d %H:%M}"


class Notice(models.Model):
    """One message due to one person."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="notices")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="notices")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, null=True, blank=True, related_name="notices")
    kind = models.CharField(max_length=16, choices=NoticeKind)
    channel = models.CharField(max_length=8, choices=NoticeChannel)
    key = models.CharField(max_length=120, unique=True, help_text="What makes it one message: asked twice, sent once.")
    message_id = models.CharField(max_length=120, unique=True)
    sequence = models.PositiveIntegerField(
        null=True, blank=True, help_text="SEQUENCE of the session when this was written; another one makes it stale."
    )
    recipient = models.EmailField(blank=True, help_text="The address it was last tried at.")
    status = models.CharField(max_length=8, choices=NoticeStatus, default=NoticeStatus.DUE)
    due_at = models.DateTimeField()
    useful_until = models.DateTimeField(null=True, blank=True, help_text="Later than this it is not sent any more.")
    claimed_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    uncertain = models.BooleanField(
        default=False, help_text="An attempt broke off after the message may have been accepted."
    )
    content_hash = models.CharField(max_length=64, blank=True, help_text="What the last attempt said, as a digest.")
    outcome = models.CharField(max_length=200, blank=True, help_text="What became of it, without personal data.")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status__in=["due", "sending"]), name="notice_waiting"),
            models.Index(fields=["session", "kind"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="sent_notice_has_its_time", condition=~Q(status="sent") | Q(sent_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_status_display()})"
