"""What patients answer: on their page, from their calendar, by text message."""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from clinic.audit import audited
from clinic.models import Patient
from scheduling.models.session import Session


class AnswerKind(models.TextChoices):
    CONFIRMED = "confirmed", "Will come"
    CANNOT_COME = "cannot_come", "Cannot come"
    DRIVER = "driver", "Named who takes them home"
    MOVED = "moved", "Chose another time"
    MOVE_WANTED = "move_wanted", "Asks for another time"
    ACCEPTED = "accepted", "Accepted in their calendar"
    DECLINED = "declined", "Declined in their calendar"
    TENTATIVE = "tentative", "Tentative in their calendar"
    COUNTERED = "countered", "Proposes another time from their calendar"
    DRIVER_YES = "driver_yes", "Driver accepted in their calendar"
    DRIVER_NO = "driver_no", "Driver declined in their calendar"
    DRIVER_MAYBE = "driver_maybe", "Driver tentative in their calendar"
    CALL_WANTED = "call_wanted", "Wants to be called"
    OPTED_OUT = "opted_out", "Wants no more text messages"


class AnswerSource(models.TextChoices):
    PAGE = "page", "The patient's page"
    CALENDAR = "calendar", "Reply from a calendar"
    SMS = "sms", "Text message"


@audited()
class Answer(models.Model):
    """One thing a patient, or whoever wrote in their name, told us about one session.

    Only what came from the patient's page is trusted to change anything; a reply by mail or text can be forged, so it
    is shown and, where it says that the patient will not come, becomes work of the front desk.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="answers")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, null=True, blank=True, related_name="answers")
    kind = models.CharField(max_length=12, choices=AnswerKind)
    source = models.CharField(max_length=10, choices=AnswerSource)
    key = models.CharField(max_length=200, unique=True, help_text="What makes it one answer, however often it arrives.")
    sequence = models.PositiveIntegerField(
        null=True, blank=True, help_text="SEQUENCE of the session that it answers; another one makes it stale."
    )
    stamped_at = models.DateTimeField(null=True, blank=True, help_text="DTSTAMP of a calendar's reply.")
    wanted_start = models.DateTimeField(null=True, blank=True, help_text="The time the patient asks for.")
    comment = models.CharField(max_length=500, blank=True)
    is_stale = models.BooleanField(default=False, help_text="It answers a time that is not the session's any more.")
    given_at = models.DateTimeField()
    needs_staff = models.BooleanField(default=False)
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    handled_how = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["given_at", "pk"]
        indexes = [
            models.Index(fields=["session", "given_at"]),
            models.Index(fields=["given_at"], condition=Q(needs_staff=True, handled_at=None), name="answer_to_handle"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
