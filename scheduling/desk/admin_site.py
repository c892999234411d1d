"""The admin site of the product: its name, its navigation, its first page, and whose clock it speaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone

from clinic.models import Site, User
from scheduling.desk.acting import post_only
from scheduling.desk.changes_page import show_changes, undo_one
from scheduling.desk.day_list import show_day_list
from scheduling.desk.forms_page import act_on_form, show_forms
from scheduling.desk.navigation import build_navigation
from scheduling.desk.today import describe_today
from scheduling.desk.worklists import show_decisions, show_drivers, show_unrecorded
from scheduling.models import Course


class DeskSite(admin.AdminSite):
    site_title = "Cadence"
    site_header = "Cadence"
    index_title = "Today"
    site_url = None
    enable_nav_sidebar = False

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Pages speak the wall clock of the user's first site, unless a view activates that of its row's site.

        The page is rendered in here, while that clock is still the thread's.
        """
        inner = super().admin_view(view, cacheable)

        def with_site_clock(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            site = first_site(request)
            with timezone.override(site.zone if site else None):
                response = inner(request, *args, **kwargs)
                if hasattr(response, "render") and not response.is_rendered:
                    response = response.render()
                return response

        return update_wrapper(with_site_clock, view)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if context["has_permission"]:
            may_start = Course in self._registry and request.user.has_perm("scheduling.add_course")
            context["desk_navigation"] = build_navigation(self, request)
            context["desk_new_course_url"] = reverse("admin:scheduling_course_add") if may_start else ""
        return context

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """No form of the desk completes as one types: that would put names into addresses."""
        raise Http404

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The lists that the first page leads to, and the list of a day on paper."""
        return [
            path("today/drivers/", self._page(show_drivers), name="desk_drivers"),
            path("today/unrecorded/", self._page(show_unrecorded), name="desk_unrecorded"),
            path("today/decisions/", self._page(show_decisions), name="desk_decisions"),
            path("today/forms/", self._page(show_forms), name="desk_forms"),
            path("today/forms/<str:pk>/<str:gate>/", self.admin_view(post_only(act_on_form)), name="desk_form_act"),
            path("today/print/", self._page(show_day_list), name="desk_day_list"),
            path("changes/", self._page(show_changes), name="desk_changes"),
            path("changes/<str:uuid>/undo/", self.admin_view(post_only(undo_one)), name="desk_change_undo"),
            *super().get_urls(),
        ]

    def _page(self, show: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A page that stands in the frame of this site."""

        def view(request: HttpRequest) -> HttpResponse:
            return show(request, self)

        return self.admin_view(update_wrapper(view, show))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        today = describe_today(request) if request.user.has_perm("scheduling.view_session") else {}
        return super().index(request, {**today, **(extra_context or {})})


def first_site(request: HttpRequest) -> Site | None:
    user = request.user
    return user.visible_sites().first() if isinstance(user, User) else None
