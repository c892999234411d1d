"""How a patient who never signs in reaches what is theirs: links of one session, and a calendar to subscribe to.

A token is derived from the installation's key and the row's uuid (`scheduling.messages.tokens`); the rows keep its
digest alone, so that nobody who reads the database can act as a patient.
"""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q

from clinic.audit import audited
from clinic.models import Patient
from scheduling.models.session import Session


class PatientLink(models.Model):
    """The right to answer for one session as it stood when the message was written."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="links")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="links")
    sequence = models.PositiveIntegerField(help_text="SEQUENCE of the session; once it is another, the link is dead.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="When the last thing it allows was done.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "sequence", "patient"], name="a_session_has_one_link_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"Link of {self.session}"


@audited(exclude=("body", "etag", "state", "changed_at", "read_at", "digest"))
class CalendarFeed(models.Model):
    """A patient's calendar to subscribe to, kept as it was last rendered."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="feeds")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True, help_text="When a calendar last asked for it.")
    state = models.CharField(max_length=64, blank=True, editable=False, help_text="Of what the body was rendered.")
    body = models.TextField(blank=True, editable=False)
    etag = models.CharField(max_length=64, blank=True, editable=False)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=Q(revoked_at=None), name="a_patient_has_one_calendar_to_subscribe_to"
            ),
        ]

    def __str__(self) -> str:
        return f"Calendar of {self.patient}"
