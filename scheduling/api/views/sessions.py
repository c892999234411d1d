from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.models import Scope
from protocols.models import Protocol, ProtocolVersion, VisitType
from scheduling import drivers, moving, planning
from scheduling.api.proposals import describe_placed, read_uuids
from scheduling.api.serializers.sessions import (
    CancelInput,
    DriverInput,
    MoveInput,
    OpeningQuery,
    OpeningSerializer,
    OpeningsSerializer,
    SessionQuery,
    SessionSerializer,
)
from scheduling.api.strict import read_body, read_query
from scheduling.api.views.base import KeyViewSet
from scheduling.models import Session

NAMED = {
    "course": "course__uuid",
    "patient": "patient__uuid",
    "site": "site__uuid",
    "status": "status",
    "starts_from": "start__gte",
    "starts_before": "start__lt",
}


class SessionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyViewSet):
    """Sessions at the key's sites."""

    serializer_class = SessionSerializer
    write_scope = Scope.SESSIONS

    def rows(self) -> QuerySet[Any]:
        return (
            Session.objects.at_sites(self.sites)
            .select_related("course", "patient", "site", "track", "visit_type", "driver")
            .prefetch_related("holds__resource", "answers")
        )

    @extend_schema(parameters=[SessionQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.action != "list":
            return queryset
        query = read_query(SessionQuery, self.request)
        return queryset.filter(**{NAMED[field]: value for field, value in query.items()})

    @extend_schema(request=MoveInput, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, id: str) -> Response:
        """Move the session to a legal time. Its old seats are kept until the new ones are held."""
        start = read_body(MoveInput, request)["start"]
        moving.move_session(self.get_object(), start=start, now=timezone.now())
        return Response(SessionSerializer(self.get_object()).data)

    @extend_schema(request=CancelInput, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Cancel this one session; the rest of the course stays."""
        reason = read_body(CancelInput, request)["reason"]
        moving.cancel_session(self.get_object(), reason=reason, now=timezone.now())
        return Response(SessionSerializer(self.get_object()).data)

    @extend_schema(request=DriverInput, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def driver(self, request: Request, id: str) -> Response:
        """Say who agreed to take the patient home. Said twice, nothing changes; said otherwise, it is replaced."""
        session = self.get_object()
        given = drivers.clean_driver(**read_body(DriverInput, request))
        if session.visit_type.sedating and (faults := drivers.find_driver_faults(session, **given)):
            raise ValidationError(faults)
        kind, name, phone, email = (given[field] for field in drivers.FIELDS)
        drivers.name_driver(session, kind=kind, name=name, phone=phone, email=email, now=timezone.now())
        return Response(SessionSerializer(self.get_object()).data)


class OpeningViewSet(KeyViewSet):
    """Legal starts of a visit type in a span of days."""

    serializer_class = OpeningSerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Any]:
        return VisitType.objects.filter(
            version__in=ProtocolVersion.objects.published(),
            version__protocol__in=Protocol.objects.usable_at(self.sites),
        )

    @extend_schema(parameters=[OpeningQuery], responses=OpeningsSerializer)
    def list(self, request: Request) -> Response:
        """Starts that the site's hours and free seats allow, for any patient. At most 31 days are asked for at once."""
        query, now = read_query(OpeningQuery, request), timezone.now()
        if abs(query["first_on"] - now.date()) > planning.FURTHEST:
            raise ValidationError({"first_on": "This day is more than two years away."})
        site = get_object_or_404(self.sites, uuid=query["site"])
        visit_type = get_object_or_404(
            self.get_queryset(), version__protocol__uuid=query["protocol"], code=query["visit_type"]
        )
        placed = planning.find_openings(
            site=site,
            visit_type=visit_type,
            first_on=query["first_on"],
            last_on=query["last_on"],
            now=now,
        )
        found = describe_placed(placed, site=site, uuids=read_uuids(site))
        return Response(OpeningsSerializer({"results": found}).data)
