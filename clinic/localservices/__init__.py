"""PostgreSQL and Valkey from their wheels, detached, shared by every process of one copy of Cadence.

They are for trying out and for tests: no password, no TLS, no backup. Set DATABASE_URL and REDIS_URL to use others.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from clinic.localservices import postgres, valkey
from clinic.localservices.place import Place, ServiceError, find_place

__all__ = ["Place", "ServiceError", "ensure", "ensure_for_environment", "find_place", "is_needed_by", "stop"]

# Commands that need no server, or see to the servers themselves.
OFFLINE_COMMANDS = {
    "help", "version", "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "makemessages",
    "plan_file", "run", "spectacular", "startapp", "stop",
}  # fmt: skip


def is_needed_by(arguments: list[str]) -> bool:
    """Whether a manage.py command line talks to a server."""
    if not arguments or {"-h", "--help", "--version"} & set(arguments):
        return False
    return arguments[0] not in OFFLINE_COMMANDS


def uses_embedded_database() -> bool:
    return not os.environ.get("DATABASE_URL")


def uses_embedded_broker() -> bool:
    return not os.environ.get("REDIS_URL")


def ensure_for_environment() -> list[str]:
    """Start what no environment variable replaces; the names of what this call started."""
    return ensure(find_place(), database=uses_embedded_database(), broker=uses_embedded_broker())


def ensure(place: Place, *, database: bool = True, broker: bool = True, durable: bool = True) -> list[str]:
    if not database and not broker:
        return []
    started = []
    with _lock(place):
        if database:
            if postgres.start(place, durable=durable):
                started.append("PostgreSQL")
            postgres.create_database(place)
        if broker and valkey.start(place):
            started.append("Valkey")
    return started


def stop(place: Place) -> bool:
    """Stop what is up. True when something was."""
    if not place.state.exists():
        return False
    with _lock(place):
        was_up = valkey.is_up(place) or postgres.is_up(place)
        valkey.stop(place)
        postgres.stop(place)
    return was_up


@contextlib.contextmanager
def _lock(place: Place) -> Iterator[None]:
    """Two starts at once: one starts, the other joins."""
    place.prepare()
    with (place.state / "servers.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
