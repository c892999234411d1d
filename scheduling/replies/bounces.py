"""A message of ours that came back: it was not said after all, and somebody phones.

Our Message-ID is 122 random bits that only we and the recipient's side have seen, so a report that names it is no
guess. Where it names none of ours the mail is left alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from scheduling.messages import call_list
from scheduling.messages.outbox import lock_course
from scheduling.models import Announcement, Notice, NoticeChannel, NoticeKind, NoticeStatus, PickUp
from scheduling.replies.mail import Bounce
from scheduling.replies.reports import SPAM
from scheduling.replies.taken import BOUNCE, LEFT_ALONE, Taken

OUT = (NoticeStatus.SENT, NoticeStatus.SENDING, NoticeStatus.DUE)
LISTS = (NoticeKind.COURSE_SUMMARY, NoticeKind.CHANGES)
# A list is written down as told when it was composed, at most a lease before it was sent.
COMPOSED_WITHIN = timedelta(minutes=5)


def take_bounce(bounce: Bounce, *, now: datetime) -> Taken:
    notice = find_notice(bounce.message_ids)
    if notice is None:
        return Taken(LEFT_ALONE, "a report about no message of ours")
    outcome = describe(bounce)
    if not bounce.is_final:
        Notice.objects.filter(pk=notice.pk, status=NoticeStatus.SENT).update(outcome=outcome)
    elif fail(notice, outcome, now=now) and bounce.status != SPAM:
        doubt(notice)
        call_list.call_instead(notice, now=now)
    return Taken(BOUNCE, outcome, notice.patient, notice.session, notice)


def find_notice(message_ids: tuple[str, ...]) -> Notice | None:
    """An attempt that said something else went out under an id of its own, which its copy keeps."""
    named = Q(message_id__in=message_ids) | Q(copies__message_id__in=message_ids)
    found = Notice.objects.filter(named, channel=NoticeChannel.EMAIL).values_list("pk", "course").first()
    if found is None:
        return None
    key, course_id = found
    lock_course(course_id)  # before the notice, as every act does
    rows = Notice.objects.select_for_update(of=("self",)).select_related("patient", "session", "course__site")
    return rows.filter(pk=key).first()


def describe(bounce: Bounce) -> str:
    if bounce.status == SPAM:
        return "failed: reported as unwanted"
    return f"failed: returned ({bounce.status})" if bounce.is_final else f"sent; delayed on its way ({bounce.status})"


def fail(notice: Notice, outcome: str, *, now: datetime) -> bool:
    """As after a refusal for good, nothing goes to that address from now on. Returned twice, it failed once."""
    out = Notice.objects.filter(pk=notice.pk, status__in=OUT).exclude(recipient="")
    return bool(out.update(status=NoticeStatus.FAILED, outcome=outcome, claimed_until=None, failed_at=now))


def doubt(notice: Notice) -> None:
    """Nobody was told; a cancellation that came back leaves somebody who still means to come."""
    if notice.pick_up_id is not None:
        said = PickUp.objects.filter(pk=notice.pick_up_id, told_sequence=notice.sequence)
        if not said.filter(told_cancelled=True).update(told_cancelled=False):
            said.update(told_sequence=None, told_start=None, told_end=None)
        return
    # In the order in which a list writes them down.
    rows = told_by(notice).select_for_update().order_by("session_id")
    keys = list(rows.values_list("pk", flat=True))
    Announcement.objects.filter(pk__in=keys).update(came_back=True, told_cancelled=False)


def told_by(notice: Notice) -> QuerySet[Announcement]:
    if notice.kind == NoticeKind.CALENDAR:
        return Announcement.objects.filter(session=notice.session_id, invited_to=notice.recipient)
    if notice.kind in LISTS and notice.sent_at is not None:
        composed = (notice.sent_at - COMPOSED_WITHIN, notice.sent_at)
        return Announcement.objects.filter(session__course=notice.course_id, told_at__range=composed)
    return Announcement.objects.none()
