"""Mail arrives late, twice and in any order: what is known at the end is the same (RFC 5546 2.1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduling.answers import latest_answer
from scheduling.models import Answer, Notice, Session
from tests.scheduling.replies.cast import PATIENT, STAMP, WANTED, Said, make_invited, open_calls, take

REPLIES = st.builds(
    Said,
    partstat=st.sampled_from(["ACCEPTED", "DECLINED", "TENTATIVE", "NEEDS-ACTION"]),
    at=st.integers(0, 3).map(lambda seconds: STAMP + timedelta(seconds=seconds)),
    sequence=st.integers(0, 2),
    sender=st.sampled_from([PATIENT, PATIENT, PATIENT, "eve@mail.example"]),
)
COUNTERS = st.builds(
    Said,
    method=st.just("COUNTER"),
    at=st.integers(0, 3).map(lambda seconds: STAMP + timedelta(seconds=seconds)),
    start=st.integers(0, 1).map(lambda hours: WANTED + timedelta(hours=hours)),
)


def known_after(session: Session, mails: Sequence[Said]) -> dict[str, Any]:
    """Everything that depends on the mails, without the ids and the moments of arrival."""
    known: dict[str, Any] = {}
    with transaction.atomic():
        for number, said in enumerate(mails):
            take(said.mail(), key=f"{number}")
        fields = ("key", "kind", "sequence", "stamped_at", "wanted_start", "is_stale", "needs_staff", "handled_how")
        latest = latest_answer(session)
        known = {
            "answers": sorted(Answer.objects.values_list(*fields)),
            "latest": latest and latest.kind,
            "calls": sorted(open_calls()),
            "mails": Notice.objects.filter(kind="decline_counter").count(),
        }
        transaction.set_rollback(True)
    return known


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mails=st.lists(st.one_of(REPLIES, COUNTERS), min_size=2, max_size=5), seed=st.integers(0, 10_000))
def test_what_is_known_does_not_depend_on_the_order_or_on_repetitions(
    invited: Session, mails: list[Said], seed: int
) -> None:
    random = Random(seed)
    shuffled = mails + random.choices(mails, k=3)
    random.shuffle(shuffled)
    assert known_after(invited, shuffled) == known_after(invited, mails)


@pytest.fixture
def invited(db: None) -> Session:
    return make_invited()
