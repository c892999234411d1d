"""Claims: one index scan, a site's limit of mails over all workers, and what a dead worker had not begun."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from clinic.models import Patient, Site
from scheduling import feeds
from scheduling.drivers import name_driver
from scheduling.messages import delivery
from scheduling.messages.beginning import begin
from scheduling.messages.claiming import LEASE, claim_due, due_rows, release
from scheduling.models import Notice, NoticeStatus
from tests import factories
from tests.scheduling import driving
from tests.scheduling.messages import cast, many
from tests.scheduling.messages.sink import Sink
from tests.scheduling.messages.texting import nine

NOW = factories.NOW
LATE = NOW + timedelta(minutes=1)

FILL = """
INSERT INTO scheduling_notice (uuid, patient_id, course_id, session_id, kind, channel, key, message_id, recipient,
    provider_id, zone, status, due_at, attempts, uncertain, content_hash, outcome, created_at, sent_at)
SELECT gen_random_uuid(), patient_id, course_id, session_id, kind, channel, key || ':' || n,
    '<' || n || '-' || id || '@old.example>', '', '', '', 'sent', due_at - n * interval '1 day', 1, false, '', 'sent',
    created_at, due_at - n * interval '1 day'
FROM scheduling_notice, generate_series(1, 100) AS n
"""


def plan_of_the_claim() -> list[str]:
    """The steps of PostgreSQL's plan, from the outermost."""
    with transaction.atomic():
        plan = str(due_rows(now=LATE).values_list("pk", flat=True)[:100].explain())
    steps = [line.partition("->")[2] or line for line in plan.splitlines() if "(cost=" in line]
    return [step.partition("(cost=")[0].strip() for step in steps]


def test_claim_is_one_scan_of_the_index_of_what_waits(site: Site) -> None:
    many.fill([site], 200, now=NOW, visits=1)
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("ANALYZE scheduling_notice")
    assert Notice.objects.count() == 20_200
    assert plan_of_the_claim() == ["Limit", "LockRows", "Index Scan using notice_waiting on scheduling_notice"]


def test_messages_are_claimed_in_the_order_they_are_due(site: Site) -> None:
    many.fill([site], 30, now=NOW, visits=1)
    first, second = claim_due(now=LATE, limit=10), claim_due(now=LATE, limit=100)
    keys = list(Notice.objects.order_by("due_at", "pk").values_list("pk", flat=True))
    assert [notice.pk for notice in first + second] == keys


def test_what_a_dead_worker_had_not_begun_is_not_in_doubt(site: Site) -> None:
    many.fill([site], 2, now=NOW, visits=1)
    begun, _waiting = claim_due(now=LATE, limit=2)
    Notice.objects.filter(pk=begun.pk).update(content_hash="x")
    assert claim_due(now=LATE + LEASE - timedelta(seconds=1), limit=2) == []
    again = claim_due(now=LATE + LEASE, limit=2)
    assert [(notice.uncertain, notice.attempts) for notice in again] == [(True, 2), (False, 2)]


def test_what_is_given_back_was_no_attempt(site: Site) -> None:
    many.fill([site], 2, now=NOW, visits=1)
    release(claim_due(now=LATE, limit=2))
    assert set(Notice.objects.values_list("status", "attempts", "claimed_until")) == {(NoticeStatus.DUE, 0, None)}


def test_claim_that_another_has_taken_over_is_not_given_back(site: Site) -> None:
    many.fill([site], 2, now=NOW, visits=1)
    lost = claim_due(now=LATE, limit=2)
    claim_due(now=LATE + LEASE, limit=2)
    release(lost)
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.SENDING}


def test_a_lot_is_read_composed_and_begun_in_a_number_of_queries_that_does_not_grow(site: Site) -> None:
    many.fill([site], 25, now=NOW, visits=3)
    assert queries_for(4) == queries_for(20)


def queries_for(count: int) -> int:
    lot = claim_due(now=LATE, limit=count)
    assert {notice.kind for notice in lot} == set(many.MIX)
    with delivery.PostOffice() as office, CaptureQueriesContext(connection) as context:
        run = delivery.Run(office, delivery.start_clock(LATE))
        assert len(begin(delivery.compose_lot(lot, run, LATE), now=LATE)) == count
    return len(context)


def test_driver_messages_are_composed_in_a_number_of_queries_that_does_not_grow(site: Site) -> None:
    version = cast.make_version(sedating=True)
    for _ in range(9):
        course = driving.book_sedating(factories.make_patient(site=site), [nine(10)], now=NOW, version=version)
        name_driver(course.sessions.get(), **driving.BOB, now=NOW)
    Notice.objects.exclude(kind="driver_calendar").delete()
    assert count_queries(1) == count_queries(8)


def test_calendars_to_subscribe_to_are_named_in_a_number_of_queries_that_does_not_grow(site: Site) -> None:
    version = cast.make_version()
    for _ in range(9):
        patient = factories.make_patient(site=site)
        cast.book(patient, [nine(40)], now=NOW, version=version)
        feeds.open_feed(patient, now=NOW)
    Notice.objects.exclude(kind="course_summary").delete()
    assert count_queries(1) == count_queries(8)


def count_queries(count: int) -> int:
    """For a lot of so many letters."""
    lot = claim_due(now=LATE + timedelta(minutes=5), limit=count)
    with delivery.PostOffice() as office, CaptureQueriesContext(connection) as context:
        run = delivery.Run(office, delivery.start_clock(LATE))
        assert len(delivery.compose_lot(lot, run, LATE + timedelta(minutes=5))) == count
    return len(context)


