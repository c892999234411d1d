"""No more texts: what waits goes another way, at once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from clinic.consents import withdraw_consent
from clinic.models import ConsentSource, Patient, Purpose
from scheduling.messages.contacts import follow_contact
from scheduling.messages.sms.reach import other_channel
from scheduling.models import Course, Notice, NoticeChannel, NoticeStatus


@transaction.atomic
def stop_texts(patient: Patient, *, now: datetime, source: ConsentSource | str = ConsentSource.SMS) -> bool:
    """Withdraw the consent, and leave no text of the patient in the queue. Whether there was a consent."""
    courses = Course.objects.select_for_update(no_key=True).filter(patient=patient).order_by("pk")
    keys = list(courses.values_list("pk", flat=True))
    withdrawn = withdraw_consent(patient, purpose=Purpose.SMS, source=source, now=now)
    waiting = Notice.objects.filter(patient=patient, channel=NoticeChannel.SMS, status=NoticeStatus.DUE)
    affected = set(waiting.values_list("course", flat=True))
    for key in keys:
        if key in affected:
            follow_contact(key, now=now)
    waiting.update(channel=other_channel(patient))  # what was due already and not begun
    return withdrawn is not None
