"""What every admin class of the desk keeps to: rows of the user's own sites, permissions by role, nothing in bulk."""

from __future__ import annotations

from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib.admin import ShowFacets
from django.db import models
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clinic.models import Site, User
from scheduling.desk.history import HistoryAdmin
from scheduling.desk.labels import NamedDateTimes
from scheduling.desk.searches import SearchingAdmin


def staff_of(request: HttpRequest) -> User:
    """The signed-in account; the admin site lets nobody else through."""
    return cast("User", request.user)


def badge(state: str, text: str) -> SafeString:
    """A state as a word on its color."""
    return format_html('<span class="badge {}">{}</span>', state, text)


class SiteScopedAdmin(SearchingAdmin, HistoryAdmin, NamedDateTimes):
    """Rows whose site, found over `site_path`, is one of the user's; a row elsewhere answers 404.

    Override `get_queryset` (and call super) only to add to it, and `limit_to_sites` where one path is not enough.
    Forms offer only the user's sites, and read and show times in the zone of the row's site (`zone_of`).
    """

    site_path = "site"
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    empty_value_display = ""

    def limit_to_sites(self, rows: models.QuerySet[Any], sites: models.QuerySet[Site]) -> models.QuerySet[Any]:
        return rows.filter(**{f"{self.site_path}__in": sites})

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        user = staff_of(request)
        return rows if user.is_superuser else self.limit_to_sites(rows, user.visible_sites())

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing is deleted in bulk."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def zone_of(self, row: Any) -> ZoneInfo | None:
        """The zone of the row's site, whose wall clock its forms speak."""
        found: Any = row
        for name in self.site_path.split("__"):
            found = getattr(found, name, None)
        if isinstance(row, Site):
            found = row
        return found.zone if isinstance(found, Site) else None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        if row is not None and (zone := self.zone_of(row)):
            timezone.activate(zone)  # the admin site's wrapper puts it back
        return super().changeform_view(request, object_id, form_url, extra_context)

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.remote_field.model is Site:
            kwargs.setdefault("queryset", staff_of(request).visible_sites())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: models.ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.remote_field.model is Site:
            kwargs.setdefault("queryset", staff_of(request).visible_sites())
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Django would redirect; a row of another site must look like one that never was."""
        raise Http404


class ReadOnlyAdmin(SiteScopedAdmin):
    """Rows that only the acts of the scheduling app write: shown, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
