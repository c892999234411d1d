"""What patients reach without signing in; `scheduling.messages.links` writes the addresses."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from scheduling.patient.feed import show_feed

urlpatterns: list[URLPattern] = [
    re_path(r"^f/(?P<token>[\w-]{22})(?:\.ics)?$", show_feed),
]
