"""What the audit trail notes about the request that changed something."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from pghistory.middleware import HistoryMiddleware

from clinic.log import cut_tokens

PATIENTS_PAGES = "/v/"


class DiscreetHistoryMiddleware(HistoryMiddleware):
    """The path without the token of a patient's page: staff who read the trail could else act as the patient."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().get_context(request)
        if request.path.startswith(PATIENTS_PAGES):
            context["by_patient"] = True
        return {**context, "url": cut_tokens(request.path)}
