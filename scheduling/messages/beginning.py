"""Writes down what is about to be said, before it is: whoever takes over after a crash must know it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from scheduling.messages.copies import write_copies
from scheduling.messages.letters import Letter
from scheduling.models import Notice

Written = tuple[Notice, Letter]

BEGIN = """
UPDATE scheduling_notice AS notice
SET recipient = said.recipient, content_hash = said.content_hash,
    message_id = said.message_id, event_uid = said.event_uid
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::uuid[])
    AS said(id, claimed_until, recipient, content_hash, message_id, event_uid)
WHERE notice.id = said.id AND notice.status = 'sending' AND notice.claimed_until = said.claimed_until
RETURNING notice.id
"""


def begin(written: Sequence[Written], *, now: datetime) -> list[Written]:
    """Those whose claim still holds. One statement for all: each is marked sent by itself."""
    if not written:
        return []
    for notice, letter in written:
        note(notice, letter)
    with transaction.atomic():
        held = write_down([notice for notice, _letter in written])
        begun = [(notice, letter) for notice, letter in written if notice.pk in held]
        write_copies(begun, now=now)
    return begun


def note(notice: Notice, letter: Letter) -> None:
    """Content that an earlier attempt did not have is another message."""
    if notice.uncertain and notice.content_hash != letter.content_hash:
        notice.message_id = f"<{notice.uuid}.{notice.attempts}@{notice.message_id.rpartition('@')[2]}"
    notice.recipient, notice.content_hash = letter.recipient, letter.content_hash
    notice.event_uid = letter.event_uid


def write_down(notices: Sequence[Notice]) -> set[int]:
    columns = zip(
        *(
            (row.pk, row.claimed_until, row.recipient, row.content_hash, row.message_id, row.event_uid)
            for row in notices
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(BEGIN, [list(column) for column in columns])
        return {key for (key,) in cursor.fetchall()}
