"""The health page, against servers that work, that refuse, and that hang."""

import socket
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from clinic import health
from clinic.tasks import beat_heart

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def heartbeat() -> None:
    beat_heart()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def ask(client: Client) -> tuple[int, dict[str, str], float]:
    began = time.monotonic()
    answer = client.get("/healthz")
    return answer.status_code, answer.json(), time.monotonic() - began


def test_everything_up(client: Client) -> None:
    status, parts, _ = ask(client)
    assert (status, parts) == (200, {"status": "ok", "database": "ok", "broker": "ok", "worker": "ok"})


def test_worker_that_lost_its_heartbeat(client: Client) -> None:
    with health.connect_to_broker() as broker:
        broker.delete(health.HEARTBEAT)
    status, parts, _ = ask(client)
    assert (status, parts) == (503, {"status": "failing", "database": "ok", "broker": "ok", "worker": "failing"})


def test_dead_broker(client: Client, settings, closed_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}/0"
    status, parts, seconds = ask(client)
    assert (status, parts) == (503, {"status": "failing", "database": "ok", "broker": "failing", "worker": "failing"})
    assert seconds < 1


def test_hanging_broker_is_waited_for_briefly(client: Client, settings, hanging_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{hanging_port}/0"
    status, parts, seconds = ask(client)
    assert (status, parts) == (503, {"status": "failing", "database": "ok", "broker": "failing", "worker": "failing"})
    assert seconds < 4


def test_hanging_database_is_waited_for_briefly(client: Client, monkeypatch, hanging_port: int) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", str(hanging_port))
    status, parts, seconds = ask(client)
    assert (status, parts) == (503, {"status": "failing", "database": "failing", "broker": "ok", "worker": "ok"})
    assert seconds < 4


def test_answer_is_never_kept_by_a_cache(client: Client) -> None:
    assert "no-store" in client.get("/healthz")["Cache-Control"]
