"""Sites, resources and patients as other systems see them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from clinic.consents import consent_for
from clinic.models import ApiKey, Channel, Consent, Language, Patient, Purpose, ReminderChannel, Resource, Site
from clinic.models.site import HoursTable, validate_timezone
from clinic.weekly import WEEKDAYS
from scheduling.api.strict import StrictSerializer, WeeklyTableField


def week_of(rows: list[HoursTable]) -> dict[str, list[list[str]]]:
    week: dict[str, list[list[str]]] = {}
    for row in rows:
        week.setdefault(WEEKDAYS[row.weekday], []).append([f"{row.opens_at:%H:%M}", row.closes_text])
    return week


class SiteSerializer(serializers.ModelSerializer[Site]):
    id = serializers.UUIDField(source="uuid", read_only=True)
    opening_hours = serializers.SerializerMethodField()

    class Meta:
        model = Site
        fields = ["id", "code", "name", "timezone", "address", "phone", "grid_minutes", "opening_hours"]

    def get_opening_hours(self, site: Site) -> dict[str, list[list[str]]]:
        return week_of(list(site.hours.all()))


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    id = serializers.UUIDField(source="uuid", read_only=True)
    site = serializers.UUIDField(source="site.uuid", read_only=True)
    kind = serializers.CharField(source="kind_id", read_only=True)
    hours = serializers.SerializerMethodField(help_text="Empty: whenever the site is open.")

    class Meta:
        model = Resource
        fields = ["id", "site", "kind", "name", "skills", "seats", "active", "hours"]

    def get_hours(self, resource: Resource) -> dict[str, list[list[str]]]:
        return week_of(list(resource.hours.all()))


class ResourceQuery(StrictSerializer):
    site = serializers.UUIDField(required=False)
    kind = serializers.SlugField(required=False)


class PatientSerializer(serializers.ModelSerializer[Patient]):
    id = serializers.UUIDField(source="uuid", read_only=True)
    home_site = serializers.UUIDField(source="home_site.uuid", read_only=True)

    class Meta:
        model = Patient
        fields = [
            "id",
            "home_site",
            "reference",
            "given_name",
            "family_name",
            "birth_date",
            "email",
            "phone",
            "language",
            "channel",
            "reminders_by",
            "timezone",
            "preferred_time",
            "availability",
        ]


class KeySiteField(serializers.UUIDField):
    """A site of the key, by its id."""

    def to_internal_value(self, data: Any) -> Any:
        key: ApiKey = self.context["key"]
        site = key.visible_sites().filter(uuid=super().to_internal_value(data), active=True).first()
        if site is None:
            raise serializers.ValidationError("No site of this key has that id.")
        return site


class PatientInput(StrictSerializer):
    home_site = KeySiteField()
    reference = serializers.CharField(max_length=60, required=False, allow_blank=True)
    given_name = serializers.CharField(max_length=80)
    family_name = serializers.CharField(max_length=80)
    birth_date = serializers.DateField(required=False, allow_null=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=Language.choices, required=False)
    channel = serializers.ChoiceField(
        choices=Channel.choices,
        required=False,
        help_text="For a new patient without it: e-mail where there is an address, else print.",
    )
    reminders_by = serializers.ChoiceField(
        choices=ReminderChannel.choices,
        required=False,
        help_text="sms sends reminders as text messages where the patient's consent for their number is recorded.",
    )
    timezone = serializers.CharField(max_length=64, required=False, allow_blank=True, validators=[validate_timezone])
    preferred_time = serializers.TimeField(required=False, allow_null=True)
    availability = WeeklyTableField(required=False, allow_null=True)


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    """What the patient agreed to; `holds` is false where the consent to texts was given for another number."""

    holds = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = ["purpose", "number", "wording", "source", "given_at", "holds"]

    def get_holds(self, consent: Consent) -> bool:
        return consent_for(consent.patient, consent.purpose) == consent


class ConsentsSerializer(serializers.Serializer[object]):
    results = ConsentSerializer(many=True)


class ConsentInput(StrictSerializer):
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    wording = serializers.CharField(max_length=2000, help_text="What the patient was shown or told, word for word.")


class ConsentWithdrawal(StrictSerializer):
    purpose = serializers.ChoiceField(choices=Purpose.choices)


class PatientQuery(StrictSerializer):
    reference = serializers.CharField(required=False, max_length=60)
    home_site = serializers.UUIDField(required=False)
