"""What the reminders that wait were written by."""

from __future__ import annotations

from django.db import models

from clinic.models import Site


class ReminderSetting(models.Model):
    """How a site had set its reminders when those that wait were last written; another setting writes them anew."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="+")
    written_as = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.site}: {self.written_as}"
