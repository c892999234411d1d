"""Sessions with the seats they hold, and the acts on them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from scheduling.api.strict import StrictSerializer
from scheduling.models import Hold, Session, SessionStatus


class HoldSerializer(serializers.ModelSerializer[Hold]):
    resource = serializers.UUIDField(source="resource.uuid", read_only=True)
    kind = serializers.CharField(source="resource.kind_id", read_only=True)
    name = serializers.CharField(source="resource.name", read_only=True)

    class Meta:
        model = Hold
        fields = ["resource", "kind", "name", "seat", "start", "end"]


class SessionSerializer(serializers.ModelSerializer[Session]):
    """`start` and `end` are instants; `local_start` is the time promised at the site."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    course = serializers.UUIDField(source="course.uuid", read_only=True)
    patient = serializers.UUIDField(source="patient.uuid", read_only=True)
    site = serializers.UUIDField(source="site.uuid", read_only=True)
    track = serializers.CharField(source="track.name", read_only=True)
    visit_type = serializers.CharField(source="visit_type.code", read_only=True)
    local_start = serializers.SerializerMethodField()
    holds = HoldSerializer(many=True, read_only=True)

    class Meta:
        model = Session
        fields = [
            "id",
            "course",
            "patient",
            "site",
            "track",
            "number",
            "visit_type",
            "start",
            "end",
            "local_start",
            "timezone",
            "status",
            "sequence",
            "changed_at",
            "holds",
        ]

    def get_local_start(self, session: Session) -> str:
        return session.local_start.isoformat()


class SessionQuery(StrictSerializer):
    course = serializers.UUIDField(required=False)
    patient = serializers.UUIDField(required=False)
    site = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=SessionStatus.choices, required=False)
    starts_from = serializers.DateTimeField(required=False, help_text="Starts at or after this instant.")
    starts_before = serializers.DateTimeField(required=False, help_text="Starts before this instant.")


class MoveInput(StrictSerializer):
    start = serializers.DateTimeField(help_text="An instant with its offset, such as 2026-12-01T09:00:00-05:00.")


class CancelInput(StrictSerializer):
    reason = serializers.CharField(max_length=200)


class OpeningQuery(StrictSerializer):
    site = serializers.UUIDField()
    protocol = serializers.UUIDField()
    visit_type = serializers.SlugField()
    first_on = serializers.DateField()
    last_on = serializers.DateField()

    def validate(self, span: dict[str, object]) -> dict[str, object]:
        days = (span["last_on"] - span["first_on"]).days  # type: ignore[operator]
        if not 0 <= days <= 31:
            raise serializers.ValidationError({"last_on": "Lies before first_on, or more than 31 days after it."})
        return span


class PlacedHoldSerializer(serializers.Serializer[object]):
    kind = serializers.CharField()
    resource = serializers.UUIDField()
    seat = serializers.IntegerField()


class OpeningSerializer(serializers.Serializer[object]):
    """A legal start of the visit, and seats that could serve it. Nothing is held."""

    start = serializers.CharField(help_text="The instant, with the site's offset.")
    holds = PlacedHoldSerializer(many=True)


@extend_schema_serializer(many=False)
class OpeningsSerializer(serializers.Serializer[object]):
    results = OpeningSerializer(many=True)
