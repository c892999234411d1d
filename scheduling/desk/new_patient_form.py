"""A new patient with no more than is asked on the phone; the rest of the record has its own page."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from clinic.duplicates import find_duplicates
from clinic.models import Channel, Patient, Site
from clinic.patient_rules import find_patient_faults
from scheduling.desk.find_patients import PHONE, read_date

CALLS = "Without one the patient gets a printed calendar and phone calls."


class NewPatientForm(forms.ModelForm):
    class Meta:
        model = Patient
        fields = ("given_name", "family_name", "birth_date", "phone", "email", "home_site")
        labels = {"email": "E-mail", "home_site": "Clinic"}
        help_texts = {"email": CALLS}
        widgets = {"birth_date": forms.DateInput({"type": "date"}, format="%Y-%m-%d"), "phone": forms.TelInput}

    def __init__(self, data: QueryDict | None = None, *, sites: QuerySet[Site], now: datetime, **kwargs: Any) -> None:
        super().__init__(data, auto_id="new_%s", **kwargs)
        self.now = now
        self.fields["home_site"].queryset = sites  # type: ignore[attr-defined]
        self.fields["home_site"].empty_label = None  # type: ignore[attr-defined]
        self.fields["given_name"].required = self.fields["family_name"].required = True
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"

    def begin_typing(self) -> None:
        """The focus on the first field that the search has not filled in."""
        empty = next((name for name in self.fields if not self[name].value()), "email")
        self.fields[empty].widget.attrs["autofocus"] = True

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        self.instance.channel = Channel.EMAIL if values.get("email") else Channel.PRINT
        site: Site | None = values.get("home_site")
        zone = site.zone if site else ZoneInfo("UTC")
        faults = find_patient_faults({**values, "channel": self.instance.channel}, today=self._today(zone))
        for name, fault in faults.items():
            if name in self.fields and name not in self.errors:
                self.add_error(name, fault)
        return values

    def _today(self, zone: ZoneInfo) -> date:
        return self.now.astimezone(zone).date()

    def find_duplicates(self, among: QuerySet[Patient]) -> list[Patient]:
        """Who may be the same person, among the patients that the user may see."""
        return list(find_duplicates(self.instance, among=among).select_related("home_site")[:10])


def read_caller(text: str) -> dict[str, Any]:
    """What was typed into the search, as fields of a record: `Ann Lee 555-0100`, `Lee, Ann` or `lee 1980-05-31`."""
    names, known, phone = [], dict[str, Any](), []
    for word in text.replace(",", " , ").split():
        if (born := read_date(word)) is not None:
            known["birth_date"] = f"{born}"
        elif PHONE.fullmatch(word):
            phone.append(word)
        else:
            names.append(word[:1].upper() + word[1:] if word.islower() else word)
    return {**known, **_read_names(names), **({"phone": " ".join(phone)} if phone else {})}


def _read_names(words: list[str]) -> dict[str, str]:
    if "," in words:
        at = words.index(",")
        family, given = words[:at], [word for word in words[at:] if word != ","]
    else:
        family, given = words[-1:], words[:-1]
    return {"family_name": " ".join(family), "given_name": " ".join(given)} if family else {}
