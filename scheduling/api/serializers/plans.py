"""What the planner answers, described for the schema: the cost by part, and what would help."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scheduling.engine import RELAXATION_FIELDS, CostParts

COST_SCHEMA = {
    "type": "object",
    "description": "Points by part (docs/planning-format.md); empty where there is no plan.",
    "properties": {part.name: {"type": "integer"} for part in fields(CostParts)},
    "additionalProperties": False,
}
RELAXATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "One change that, made alone, lets the course be planned; each type has its own fields.",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": list(RELAXATION_FIELDS)},
        "days": {"type": "integer", "minimum": 1, "description": "Of extend_latest_start and slip."},
        "track": {"type": "string", "description": "Of slip."},
        "phase": {"type": "string", "description": "Of slip."},
        "kind": {"type": "string", "description": "Of add_seat."},
        "skill": {"type": ["string", "null"], "description": "Of add_seat."},
        "date": {"type": "string", "format": "date", "description": "Of open_site."},
        "from": {"type": "string", "description": "An instant; of open_site the local time of day, as HH:MM."},
        "to": {"type": "string", "description": "As `from`; 24:00 is the end of the day."},
    },
    "additionalProperties": False,
}
CLOCK_SCHEMA = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["09:00"]}


@extend_schema_field(COST_SCHEMA)
class CostField(serializers.JSONField):
    pass


@extend_schema_field(RELAXATION_SCHEMA)
class RelaxationField(serializers.JSONField):
    pass


@extend_schema_field(CLOCK_SCHEMA)
class ClockField(serializers.CharField):
    """A time of day as HH:MM."""
