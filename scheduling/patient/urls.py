"""What patients reach without signing in; `scheduling.messages.links` writes the addresses."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
