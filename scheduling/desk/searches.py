"""What somebody searched for, kept out of addresses: names in them stay in histories, proxies and logs.

A search form posts its text. The text stays in the session under a short random handle, and the address that follows
bears the handle alone; sorting, filters and pages of a list carry it on.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

SEARCH_FIELD = "find"  # the posted text
SESSION_KEY = "desk_searches"
KEPT_AT_MOST = 30
LONGEST = 200
FORGOTTEN = "That search is no longer at hand. Please type it again."
PAGE_VARS = (PAGE_VAR, ERROR_FLAG)  # a new search begins at its first page


def is_search(request: HttpRequest) -> bool:
    return request.method == "POST" and SEARCH_FIELD in request.POST


def start_search(request: HttpRequest) -> HttpResponse:
    """Keep the posted text and go on to the same page with its handle."""
    query = request.GET.copy()
    for name in (SEARCH_VAR, *PAGE_VARS):
        query.pop(name, None)
    text = request.POST[SEARCH_FIELD].strip()[:LONGEST]
    if text:
        query[SEARCH_VAR] = _keep(request, text)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)


def _keep(request: HttpRequest, text: str) -> str:
    """The handle under which the session has this text; the oldest texts make room."""
    kept: dict[str, str] = request.session.get(SESSION_KEY, {})
    handle = next((known for known, other in kept.items() if other == text), secrets.token_urlsafe(6))
    kept.pop(handle, None)
    newest = [*kept.items(), (handle, text)][-KEPT_AT_MOST:]
    request.session[SESSION_KEY] = dict(newest)
    return handle


def read_search(request: HttpRequest) -> str:
    """The text behind the handle in the address."""
    found: str = request.session.get(SESSION_KEY, {}).get(request.GET.get(SEARCH_VAR, ""), "")
    return found


def refuse_unknown(request: HttpRequest) -> HttpResponse | None:
    """Away from an address whose search is no handle: one that is forgotten, or a text that somebody put there."""
    if not request.GET.get(SEARCH_VAR) or read_search(request):
        return None
    query = request.GET.copy()
    del query[SEARCH_VAR]
    messages.info(request, FORGOTTEN)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)


class SearchedList(ChangeList):
    """A list whose address bears the handle of the search, and whose box shows the text."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        self.query = read_search(request)
        return super().get_queryset(request, exclude_parameters)

    @property
    def without_search(self) -> str:
        return self.get_query_string(remove=[SEARCH_VAR, *PAGE_VARS])


class SearchingAdmin(admin.ModelAdmin):
    """Lists that are called by what they list, and searched by a posted text."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SearchedList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if is_search(request):
            return start_search(request)
        title = str(self.opts.verbose_name_plural)
        context = {"title": title[:1].upper() + title[1:], **(extra_context or {})}
        return refuse_unknown(request) or super().changelist_view(request, context)
