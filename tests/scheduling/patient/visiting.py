"""A sedating visit with all a protocol can ask, its page, and what a patient does there."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.test import Client

from clinic.models import Patient
from protocols.models import Instruction
from scheduling.messages.links import link_to
from scheduling.models import Driver, Session
from tests import factories
from tests.scheduling.messages import cast

NOW = factories.NOW
START = datetime(2026, 12, 15, 14, tzinfo=UTC)  # Tuesday, 9:00 AM in New York
BOB: dict[str, Any] = {"kind": "person", "name": "Bob Miller", "phone": "+1 212 555 0101", "email": "bob@mail.example"}


def book_visit(patient: Patient, *, sedating: bool = True, start: datetime = START) -> Session:
    """Two and three quarter hours on December 15, with instructions of every kind."""
    version = cast.make_version(sedating=sedating, publish=False)
    visit = version.visit_types.get()
    Instruction.objects.create(visit_type=visit, kind="no_food", minutes_before=120)
    Instruction.objects.create(visit_type=visit, kind="no_drink", minutes_before=30)
    Instruction.objects.create(visit_type=visit, kind="bring", text="A list of what you take.")
    Instruction.objects.create(
        visit_type=visit,
        kind="other",
        text="No nasal spray in the hour before esketamine.",
        text_es="Nada de aerosol nasal en la hora antes de la esketamina.",
    )
    course = cast.make_course(patient, [start], now=NOW, version=version, minutes=165)
    session = course.sessions.get()
    if sedating:
        Driver.objects.create(session=session, changed_at=NOW)
    return session


def path_to(session: Session, page: str = "") -> str:
    """The path of a page behind the session's link."""
    session = Session.objects.get(pk=session.pk)
    return "/v/" + link_to(session, now=NOW).rpartition("/")[2] + page


def read(path: str, **headers: str) -> Any:
    return Client(headers=headers).get(path)


def send(path: str, /, **data: str) -> Any:
    """A form as the page has it: its own sign goes with it, as browsers do."""
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(path.removesuffix("/confirm"))
    sign = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    return browser.post(path, {**data, "csrfmiddlewaretoken": sign[1] if sign else ""})


def text_of(response: Any) -> str:
    """What a person reads, without markup."""
    body = re.sub(r"(?s)<head>.*?</head>", "", response.content.decode())
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def digest_of_database() -> dict[str, str]:
    """One digest for each table, of all its rows."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'select t::text from "{table}" t order by 1')  # noqa: S608
            found[table] = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
    return found
