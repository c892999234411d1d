"""A new row of the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from scheduling.messages.sender import sender_address
from scheduling.models import Course, Notice, NoticeChannel, NoticeKind

AGAIN = "again:"  # begins the key of a message that staff send once more, and of the call for one that failed
INSTEAD = ":call"  # ends the key of a call that takes the place of a mail


def new_notice(
    *,
    course: Course,
    kind: NoticeKind | str,
    key: str,
    due_at: datetime,
    now: datetime,
    channel: NoticeChannel | str = NoticeChannel.EMAIL,
    **fields: Any,
) -> Notice:
    """Unsaved. Its Message-ID is fixed here, so that a message sent again after a crash is known as the same."""
    uuid = uuid4()
    domain = sender_address(course.site).rpartition("@")[2]
    return Notice(
        uuid=uuid,
        patient_id=course.patient_id,
        course=course,
        kind=kind,
        key=key,
        channel=channel,
        message_id=f"<{uuid}@{domain}>",
        due_at=due_at,
        created_at=now,
        **fields,
    )
