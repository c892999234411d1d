"""What every endpoint shares: Bearer keys, JSON only, rows by UUID, and nothing from other sites."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Model, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.renderers import JSONRenderer
from rest_framework.viewsets import GenericViewSet

from clinic.models import ApiKey, Site
from scheduling.api.authentication import BearerKeyAuthentication, HasScope
from scheduling.api.paging import PrimaryKeyPages
from scheduling.api.strict import StrictJSONParser


class KeyViewSet(GenericViewSet[Any]):
    """`rows()` gives what the key may see; what lies elsewhere does not exist for it (404)."""

    authentication_classes = [BearerKeyAuthentication]
    permission_classes = [HasScope]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    pagination_class: type[BasePagination] | None = PrimaryKeyPages
    lookup_field = "uuid"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    @property
    def key(self) -> ApiKey:
        return cast(ApiKey, self.request.auth)

    @property
    def sites(self) -> QuerySet[Site]:
        return self.key.visible_sites()

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return cast(type[Model], self.serializer_class.Meta.model)._default_manager.none()  # type: ignore[union-attr]
        return self.rows()
