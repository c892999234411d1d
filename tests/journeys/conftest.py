"""The browser and the server it talks to; both end before the database does."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _in_order(django_db_setup, live_server, chromium):
    """Torn down in reverse: the browser, the server with its connections, the database."""
