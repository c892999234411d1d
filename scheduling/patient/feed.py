"""The calendar a patient subscribes to. Clients poll it for years, so an unchanged one costs little (RFC 9110 13)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from scheduling.messages.feed import refresh_feed
from scheduling.messages.subscriptions import find_feed
from scheduling.models import CalendarFeed

# Often enough to tell a calendar that is read from one that was forgotten.
READ_EVERY = timedelta(hours=1)


@require_safe
def show_feed(request: HttpRequest, token: str) -> HttpResponseBase:
    """The address is the secret, as calendars can send no other."""
    now = timezone.now()
    feed = find_feed(token)
    if feed is None:
        return show_none()
    try:
        feed = refresh_feed(feed, now=now)
        response = answer(request, feed, now=now)
    except CalendarFeed.DoesNotExist:  # revoked meanwhile
        return show_none()
    mark_read(feed, now=now)
    return discreet(response)


def show_none() -> HttpResponseBase:
    return discreet(HttpResponseNotFound("There is no such calendar.", content_type="text/plain"))


def answer(request: HttpRequest, feed: CalendarFeed, *, now: datetime) -> HttpResponseBase:
    """Without a body where the client has it already; CalendarFeed.DoesNotExist where it was revoked meanwhile."""
    response = begin(feed, now=now)
    known = get_conditional_response(request, response["ETag"], second_of(feed), response)
    if known is not None and known is not response:
        return known
    read_body(feed)
    response = begin(feed, now=now)
    body = feed.body.encode()
    if request.method == "GET":
        response.content = body
    response["Content-Length"] = str(len(body))
    return response


def begin(feed: CalendarFeed, *, now: datetime) -> HttpResponse:
    response = HttpResponse(content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="appointments.ics"'
    response["ETag"] = f'"{feed.etag}"'
    changed_at = second_of(feed)
    if changed_at is not None and changed_at <= now.timestamp():  # never later than Date (RFC 9110 8.8.2.1)
        response["Last-Modified"] = http_date(changed_at)
    return response


def second_of(feed: CalendarFeed) -> int | None:
    return int(feed.changed_at.timestamp()) if feed.changed_at else None


def read_body(feed: CalendarFeed) -> None:
    """With the ETag and the date that belong to it: another request may have written it anew."""
    if "body" in feed.get_deferred_fields():
        live = CalendarFeed.objects.filter(revoked_at=None)
        feed.refresh_from_db(fields=["body", "etag", "changed_at"], from_queryset=live)


def discreet(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = "private, no-cache"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def mark_read(feed: CalendarFeed, *, now: datetime) -> None:
    """Only for staff to see that it is in use."""
    stale = now - READ_EVERY
    if feed.read_at is None or feed.read_at <= stale:
        rows = CalendarFeed.objects.filter(Q(read_at=None) | Q(read_at__lte=stale), pk=feed.pk)
        rows.update(read_at=now)
