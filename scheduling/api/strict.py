"""Input that says what it means: an unknown field is a fault, not silence."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from clinic.weekly import validate_weekly_table

PAGING = {"cursor", "limit"}


class StrictJSONParser(JSONParser):
    """Nesting deeper than the parser can follow is the sender's fault, not ours."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError("JSON parse error - it is nested too deeply.") from None


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as fault:
            raise serializers.ValidationError({**fault.detail, **unknown_errors(unknown)}) from fault  # type: ignore[dict-item]
        if unknown:
            raise serializers.ValidationError(unknown_errors(unknown))
        return value


def unknown_errors(names: list[str]) -> dict[str, list[str]]:
    return {name: ["There is no such field."] for name in names}


def read_query(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """The query parameters, paging apart, or a ValidationError naming the parameter."""
    given = {name: value for name, value in request.query_params.items() if name not in PAGING}
    checked = serializer(data=given)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def read_body(serializer: type[StrictSerializer], request: Request, *, partial: bool = False) -> dict[str, Any]:
    checked = serializer(data=request.data, partial=partial, context={"key": request.auth})
    checked.is_valid(raise_exception=True)
    return checked.validated_data


WEEK_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
    "example": {"mon": [["08:00", "12:00"]]},
}


@extend_schema_field(WEEK_SCHEMA)
class WeeklyTableField(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        try:
            validate_weekly_table(value)
        except ModelValidationError as fault:
            raise serializers.ValidationError(fault.messages) from fault
        return value
