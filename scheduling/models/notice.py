"""What a person is told: the outbox of messages, and what was last said about each session.

A notice is written in the transaction that causes it and sent later, once (`scheduling.messages`).
"""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from clinic.models import Patient
from scheduling.models.answer import Answer
from scheduling.models.course import Course
from scheduling.models.driver import PickUp
from scheduling.models.session import Session


class NoticeKind(models.TextChoices):
    COURSE_SUMMARY = "course_summary", "Course calendar"
    CHANGES = "changes", "Changed times"
    CALENDAR = "calendar", "Calendar invite, update or cancellation"
    REMINDER = "reminder", "Reminder"
    DRIVER_REMINDER = "driver_reminder", "Reminder: driver required"
    DIGEST = "digest", "Week ahead"
    WITHDRAWAL = "withdrawal", "Calendar cancellation to a former address"
    DRIVER_CALENDAR = "driver_calendar", "Driver's invite, update or cancellation"
    DRIVER_CALL = "driver_call", "Driver not confirmed"
    ANSWER = "answer", "Patient's answer to follow up"
    DECLINE_COUNTER = "decline_counter", "Answer to a proposed time"
    FEED_LINK = "feed_link", "Link to the calendar subscription"


class NoticeChannel(models.TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "Text message"
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
    came_back = models.BooleanField(default=False, help_text="The message that said so was returned to us.")
    invited_to = models.EmailField(blank=True, help_text="Address the invite went to; empty before the first invite.")
    invited_sequence = models.PositiveIntegerField(null=True, blank=True)
    event_uid = models.UUIDField(
        null=True,
        editable=False,
        unique=True,
        help_text="UID of the event, once the one with the session's own UID was called off.",
    )
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
    again_of = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="repetitions",
        help_text="The message that staff sent once more by this one.",
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who sent it once more.",
    )
    answer = models.ForeignKey(
        Answer,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notices",
        help_text="What the patient answered, where somebody must act on it.",
    )
    pick_up = models.ForeignKey(
        PickUp,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notices",
        help_text="The event of a driver's calendar that it tells.",
    )
    event_uid = models.UUIDField(null=True, editable=False, help_text="UID of the event that a withdrawal calls off.")
    recipient = models.CharField(max_length=254, blank=True, help_text="The address or number it was last tried at.")
    provider_id = models.CharField(max_length=64, blank=True, help_text="What the provider calls the message.")
    status = models.CharField(max_length=8, choices=NoticeStatus, default=NoticeStatus.DUE)
    due_at = models.DateTimeField()
    zone = models.CharField(
        max_length=64, blank=True, help_text="The patient's time zone by which a reminder is due; another one moves it."
    )
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
    failed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the address refused it; a message it takes later ends that."
    )

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(status__in=["due", "sending"]), name="notice_waiting"),
            models.Index(fields=["claimed_until"], condition=Q(status="sending"), name="notice_claimed"),
            models.Index(fields=["sent_at"], condition=Q(status="sent"), name="notice_sent"),
            models.Index(fields=["session", "kind"]),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="notice_at_its_provider"),
        ]
        constraints = [
            models.CheckConstraint(
                name="sent_notice_has_its_time", condition=~Q(status="sent") | Q(sent_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_status_display()})"


class NoticeCopy(models.Model):
    """A message as it was handed over, for staff to read: one row for each thing an attempt said.

    Links in it are shortened to their beginning; whoever reads the copy could else act as the patient.
    """

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="copies")
    message_id = models.CharField(max_length=120)
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=250, blank=True)
    text = models.TextField()
    event = models.TextField(blank=True, help_text="The calendar object that went with it.")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["written_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["notice", "message_id"], name="a_copy_of_each_thing_said"),
        ]

    def __str__(self) -> str:
        return self.subject or str(self.notice)
