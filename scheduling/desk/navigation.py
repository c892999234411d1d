"""The menu at the side: what this person may open, in the words of the work."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse

# Title of a section; then label, icon, and the model whose list it opens.
SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "",
        (
            ("Patients", "patients", "clinic.patient"),
            ("Courses", "courses", "scheduling.course"),
            ("Sessions", "sessions", "scheduling.session"),
            ("Messages", "messages", "scheduling.notice"),
        ),
    ),
    ("Treatments", (("Protocols", "protocols", "protocols.protocol"),)),
    (
        "Set-up",
        (
            ("Sites and hours", "sites", "clinic.site"),
            ("Resources", "resources", "clinic.resource"),
            ("Kinds of resource", "resources", "clinic.resourcekind"),
            ("Staff", "staff", "clinic.user"),
            ("API keys", "keys", "clinic.apikey"),
        ),
    ),
)


def build_navigation(site: AdminSite, request: HttpRequest) -> list[dict[str, Any]]:
    registered = {model._meta.label_lower: model_admin for model, model_admin in site._registry.items()}
    sections = []
    for title, entries in SECTIONS:
        items = [] if title else [_item("Today", "today", reverse("admin:index"), request)]
        for label, icon, name in entries:
            if name in registered and registered[name].has_view_permission(request):
                url = reverse(f"admin:{name.replace('.', '_')}_changelist")
                items.append(_item(label, icon, url, request))
                if name == "scheduling.session":
                    items.append(_item("Call list", "calls", reverse("admin:desk_call_list"), request))
        if items:
            sections.append({"title": title, "items": items})
    return sections


def _item(label: str, icon: str, url: str, request: HttpRequest) -> dict[str, Any]:
    index = reverse("admin:index")
    current = request.path == url or (url != index and request.path.startswith(url))
    return {"label": label, "icon": icon, "url": url, "current": current}
