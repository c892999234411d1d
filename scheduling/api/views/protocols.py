from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework import mixins

from protocols.models import Protocol, ProtocolVersion
from scheduling.api.serializers.protocols import ProtocolSerializer
from scheduling.api.views.base import KeyViewSet

SHAPE = (
    "visit_types__stages",
    "visit_types__instructions",
    "tracks__visit_type",
    "tracks__phases",
    "decision_points__track",
)


class ProtocolViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyViewSet):
    """Published protocols: the shared library, and those that the key's sites made their own."""

    serializer_class = ProtocolSerializer

    def rows(self) -> QuerySet[Any]:
        published = ProtocolVersion.objects.published()
        return (
            Protocol.objects.usable_at(self.sites)
            .filter(pk__in=published.values("protocol"))
            .select_related("site")
            .prefetch_related(Prefetch("versions", published.prefetch_related(*SHAPE), to_attr="published_versions"))
        )
