"""The library is loaded once per module; each test's own changes are rolled back to that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from django.db import transaction

from protocols.library import FOLDER, load_library
from tests import factories


@pytest.fixture(scope="module")
def loaded_library(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        load_library(now=factories.NOW)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def library(loaded_library: None, db: None) -> None:
    """The library as its files ship it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the library's files to spoil."""
    copytree(FOLDER, tmp_path / "library")
    return tmp_path / "library"


@pytest.fixture
def small_folder(folder: Path) -> Path:
    """A library of one protocol."""
    for path in folder.glob("*.yaml"):
        if path.name not in {"kinds.yaml", "sources.yaml", "spravato-trd.yaml"}:
            path.unlink()
    return folder
