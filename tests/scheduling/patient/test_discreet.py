"""Whoever has a link may act for the patient: it stands in no log, no audit trail, and no copy of a message."""

from __future__ import annotations

import logging

import pytest
from django.db import connection
from django.test import Client
from pghistory.models import Context

from clinic.history import Trail, read_history
from clinic.log import DiscreetFormatter
from scheduling.messages.delivery import deliver_due
from scheduling.models import Answer, Driver, Notice, Session
from tests.scheduling.patient.visiting import BOB, NOW, path_to

PAGES = ["", "/confirm", "/driver", "/cannot-come", "/time", "/time/20261216T1500Z", "/no-such-page"]


def use_every_page(path: str) -> None:
    for page in PAGES:
        Client().get(path + page)
        Client().post(path + page, BOB)
        Client(enforce_csrf_checks=True).post(path + page)


def test_audit_trail_says_that_the_patient_did_it_and_keeps_no_token(visit: Session) -> None:
    path = path_to(visit)
    Client().post(f"{path}/driver", BOB)
    use_every_page(path)
    [change, *_] = read_history([Trail(Driver, Driver.objects.get(session=visit).pk)])
    assert (change.by, change.act) == ("The patient, on their page", "Changed")
    token = path.removeprefix("/v/")
    kept = [context.metadata for context in Context.objects.all()]
    assert {entry["url"] for entry in kept} <= {f"/v/{token[:4]}...{page}" for page in PAGES}
    assert token not in repr(kept)


def test_no_table_keeps_a_token(visit: Session) -> None:
    path = path_to(visit)
    token = path.removeprefix("/v/")
    use_every_page(path)
    Notice.objects.update(due_at=NOW)
    deliver_due(now=NOW)
    assert (Answer.objects.exists(), token in everything()) == (True, False)


def everything() -> str:
    said = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'select t::text from "{table}" t')  # noqa: S608
            said += [row for (row,) in cursor.fetchall()]
    return "\n".join(said)


def test_log_keeps_no_token(visit: Session, caplog: pytest.LogCaptureFixture) -> None:
    path = path_to(visit)
    caplog.set_level(logging.DEBUG)
    use_every_page(path)
    written = DiscreetFormatter("%(message)s")
    lines = [written.format(record) for record in caplog.records if record.name != "django.db.backends"]
    assert any("/v/" in line for line in lines)
    assert not [line for line in lines if path.removeprefix("/v/") in line]
