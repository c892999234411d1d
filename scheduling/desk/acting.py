"""What the pages with buttons share: a row the user may act on, refusals as sentences, the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

from scheduling.refusals import BookingRefused

View = Callable[..., HttpResponse]


def need_permission(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def post_only(view: View) -> View:
    """Acts change something: a link, a prefetch or a mail scanner must not set them off."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return view(request, *args, **kwargs)

    return checked


@contextmanager
def refusals_told(request: HttpRequest) -> Iterator[list[str]]:
    """Turn a refusal into messages, one sentence each; the list yielded says whether there were any."""
    told: list[str] = []
    try:
        yield told
    except BookingRefused as refused:
        told.extend(refusal.message for refusal in refused.refusals)
    except ValidationError as fault:
        told.extend(fault.messages)
    for sentence in told:
        messages.error(request, sentence)


def press(request: HttpRequest, act: Callable[[], str], *, back: str) -> HttpResponse:
    """One button: the act's sentence, or why it was refused, on the page that the button stood on."""
    with refusals_told(request) as refused:
        done = act()
    if not refused:
        messages.success(request, done)
    return go_back(request, back)


def find_row(rows: Any, pk: str | int) -> Any:
    """The row of that number among those the user may see; 404 looks the same for none and for not yours."""
    row = rows.filter(pk=pk).first() if str(pk).isdecimal() and len(str(pk)) < 18 else None
    if row is None:
        raise Http404
    return row


def read_seen_at(request: HttpRequest) -> datetime | None:
    """When the row had last changed, as the page that holds the button showed it."""
    try:
        found = parse_datetime(request.POST.get("seen_at", ""))
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def go_back(request: HttpRequest, default: str) -> HttpResponse:
    """To the page that the button stood on, if it is one of ours."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return HttpResponseRedirect(wanted if safe else default)
