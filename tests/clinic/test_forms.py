"""The weekly table as rows of times."""

import pytest
from django import forms

from clinic.forms import WeeklyTableField


class VisitForm(forms.Form):
    week = WeeklyTableField(required=False)


def bind(**times: str) -> VisitForm:
    """A form as a browser sends it: every input of every row, empty or not."""
    codes = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    rows = {f"week_{code}_{index}_{edge}": "" for code in codes for index in range(2) for edge in ("from", "to")}
    return VisitForm({**rows, **{f"week_{key}": value for key, value in times.items()}})


def test_rows_become_a_weekly_table():
    form = bind(
        mon_0_from="13:00", mon_0_to="17:00", mon_1_from="08:00", mon_1_to="12:00", sat_1_from="09:30", sat_1_to="11:00"
    )
    assert form.is_valid()
    assert form.cleaned_data["week"] == {
        "mon": [["08:00", "12:00"], ["13:00", "17:00"]],
        "sat": [["09:30", "11:00"]],
    }


def test_empty_rows_mean_any_time():
    form = bind()
    assert form.is_valid()
    assert form.cleaned_data["week"] is None


def test_midnight_at_the_end_of_a_day_survives_the_round_trip():
    form = bind(fri_0_from="18:00", fri_0_to="00:00")
    assert form.is_valid()
    assert form.cleaned_data["week"] == {"fri": [["18:00", "24:00"]]}
    shown = str(VisitForm(initial={"week": {"fri": [["18:00", "24:00"]]}})["week"])
    assert 'name="week_fri_0_to" value="00:00"' in shown


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ({"tue_0_from": "08:00"}, "Tuesday: give both times, from and to, or neither."),
        ({"tue_0_to": "08:00"}, "Tuesday: give both times, from and to, or neither."),
        ({"wed_0_from": "12:00", "wed_0_to": "08:00"}, "Wednesday: 12:00 to 08:00 ends before it begins."),
        ({"sun_0_from": "8am", "sun_0_to": "09:00"}, "Sunday: 8am is not a time of day such as 08:30."),
    ],
)
def test_a_fault_names_the_day_and_keeps_what_was_typed(times, fault):
    form = bind(**times)
    assert form.errors == {"week": [fault]}
    for key, value in times.items():
        assert f'name="week_{key}" value="{value}"' in str(form["week"])


def test_spans_beyond_the_rows_usually_shown_are_kept():
    week = {"mon": [["08:00", "09:00"], ["10:00", "11:00"], ["12:00", "13:00"]]}
    shown = str(VisitForm(initial={"week": week})["week"])
    assert 'name="week_mon_2_to" value="13:00"' in shown
    form = bind(**{f"mon_{i}_{e}": span[j] for i, span in enumerate(week["mon"]) for j, e in enumerate(("from", "to"))})
    assert form.is_valid()
    assert form.cleaned_data["week"] == week


def test_each_input_is_named_for_its_day_and_no_style_or_script_stands_in_the_page():
    shown = str(VisitForm()["week"])
    assert shown.count('aria-label="Thursday from"') == 2
    assert "style=" not in shown
    assert "<script" not in shown
    assert "onclick" not in shown


def test_the_same_table_again_is_no_change():
    week = {"mon": [["08:00", "12:00"]]}
    field = WeeklyTableField(required=False)
    assert not field.has_changed(week, {"mon": [["08:00", "12:00"]]})
    assert not field.has_changed(None, {})
    assert field.has_changed(week, {})
