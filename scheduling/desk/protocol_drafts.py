"""The parts of a draft, edited one form at a time from the page of the version. Published versions have no forms."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from protocols.lifecycle import can_edit
from protocols.models import (
    DecisionPoint,
    Gate,
    Instruction,
    Link,
    Need,
    Phase,
    ProtocolVersion,
    Stage,
    StageTask,
    Track,
    VisitType,
)
from scheduling.desk.base import SiteScopedAdmin, staff_of
from scheduling.desk.labels import NamedTable
from scheduling.desk.protocols import page_of


class WithinVersion(BaseModelAdmin):
    """A part can only point at parts of its own version (`request.draft`), and opens no other window to edit them."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        model: Any = db_field.remote_field.model
        if model in (VisitType, Track) and (draft := getattr(request, "draft", None)):
            kwargs["queryset"] = model.objects.filter(version=draft)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field


class DraftPartAdmin(WithinVersion, SiteScopedAdmin):
    """Rows below a version of a site's own protocol; `version_path` leads there. Only drafts can be changed."""

    version_path = "version"
    list_display_links = None

    @property
    def site_path(self) -> str:  # type: ignore[override]
        return f"{self.version_path}__protocol__site"

    def version_of(self, row: Any) -> ProtocolVersion:
        for name in self.version_path.split("__"):
            row = getattr(row, name)
        return row

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False  # they are reached from the page of their version

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or can_edit(self.version_of(obj)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or can_edit(self.version_of(obj)))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def draft_asked_for(self, request: HttpRequest) -> ProtocolVersion:
        """The draft that a new part is for (`?version=`), if it is one of the user's and still a draft."""
        wanted = request.GET.get("version", "")
        mine = ProtocolVersion.objects.filter(protocol__site__in=staff_of(request).visible_sites())
        version = mine.select_related("protocol").filter(pk=wanted if wanted.isdecimal() else 0).first()
        if version is None or not can_edit(version):
            raise Http404
        return version

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        version = self.version_of(row) if row else self.draft_asked_for(request)
        request.draft = version  # type: ignore[attr-defined]
        crumbs = [{"label": str(version), "url": page_of(version)}]
        shown = {"crumbs": crumbs, "show_save_and_add_another": False, "show_save_and_continue": False}
        return super().changeform_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.version = request.draft  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(page_of(self.version_of(obj)))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        super().response_change(request, obj)
        return HttpResponseRedirect(page_of(self.version_of(obj)))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        return HttpResponseRedirect(page_of(request.draft))  # type: ignore[attr-defined]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        request.draft = self.version_of(row)  # type: ignore[attr-defined]
        return super().delete_view(request, object_id, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        raise Http404  # the page of the version is the list


class PartInline(WithinVersion, NamedTable):
    """Rows of a part of a draft; the form around them has checked that it is one."""


class StageInline(PartInline):
    model = Stage
    fields = ("position", "name", "minutes", "is_treatment", "is_monitoring", "after_leaving")
    show_change_link = True


class InstructionInline(PartInline):
    model = Instruction


class NeedInline(PartInline):
    model = Need


class StageTaskInline(PartInline):
    model = StageTask


class PhaseInline(WithinVersion, admin.StackedInline):
    model = Phase
    extra = 0
    fieldsets = (
        (None, {"fields": (("position", "name"), ("periods", "period_days", "per_period", "open_ended"))}),
        ("Gaps", {"fields": (("min_gap_hours", "max_gap_hours", "slip_days"), ("max_in_count", "max_in_days"))}),
        ("Visit", {"fields": (("visit_type", "missed_policy"),)}),
    )


@admin.register(VisitType)
class VisitTypeAdmin(DraftPartAdmin):
    fields = ("code", "name", "place", "sedating")
    inlines = (StageInline, InstructionInline)


@admin.register(Stage)
class StageAdmin(DraftPartAdmin):
    version_path = "visit_type__version"
    fields = ("name", "minutes", "is_treatment", "is_monitoring", "after_leaving")
    inlines = (NeedInline, StageTaskInline)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # stages are added in their visit


@admin.register(Track)
class TrackAdmin(DraftPartAdmin):
    fields = ("position", "name", "visit_type", "first_day", "continuity")
    inlines = (PhaseInline,)


@admin.register(Link)
class LinkAdmin(DraftPartAdmin):
    fields = ("type", "track", "after", ("min_hours", "max_hours"), ("count", "hours"))


@admin.register(Gate)
class GateAdmin(DraftPartAdmin):
    fields = ("code", "name", "moment", "visit_type", ("valid_days", "due_days"), "each_visit")


@admin.register(DecisionPoint)
class DecisionPointAdmin(DraftPartAdmin):
    fields = ("track", "after_number", "mode", "question")
