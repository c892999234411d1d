"""Whatever is sent, reading ends, soon, with a value. `CADENCE_FUZZ=10000` asks for more than the suite does."""

from __future__ import annotations

import os
from collections import Counter
from time import process_time

import pytest

from scheduling.models import Answer
from scheduling.replies.mail import Bounce, CalendarReply, Left
from scheduling.replies.reading import read_mail
from tests.scheduling.replies.cast import make_invited, take
from tests.scheduling.replies.mutations import mutated_replies

COUNT = int(os.environ.get("CADENCE_FUZZ", "2000"))
LONGEST = 0.2  # seconds of this processor


def test_every_mutated_reply_is_read_or_left_alone_within_a_fifth_of_a_second() -> None:
    kinds: Counter[str] = Counter()
    slowest = 0.0
    for raw in mutated_replies(count=COUNT, seed=5546):
        begun = process_time()
        found = read_mail(raw)
        slowest = max(slowest, process_time() - begun)
        assert isinstance(found, CalendarReply | Bounce | Left)
        kinds[type(found).__name__] += 1
    assert slowest < LONGEST
    # The mutations are neither all harmless nor all hopeless, or this would prove little.
    assert min(kinds["CalendarReply"], kinds["Bounce"], kinds["Left"]) > COUNT / 20


@pytest.mark.django_db
def test_what_is_left_of_a_mutated_reply_is_taken_in_without_a_fault() -> None:
    make_invited()
    for raw in mutated_replies(count=COUNT // 10, seed=6047):
        assert not take(raw).outcome.startswith("fault")
    assert Answer.objects.exists()
