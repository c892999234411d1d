"""Mail scanners fetch every link of a message, some with a whole browser, before a person reads it (ASVS 3.5.3)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from clinic.consents import give_consent
from clinic.models import ReminderChannel, Site
from scheduling import feeds
from scheduling.drivers import name_driver
from scheduling.messages import delivery
from scheduling.messages.sms import delivery as texting
from scheduling.models import Session
from tests import factories
from tests.scheduling.driving import BOB, book_sedating
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import read_parts
from tests.scheduling.patient.visiting import digest_of_database

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = ["", "/confirm", "/driver", "/cannot-come", "/time"]
# Its GET notes that a calendar is read, and keeps what it has written: an act of nobody.
OF_THE_FEED = {"scheduling_calendarfeed"}


@pytest.fixture
def clock() -> None:
    """Browsers need one that goes."""


def send_everything(site: Site, texts: Path, settings: Any) -> set[str]:
    """Every message that says an address, to patients of every channel; the addresses."""
    settings.SMS_URL = f"file://{texts}"
    now = timezone.now()
    start = (now + timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
    mailed = factories.make_patient(site=site)
    course = book_sedating(mailed, [start], now=now)
    name_driver(course.sessions.get(), **BOB, now=now)
    subscriber = factories.make_patient(site=site)
    book_sedating(subscriber, [start], now=now)
    feeds.open_feed(subscriber, now=now)
    texted = factories.make_patient(site=site, phone="+1 212 555 0142", reminders_by=ReminderChannel.SMS)
    give_consent(texted, purpose="sms", wording="Texts about visits?", source="desk", now=now)
    book_sedating(texted, [start], now=now)
    deliver(now + timedelta(minutes=5))
    moved = cast.move(course.sessions.get(), start + timedelta(hours=1), now=now + timedelta(minutes=6))
    for hours in (0.2, 24, 48, 72, 96, 110):
        deliver(now + timedelta(hours=hours))
    cancelled = book_sedating(factories.make_patient(site=site), [start], now=now)
    deliver(now + timedelta(hours=111))
    cast.cancel(cancelled.sessions.get(), now=now + timedelta(hours=111))
    deliver(now + timedelta(hours=112))
    assert moved.sequence == 1
    said = [read_all(message) for message in mail.outbox] + [file.read_text() for file in texts.iterdir()]
    return set(re.findall(r"(?:https?|webcal)://[^\s\"'<>\\]+", "\n".join(said)))


def deliver(now: datetime) -> None:
    delivery.deliver_due(now=now)
    texting.deliver_texts(now=now)


def read_all(message: mail.EmailMessage) -> str:
    """Every part as it arrives, events unfolded."""
    return "\n".join(content.decode().replace("\r\n ", "") for _, content in read_parts(message))


def behind(addresses: set[str]) -> list[str]:
    """With the pages behind each, which a scanner that follows links comes to next."""
    pages = [address.replace("webcal://", "http://") for address in addresses]
    return sorted(address + page for address in pages for page in (PAGES if "/v/" in address else [""]))


def digest() -> dict[str, str]:
    return {table: value for table, value in digest_of_database().items() if table not in OF_THE_FEED}


def test_no_link_of_any_message_changes_anything_when_it_is_fetched(site: Site, tmp_path: Path, settings: Any) -> None:
    addresses = send_everything(site, tmp_path / "sms", settings)
    pages = behind(addresses)
    assert len({address for address in addresses if "/v/" in address}) >= 5
    assert any("/f/" in address for address in addresses)
    before = digest()
    for _ in range(5):
        for address in pages:
            path = address.removeprefix(settings.PUBLIC_URL)
            assert Client().get(path).status_code in {200, 302, 303, 410}, path
            assert Client().head(path).status_code in {200, 302, 303, 410}, path
    assert digest() == before
    assert {session.status for session in Session.objects.all()} == {"booked", "cancelled"}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_whole_browser_changes_nothing_either(
    live_server: Any, chromium: Browser, site: Site, tmp_path: Path, settings: Any
) -> None:
    settings.PUBLIC_URL = live_server.url
    addresses = send_everything(site, tmp_path / "sms", settings)
    pages = [address for address in behind(addresses) if "/v/" in address]
    before = digest()
    for _ in range(5):
        context = chromium.new_context()
        page = context.new_page()
        for address in pages:
            page.goto(address)
        context.close()
    assert digest() == before
