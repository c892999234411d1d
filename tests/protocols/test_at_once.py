"""Two who act at once, over connections of their own."""

from __future__ import annotations

from datetime import datetime
from threading import Barrier, Event, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from protocols.lifecycle import LifecycleError, copy_to_draft, publish_version
from protocols.models import ProtocolVersion, Stage
from tests import factories


@pytest.mark.django_db(transaction=True)
def test_nothing_slips_in_beneath_a_version_while_it_is_published() -> None:
    """The trigger waits for the publishing transaction, and then sees it."""
    draft = factories.make_protocol(publish=False)
    visit = draft.visit_types.get()
    published = Event()
    outcome: list[str] = []

    def slip_in() -> None:
        published.wait(10)
        try:
            Stage.objects.create(visit_type=visit, position=7, name="Late", minutes=5)
            outcome.append("written")
        except IntegrityError as refusal:
            outcome.append(str(refusal).splitlines()[0])
        finally:
            connection.close()

    writer = Thread(target=slip_in)
    writer.start()
    with transaction.atomic():
        publish_version(draft, now=factories.NOW, by=None)
        published.set()
        writer.join(0.5)
        assert outcome == []
    writer.join(10)
    assert outcome == ["A published protocol version never changes: insert of protocols_stage refused."]


@pytest.mark.django_db(transaction=True)
def test_two_clinicians_who_publish_at_once_end_with_one_published_version(now: datetime) -> None:
    site = factories.make_site()
    draft = copy_to_draft(factories.make_protocol(site=site), now=now, by=None)
    together = Barrier(2)
    outcomes: list[str] = []

    def publish() -> None:
        mine = ProtocolVersion.objects.get(pk=draft.pk)
        together.wait(10)
        try:
            publish_version(mine, now=now, by=None)
            outcomes.append("published")
        except LifecycleError:
            outcomes.append("refused")
        finally:
            connection.close()

    clinicians = [Thread(target=publish) for _ in range(2)]
    for thread in clinicians:
        thread.start()
    for thread in clinicians:
        thread.join(20)
    assert sorted(outcomes) == ["published", "refused"]
    statuses = draft.protocol.versions.order_by("number").values_list("status", flat=True)
    assert list(statuses) == ["retired", "published"]
