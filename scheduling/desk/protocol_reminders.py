"""When a protocol reminds, where that differs from its site."""

from __future__ import annotations

from typing import Any

from django import forms

from protocols.models import ProtocolVersion


class ReminderForm(forms.ModelForm):
    """Both may be empty. An empty list is none: the form says it as the database does."""

    class Meta:
        model = ProtocolVersion
        fields = ("reminder_days", "reminder_time")
        labels = {"reminder_days": "Days before a visit", "reminder_time": "Time of day"}

    def clean_reminder_days(self) -> list[int] | None:
        days: Any = self.cleaned_data["reminder_days"]
        return sorted(set(days), reverse=True) if days else None
