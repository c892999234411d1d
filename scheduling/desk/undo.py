"""A wrong click is taken back where it was made: the message that says what was done carries an Undo button."""

from __future__ import annotations

import json
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse

from scheduling.desk.base import staff_of
from scheduling.models import Change

MARK = "undo:"


def tell_done(request: HttpRequest, sentence: str, *, now: datetime) -> None:
    """The sentence of an act done at `now`, with Undo where it changed visits."""
    made = Change.objects.filter(made_by=staff_of(request), made_at=now, undone_at=None).order_by("pk").last()
    offer_undo(request, made, sentence)


def offer_undo(request: HttpRequest, change: Change | None, sentence: str = "") -> None:
    """Say what was done; with a change that may be undone, the button that does."""
    if change is None or not request.user.has_perm("scheduling.change_change"):
        if sentence:
            messages.success(request, sentence)
        return
    url = reverse("admin:desk_change_undo", args=[change.uuid])
    offer_button(request, sentence or f"{change.summary}.", url)


def offer_button(request: HttpRequest, sentence: str, url: str, **fields: str) -> None:
    """A message with an Undo button that posts these fields to an address of the desk."""
    messages.success(request, sentence, extra_tags=MARK + json.dumps({"url": url, "fields": fields}))


def read_button(tags: str) -> dict[str, object] | None:
    """What the button of a message does; None for a message without one."""
    if not tags.startswith(MARK):
        return None
    found: dict[str, object] = json.loads(tags.removeprefix(MARK))
    return found
