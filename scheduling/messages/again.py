"""Send a message once more, because staff ask for it: the patient deleted it, or never saw it."""

from __future__ import annotations

from datetime import datetime

from clinic.models import User
from scheduling.messages.rows import new_notice
from scheduling.models import Notice, NoticeChannel, NoticeStatus
from scheduling.refusals import refuse

BY_MACHINE = {NoticeChannel.EMAIL, NoticeChannel.SMS}
ENDED = {NoticeStatus.SENT, NoticeStatus.FAILED, NoticeStatus.SKIPPED}


def send_again(notice: Notice, *, now: datetime, by: User) -> Notice:
    """A message of its own that says what holds now; asked twice before it has gone out, the same one."""
    if notice.channel not in BY_MACHINE:
        raise refuse("Only e-mails and text messages can be sent again; this one is for the front desk.")
    if notice.status not in ENDED:
        raise refuse("This message is still waiting to be sent.")
    waiting = notice.repetitions.filter(status__in=[NoticeStatus.DUE, NoticeStatus.SENDING]).first()
    if waiting is not None:
        return waiting
    again = new_notice(
        course=notice.course,
        session=notice.session,
        kind=notice.kind,
        key=f"again:{notice.uuid}:{notice.repetitions.count() + 1}",
        channel=notice.channel,
        sequence=notice.session.sequence if notice.session else None,
        due_at=now,
        now=now,
        again_of=notice,
        useful_until=notice.useful_until,
    )
    again.save()
    return again
