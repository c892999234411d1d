"""The tables and their triggers come and go with the migrations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from protocols.blueprint import PATHS
from protocols.models.frozen import FROZEN

TABLES = {model._meta.db_table for model, _ in PATHS.values()} | {"protocols_protocolversion"}


@pytest.fixture
def migrated_again(transactional_db: None) -> Iterator[None]:
    """Whatever happens, the next test finds every table."""
    yield
    call_command("migrate", verbosity=0)


def frozen_tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE %s",
            [f"pgtrigger_{FROZEN}_%"],
        )
        return {table for (table,) in cursor.fetchall()}


def test_migrations_go_back_to_nothing_and_forwards_from_empty(migrated_again: None) -> None:
    assert frozen_tables() == TABLES
    call_command("migrate", "protocols", "zero", verbosity=0)
    left = [name for name in connection.introspection.table_names() if name.startswith("protocols_")]
    assert (frozen_tables(), left) == (set(), [])
    call_command("migrate", verbosity=0)
    assert frozen_tables() == TABLES
