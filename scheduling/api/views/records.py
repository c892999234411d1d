from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.forms import model_to_dict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.consents import give_consent, withdraw_consent
from clinic.models import Channel, ConsentSource, Patient, Resource, Scope
from clinic.patient_rules import refuse_patient_faults
from scheduling.api.serializers.records import (
    ConsentInput,
    ConsentsSerializer,
    ConsentWithdrawal,
    PatientInput,
    PatientQuery,
    PatientSerializer,
    ResourceQuery,
    ResourceSerializer,
    SiteSerializer,
)
from scheduling.api.strict import read_body, read_query
from scheduling.api.views.base import KeyViewSet


class SiteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyViewSet):
    """The sites of the key."""

    serializer_class = SiteSerializer

    def rows(self) -> QuerySet[Any]:
        return self.sites.prefetch_related("hours")


class ResourceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyViewSet):
    """Devices, chairs, rooms and posts of the key's sites."""

    serializer_class = ResourceSerializer

    def rows(self) -> QuerySet[Any]:
        return Resource.objects.filter(site__in=self.sites).select_related("site").prefetch_related("hours")

    @extend_schema(parameters=[ResourceQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.action != "list":
            return queryset
        query = read_query(ResourceQuery, self.request)
        named = {"site": "site__uuid", "kind": "kind_id"}
        return queryset.filter(**{named[field]: value for field, value in query.items()})


class PatientViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyViewSet):
    """Patients whose home site, or one of whose courses, is at a site of the key."""

    serializer_class = PatientSerializer
    write_scope = Scope.PATIENTS

    def rows(self) -> QuerySet[Any]:
        return Patient.objects.at_sites(self.sites).select_related("home_site")

    @extend_schema(parameters=[PatientQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.action != "list":
            return queryset
        query = read_query(PatientQuery, self.request)
        named = {"reference": "reference", "home_site": "home_site__uuid"}
        return queryset.filter(**{named[field]: value for field, value in query.items()})

    @extend_schema(request=PatientInput, responses={201: PatientSerializer})
    def create(self, request: Request) -> Response:
        values = read_body(PatientInput, request)
        values.setdefault("channel", Channel.EMAIL if values.get("email") else Channel.PRINT)
        patient = Patient(**values)
        refuse_unusable(patient)
        patient.save()
        location = request.build_absolute_uri(f"{request.path}{patient.uuid}/")
        return Response(PatientSerializer(patient).data, status=201, headers={"Location": location})

    @extend_schema(request=PatientInput, responses=PatientSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        patient = self.get_object()
        changes = read_body(PatientInput, request, partial=True)
        if "home_site" in changes and not self.sites.filter(pk=patient.home_site_id).exists():
            raise ValidationError({"home_site": "The patient's home site is not one of this key's: it keeps them."})
        for field, value in changes.items():
            setattr(patient, field, value)
        refuse_unusable(patient)
        patient.save(update_fields=list(changes))
        return Response(PatientSerializer(patient).data)

    @extend_schema(request=ConsentInput, responses=ConsentsSerializer, methods=["POST"])
    @extend_schema(responses=ConsentsSerializer, methods=["GET"])
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def consents(self, request: Request, id: str) -> Response:
        """What the patient agreed to, or agrees to now: texts to their number, messages that name the treatment."""
        patient = self.get_object()
        if request.method == "POST":
            given = read_body(ConsentInput, request)
            give_consent(patient, **given, source=ConsentSource.SYSTEM, now=timezone.now())
        return self.show_consents(patient)

    @extend_schema(request=ConsentWithdrawal, responses=ConsentsSerializer)
    @action(detail=True, methods=["post"], url_path="consents/withdraw")
    def withdraw_consent(self, request: Request, id: str) -> Response:
        """Take a consent back, at once. Without one nothing happens."""
        patient = self.get_object()
        purpose = read_body(ConsentWithdrawal, request)["purpose"]
        withdraw_consent(patient, purpose=purpose, source=ConsentSource.SYSTEM, now=timezone.now())
        return self.show_consents(patient)

    def show_consents(self, patient: Patient) -> Response:
        live = patient.consents.live().select_related("patient__home_site")
        return Response(ConsentsSerializer({"results": live}).data)


def refuse_unusable(patient: Patient) -> None:
    refuse_taken_reference(patient)
    refuse_patient_faults(model_to_dict(patient), today=timezone.now().astimezone(patient.home_site.zone).date())
    patient.full_clean()


def refuse_taken_reference(patient: Patient) -> None:
    """A reference is unique in the organisation; the answer does not say whose it is."""
    taken = Patient.objects.exclude(pk=patient.pk).filter(reference=patient.reference).exists()
    if patient.reference and taken:
        raise ValidationError({"reference": "This reference is in use."})
