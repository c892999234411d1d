"""Which source stands behind a value: what staff read beside it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

from django.db.models import Model

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

CHECK_LABEL = "Values marked LABEL must be checked against the current prescribing information or device manual."
"""Stands on every page that shows a protocol."""


@singledispatch
def subject_of(row: Model) -> str:
    """The row's name among the sources of its version, such as `phase spravato/induction`."""
    raise TypeError(f"{type(row).__name__} has no sources.")


@subject_of.register
def _(row: VisitType) -> str:
    return f"visit {row.code}"


@subject_of.register
def _(row: Stage) -> str:
    return f"stage {row.visit_type.code}/{row.name}"


@subject_of.register
def _(row: StageTask) -> str:
    return f"task {row.stage.visit_type.code}/{row.stage.name}/{row.name}"[:120]


@subject_of.register
def _(row: Need) -> str:
    return subject_of(row.stage)


@subject_of.register
def _(row: Instruction) -> str:
    return f"instruction {row.visit_type.code}/{row.kind}"


@subject_of.register
def _(row: Track) -> str:
    return f"track {row.name}"


@subject_of.register
def _(row: Phase) -> str:
    return f"phase {row.track.name}/{row.name}"


@subject_of.register
def _(row: Link) -> str:
    return f"link {row.type} {row.track.name}/{row.after.name}"


@subject_of.register
def _(row: Gate) -> str:
    return f"gate {row.code}"


@subject_of.register
def _(row: DecisionPoint) -> str:
    return f"decision {row.track.name}/{row.after_number}"


def needs_text(stage: Stage) -> str:
    """What a stage needs in one line, such as `chair, clinician (rems)`, read from prefetched needs."""
    return ", ".join(need_text(need) for need in stage.needs.all())


def need_text(need: Need) -> str:
    return f"{need.kind_id} ({need.skill})" if need.skill else need.kind_id


def value_text(value: Any) -> str:
    """A value as its source quotes it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


class SourceBook:
    """The sources of one version, read once: `book.of(phase, "min_gap_hours")`."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = {(source.subject, source.field): source for source in sources}

    @classmethod
    def of_version(cls, version: ProtocolVersion) -> SourceBook:
        return cls(version.sources.all())

    def of(self, row: Model, field: str) -> Source | None:
        return self._sources.get((subject_of(row), field))

    def still_vouches(self, row: Model, field: str, value: Any) -> bool:
        """Whether the value is still the one the source gives, rather than one a clinician has put in its place."""
        source = self.of(row, field)
        return source is not None and source.value == value_text(value)
