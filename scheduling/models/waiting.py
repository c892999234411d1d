"""Who would take a seat that is set free: courses without a place, and those that would like to come earlier."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from clinic.audit import audited
from scheduling.models.course import Course


class ClinicalNeed(models.IntegerChoices):
    URGENT = 1, "Urgent"
    SOON = 2, "Soon"
    ROUTINE = 3, "Routine"


class WaitingOutcome(models.TextChoices):
    BOOKED = "booked", "Took a place"
    WITHDRAWN = "withdrawn", "Does not wait any more"


class WaitingEntryQuerySet(models.QuerySet["WaitingEntry"]):
    def waiting(self) -> WaitingEntryQuerySet:
        return self.filter(closed_at=None)


@audited()
class WaitingEntry(models.Model):
    """One course that waits for a seat, or for an earlier one."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="waiting_entries")
    need = models.PositiveSmallIntegerField(choices=ClinicalNeed, default=ClinicalNeed.ROUTINE)
    short_notice_hours = models.PositiveSmallIntegerField(
        default=24, help_text="The patient can come when called so many hours before."
    )
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(max_length=10, choices=WaitingOutcome, blank=True)

    objects = WaitingEntryQuerySet.as_manager()

    class Meta:
        ordering = ["need", "added_at", "pk"]
        verbose_name_plural = "waiting entries"
        constraints = [
            models.UniqueConstraint(
                fields=["course"], condition=Q(closed_at=None), name="a_course_waits_once_at_a_time"
            ),
            models.CheckConstraint(
                name="closed_waiting_entry_says_how",
                condition=Q(closed_at=None, outcome="") | (Q(closed_at__isnull=False) & ~Q(outcome="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_need_display()}: {self.course}"


@audited()
class WaitingOffer(models.Model):
    """A place that somebody on the list was offered by phone, and what they said."""

    entry = models.ForeignKey(WaitingEntry, on_delete=models.CASCADE, related_name="offers")
    start = models.DateTimeField(help_text="When the first visit would have been, or the visit that moves.")
    taken = models.BooleanField()
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["asked_at", "pk"]

    def __str__(self) -> str:
        return f"{self.entry}: {'taken' if self.taken else 'declined'}"
