"""What patients answer, recorded once, and what of it somebody at the desk must act on. The only writer of answers.

An answer alone changes no visit: a reply by mail or text can be forged, and whether a visit is given up is for staff.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from clinic.models import Patient, User
from scheduling.messages.rows import new_notice
from scheduling.models import (
    Answer,
    AnswerKind,
    AnswerSource,
    Course,
    Notice,
    NoticeChannel,
    NoticeKind,
    NoticeStatus,
    PatientLink,
    Session,
)

NOT_ABOUT_COMING = (
    AnswerKind.DRIVER,
    AnswerKind.DRIVER_YES,
    AnswerKind.DRIVER_NO,
    AnswerKind.DRIVER_MAYBE,
    AnswerKind.CALL_WANTED,
    AnswerKind.OPTED_OUT,
)


def record_answer(
    *,
    patient: Patient,
    session: Session | None,
    kind: AnswerKind | str,
    source: AnswerSource | str,
    key: str,
    now: datetime,
    sequence: int | None = None,
    stamped_at: datetime | None = None,
    wanted_start: datetime | None = None,
    comment: str = "",
    needs_staff: bool = False,
) -> Answer:
    """What arrived under one key is one answer, whatever arrives again; one that needs staff is a call to make."""
    values = {
        "patient": patient,
        "session": session,
        "kind": kind,
        "source": source,
        "sequence": sequence,
        "stamped_at": stamped_at,
        "wanted_start": wanted_start,
        "comment": comment.replace("\0", "").strip()[:500],
        "is_stale": session is not None and sequence is not None and sequence != session.sequence,
        "given_at": now,
        "needs_staff": needs_staff,
    }
    with transaction.atomic():
        answer, is_new = Answer.objects.get_or_create(key=key, defaults=values)
        if is_new and needs_staff:
            queue_call(answer, now=now)
    return answer


def queue_call(answer: Answer, *, now: datetime) -> None:
    """It stays on the call list until somebody made it, even when the visit is over: it may be one to make up for."""
    course = answer.session.course if answer.session else current_course(answer.patient, now=now)
    if course is None:
        return  # never treated here: the answer itself is all there is to show
    new_notice(
        course=course,
        session=answer.session,
        answer=answer,
        kind=NoticeKind.ANSWER,
        channel=NoticeChannel.CALL,
        key=f"answer:{answer.uuid}",
        sequence=answer.sequence,
        due_at=now,
        now=now,
    ).save(force_insert=True)


def current_course(patient: Patient, *, now: datetime) -> Course | None:
    """That of the next visit, else the latest one."""
    courses = Course.objects.filter(patient=patient).select_related("site")
    coming = courses.filter(pk__in=Session.objects.to_come(now=now).filter(patient=patient).values("course"))
    return coming.order_by("-pk").first() or courses.order_by("-pk").first()


def handle_answer(answer: Answer, *, how: str, now: datetime, by: User | None) -> bool:
    """Somebody acted on it; its call is made. False says that it was done before, or needed nobody."""
    with transaction.atomic():
        waiting = Answer.objects.filter(pk=answer.pk, needs_staff=True, handled_at=None)
        if not waiting.update(handled_at=now, handled_by=by, handled_how=how.strip()[:200]):
            return False
        calls = Notice.objects.filter(answer=answer, channel=NoticeChannel.CALL, status=NoticeStatus.DUE)
        outcome = f"Done by {by}"[:200] if by else "Done"
        calls.update(status=NoticeStatus.DONE, sent_at=now, outcome=outcome)
        if answer.source == AnswerSource.PAGE and answer.sequence is not None:
            # Where the visit stays as it is, its page is of use again; where it moved, the link is dead anyway.
            PatientLink.objects.filter(session=answer.session_id, sequence__lte=answer.sequence).update(used_at=None)
    return True


def settle_answers(sessions: Sequence[Session], *, how: str, now: datetime, by: User | None) -> None:
    """Nobody has to act any more on what was answered about these sessions."""
    for answer in Answer.objects.filter(session__in=sessions, needs_staff=True, handled_at=None).order_by("pk"):
        handle_answer(answer, how=how, now=now, by=by)


def reopen_answers(sessions: Sequence[Session], *, since: datetime) -> None:
    """The act that settled these answers at that moment is undone: somebody has to act on them after all."""
    settled = Answer.objects.filter(session__in=sessions, needs_staff=True, handled_at=since)
    for answer in settled.order_by("pk"):
        reopen_answer(answer)


def reopen_answer(answer: Answer) -> bool:
    """Somebody has to act on it after all; its call is to be made again. False says that it waits already."""
    with transaction.atomic():
        handled = Answer.objects.filter(pk=answer.pk, needs_staff=True, handled_at__isnull=False)
        if not handled.update(handled_at=None, handled_by=None, handled_how=""):
            return False
        calls = Notice.objects.filter(answer=answer, channel=NoticeChannel.CALL, status=NoticeStatus.DONE)
        calls.update(status=NoticeStatus.DUE, sent_at=None, outcome="")
    return True


def latest_answer(session: Session) -> Answer | None:
    """What was last said about coming at the time as it stands. A reply was said when its calendar wrote it.

    One query, or none where the answers of the session were prefetched.
    """
    current = [answer for answer in session.answers.all() if is_about_coming(answer, session)]
    return max(current, key=lambda answer: (answer.stamped_at or answer.given_at, answer.pk), default=None)


def is_about_coming(answer: Answer, session: Session) -> bool:
    """At the time as it stands now."""
    is_current = not answer.is_stale and answer.sequence in {None, session.sequence}
    return is_current and answer.kind not in NOT_ABOUT_COMING
