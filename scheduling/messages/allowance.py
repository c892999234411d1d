"""How many mails a site may still send in this minute, counted over all workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet

from clinic.models import Site
from scheduling.models import Notice, NoticeChannel, NoticeStatus

WINDOW = timedelta(minutes=1)


class Allowances(dict[int, int]):
    """By site, for those that have a limit."""

    def spent(self) -> Q:
        """The notices that have to wait, as a condition."""
        return Q(channel=NoticeChannel.EMAIL, course__site__in=[site for site, left in self.items() if left <= 0])

    def take(self, rows: Iterable[tuple[int, str, int]]) -> list[int]:
        """Of these rows, as many of each site as it may send."""
        taken = []
        for key, channel, site in rows:
            if channel != NoticeChannel.EMAIL or self.get(site, 1) > 0:
                taken.append(key)
                if channel == NoticeChannel.EMAIL and site in self:
                    self[site] -= 1
        return taken


def read_allowances(*, now: datetime) -> Allowances:
    """Locks the limited sites until the claim is written: two workers count one after the other."""
    limited = Site.objects.select_for_update(no_key=True).filter(mails_per_minute__isnull=False).order_by("pk")
    limits = {site.pk: site.mails_per_minute or 0 for site in limited}
    if not limits:
        return Allowances()
    used = count_by_site(sent_lately(limits, now=now)) + count_by_site(being_sent(limits, now=now))
    return Allowances({site: limit - used[site] for site, limit in limits.items()})


def sent_lately(sites: Iterable[int], *, now: datetime) -> QuerySet[Notice]:
    sent = Notice.objects.filter(status=NoticeStatus.SENT, sent_at__gt=now - WINDOW)
    return sent.filter(channel=NoticeChannel.EMAIL, course__site__in=list(sites))


def being_sent(sites: Iterable[int], *, now: datetime) -> QuerySet[Notice]:
    """A message of a dead worker may have been sent, but not in the last minute."""
    claimed = Notice.objects.filter(status=NoticeStatus.SENDING, claimed_until__gt=now)
    return claimed.filter(channel=NoticeChannel.EMAIL, course__site__in=list(sites))


def count_by_site(rows: QuerySet[Notice]) -> Counter[int]:
    return Counter(dict(rows.order_by().values_list("course__site").annotate(Count("pk"))))


def next_allowance(*, now: datetime) -> datetime | None:
    """When the first site with mail that waits may send again; None where no site is held up."""
    limited = Site.objects.filter(mails_per_minute__isnull=False).values_list("pk", flat=True)
    waiting = Notice.objects.filter(status=NoticeStatus.DUE, due_at__lte=now, channel=NoticeChannel.EMAIL)
    held = set(waiting.filter(course__site__in=limited).order_by().values_list("course__site", flat=True).distinct())
    first = sent_lately(held, now=now).aggregate(first=Min("sent_at"))["first"] if held else None
    return first + WINDOW if first else None
