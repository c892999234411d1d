"""Form fields of clinic records: time zones, and the weekly table as rows of times for each weekday."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from clinic.weekly import CLOCK, WEEKDAY_NAMES, WEEKDAYS, clock_minutes

MIDNIGHT = "00:00"
DAY_END = "24:00"


class TimezoneInput(forms.TextInput):
    """A text box that offers the known zones as one types."""

    template_name = "clinic/timezone_input.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, {**(attrs or {}), "list": f"{name}-zones"})
        return {**context, "zones": sorted(zone for zone in available_timezones() if "/" in zone)}


class WeeklyTableWidget(forms.Widget):
    """Two spans a weekday (more where more are stored), in time inputs; no script is needed to use it."""

    template_name = "clinic/weekly_table.html"
    use_fieldset = True
    spans_shown = 2

    class Media:
        css = {"all": ["clinic/weekly.css"]}
        js = ["clinic/weekly.js"]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        table = value if isinstance(value, dict) else {}
        shown = max([self.spans_shown, *(len(spans) for spans in table.values())])
        context["widget"]["days"] = [
            {"name": day, "rows": [self._row(name, code, index, table) for index in range(shown)]}
            for code, day in zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)
        ]
        return context

    def _row(self, name: str, code: str, index: int, table: dict[str, Any]) -> dict[str, Any]:
        spans = table.get(code, [])
        start, end = spans[index] if index < len(spans) else ("", "")
        # A time input ends at 23:59: midnight at the day's end is shown, and read back, as 00:00.
        return {
            "from": {"name": f"{name}_{code}_{index}_from", "value": start},
            "to": {"name": f"{name}_{code}_{index}_to", "value": MIDNIGHT if end == DAY_END else end},
        }

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, list[list[str]]]:
        table = {code: self._read_day(data, f"{name}_{code}") for code in WEEKDAYS}
        return {code: spans for code, spans in table.items() if spans}

    def _read_day(self, data: Mapping[str, Any], prefix: str) -> list[list[str]]:
        spans, index = [], 0
        while f"{prefix}_{index}_from" in data:
            start, end = (str(data.get(f"{prefix}_{index}_{edge}", "")).strip()[:5] for edge in ("from", "to"))
            if start or end:
                spans.append([start, DAY_END if end == MIDNIGHT else end])
            index += 1
        return spans

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return not any(f"{name}_{code}_0_from" in data for code in WEEKDAYS)

    def id_for_label(self, id_: str | None) -> str:
        return ""  # the fieldset's legend names it; each input has a label of its own


class WeeklyTableField(forms.Field):
    """A weekly table, or None where every row is left empty."""

    widget = WeeklyTableWidget

    def to_python(self, value: Any) -> dict[str, list[list[str]]] | None:
        if not value:
            return None
        faults = [fault for code, spans in value.items() for span in spans if (fault := find_fault(code, *span))]
        if faults:
            raise ValidationError(faults)
        return {code: sorted(spans) for code, spans in value.items()}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or None) != (data or None)


def find_fault(code: str, start: str, end: str) -> str:
    """What is wrong with a span as it was typed, in a sentence that names the day; empty when nothing is."""
    day = WEEKDAY_NAMES[WEEKDAYS.index(code)]
    if not start or not end:
        return f"{day}: give both times, from and to, or neither."
    for text in (start, end):
        if not CLOCK.match(text):
            return f"{day}: {text} is not a time of day such as 08:30."
    if clock_minutes(start) >= clock_minutes(end):
        return f"{day}: {start} to {end} ends before it begins."
    return ""
