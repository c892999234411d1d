"""Resources: what they are, when they work, and when they are out of use."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.forms import CharField
from django.http import HttpRequest

from clinic.models import Outage, Resource, ResourceHours, ResourceKind, Site
from scheduling.desk.asking import GuardedAdmin
from scheduling.desk.history import HistoryAdmin
from scheduling.desk.labels import NamedTable
from scheduling.desk.searches import SearchingAdmin


class HoursInline(NamedTable):
    model = ResourceHours
    fields = ("weekday", "opens_at", "closes_at")
    verbose_name = "working time"
    verbose_name_plural = "working hours (none: whenever the site is open)"


class OutageInline(NamedTable):
    model = Outage


@admin.register(Resource)
class ResourceAdmin(GuardedAdmin):
    list_display = ("name", "kind", "site", "seats", "skills_shown", "active")
    list_filter = (("site", admin.RelatedOnlyFieldListFilter), ("kind", admin.RelatedOnlyFieldListFilter), "active")
    list_select_related = ("kind", "site")
    search_fields = ("name", "kind__name")
    search_help_text = "Name or kind"
    inlines = (HoursInline, OutageInline)
    fields = ("site", "kind", "name", "skills", "seats", "active")

    @admin.display(description="skills")
    def skills_shown(self, resource: Resource) -> str:
        return ", ".join(resource.skills)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("site",) if obj else ()  # its bookings are at this site

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Outages are entered in the site's clock, which a new resource does not have yet."""
        return self.inlines if obj else (HoursInline,)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "skills":
            return SimpleArrayField(CharField(max_length=40), required=False, help_text=db_field.help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Outage)
class OutageAdmin(GuardedAdmin):
    """Outages of all resources in one list, the latest first."""

    site_path = "resource__site"
    list_display = ("resource", "site_shown", "start", "end", "reason")
    list_filter = (("resource", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("resource__site",)
    ordering = ("-start",)

    @admin.display(description="site")
    def site_shown(self, outage: Outage) -> Site:
        return outage.resource.site

    def site_of(self, row: Outage) -> Site:
        return row.resource.site

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # entered at its resource, in the clock of the resource's site

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("resource",)


@admin.register(ResourceKind)
class ResourceKindAdmin(SearchingAdmin, HistoryAdmin):
    """Kinds are shared by all sites and named by protocols: only the organization's administrator changes them."""

    actions = None
    list_display = ("name", "code")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("code",) if obj else ()
