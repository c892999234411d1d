"""After hours without a worker: what is still of use goes out late, and nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from clinic.models import Site
from scheduling.messages import delivery
from scheduling.models import Notice
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.sink import Sink

NOW = factories.NOW
TEN = datetime(2026, 12, 1, 15, tzinfo=UTC)  # 10:00 in New York, when reminders go out
FROZEN = timedelta(hours=6)


def test_after_an_outage_no_reminder_goes_out_for_a_visit_that_is_over_or_near(site: Site, sink: Sink) -> None:
    """Visits at 9, 13 and 18 o'clock, and no worker from 10 o'clock of the day before until 11:01."""
    starts = [TEN + timedelta(hours=hours) for hours in (23, 27, 32)]
    for start in starts:
        cast.book(factories.make_patient(site=site), [start], now=NOW)
    delivery.deliver_due(now=TEN - timedelta(minutes=1))
    sink.accepted.clear()
    assert delivery.deliver_due(now=starts[1] - timedelta(hours=1, minutes=59)) == Counter(skipped=2, sent=1)
    reminders = Notice.objects.filter(kind="reminder", due_at=TEN).order_by("session__start")
    assert list(reminders.values_list("outcome", flat=True)) == ["skipped: late", "skipped: late", "sent"]
    assert sink.accepted.total() == 1


def test_six_frozen_hours_keep_nothing_from_going_out_once(site: Site, sink: Sink) -> None:
    for hour in range(5):
        cast.book(factories.make_patient(site=site), [TEN + timedelta(hours=23 + hour)], now=NOW)
    assert delivery.deliver_due(now=NOW + FROZEN) == Counter(sent=10)
    assert delivery.deliver_due(now=TEN + FROZEN) == Counter(sent=5, skipped=5)
    outcomes = Counter(Notice.objects.filter(kind="reminder").values_list("outcome", flat=True))
    assert outcomes == Counter({"sent": 5, "skipped: late": 5})
    assert Counter(sink.accepted.values()) == Counter({1: 15})
