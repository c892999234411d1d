"""No more texts: what waits goes another way, at once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from clinic.consents import withdraw_consent
from clinic.models import ConsentSource, Patient, Purpose
from scheduling.messages.contacts import try_to_follow
from scheduling.models import Course, Notice, NoticeChannel, NoticeStatus


@transaction.atomic
def stop_texts(patient: Patient, *, now: datetime, source: ConsentSource | str = ConsentSource.SMS) -> bool:
    """Withdraw the consent, and leave no text of the patient in the queue. Whether there was a consent."""
    lock_courses(Q(patient=patient))
    withdrawn = withdraw_consent(patient, purpose=Purpose.SMS, source=source, now=now)
    waiting = Notice.objects.filter(patient=patient, channel=NoticeChannel.SMS, status=NoticeStatus.DUE)
    for course_id in sorted(set(waiting.values_list("course", flat=True))):
        try_to_follow(course_id, now=now)
    return withdrawn is not None


def lock_courses(which: Q) -> None:
    """Before any notice, and in one order, as every act does."""
    courses = Course.objects.select_for_update(no_key=True, of=("self",))
    list(courses.filter(which).order_by("pk").values_list("pk"))
