from __future__ import annotations

from typing import Any

import pytest

from protocols.models import Phase
from protocols.summary import phase_text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"periods": 4, "period_days": 7, "per_period": 2}, "2 a week for 4 weeks"),
        ({"periods": 1, "period_days": 7, "per_period": 1}, "1 a week for 1 week"),
        ({"periods": 1, "period_days": 1, "per_period": 1}, "1 session in 1 day"),
        ({"periods": 1, "period_days": 5, "per_period": 5}, "5 sessions in 5 days"),
        ({"periods": 3, "period_days": 14, "per_period": 1}, "1 every 14 days, 3 times"),
        ({"periods": 1, "period_days": 14, "per_period": 1, "open_ended": True}, "1 every 14 days, open-ended"),
        ({"periods": 2, "period_days": 7, "per_period": 0}, "14 days of waiting"),
    ],
)
def test_phase_is_said_in_words(fields: dict[str, Any], words: str) -> None:
    assert phase_text(Phase(name="phase", min_gap_hours=0, **fields)) == words
