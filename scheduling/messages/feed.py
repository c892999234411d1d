"""A patient's calendar to subscribe to (RFC 5545, RFC 7986): written once for each change, whoever asks how often.

It bears no METHOD, so that no client takes it for an invite to be answered, and no ORGANIZER or ATTENDEE. Its UIDs are
not those of the invites: one UID never goes out both ways. A client that was sent CANCEL for a UID may hide that UID
for ever, and one that still shows an invite would merge it with an event it must not change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.contrib.postgres.aggregates import JSONBAgg
from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import MD5, Cast, JSONObject
from django.utils import translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from clinic.models.consent import Consent, Purpose
from protocols.models.visit import Place
from scheduling.messages.ics import PRODUCT, EventText
from scheduling.messages.letters import event_description
from scheduling.messages.sender import one_line
from scheduling.messages.wording import event_title, place_text
from scheduling.models import CalendarFeed, Session
from scheduling.models.session import GONE

FORM = 1  # of what is written here; another one has every feed written anew
REFRESH = "PT1H"
KEEP_PAST = timedelta(days=90)
KEEP_CANCELLED = timedelta(days=30)


def refresh_feed(feed: CalendarFeed, *, now: datetime) -> CalendarFeed:
    """The feed as it stands now. Of those who find it out of date at once one writes it, and the others wait.

    DoesNotExist where it was revoked while they waited: nothing of it is written again.
    """
    if feed.state == state_of(feed, detail=wants_detail(feed), now=now):
        return feed
    with transaction.atomic():
        live = CalendarFeed.objects.filter(revoked_at=None).select_related("patient")
        feed = live.select_for_update(of=("self",)).get(pk=feed.pk)
        # Read before the sessions: what changes between the two reads makes the next request write again.
        detail = wants_detail(feed)
        state = state_of(feed, detail=detail, now=now)
        if feed.state != state:
            feed.state = state
            store(feed, write_feed(feed, sessions_of(feed, now=now), detail=detail), now=now)
    return feed


def store(feed: CalendarFeed, body: bytes, *, now: datetime) -> None:
    """A new body has a new time, in whole seconds as HTTP has them, later than the one before."""
    etag = hashlib.sha256(body).hexdigest()
    if etag != feed.etag:
        second = now.replace(microsecond=0)
        feed.changed_at = max(second, feed.changed_at + timedelta(seconds=1)) if feed.changed_at else second
        feed.body, feed.etag = body.decode(), etag
    feed.save(update_fields=["state", "body", "etag", "changed_at"])


def sessions_of(feed: CalendarFeed, *, now: datetime) -> QuerySet[Session]:
    """All courses at all sites. What was called off before the feed began was never in it."""
    expected = ~Q(status__in=GONE) & Q(end__gt=now - KEEP_PAST)
    called_off = Q(status__in=GONE, status_at__gt=max(now - KEEP_CANCELLED, feed.created_at))
    mine = Session.objects.filter(expected | called_off, patient=feed.patient_id)
    announced = mine.exclude(visit_type__place=Place.EXTERNAL)
    return announced.select_related("site", "visit_type", "course__version__protocol").order_by("start", "pk")


def state_of(feed: CalendarFeed, *, detail: bool, now: datetime) -> str:
    """Names all that the feed says, in one query whose answer is one line."""
    names = (
        "uid", "sequence", "status", "start", "end", "timezone", "changed_at",
        "site__public_name", "site__address", "site__phone",
        "visit_type__name", "visit_type__place", "course__version__protocol__family",
    )  # fmt: skip
    row = JSONObject(**{name: name for name in names})
    rows = Cast(JSONBAgg(row, order_by=["start", "pk"]), TextField())
    found = sessions_of(feed, now=now).order_by().aggregate(state=MD5(rows))
    said = f"{FORM} {feed.patient.language} {detail} {found['state']}"
    return hashlib.sha256(said.encode()).hexdigest()


def wants_detail(feed: CalendarFeed) -> bool:
    """Whether the patient has agreed that the titles say what the visits are for."""
    return Consent.objects.live().filter(patient=feed.patient_id, purpose=Purpose.DETAIL).exists()


def write_feed(feed: CalendarFeed, sessions: Iterable[Session], *, detail: bool) -> bytes:
    """The same bytes for the same rows: nothing in them is of the moment of writing (RFC 5545 3.8.7.2)."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    with translation.override(feed.patient.language):
        name = _("Appointments")
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", REFRESH)
        for session in sessions:
            calendar.add_component(event_of(session, detail=detail))
    return bytes(calendar.to_ical())


def event_of(session: Session, *, detail: bool) -> Event:
    text = text_of(session, detail=detail)
    changed_at = session.changed_at.astimezone(UTC)
    event = Event()
    event.add("uid", str(feed_uid(session)))
    event.add("dtstamp", changed_at)
    event.add("last-modified", changed_at)
    event.add("sequence", session.sequence)
    event.add("dtstart", session.start.astimezone(UTC))
    event.add("dtend", session.end.astimezone(UTC))
    event.add("summary", one_line(text.title))
    if place := one_line(text.place):
        event.add("location", place)
    event.add("description", text.description)
    event.add("status", "CONFIRMED" if session.is_live else "CANCELLED")
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE" if session.is_live else "TRANSPARENT")
    return event


def text_of(session: Session, *, detail: bool) -> EventText:
    site = session.site
    local = session.start.astimezone(ZoneInfo(session.timezone))
    title = event_title(session, site, detail=detail)
    return EventText(title, place_text(session, site), event_description(local, site))


def feed_uid(session: Session) -> UUID:
    """Kept for the session's life, as its own is, and telling as little."""
    return uuid5(session.uid, "feed")
