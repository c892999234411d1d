"""Courses: the request for one, its state, and its proposed calendar."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from rest_framework import serializers

from clinic.models import ApiKey, Patient
from clinic.weekly import WEEKDAYS
from protocols.models import Protocol, ProtocolVersion
from scheduling.api.serializers.plans import ClockField, CostField, RelaxationField
from scheduling.api.serializers.records import KeySiteField
from scheduling.api.serializers.sessions import PlacedHoldSerializer, SessionSerializer
from scheduling.api.strict import StrictSerializer, WeeklyTableField
from scheduling.engine import DIFFERENCES
from scheduling.models import Course, CourseStatus

DEFAULT_START_DAYS = 14


class RhythmSerializer(serializers.Serializer[object]):
    """From session `first` of the open-ended phase on: `per_period` sessions in `period_days` days."""

    first = serializers.IntegerField()
    per_period = serializers.IntegerField()
    period_days = serializers.IntegerField()


class CourseSerializer(serializers.ModelSerializer[Course]):
    """From `planning` to `booked`, or to `infeasible`: then `message` and `relaxations` say what would help.

    `paused` is a course whose visits were set aside until it goes on. A pause with both days known is planned around.
    """

    id = serializers.UUIDField(source="uuid", read_only=True)
    patient = serializers.UUIDField(source="patient.uuid", read_only=True)
    site = serializers.UUIDField(source="site.uuid", read_only=True)
    protocol = serializers.UUIDField(source="version.protocol.uuid", read_only=True)
    protocol_version = serializers.UUIDField(source="version.uuid", read_only=True)
    message = serializers.CharField(source="plan_message", read_only=True)
    relaxations = serializers.ListField(child=RelaxationField(), read_only=True)
    cost = CostField(source="plan_cost", read_only=True)
    rhythm = RhythmSerializer(many=True, read_only=True)

    class Meta:
        model = Course
        fields = [
            "id",
            "patient",
            "site",
            "protocol",
            "protocol_version",
            "reference",
            "status",
            "earliest_start",
            "latest_start",
            "preferred_time",
            "availability",
            "paused_on",
            "paused_until",
            "rhythm",
            "message",
            "relaxations",
            "cost",
            "requested_at",
            "booked_at",
            "ended_at",
        ]


class CourseDetailSerializer(CourseSerializer):
    sessions = SessionSerializer(many=True, read_only=True)

    class Meta(CourseSerializer.Meta):
        fields = [*CourseSerializer.Meta.fields, "sessions"]


class CourseQuery(StrictSerializer):
    patient = serializers.UUIDField(required=False)
    site = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=CourseStatus.choices, required=False)
    reference = serializers.CharField(max_length=60, required=False)


class KeyPatientField(serializers.UUIDField):
    def to_internal_value(self, data: Any) -> Any:
        key: ApiKey = self.context["key"]
        patient = Patient.objects.at_sites(key.visible_sites()).filter(uuid=super().to_internal_value(data)).first()
        if patient is None:
            raise serializers.ValidationError("No patient at a site of this key has that id.")
        return patient


class PublishedVersionField(serializers.UUIDField):
    """The published version of a protocol, by the protocol's id."""

    def to_internal_value(self, data: Any) -> Any:
        key: ApiKey = self.context["key"]
        usable = Protocol.objects.usable_at(key.visible_sites())
        versions = ProtocolVersion.objects.published().filter(protocol__in=usable).select_related("protocol")
        version = versions.filter(protocol__uuid=super().to_internal_value(data)).first()
        if version is None:
            raise serializers.ValidationError("No published protocol usable by this key has that id.")
        return version


class CourseInput(StrictSerializer):
    patient = KeyPatientField()
    site = KeySiteField(required=False, help_text="Default: the patient's home site.")
    protocol = PublishedVersionField(source="version")
    earliest_start = serializers.DateField()
    latest_start = serializers.DateField(required=False, help_text="Default: 14 days after earliest_start.")
    preferred_time = serializers.TimeField(required=False, help_text="Default: the patient's own.")
    availability = WeeklyTableField(required=False, help_text="Default: the patient's own.")
    reference = serializers.CharField(
        max_length=60, required=False, help_text="Your number for this referral: asked twice, one course."
    )
    anchor_at = serializers.DateTimeField(
        required=False, help_text="For protocols that follow an operation: when that takes place."
    )

    def validate(self, course: dict[str, Any]) -> dict[str, Any]:
        patient, key = course["patient"], self.context["key"]
        site = course.setdefault("site", patient.home_site)
        if not key.visible_sites().filter(pk=site.pk).exists():
            raise serializers.ValidationError({"site": "The patient's home site is not one of this key's; name one."})
        if course["version"].protocol.site_id not in (None, site.pk):
            raise serializers.ValidationError({"protocol": "This protocol belongs to another site."})
        span = timedelta(days=DEFAULT_START_DAYS)
        course.setdefault("latest_start", min(course["earliest_start"], date.max - span) + span)
        if course["latest_start"] < course["earliest_start"]:
            raise serializers.ValidationError({"latest_start": "Lies before earliest_start."})
        if course.setdefault("preferred_time", patient.preferred_time) is None:
            raise serializers.ValidationError({"preferred_time": "Neither given here nor known of the patient."})
        return course


class PreviewInput(CourseInput):
    alternatives = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=5, help_text="Further plans to choose from, at most."
    )


class StopInput(StrictSerializer):
    reason = serializers.CharField(max_length=200)


class ProposedSessionSerializer(serializers.Serializer[object]):
    track = serializers.CharField()
    number = serializers.IntegerField()
    start = serializers.CharField(help_text="The instant, with the site's offset.")
    holds = PlacedHoldSerializer(many=True)


class AlternativeSerializer(serializers.Serializer[object]):
    """A further plan, and in what it differs from the first: `start`, `time`, `weekdays`."""

    differs = serializers.ListField(child=serializers.ChoiceField(choices=DIFFERENCES))
    start_on = serializers.DateField(help_text="The local date of the first visit.")
    time = ClockField(help_text="The median of the local starts.")
    weekdays = serializers.ListField(
        child=serializers.ChoiceField(choices=WEEKDAYS), help_text="Those with at least one in eight of the visits."
    )
    cost = CostField()
    sessions = ProposedSessionSerializer(many=True)


class ProposalSerializer(serializers.Serializer[object]):
    """What would be booked now. Nothing is written and nothing is held."""

    status = serializers.ChoiceField(choices=["planned", "infeasible", "unknown"])
    message = serializers.CharField(allow_blank=True)
    relaxations = serializers.ListField(child=RelaxationField())
    cost = CostField()
    sessions = ProposedSessionSerializer(many=True)
    alternatives = AlternativeSerializer(many=True, help_text="Empty where none were asked for; cheapest first.")
