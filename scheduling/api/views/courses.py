from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.models import Scope
from scheduling import booking
from scheduling.api.proposals import describe_proposal
from scheduling.api.serializers.courses import (
    CourseDetailSerializer,
    CourseInput,
    CourseQuery,
    CourseSerializer,
    PreviewInput,
    ProposalSerializer,
    StopInput,
)
from scheduling.api.strict import read_body, read_query
from scheduling.api.views.base import KeyViewSet
from scheduling.models import Course
from scheduling.tasks import generate_course_calendar, publish

ROWS = ("patient", "site", "version__protocol")
SESSIONS = tuple(
    f"sessions__{name}"
    for name in ("patient", "site", "track", "visit_type", "course", "holds__resource", "driver", "answers")
)


class CourseViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyViewSet):
    """Courses at the key's sites."""

    serializer_class = CourseDetailSerializer
    write_scope = Scope.COURSES

    def rows(self) -> QuerySet[Any]:
        courses = Course.objects.at_sites(self.sites).select_related(*ROWS)
        return courses if self.action == "list" else courses.prefetch_related(*SESSIONS)

    @extend_schema(parameters=[CourseQuery], responses=CourseSerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Courses without their sessions."""
        query = read_query(CourseQuery, request)
        named = {"patient": "patient__uuid", "site": "site__uuid", "status": "status", "reference": "reference"}
        rows = self.get_queryset().filter(**{named[field]: value for field, value in query.items()})
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(CourseSerializer(page, many=True).data)

    @extend_schema(
        request=CourseInput,
        responses={202: OpenApiResponse(CourseSerializer, description="Accepted; ask Location until it is booked.")},
    )
    def create(self, request: Request) -> Response:
        """Ask for a course. It is planned and booked in the background: `planning`, then `booked` or `infeasible`."""
        given = read_body(CourseInput, request)
        course = booking.request_course(**given, now=timezone.now())
        publish(generate_course_calendar, course.pk)
        location = request.build_absolute_uri(f"{request.path}{course.uuid}/")
        return Response(CourseSerializer(course).data, status=202, headers={"Location": location})

    @extend_schema(request=PreviewInput, responses=ProposalSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """The calendar that would be booked now, or what stands in the way. Nothing is written.

        With `alternatives`, further plans that differ in start day, time of day or weekdays.
        """
        given = read_body(PreviewInput, request)
        return Response(describe_proposal(booking.preview_course(**given, now=timezone.now())))

    @extend_schema(request=StopInput, responses=CourseDetailSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """Stop the course: what is to come is cancelled, and the patient is told."""
        reason = read_body(StopInput, request)["reason"]
        booking.stop_course(self.get_object(), reason=reason, now=timezone.now())
        return Response(CourseDetailSerializer(self.get_object()).data)
