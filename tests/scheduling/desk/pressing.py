"""Buttons pressed as a browser presses them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from scheduling.models import Session


def act(client: Any, session: Session, name: str, *, seen_at: Any = None, **fields: Any) -> Any:
    """Press a button of a session, as the page shows it now or as it was seen."""
    session = Session.objects.get(pk=session.pk)
    seen = (seen_at or session.changed_at).isoformat()
    url = reverse("admin:desk_session_act", kwargs={"pk": session.pk, "act": name})
    return client.post(url, {"seen_at": seen, **fields}, follow=True)


def search(client: Any, url: str, text: str) -> Any:
    """Type into the search box of a page, and press Enter."""
    return client.post(url, {"find": text}, follow=True)


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]
