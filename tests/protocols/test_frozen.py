"""A published version never changes: proven past the models, by SQL."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from protocols.blueprint import PATHS
from protocols.lifecycle import publish_version
from protocols.models import Protocol, ProtocolVersion, Stage, VisitType
from tests import factories


@pytest.fixture
def full_version(library: None) -> ProtocolVersion:
    """A published version with rows in every table but that of tasks."""
    return ProtocolVersion.objects.get(protocol__code="tms-weekly-ketamine")


def run(sql: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def refused(sql: str, *values: Any) -> str:
    with pytest.raises(IntegrityError) as refusal:
        run(sql, *values)
    return str(refusal.value).splitlines()[0]


TABLES = {name: (model._meta.db_table, model, path) for name, (model, path) in PATHS.items()}


@pytest.mark.parametrize("name", [name for name in TABLES if name != "tasks"])
def test_row_below_a_published_version_is_neither_changed_nor_deleted_nor_added(
    full_version: ProtocolVersion, name: str
) -> None:
    table, model, path = TABLES[name]
    row = model._default_manager.filter(**{path: full_version}).order_by("pk")[0]
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields if not field.primary_key)
    assert refused(f"UPDATE {table} SET id = id WHERE id = %s", row.pk) == (  # noqa: S608 (our own table names)
        f"A published protocol version never changes: update of {table} refused."
    )
    assert refused(f"DELETE FROM {table} WHERE id = %s", row.pk) == (  # noqa: S608
        f"A published protocol version never changes: delete of {table} refused."
    )
    copy = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = %s"  # noqa: S608
    assert refused(copy, row.pk) == f"A published protocol version never changes: insert of {table} refused."


def test_task_below_a_published_version_is_frozen_too(library: None) -> None:
    stage = Stage.objects.get(visit_type__version__protocol__code="spravato-trd", is_monitoring=True)
    task = stage.tasks.get()
    for sql in (
        "UPDATE protocols_stagetask SET at_minute = 50 WHERE id = %s",
        "DELETE FROM protocols_stagetask WHERE id = %s",
        "INSERT INTO protocols_stagetask (stage_id, name, at_minute)"
        " SELECT stage_id, name, 80 FROM protocols_stagetask WHERE id = %s",
    ):
        assert "never changes" in refused(sql, task.pk)


def test_row_is_not_moved_from_a_draft_beneath_a_published_version(full_version: ProtocolVersion) -> None:
    draft = factories.make_protocol(publish=False)
    visit = draft.visit_types.get()
    assert refused("UPDATE protocols_visittype SET version_id = %s WHERE id = %s", full_version.pk, visit.pk) == (
        "A published protocol version never changes: update of protocols_visittype refused."
    )


def test_bulk_update_of_stages_is_refused(full_version: ProtocolVersion) -> None:
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Stage.objects.filter(visit_type__version=full_version).update(minutes=1)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'draft'",
        "number = 9",
        "notes = 'other'",
        "published_at = now()",
        "library_digest = ''",
        "status = 'retired', number = 9",
        "protocol_id = (SELECT max(id) FROM protocols_protocol)",
    ],
)
def test_published_version_itself_is_not_changed(full_version: ProtocolVersion, change: str) -> None:
    sql = f"UPDATE protocols_protocolversion SET {change} WHERE id = %s"  # noqa: S608
    assert refused(sql, full_version.pk) == "A published protocol version never changes: update refused."


def test_published_version_is_retired_and_then_nothing_more(full_version: ProtocolVersion) -> None:
    run("UPDATE protocols_protocolversion SET status = 'retired' WHERE id = %s", full_version.pk)
    sql = "UPDATE protocols_protocolversion SET status = 'published' WHERE id = %s"
    assert refused(sql, full_version.pk) == "A retired protocol version never changes: update refused."
    visit = full_version.visit_types.all()[0]
    assert "A retired protocol version never changes" in refused(
        "DELETE FROM protocols_visittype WHERE id = %s", visit.pk
    )


def test_published_version_is_not_deleted_and_its_protocol_neither(full_version: ProtocolVersion) -> None:
    assert refused("DELETE FROM protocols_protocolversion WHERE id = %s", full_version.pk) == (
        "A published protocol version never changes: delete refused."
    )
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        full_version.protocol.delete()


def test_version_is_born_a_draft(db: None) -> None:
    draft = factories.make_protocol(publish=False)
    assert (
        refused(
            "INSERT INTO protocols_protocolversion"
            " (uuid, protocol_id, number, status, notes, library_digest, published_at)"
            " VALUES (gen_random_uuid(), %s, 2, 'published', '', '', now())",
            draft.protocol_id,
        )
        == "A protocol version begins as a draft, not published."
    )


def test_publisher_whose_account_is_deleted_leaves_the_version_as_it_is(db: None) -> None:
    user = factories.make_user()
    version = publish_version(factories.make_protocol(publish=False), now=factories.NOW, by=user)
    user.delete()
    version.refresh_from_db()
    assert (version.status, version.published_at, version.published_by) == ("published", factories.NOW, None)


def test_draft_is_edited_and_deleted_with_its_protocol(db: None) -> None:
    draft = factories.make_protocol(publish=False)
    Stage.objects.filter(visit_type__version=draft).update(minutes=45)
    draft.visit_types.create(code="second", name="Second")
    draft.protocol.delete()
    assert not Protocol.objects.filter(pk=draft.protocol_id).exists()
    assert not VisitType.objects.filter(version_id=draft.pk).exists()
