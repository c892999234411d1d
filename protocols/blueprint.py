"""All rows of a version as one thing that can be read, written beneath another version, and built from a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import models, transaction

from protocols.models import (
    DecisionPoint,
    Gate,
    Instruction,
    Link,
    Need,
    Phase,
    ProtocolVersion,
    Source,
    Stage,
    StageTask,
    Track,
    VisitType,
)


@dataclass
class Blueprint:
    """Unsaved rows that point at each other, in the order in which they can be written."""

    visit_types: list[VisitType] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    tasks: list[StageTask] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    decision_points: list[DecisionPoint] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)

    def tables(self) -> Iterator[list[Any]]:
        return (getattr(self, table.name) for table in fields(self))


PATHS: dict[str, tuple[type[models.Model], str]] = {
    "visit_types": (VisitType, "version"),
    "stages": (Stage, "visit_type__version"),
    "tasks": (StageTask, "stage__visit_type__version"),
    "needs": (Need, "stage__visit_type__version"),
    "instructions": (Instruction, "visit_type__version"),
    "tracks": (Track, "version"),
    "phases": (Phase, "track__version"),
    "links": (Link, "version"),
    "gates": (Gate, "version"),
    "decision_points": (DecisionPoint, "version"),
    "sources": (Source, "version"),
}
"""Each table of a blueprint, and how its rows find their version."""


def write_blueprint(blueprint: Blueprint, *, version: ProtocolVersion) -> None:
    """Write all rows beneath the draft, one insert per table."""
    with transaction.atomic():
        for rows in filter(None, blueprint.tables()):
            for row in rows:
                if hasattr(row, "version_id"):
                    row.version = version
            type(rows[0]).objects.bulk_create(rows)


def copy_blueprint(version: ProtocolVersion) -> Blueprint:
    """Unsaved copies of all rows of the version, pointing at each other and no longer at the originals."""
    copies: dict[tuple[type[models.Model], Any], models.Model] = {}
    tables: dict[str, list[Any]] = {
        name: [_copy_row(row, copies) for row in model._default_manager.filter(**{path: version}).order_by("pk")]
        for name, (model, path) in PATHS.items()
    }
    return Blueprint(**tables)


def _copy_row(row: models.Model, copies: dict[tuple[type[models.Model], Any], models.Model]) -> models.Model:
    values: dict[str, Any] = {}
    for column in row._meta.concrete_fields:
        value = getattr(row, column.attname)
        original = (column.related_model, value)
        if column.primary_key or column.related_model is ProtocolVersion:
            continue
        if column.is_relation and original in copies:
            values[column.name] = copies[original]
        else:
            values[column.attname] = value
    copy = type(row)(**values)
    copies[type(row), row.pk] = copy
    return copy
