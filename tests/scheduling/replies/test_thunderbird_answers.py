"""What a real Thunderbird answered when Accept was clicked on our golden messages (tests/thunderbird)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduling.replies.mail import CalendarReply
from scheduling.replies.reading import read_mail

ANSWERS = Path(__file__).parents[2] / "thunderbird" / "answers"


@pytest.mark.parametrize("sequence", [0, 1])
def test_an_answer_that_thunderbird_sent_is_read(sequence: int) -> None:
    raw = (ANSWERS / f"accepted-{sequence}.eml").read_bytes().replace(b"\n", b"\r\n")
    found = re.search(rb"DTSTAMP:(\d{8}T\d{6})Z", raw)
    assert found is not None
    assert read_mail(raw) == CalendarReply(
        method="REPLY",
        uid="0b1f3f0e-7f5c-4f0c-9f57-2d3a5b6c7d8e",
        senders=frozenset({"ada@mail.example"}),
        attendee="ada@mail.example",
        partstat="ACCEPTED",
        sequence=sequence,
        stamped_at=datetime.strptime(found[1].decode(), "%Y%m%dT%H%M%S").replace(tzinfo=UTC),
    )
