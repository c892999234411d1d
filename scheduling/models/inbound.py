"""What arrived for us: mails and text messages, each taken in once."""

from __future__ import annotations

from django.db import models

from clinic.models import Patient
from scheduling.models.notice import Notice
from scheduling.models.session import Session


class InboundSource(models.TextChoices):
    MAILBOX = "mailbox", "Mailbox"
    WEBHOOK = "webhook", "Mail handed over by the provider"
    SMS = "sms", "Text message"


class Inbound(models.Model):
    """One message taken in, what it was and what became of it; never what it says."""

    source = models.CharField(max_length=10, choices=InboundSource)
    key = models.CharField(max_length=200, unique=True, help_text="Digest of the message, or the provider's id.")
    kind = models.CharField(max_length=20, help_text="reply, counter, bounce, text, or why it was left alone.")
    outcome = models.CharField(max_length=200, blank=True, help_text="Without personal data.")
    patient = models.ForeignKey(Patient, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    notice = models.ForeignKey(Notice, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-received_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} by {self.get_source_display().lower()}"
