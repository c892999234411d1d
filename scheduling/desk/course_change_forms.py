"""What is asked before a course is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from scheduling.models.course import DecisionOutcome
from scheduling.rhythm import RhythmChoice
from scheduling.words import name_code

DAY = {"type": "date"}


def ask_reason() -> forms.CharField:
    return forms.CharField(
        label="Reason", max_length=200, required=False, widget=forms.TextInput({"class": "wide", "autocomplete": "off"})
    )


class StopForm(forms.Form):
    reason = ask_reason()


class DecisionForm(forms.Form):
    outcome = forms.ChoiceField(label="Decision", choices=DecisionOutcome.choices, widget=forms.RadioSelect)
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 3}),
        help_text="For clinicians: the front desk does not see it.",
    )


class PauseForm(forms.Form):
    first_on = forms.DateField(label="First day of the pause", widget=forms.DateInput(DAY))
    last_on = forms.DateField(
        label="Last day of the pause",
        required=False,
        widget=forms.DateInput(DAY),
        help_text="Leave it empty while nobody knows: the visits to come are set aside, and their seats are free.",
    )
    reason = ask_reason()


class RhythmForm(forms.Form):
    rhythm = forms.ChoiceField(label="From the next visit on", widget=forms.RadioSelect)

    def __init__(self, *args: Any, choices: Sequence[RhythmChoice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = [(code_of(choice), name_choice(choice)) for choice in choices]
        self.fields["rhythm"].choices = options  # type: ignore[attr-defined]


class AddForm(forms.Form):
    track = forms.ChoiceField(label="Which visits", widget=forms.RadioSelect)

    def __init__(self, *args: Any, tracks: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["track"]
        field.choices = [(track, name_code(track)) for track in tracks]  # type: ignore[attr-defined]
        if len(tracks) == 1:
            field.widget, field.initial = forms.HiddenInput(), tracks[0]


class SkipForm(forms.Form):
    reason = ask_reason()


class ResumeForm(forms.Form):
    on = forms.DateField(label="From this day on", widget=forms.DateInput(DAY))


def code_of(choice: RhythmChoice) -> str:
    return f"{choice.per_period}/{choice.period_days}"


def name_choice(choice: RhythmChoice) -> str:
    more = "as now" if choice.is_current else "step back" if choice.is_step_back else ""
    return f"{choice.name} ({more})" if more else choice.name
