"""The admin site of the product: its name, its navigation, its first page, and whose clock it speaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from clinic.models import User


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


def first_site(request: HttpRequest) -> Any:
    user = request.user
    return user.visible_sites().first() if isinstance(user, User) else None
