"""Cursor pages: opaque, at most 100 rows, no total count."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class PrimaryKeyPages(CursorPagination):
    page_size = 50
    max_page_size = 100
    page_size_query_param = "limit"
    ordering = "pk"
