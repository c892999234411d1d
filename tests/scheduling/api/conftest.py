from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from clinic.api_keys import create_key
from clinic.models import Scope, Site
from tests import factories


@pytest.fixture
def key_of() -> Callable[..., APIClient]:
    """A client with a key of the sites, by default with every scope."""

    def build(*sites: Site, scopes: list[str] | None = None) -> APIClient:
        _, text = create_key(
            name="Integration", sites=list(sites), scopes=list(Scope) if scopes is None else scopes, now=factories.NOW
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return client

    return build


@pytest.fixture
def api(site: Site, key_of: Callable[..., APIClient]) -> APIClient:
    """A client with a key of this site."""
    return key_of(site)


@pytest.fixture
def stranger_api(other_site: Site, key_of: Callable[..., APIClient]) -> APIClient:
    """A client with a key of the other site."""
    return key_of(other_site)


def pointers(body: dict[str, Any]) -> dict[str, str]:
    """A problem's errors by their pointer."""
    return {error["pointer"]: error["detail"] for error in body["errors"]}
