"""Who has a calendar to subscribe to: rows that follow the patient's channel, and the mail that brings the link.

A patient has invites or a subscription, never both. On the way to a subscription the invites are called off first, and
the link waits until they are; on the way back the subscription ends before the first invite is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from clinic.models import Channel, Patient
from scheduling.messages.rows import new_notice
from scheduling.messages.tokens import derive_token, digest_of
from scheduling.models import CalendarFeed, Course, Notice, NoticeKind, NoticeStatus, Session

PURPOSE = "feed"
NEXT_LOOK = timedelta(minutes=1)
WAITING = (NoticeStatus.DUE, NoticeStatus.SENDING)


def follow_subscriptions(*, now: datetime) -> list[int]:
    """Open and end what should be, whoever changed a patient's channel, in whatever form; the patients concerned."""
    live = CalendarFeed.objects.filter(patient=OuterRef("pk"), revoked_at=None)
    patients = Patient.objects.annotate(has_feed=Exists(live))
    wrong = patients.filter(Q(channel=Channel.FEED, has_feed=False) | ~Q(channel=Channel.FEED) & Q(has_feed=True))
    keys = list(wrong.order_by("pk").values_list("pk", flat=True))
    for pk in keys:
        follow_subscription(pk, now=now)
    return keys


@transaction.atomic
def follow_subscription(patient_id: int, *, now: datetime) -> CalendarFeed | None:
    """The patient's own feed, if that is how they want their calendar; one opened anew is told by mail."""
    patient = Patient.objects.select_for_update(no_key=True).get(pk=patient_id)
    feed = CalendarFeed.objects.filter(patient=patient, revoked_at=None).first()
    if patient.channel != Channel.FEED:
        if feed is not None:
            end_feed(feed, now=now)
        return None
    if feed is None:
        feed = CalendarFeed(patient=patient, created_at=now)
        feed.digest = digest_of(token_of(feed))
        feed.save()
        tell_link(feed, now=now)
    return feed


def end_feed(feed: CalendarFeed, *, now: datetime) -> None:
    """Whoever still asks for it gets nothing from this moment on, and nothing of it is kept."""
    feed.revoked_at, feed.body, feed.etag, feed.state = now, "", "", ""
    feed.save(update_fields=["revoked_at", "body", "etag", "state"])
    Notice.objects.filter(patient=feed.patient_id, kind=NoticeKind.FEED_LINK, status=NoticeStatus.DUE).delete()


def tell_link(feed: CalendarFeed, *, now: datetime) -> None:
    """A patient without a course gets the link with the list of their first one."""
    course = Course.objects.filter(patient=feed.patient_id).select_related("site").order_by("-pk").first()
    if course is not None:
        row = new_notice(course=course, kind=NoticeKind.FEED_LINK, key=f"feed:{feed.uuid}", due_at=now, now=now)
        Notice.objects.bulk_create([row], ignore_conflicts=True)


def feed_of(patient: Patient) -> CalendarFeed | None:
    return feeds_of([patient]).get(patient.pk)


def feeds_of(patients: Iterable[Patient]) -> dict[int, CalendarFeed]:
    """What each patient may be told the address of; without its body."""
    subscribed = [patient.pk for patient in patients if patient.channel == Channel.FEED]
    feeds = CalendarFeed.objects.filter(patient__in=subscribed, revoked_at=None).defer("body")
    return {feed.patient_id: feed for feed in feeds}


def find_feed(token: str) -> CalendarFeed | None:
    """A live one, without its body. Where the channel was changed a moment ago it is none any more."""
    live = CalendarFeed.objects.filter(digest=digest_of(token), revoked_at=None, patient__channel=Channel.FEED)
    return live.select_related("patient").defer("body").first()


def token_of(feed: CalendarFeed) -> str:
    return derive_token(PURPOSE, str(feed.uuid))


def address_of(feed: CalendarFeed) -> str:
    """After a change of the installation's key the row learns the new token, and the old address ends."""
    token = token_of(feed)
    digest = digest_of(token)
    if feed.digest != digest:
        feed.digest = digest
        feed.save(update_fields=["digest"])
    return f"{settings.PUBLIC_URL}/f/{token}.ics"


def webcal_address_of(feed: CalendarFeed) -> str:
    """The same, as calendar applications like it: a click subscribes instead of importing once."""
    return "webcal://" + address_of(feed).partition("://")[2]


def find_in_two_calendars(patients: Iterable[Patient], *, now: datetime) -> set[int]:
    """For whom an event still stands in the calendar by an invite, and is about to be taken out."""
    to_come = Session.objects.filter(patient__in=[patient.pk for patient in patients], start__gt=now)
    withdrawn = Q(kind=NoticeKind.WITHDRAWAL, status__in=WAITING)
    unsure = Q(kind=NoticeKind.CALENDAR, status__in=WAITING) & (Q(uncertain=True) | Q(status=NoticeStatus.SENDING))
    waiting = Notice.objects.filter(withdrawn | unsure, session__in=to_come).order_by()
    invited = to_come.filter(status="booked", announcement__invited_to__gt="").order_by()
    return {*waiting.values_list("session__patient", flat=True), *invited.values_list("patient", flat=True)}
