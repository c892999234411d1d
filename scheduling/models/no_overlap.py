"""The exclusion constraint that has the last word against double booking."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import DEFAULT_DB_ALIAS
from django.db.models import F, Func, Value


def same(field: str) -> tuple[Func, str]:
    """The field as a range of one number, so that plain gist serves and no extension is needed."""
    return (
        Func(F(field), F(field), Value("[]"), function="int8range", output_field=BigIntegerRangeField()),
        RangeOperators.OVERLAPS,
    )


def period() -> tuple[Func, str]:
    """The half-open span of a row's plain `start` and `end` columns."""
    return (
        Func(F("start"), F("end"), Value("[)"), function="tstzrange", output_field=DateTimeRangeField()),
        RangeOperators.OVERLAPS,
    )


class NoOverlap(ExclusionConstraint):
    """Django 5.2 raises FieldError when a form leaves out a field of `condition` (ticket 36222, fixed in 6.0)."""

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS) -> None:
        if exclude and self.condition is not None:
            exclude = set(exclude) - {name for name, *_ in model._get_expr_references(self.condition)}
        super().validate(model, instance, exclude=exclude, using=using)

    def deconstruct(self) -> Any:
        """Migrations name Django's own class."""
        _, args, kwargs = super().deconstruct()
        return "django.contrib.postgres.constraints.ExclusionConstraint", args, kwargs
