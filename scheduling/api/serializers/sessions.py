"""Sessions with the seats they hold, and the acts on them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from scheduling.answers import latest_answer
from scheduling.api.strict import StrictSerializer
from scheduling.models import (
    Answer,
    Driver,
    DriverKind,
    Hold,
    Session,
    SessionStatus,
)


class HoldSerializer(serializers.ModelSerializer[Hold]):
    resource = serializers.UUIDField(source="resource.uuid", read_only=True)
    kind = serializers.CharField(source="resource.kind_id", read_only=True)
    name = serializers.CharField(source="resource.name", read_only=True)

    class Meta:
        model = Hold
        fields = ["resource", "kind", "name", "seat", "start", "end"]


class DriverSerializer(serializers.ModelSerializer[Driver]):
    """Who takes the patient home after a sedating visit. Names and numbers stay with the front desk."""

    class Meta:
        model = Driver
        fields = ["status", "kind"]


class AnswerSerializer(serializers.ModelSerializer[Answer]):
    """What the patient last said about coming at the time as it stands."""

    waits = serializers.SerializerMethodField(help_text="Whether the front desk is still to act on it.")

    class Meta:
        model = Answer
        fields = ["kind", "source", "given_at", "wanted_start", "waits"]

    def get_waits(self, answer: Answer) -> bool:
        return answer.needs_staff and answer.handled_at is None


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
    driver = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()

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
            "driver",
            "answer",
        ]

    def get_local_start(self, session: Session) -> str:
        return session.local_start.isoformat()

    @extend_schema_field(DriverSerializer(allow_null=True, help_text="null where nobody has to take the patient home."))
    def get_driver(self, session: Session) -> dict[str, Any] | None:
        if not session.visit_type.sedating:
            return None
        driver = getattr(session, "driver", None) or Driver(session=session)
        return dict(DriverSerializer(driver).data)

    @extend_schema_field(AnswerSerializer(allow_null=True))
    def get_answer(self, session: Session) -> dict[str, Any] | None:
        answer = latest_answer(session)
        return None if answer is None else dict(AnswerSerializer(answer).data)


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


class DriverInput(StrictSerializer):
    """As the patient gives it on their own page. With an address the driver gets an invite of their own."""

    kind = serializers.ChoiceField(choices=DriverKind.choices, default=DriverKind.PERSON)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, default="", allow_blank=True)


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
