"""Is everything up? Quick and bounded, also when a server hangs rather than refuses."""

from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

HEARTBEAT = "cadence:heartbeat"
# Three heartbeats missed: beat, the worker or what lies between them is down.
HEARTBEAT_SECONDS = 90
PATIENCE_SECONDS = 2


@require_safe
@never_cache
def show_health(request: HttpRequest) -> HttpResponse:
    broker, worker = check_broker_and_worker()
    parts = {"database": check_database(), "broker": broker, "worker": worker}
    healthy = all(parts.values())
    answer = {name: "ok" if up else "failing" for name, up in {"status": healthy, **parts}.items()}
    return JsonResponse(answer, status=200 if healthy else 503)


def check_database() -> bool:
    """Over a connection of its own: one from Django's pool may hang for as long as TCP allows."""
    parameters: dict[str, Any] = {**connection.get_connection_params(), "connect_timeout": PATIENCE_SECONDS}
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    try:
        with psycopg.connect(**parameters, options=f"-c statement_timeout={PATIENCE_SECONDS}s") as link:
            return link.execute("select 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def check_broker_and_worker() -> tuple[bool, bool]:
    try:
        with connect_to_broker() as broker:
            broker.ping()
            return True, bool(broker.exists(HEARTBEAT))
    except redis.RedisError:
        return False, False


def write_heartbeat() -> None:
    with connect_to_broker() as broker:
        broker.set(HEARTBEAT, "1", ex=HEARTBEAT_SECONDS)


def connect_to_broker() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, retry=None
    )
