"""What the environment says, read with one clear sentence for each fault and never a secret in it."""

from typing import Any
from urllib.parse import urlsplit

import environ

DATABASE_SCHEMES = {"postgresql", "postgres"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}
MAIL_SCHEMES = {"smtp", "smtps", "smtp+tls", "smtp+ssl"}
SHORTEST_KEY = 50


class Refusal(SystemExit):
    """Ends the process with one sentence on standard error, whatever was starting: manage.py, gunicorn or Celery."""


def read_database(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (reading it is the check)
        found = dict(environ.Env.db_url_config(url)) if parts.scheme in DATABASE_SCHEMES else {}
    except (ValueError, environ.ImproperlyConfigured):
        found = {}
    if not found.get("NAME"):
        raise Refusal(
            "DATABASE_URL is not the address of a PostgreSQL database, such as postgresql://user:password@host:5432/name."
        )
    return found


def read_broker(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018
        known = parts.scheme in REDIS_SCHEMES and bool(parts.hostname or parts.path)
    except ValueError:
        known = False
    if not known:
        raise Refusal("REDIS_URL is not the address of a Redis or Valkey server, such as redis://host:6379/0.")
    return url


def read_mail(url: str) -> dict[str, Any]:
    try:
        return dict(environ.Env.email_url_config(url))
    except (ValueError, environ.ImproperlyConfigured):
        raise Refusal(
            "EMAIL_URL is not the address of a mail server, such as smtp+tls://user:password@host:587."
        ) from None


def refuse_unsafe_production(
    *, secret_key: str, default_key: str, debug: bool, hosts: list[str], mail_url: str, sender: str,
    database_url: str, broker_url: str,
) -> None:  # fmt: skip
    """Name everything that must change before patients' data may come near this process."""
    faults = []
    if not secret_key or secret_key == default_key:
        faults.append("SECRET_KEY is not set")
    elif len(secret_key) < SHORTEST_KEY or len(set(secret_key)) < 10 or secret_key.startswith("django-insecure-"):
        faults.append(f"SECRET_KEY is not {SHORTEST_KEY} random characters")
    if debug:
        faults.append("DEBUG is on")
    if not database_url:
        faults.append("DATABASE_URL is not set (the embedded PostgreSQL is only for trying out)")
    if not broker_url:
        faults.append("REDIS_URL is not set (the embedded Valkey is only for trying out)")
    if not hosts or "*" in hosts:
        faults.append("ALLOWED_HOSTS does not name the hosts that are served")
    if urlsplit(mail_url).scheme not in MAIL_SCHEMES or not urlsplit(mail_url).hostname:
        faults.append("EMAIL_URL does not name a mail server (smtp, smtp+tls or smtp+ssl)")
    if not sender:
        faults.append("DEFAULT_FROM_EMAIL does not name the sender of mail")
    if faults:
        raise Refusal(f"Cadence does not start in production: {'; '.join(faults)}.")
