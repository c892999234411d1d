"""Protocols: what a course can be planned on."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from protocols.holds import visit_minutes
from protocols.models import DecisionPoint, Instruction, Phase, Protocol, ProtocolVersion, Track, VisitType


class InstructionSerializer(serializers.ModelSerializer[Instruction]):
    """What the patient must do for a visit; `{time}` in a text stands for the clock time `minutes_before` it."""

    class Meta:
        model = Instruction
        fields = ["kind", "minutes_before", "text", "text_es"]


class VisitTypeSerializer(serializers.ModelSerializer[VisitType]):
    minutes = serializers.SerializerMethodField(help_text="How long the patient stays.")
    instructions = InstructionSerializer(many=True, read_only=True)

    class Meta:
        model = VisitType
        fields = ["code", "name", "place", "sedating", "minutes", "instructions"]

    def get_minutes(self, visit_type: VisitType) -> int:
        return visit_minutes(visit_type)


class PhaseSerializer(serializers.ModelSerializer[Phase]):
    class Meta:
        model = Phase
        fields = ["name", "periods", "period_days", "per_period", "min_gap_hours", "max_gap_hours", "open_ended"]


class TrackSerializer(serializers.ModelSerializer[Track]):
    visit_type = serializers.CharField(source="visit_type.code", read_only=True)
    phases = PhaseSerializer(many=True, read_only=True)

    class Meta:
        model = Track
        fields = ["name", "visit_type", "first_day", "phases"]


class DecisionPointSerializer(serializers.ModelSerializer[DecisionPoint]):
    track = serializers.CharField(source="track.name", read_only=True)

    class Meta:
        model = DecisionPoint
        fields = ["track", "after_number", "mode", "question"]


class VersionSerializer(serializers.ModelSerializer[ProtocolVersion]):
    id = serializers.UUIDField(source="uuid", read_only=True)
    visit_types = VisitTypeSerializer(many=True, read_only=True)
    tracks = TrackSerializer(many=True, read_only=True)
    decision_points = DecisionPointSerializer(many=True, read_only=True)

    class Meta:
        model = ProtocolVersion
        fields = ["id", "number", "published_at", "visit_types", "tracks", "decision_points"]


class ProtocolSerializer(serializers.ModelSerializer[Protocol]):
    """A protocol with its published version. `site` is null for the shared library."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    site = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()

    class Meta:
        model = Protocol
        fields = ["id", "code", "name", "family", "summary", "site", "version"]

    def get_site(self, protocol: Protocol) -> str | None:
        return str(protocol.site.uuid) if protocol.site else None

    @extend_schema_field(VersionSerializer)
    def get_version(self, protocol: Protocol) -> dict[str, Any]:
        (version,) = protocol.published_versions  # type: ignore[attr-defined]  # prefetched by the view
        return VersionSerializer(version).data
