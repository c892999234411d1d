"""What became of a text after the provider took it, as it reports."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from scheduling.messages import call_list, outbox
from scheduling.messages.rows import INSTEAD
from scheduling.messages.sms.stopping import lock_courses, stop_texts
from scheduling.models import Notice, NoticeChannel, NoticeKind, NoticeStatus

TAKEN = {"accepted", "scheduled", "queued", "sending", "sent"}
LOST = {"undelivered", "failed", "canceled"}
# Twilio's numbers for a phone that texts will never reach; another failure may pass, and does not bar the number.
FOR_GOOD = {"21211", "21610", "21614", "30004", "30005", "30006"}
OPTED_OUT = "21610"


@transaction.atomic
def record_fate(reference: UUID, *, provider_id: str, status: str, code: str, now: datetime) -> str:
    """One report; the answer names what it did. Reports come late, twice, and in any order."""
    lock_courses(Q(patient__notices__uuid=reference))  # all of the patient: the report may be one of a STOP
    notice = (
        Notice.objects.select_for_update(of=("self",))
        .select_related("course__site", "patient")
        .filter(uuid=reference, channel=NoticeChannel.SMS)
        .first()
    )
    if notice is None or (notice.provider_id and notice.provider_id != provider_id):
        return "unknown"
    if notice.status not in {NoticeStatus.SENDING, NoticeStatus.SENT, NoticeStatus.FAILED}:
        return "unknown"
    if status in LOST:
        return record_loss(notice, provider_id, code, now)
    if status == "delivered" or status in TAKEN:
        return record_progress(notice, provider_id, "delivered" if status == "delivered" else "sent", now)
    return "ignored"


def record_loss(notice: Notice, provider_id: str, code: str, now: datetime) -> str:
    """The front desk phones. A number that may be reached another day is not barred."""
    if notice.status == NoticeStatus.FAILED or notice.outcome == "delivered":
        return "ignored"
    notice.status, notice.claimed_until, notice.provider_id = NoticeStatus.FAILED, None, provider_id
    notice.uncertain = code not in FOR_GOOD
    notice.failed_at = None if notice.uncertain else now
    notice.outcome = f"failed: the text was not delivered ({code or 'no reason given'})"[:200]
    save(notice)
    call_list.call_instead(notice, now=now)
    if code == OPTED_OUT:
        stop_texts(notice.patient, now=now)
    return "failed"


def record_progress(notice: Notice, provider_id: str, outcome: str, now: datetime) -> str:
    """Also for a text that we had lost sight of: it was taken after all, and nobody needs to phone."""
    if notice.outcome == "delivered" or (notice.status == NoticeStatus.FAILED and notice.provider_id):
        return "ignored"
    notice.status, notice.claimed_until, notice.provider_id = NoticeStatus.SENT, None, provider_id
    notice.uncertain, notice.outcome = False, outcome
    notice.sent_at = notice.sent_at or now
    save(notice)
    calls = Notice.objects.filter(key=notice.key + INSTEAD, channel=NoticeChannel.CALL, status=NoticeStatus.DUE)
    count = calls.update(status=NoticeStatus.SKIPPED, outcome="skipped: the text arrived after all")
    if count and notice.kind == NoticeKind.DRIVER_REMINDER:
        outbox.driver_changed(notice.course, now=now)  # that call would have asked for the driver
    return outcome


def save(notice: Notice) -> None:
    notice.save(
        update_fields=["status", "claimed_until", "provider_id", "uncertain", "outcome", "sent_at", "failed_at"]
    )  # fmt: skip
