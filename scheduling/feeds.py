"""Give a patient a calendar to subscribe to instead of invites, and take it back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from clinic.models import Channel, Patient
from scheduling.locking import lock_course
from scheduling.messages.contacts import follow_contact
from scheduling.messages.subscriptions import follow_subscription
from scheduling.models import CalendarFeed, Course
from scheduling.refusals import refuse

NO_EMAIL = "This patient has no e-mail address: the link to the calendar could not be sent."


@transaction.atomic
def open_feed(patient: Patient, *, now: datetime) -> CalendarFeed:
    """Asked twice, the one they have. The invites they were sent are called off, and then the link goes out."""
    if not patient.email:
        raise refuse(NO_EMAIL, rule="email")
    feed = change_channel(patient, Channel.FEED, now=now)
    assert feed is not None  # noqa: S101 (for the type: the channel was set in this transaction)
    return feed


@transaction.atomic
def revoke_feed(patient: Patient, *, now: datetime) -> None:
    """Its address is dead at once, also in calendars that still have it; the patient gets invites again."""
    if CalendarFeed.objects.filter(patient=patient, revoked_at=None).exists():
        change_channel(patient, Channel.EMAIL, now=now)


def change_channel(patient: Patient, channel: Channel, *, now: datetime) -> CalendarFeed | None:
    courses = list(Course.objects.filter(patient=patient).order_by("pk").values_list("pk", flat=True))
    for course_id in courses:
        lock_course(course_id)
    patient.channel = channel
    patient.save(update_fields=["channel"])
    feed = follow_subscription(patient.pk, now=now)
    for course_id in courses:
        follow_contact(course_id, now=now)
    return feed
