"""One sentence about a server that does not answer, without the password that led to it."""

import psycopg
import redis
from django.conf import settings
from django.db import OperationalError, connection

from clinic.health import connect_to_broker
from clinic.localservices import ServiceError


def refuse_unreachable() -> None:
    """Raise the sentence when the database or the broker cannot be reached."""
    try:
        connection.ensure_connection()
    except OperationalError as fault:
        raise ServiceError(describe_unreachable(fault) or "The database does not answer.") from None
    try:
        with connect_to_broker() as broker:
            broker.ping()
    except redis.RedisError as fault:
        raise ServiceError(f"The broker at {broker_address()} does not answer: {_one_line(fault)}.") from None


def describe_unreachable(fault: OperationalError) -> str | None:
    """None when the connection stood and something else went wrong on it."""
    if connection.connection is not None or not isinstance(fault.__cause__, psycopg.OperationalError):
        return None
    return f"The database at {database_address()} does not answer: {_one_line(fault)}."


def database_address() -> str:
    found = settings.DATABASES["default"]
    return f"{found.get('HOST') or 'localhost'}:{found.get('PORT') or 5432}/{found['NAME']}"


def broker_address() -> str:
    return str(settings.REDIS_URL).rpartition("@")[2].removeprefix("redis://").removeprefix("rediss://")


def _one_line(fault: Exception) -> str:
    return " ".join(str(fault).split()).rstrip(".")
