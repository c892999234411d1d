"""The menu at the side: what this person may open, in the words of the work."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse

# The pages of the day: label, icon, the page's name, and the permission without which it is not shown.
PAGES: tuple[tuple[str, str, str, str], ...] = (
    ("Today", "today", "index", ""),
    ("Day board", "board", "desk_board", "scheduling.view_session"),
    ("Call list", "calls", "desk_call_list", "scheduling.view_notice"),
    ("Waiting list", "waiting", "desk_waiting", "scheduling.view_waitingentry"),
    ("Disruptions", "disruptions", "desk_disruptions", "scheduling.view_session"),
    ("Recent changes", "changes", "desk_changes", "scheduling.view_change"),
)
# Title of a section; then label, icon, and the model whose list it opens.
SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Records",
        (
            ("Patients", "patients", "clinic.patient"),
            ("Courses", "courses", "scheduling.course"),
            ("Sessions", "sessions", "scheduling.session"),
            ("Messages", "messages", "scheduling.notice"),
            ("Came in", "inbox", "scheduling.inbound"),
        ),
    ),
    ("Treatments", (("Protocols", "protocols", "protocols.protocol"),)),
    (
        "Set-up",
        (
            ("Sites and hours", "sites", "clinic.site"),
            ("Closures", "closures", "clinic.closure"),
            ("Resources", "resources", "clinic.resource"),
            ("Outages", "outages", "clinic.outage"),
            ("Resource kinds", "resources", "clinic.resourcekind"),
            ("Staff", "staff", "clinic.user"),
            ("API keys", "keys", "clinic.apikey"),
        ),
    ),
)


def build_navigation(site: AdminSite, request: HttpRequest) -> list[dict[str, Any]]:
    registered = {model._meta.label_lower: model_admin for model, model_admin in site._registry.items()}
    pages = [
        _item(label, icon, reverse(f"admin:{name}"))
        for label, icon, name, permission in PAGES
        if not permission or request.user.has_perm(permission)
    ]
    sections: list[dict[str, Any]] = [{"title": "", "items": pages}]
    for title, entries in SECTIONS:
        items = [
            _item(label, icon, reverse(f"admin:{name.replace('.', '_')}_changelist"))
            for label, icon, name in entries
            if name in registered and registered[name].has_view_permission(request)
        ]
        if items:
            sections.append({"title": title, "items": items})
    _mark_current(sections, request.path)
    return sections


def _item(label: str, icon: str, url: str) -> dict[str, Any]:
    return {"label": label, "icon": icon, "url": url, "current": False}


def _mark_current(sections: list[dict[str, Any]], path: str) -> None:
    """The entry whose address is the longest beginning of this page's."""
    items = [item for section in sections for item in section["items"] if item["url"] == path]
    index = reverse("admin:index")
    items += [i for section in sections for i in section["items"] if i["url"] != index and path.startswith(i["url"])]
    if items:
        max(items, key=lambda item: len(item["url"]))["current"] = True
