"""Weekly hours as one writes them."""

from datetime import time

import pytest

from clinic.hours_text import read_hours


def test_days_spans_and_several_openings_a_day_are_read():
    assert read_hours("Mon-Tue 08:00-12:00 13:00-18:00, sat 09:00-24:00") == [
        (0, time(8), time(12)),
        (0, time(13), time(18)),
        (1, time(8), time(12)),
        (1, time(13), time(18)),
        (5, time(9), time(0)),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Give the hours of the week, such as mon-fri 08:00-18:00, sat 09:00-12:00."),
        ("mon-fri", "'mon-fri' has no hours; write such as mon-fri 08:00-18:00, sat 09:00-12:00."),
        (
            "monday 08:00-18:00",
            "'monday' is not a weekday; use mon, tue, wed, thu, fri, sat, sun, "
            "as in mon-fri 08:00-18:00, sat 09:00-12:00.",
        ),
        ("fri-mon 08:00-18:00", "'fri-mon' goes backwards; the week begins on mon."),
        ("mon 8-18", "'8-18' is not a span of time such as 08:00-18:00."),
        ("mon 18:00-08:00", "'18:00-08:00' closes before it opens."),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(text, fault):
    with pytest.raises(ValueError) as refused:
        read_hours(text)
    assert str(refused.value) == fault
