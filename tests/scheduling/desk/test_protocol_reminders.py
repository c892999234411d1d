"""When a protocol reminds: set in a draft, by clinicians, and read by everybody."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from clinic.models import Site, User
from protocols.lifecycle import publish_version
from protocols.models import ProtocolVersion
from tests import factories
from tests.scheduling.desk.pressing import told


@pytest.fixture
def draft(site: Site) -> ProtocolVersion:
    return factories.make_protocol(site=site, publish=False)


@pytest.fixture
def at_work(client: Client, clinician: User) -> Client:
    client.force_login(clinician)
    return client


def send(client: Client, version: ProtocolVersion, **fields: str) -> Any:
    return client.post(reverse("admin:desk_protocol_reminders", args=[version.pk]), fields, follow=True)


def kept(version: ProtocolVersion) -> tuple[list[int] | None, time | None]:
    version.refresh_from_db()
    return version.reminder_days, version.reminder_time


def test_clinician_sets_them_in_a_draft(at_work: Client, draft: ProtocolVersion) -> None:
    page = send(at_work, draft, reminder_days="2, 5, 2", reminder_time="17:30")
    assert (told(page), kept(draft)) == (["Saved."], ([5, 2], time(17, 30)))


def test_empty_fields_leave_them_to_the_site(at_work: Client, draft: ProtocolVersion) -> None:
    send(at_work, draft, reminder_days="2", reminder_time="17:30")
    send(at_work, draft, reminder_days="", reminder_time="")
    assert kept(draft) == (None, None)


@pytest.mark.parametrize("fields", [{"reminder_days": "0"}, {"reminder_days": "x"}, {"reminder_time": "25:00"}])
def test_nonsense_is_told_beside_the_field_and_not_kept(
    at_work: Client, draft: ProtocolVersion, fields: dict[str, str]
) -> None:
    page = send(at_work, draft, **{"reminder_days": "", "reminder_time": "", **fields})
    assert (set(page.context["reminders"].errors), kept(draft)) == (set(fields), (None, None))
    assert 'role="alert"' in page.content.decode()


def test_published_version_keeps_its_reminders(at_work: Client, draft: ProtocolVersion, clinician: User) -> None:
    send(at_work, draft, reminder_days="2", reminder_time="17:30")
    publish_version(draft, now=factories.NOW, by=clinician)
    assert send(at_work, draft, reminder_days="4", reminder_time="").status_code == 404
    assert kept(draft) == ([2], time(17, 30))
    page = at_work.get(reverse("admin:protocols_protocolversion_change", args=[draft.pk])).content.decode()
    assert "2 days before a visit, at 5:30 PM." in page


def test_clerk_cannot_set_them(client: Client, clerk: User, draft: ProtocolVersion) -> None:
    client.force_login(clerk)
    assert send(client, draft, reminder_days="2").status_code == 403
    assert kept(draft) == (None, None)


def test_clinician_of_another_site_does_not_see_them(client: Client, other_site: Site, draft: ProtocolVersion) -> None:
    client.force_login(factories.make_user(role="clinician", sites=(other_site,)))
    assert send(client, draft, reminder_days="2").status_code == 404
