"""Protocols: the library to read, a site's own to edit as drafts and to publish."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clinic.models import Site
from protocols.lifecycle import LifecycleError, adopt_protocol, can_edit, copy_to_draft, discard_draft
from protocols.models import Protocol, ProtocolVersion
from protocols.models.source import SourceTag
from protocols.sources import CHECK_LABEL
from scheduling.desk.acting import find_row, need_permission, post_only
from scheduling.desk.base import ReadOnlyAdmin, badge, staff_of
from scheduling.desk.protocol_reminders import ReminderForm
from scheduling.desk.protocol_view import describe_version
from scheduling.publishing import PublishingRefused, find_notes, publish_protocol


class OwnerFilter(admin.SimpleListFilter):
    title = "whose"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("own", "Our clinics' own"), ("library", "Library")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "own":
                return queryset.exclude(site=None)
            case "library":
                return queryset.filter(site=None)
        return queryset


@admin.register(Protocol)
class ProtocolAdmin(ReadOnlyAdmin):
    """The list; a protocol opens as the page of its newest version."""

    list_display = ("name", "family", "owner", "state", "summary_line")
    list_filter = (OwnerFilter, "family")
    list_select_related = ("site",)
    search_fields = ("name", "summary")
    search_help_text = "Name, or a word of the summary"
    ordering = ("family", "name", "pk")

    def limit_to_sites(self, rows: QuerySet[Any], sites: QuerySet[Site]) -> QuerySet[Any]:
        return rows.usable_at(sites)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        versions = ProtocolVersion.objects.order_by("-number")
        return super().get_queryset(request).prefetch_related(Prefetch("versions", versions))

    @admin.display(description="Whose", ordering="site")
    def owner(self, protocol: Protocol) -> str:
        return str(protocol.site) if protocol.site else "Library"

    @admin.display(description="State")
    def state(self, protocol: Protocol) -> SafeString:
        newest = next(iter(protocol.versions.all()), None)
        return badge(newest.status, f"v{newest.number} {newest.get_status_display()}") if newest else badge("", "empty")

    @admin.display(description="In short")
    def summary_line(self, protocol: Protocol) -> str:
        return protocol.summary.split(":")[0].split(". ")[0][:140]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        need_permission(request, "protocols.view_protocol")
        protocol: Protocol = find_row(self.get_queryset(request), object_id)
        newest = next(iter(protocol.versions.all()), None)
        if newest is None:
            messages.warning(request, f"{protocol} has no version yet.")
            return HttpResponseRedirect(reverse("admin:protocols_protocol_changelist"))
        return HttpResponseRedirect(page_of(newest))


def page_of(version: ProtocolVersion) -> str:
    return reverse("admin:protocols_protocolversion_change", args=[version.pk])


def who_can(version: ProtocolVersion) -> str:
    """Whom to ask, for everybody else."""
    if version.protocol.is_library:
        return (
            "To use other numbers here, ask a clinician of your clinic: they adopt the protocol, edit and publish it."
        )
    if version.is_draft:
        return f"A clinician of {version.protocol.site} edits and publishes this draft."
    return (
        f"To change something, ask a clinician of {version.protocol.site}: they copy it to a new draft and publish it."
    )


@admin.register(ProtocolVersion)
class ProtocolVersionAdmin(ReadOnlyAdmin):
    """The page of a version: all values with their sources, and what can be done with it."""

    list_display = ("protocol", "number", "status", "published_at")
    list_select_related = ("protocol__site",)

    def limit_to_sites(self, rows: QuerySet[Any], sites: QuerySet[Site]) -> QuerySet[Any]:
        return rows.filter(protocol__in=Protocol.objects.usable_at(sites))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("protocol__site", "published_by")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<str:pk>/adopt/", wrap(post_only(self.adopt_view)), name="desk_protocol_adopt"),
            path("<str:pk>/copy/", wrap(post_only(self.copy_view)), name="desk_protocol_copy"),
            path("<str:pk>/reminders/", wrap(post_only(self.reminders_view)), name="desk_protocol_reminders"),
            path("<str:pk>/publish/", wrap(post_only(self.publish_view)), name="desk_protocol_publish"),
            path("<str:pk>/discard/", wrap(post_only(self.discard_view)), name="desk_protocol_discard"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest, pk: str, permission: str = "protocols.view_protocolversion") -> Any:
        need_permission(request, permission)
        return find_row(self.get_queryset(request), pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        version = self.find(request, object_id)
        return self.show(request, version)

    def show(
        self,
        request: HttpRequest,
        version: ProtocolVersion,
        *,
        faults: tuple[str, ...] = (),
        reminders: ReminderForm | None = None,
    ) -> HttpResponse:
        may_edit = request.user.has_perm("protocols.change_protocolversion")
        protocol = version.protocol
        context = {
            **self.admin_site.each_context(request),
            "title": str(version),
            "crumbs": [{"label": "Protocols", "url": reverse("admin:protocols_protocol_changelist")}],
            "version": version,
            "shape": describe_version(version),
            "others": [other for other in protocol.versions.order_by("-number") if other.pk != version.pk],
            "tags": SourceTag.choices,
            "check_label": CHECK_LABEL,
            "faults": faults,
            "notes": () if protocol.is_library else find_notes(version),
            "is_editable": may_edit and can_edit(version),
            "reminders": reminders or ReminderForm(instance=version),
            "may_publish": request.user.has_perm("protocols.publish_protocol") and can_edit(version),
            "may_copy": may_edit and not protocol.is_library and not version.is_draft,
            "who_can": "" if request.user.has_perm("protocols.publish_protocol") else who_can(version),
            "adopting": self._sites_to_adopt(request, version),
        }
        return TemplateResponse(request, "desk/version.html", context)

    def _sites_to_adopt(self, request: HttpRequest, version: ProtocolVersion) -> list[Site]:
        if not version.protocol.is_library or not request.user.has_perm("protocols.adopt_protocol"):
            return []
        adopted = Protocol.objects.filter(code=version.protocol.code).exclude(site=None).values("site")
        return list(staff_of(request).visible_sites().exclude(pk__in=adopted))

    def adopt_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self.find(request, pk, "protocols.adopt_protocol")
        site = find_row(staff_of(request).visible_sites(), request.POST.get("site", ""))
        return self._act(
            request,
            version,
            lambda: adopt_protocol(version.protocol, site=site, now=timezone.now(), by=staff_of(request)),
            f"{site} has its own draft now. The library does not change it any more.",
        )

    def copy_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self.find(request, pk, "protocols.change_protocolversion")
        return self._act(
            request,
            version,
            lambda: copy_to_draft(version, now=timezone.now(), by=staff_of(request)),
            "A new draft. Courses that run keep the version they began with.",
        )

    def reminders_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self.find(request, pk, "protocols.change_protocolversion")
        if not can_edit(version):
            raise Http404
        form = ReminderForm(request.POST, instance=version)
        if not form.is_valid():
            return self.show(request, version, reminders=form)
        form.save()
        messages.success(request, "Saved.")
        return HttpResponseRedirect(page_of(version))

    def publish_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self.find(request, pk, "protocols.publish_protocol")
        try:
            publish_protocol(version, now=timezone.now(), by=staff_of(request))
        except PublishingRefused as refused:
            return self.show(request, version, faults=tuple(refused.faults))
        except LifecycleError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "Published. New courses can be booked on it.")
        return HttpResponseRedirect(page_of(version))

    def discard_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self.find(request, pk, "protocols.change_protocolversion")
        try:
            discard_draft(version)
        except LifecycleError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(page_of(version))
        messages.success(request, "The draft is discarded.")
        return HttpResponseRedirect(reverse("admin:protocols_protocol_changelist"))

    def _act(self, request: HttpRequest, version: ProtocolVersion, act: Any, done: str) -> HttpResponse:
        try:
            draft = act()
        except LifecycleError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(page_of(version))
        messages.success(request, done)
        return HttpResponseRedirect(page_of(draft))
