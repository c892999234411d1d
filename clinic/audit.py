"""The audit trail: every insert, update and delete of an audited row is written by a database trigger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pghistory


def audited(*, exclude: tuple[str, ...] = ()) -> Callable[[type[Any]], type[Any]]:
    """Class decorator: keep an append-only history of the model's rows, bulk and raw SQL writes included."""
    return pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        exclude=list(exclude) or None,
        append_only=True,
    )


def audited_link(model: type[Any]) -> type[Any]:
    """The same for the rows of a many-to-many table, through a proxy of its model."""
    return pghistory.track(pghistory.InsertEvent(), pghistory.DeleteEvent(), obj_field=None, append_only=True)(model)