@pytest.mark.parametrize(
    ("changed", "read"),
    [
        ({"email": "new@mail.example"}, {("new@mail.example", "Your appointments at Riverside riverside")}),
        ({"language": "es"}, {("", "Sus citas en Riverside riverside")}),
        ({"channel": "print"}, set()),
    ],
)
def test_patient_who_changes_between_claim_and_letter_is_written_to_as_they_are_now(
    site: Site, changed: dict[str, str], read: set[tuple[str, str]]
) -> None:
    """A chunk may wait for minutes behind a slow server."""
    patient = factories.make_patient(site=site)
    cast.book(patient, [nine(40)], now=NOW)
    claimed = claim_due(now=LATE + timedelta(minutes=5), limit=10)
    Patient.objects.update(**changed)
    with delivery.PostOffice() as office:
        delivery.deliver_chunk(claimed, delivery.Run(office, delivery.start_clock(LATE + timedelta(minutes=5))))
    wanted = {(address or patient.email, subject) for address, subject in read}
    assert {(message.to[0], message.subject) for message in mail.outbox} == wanted


def limit(site: Site, mails: int) -> None:
    site.mails_per_minute = mails
    site.save()


def sent_of(site: Site) -> int:
    return Notice.objects.filter(status=NoticeStatus.SENT, course__site=site).count()


def test_site_sends_as_many_mails_a_minute_as_it_may_and_others_go_on(site: Site, other_site: Site, sink: Sink) -> None:
    many.fill([site, other_site], 40, now=NOW, visits=1)
    limit(site, 7)
    assert delivery.deliver_due(now=LATE) == Counter(sent=27)
    assert (sent_of(site), sent_of(other_site)) == (7, 20)
    assert Notice.objects.exclude(status=NoticeStatus.SENT).filter(attempts__gt=0).count() == 0
    assert delivery.deliver_due(now=LATE + timedelta(seconds=30)) == Counter()
    assert delivery.deliver_due(now=LATE + timedelta(seconds=65)) == Counter(sent=7)
    assert delivery.deliver_due(now=LATE + timedelta(seconds=130)) == Counter(sent=6)


def test_limit_holds_for_a_site_whose_mails_come_first(site: Site, other_site: Site, sink: Sink) -> None:
    """More waits of the limited site than one claim looks at."""
    many.fill([site], 2 * delivery.CHUNK, now=NOW - timedelta(hours=1), visits=1)
    many.fill([other_site], 5, now=NOW, visits=1)
    limit(site, 3)
    assert delivery.deliver_due(now=LATE) == Counter(sent=8)
    assert (sent_of(site), sent_of(other_site)) == (3, 5)


def test_run_waits_for_a_limit_that_ends_within_seconds(site: Site, sink: Sink) -> None:
    many.fill([site], 4, now=NOW, visits=1)
    limit(site, 2)
    assert delivery.deliver_due(now=LATE) == Counter(sent=2)
    assert delivery.deliver_due(now=LATE + timedelta(seconds=58)) == Counter(sent=2)
    times = sorted(notice.sent_at for notice in Notice.objects.all() if notice.sent_at)
    assert times[2] - times[0] > timedelta(minutes=1) and times[3] - times[1] > timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_limit_holds_over_two_workers(site: Site, sink: Sink) -> None:
    many.fill([site], 40, now=NOW, visits=1)
    limit(site, 10)
    sink.pace = 0.02
    together = Barrier(2)

    def deliver() -> Counter[str]:
        try:
            together.wait()
            return delivery.deliver_due(now=LATE)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = (future.result() for future in [pool.submit(deliver), pool.submit(deliver)])
    assert first + second == Counter(sent=10)
    assert sink.accepted.total() == 10


def test_one_lot_speaks_to_each_patient_once(patient: Patient, site: Site) -> None:
    course = cast.book(patient, [datetime(2026, 12, 1, 14, tzinfo=UTC)], now=NOW - timedelta(hours=1))
    cast.book(factories.make_patient(site=site), [datetime(2026, 12, 1, 15, tzinfo=UTC)], now=NOW - timedelta(hours=1))
    claimed = claim_due(now=NOW, limit=10)
    lot, rest = delivery.take_lot(claimed)
    assert [notice.kind for notice in lot] == ["course_summary", "course_summary"]
    assert [notice.kind for notice in rest] == ["calendar", "calendar"]
    assert course.notices.filter(status=NoticeStatus.SENDING).count() == 2


def test_visit_moved_while_the_server_is_slow_is_told_at_its_new_time(
    site: Site, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was composed before the move and not yet handed over is composed anew."""
    courses = [
        cast.book(factories.make_patient(site=site), [datetime(2026, 12, 1, 14 + n, tzinfo=UTC)], now=NOW)
        for n in range(2)
    ]
    Notice.objects.filter(kind="course_summary").delete()
    monkeypatch.setattr(delivery, "FRESH", timedelta(0))
    hand_in = delivery.PostOffice.send

    def send_and_move(office: delivery.PostOffice, message: EmailMultiAlternatives) -> None:
        hand_in(office, message)
        if sink.accepted.total() == 1:
            cast.move(courses[1].sessions.get(), datetime(2026, 12, 2, 15, tzinfo=UTC), now=NOW)

    monkeypatch.setattr(delivery.PostOffice, "send", send_and_move)
    # The move queued an update, which the first message says already.
    assert delivery.deliver_due(now=NOW + timedelta(minutes=3)) == Counter(sent=2, skipped=1)
    told = courses[1].sessions.get().announcement
    assert (told.told_start, told.invited_sequence) == (datetime(2026, 12, 2, 15, tzinfo=UTC), 1)
