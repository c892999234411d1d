"""A time proposed from a calendar is answered with a DECLINECOUNTER (RFC 5546 3.2.8): the appointment stands for now.

Staff see the wish and call; a mail that anybody can forge moves no visit.
"""

from __future__ import annotations

from datetime import datetime

from scheduling.messages.rows import new_notice
from scheduling.models import Answer, Notice, NoticeKind

# Two machines that answer each other stop here: so many mails for one session as it stands, whatever is proposed.
MOST_ANSWERED = 3


def decline_counter(answer: Answer, *, now: datetime) -> None:
    session = answer.session
    if session is None:
        return
    given = Notice.objects.filter(session=session, kind=NoticeKind.DECLINE_COUNTER, sequence=session.sequence)
    if given.count() >= MOST_ANSWERED:
        return
    notice = new_notice(
        course=session.course,
        session=session,
        answer=answer,
        kind=NoticeKind.DECLINE_COUNTER,
        key=f"decline-counter:{answer.uuid}",
        sequence=session.sequence,
        due_at=now,
        useful_until=session.start,
        now=now,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
