"""What a patient agreed to, in which words, when, and until when."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from clinic.models.patient import Patient


class Purpose(models.TextChoices):
    SMS = "sms", "Text messages about appointments"
    DETAIL = "detail", "Messages that name the treatment"


class ConsentSource(models.TextChoices):
    STAFF = "staff", "Told to staff"
    FORM = "form", "Signed form"
    SMS = "sms", "Text message from the patient"
    PAGE = "page", "The patient's own page"
    SYSTEM = "system", "Another system"


class ConsentQuerySet(models.QuerySet["Consent"]):
    def live(self) -> ConsentQuerySet:
        return self.filter(withdrawn_at=None)


@audited()
class Consent(models.Model):
    """One consent to one purpose; for text messages, of one number. A new number needs a new consent."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=10, choices=Purpose)
    number = models.CharField(max_length=40, blank=True, help_text="For text messages: the number, in E.164 form.")
    wording = models.TextField(help_text="What the patient was shown or told.")
    source = models.CharField(max_length=10, choices=ConsentSource)
    given_at = models.DateTimeField()
    given_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.CharField(max_length=10, choices=ConsentSource, blank=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-given_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "purpose"], condition=Q(withdrawn_at=None), name="a_consent_is_given_once"
            ),
            models.CheckConstraint(
                name="consent_to_texts_names_its_number", condition=~Q(purpose="sms") | ~Q(number="")
            ),
            models.CheckConstraint(
                name="consent_is_withdrawn_after_it_was_given",
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("given_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.get_purpose_display()
