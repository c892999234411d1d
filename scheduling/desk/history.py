"""The History page of every record: the audit trail that the database itself writes, read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.forms.models import _get_foreign_key  # as the admin's own inlines find it
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from clinic.history import Trail, read_history

CHANGES_A_PAGE = 50


class HistoryAdmin(admin.ModelAdmin):
    """Shows what happened to the row, to the rows of its inlines, and to those of `history_links`."""

    history_links: tuple[tuple[type[Any], str], ...] = ()
    history_guarded: Mapping[type[Any], Mapping[str, str]] = {}
    """By model, fields that are shown only with a permission of their own."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        trails = [self.guard(trail, request) for trail in self.list_trails(row)]
        page = Paginator(read_history(trails), CHANGES_A_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {self.name_of(row)}",
            "opts": self.opts,
            "original": row,
            "page": page,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "desk/history.html", context)

    def name_of(self, row: Any) -> str:
        """What staff call the row; override where its own name has codes in it."""
        return str(row)

    def guard(self, trail: Trail, request: HttpRequest) -> Trail:
        guarded = self.history_guarded.get(trail.model, {})
        return replace(trail, hidden=frozenset(f for f, needed in guarded.items() if not request.user.has_perm(needed)))

    def list_trails(self, row: Any) -> list[Trail]:
        links = [
            (inline.model, _get_foreign_key(self.model, inline.model, fk_name=inline.fk_name).name)
            for inline in self.inlines
        ]
        children = [Trail(model, row.pk, link) for model, link in (*links, *self.history_links)]
        return [Trail(self.model, row.pk), *children]
