"""What the environment says, read with one clear sentence for each fault and never a secret in it."""

import re
from base64 import b64decode
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import environ
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http.request import validate_host

ENVIRONMENTS = {"production", "development"}
DATABASE_SCHEMES = {"postgresql", "postgres"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}
MAIL_SCHEMES = {"smtp", "smtps", "smtp+tls", "smtp+ssl"}
SHORTEST_KEY = 50
SHORTEST_SIGNING_SECRET = 24  # bytes
# A text message of 160 letters must hold the time and a link beside it.
LONGEST_LINKED_ADDRESS = 70
SENDER = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-fA-F]{32}|[0-9]{5,6}")


class Refusal(SystemExit):
    """Ends the process with one sentence on standard error, whatever was starting: manage.py, gunicorn or Celery."""


@dataclass(frozen=True)
class Texting:
    """Where text messages go: into a folder, or to an account at Twilio."""

    folder: str = ""
    account: str = ""
    token: str = ""
    sender: str = ""
    served_at: str = ""  # empty for Twilio itself


def is_production(name: str) -> bool:
    if name not in ENVIRONMENTS:
        raise Refusal("CADENCE_ENV is neither production nor development.")
    return name == "production"


def find_database_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (reading it is the check)
        named = parts.scheme in DATABASE_SCHEMES and bool(environ.Env.db_url_config(url).get("NAME"))
    except (ValueError, environ.ImproperlyConfigured):
        named = False
    fault = (
        "DATABASE_URL is not the address of a PostgreSQL database, such as postgresql://user:password@host:5432/name"
    )
    return "" if named else fault


def find_broker_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018
        known = parts.scheme in REDIS_SCHEMES and bool(parts.hostname or parts.path)
    except ValueError:
        known = False
    return "" if known else "REDIS_URL is not the address of a Redis or Valkey server, such as redis://host:6379/0"


def find_mail_fault(url: str) -> str:
    try:
        environ.Env.email_url_config(url)
    except (ValueError, environ.ImproperlyConfigured):
        return "EMAIL_URL is not the address of a mail server, such as smtp+tls://user:password@host:587"
    return ""


def find_sender_fault(sender: str) -> str:
    if not sender:
        return "DEFAULT_FROM_EMAIL does not name the sender of mail"
    try:
        validate_email(parseaddr(sender)[1])
    except ValidationError:
        return "DEFAULT_FROM_EMAIL is not an e-mail address, such as appointments@clinic.example"
    return ""


def find_address_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018
        served = parts.scheme == "https" and bool(parts.hostname) and parts.path in {"", "/"} and not parts.query
    except ValueError:
        served = False
    return "" if served else "PUBLIC_URL is not the address that patients reach this by, such as https://clinic.example"


def find_unserved_fault(url: str, hosts: list[str]) -> str:
    """Django answers 400 to whoever comes by a host that is not listed: every link that a patient gets would fail."""
    served = not hosts or validate_host(urlsplit(url).hostname or "", hosts)
    return "" if served else "PUBLIC_URL names a host that is not in ALLOWED_HOSTS, so no link of a patient would open"


def find_inbox_fault(url: str, *, tls_only: bool) -> str:
    """The mailbox is the one that invites name as their organizer; its password never goes over an open line."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018
        named = parts.scheme in {"imaps", "imap"} and bool(parts.hostname and parts.username and parts.password)
    except ValueError:
        named = False
    if not named:
        return "INBOX_URL is not the address of a mailbox, such as imaps://user:password@host/INBOX"
    if tls_only and parts.scheme != "imaps":
        return "INBOX_URL does not use TLS (imaps)"
    return ""


def find_inbound_secret_fault(secret: str) -> str:
    try:
        is_long = len(b64decode(secret.removeprefix("whsec_"), validate=True)) >= SHORTEST_SIGNING_SECRET
    except ValueError:
        is_long = False
    length = SHORTEST_SIGNING_SECRET
    return "" if is_long else f"INBOUND_MAIL_SECRET is not whsec_ and at least {length} random bytes in Base64"


def find_texting_fault(url: str) -> str:
    try:
        read = split_texting(url)
    except ValueError:
        read = None
    if read is not None and (read.folder or (read.account and read.token and SENDER.fullmatch(read.sender))):
        return ""
    return "SMS_URL is not an account for text messages, such as twilio://SID:TOKEN@?from=+12125550101"


def split_texting(url: str) -> Texting | None:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Texting(folder=unquote(parts.path))
    if parts.scheme != "twilio":
        return None
    [sender] = parse_qs(parts.query.replace("+", "%2B")).get("from", [""])
    host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    scheme = "http" if parts.hostname in {"127.0.0.1", "localhost"} else "https"
    return Texting(
        account=unquote(parts.username or ""),
        token=unquote(parts.password or ""),
        sender=sender,
        served_at=f"{scheme}://{host}" if host else "",
    )


def find_texting_faults_in_production(url: str, *, public_url: str) -> list[str]:
    """Without an address no texts are sent, which is no fault."""
    if not url:
        return []
    if (fault := find_texting_fault(url)) or urlsplit(url).scheme == "file":
        return [fault or "SMS_URL names a folder, where no patient would read it"]
    if len(public_url) > LONGEST_LINKED_ADDRESS:
        return [f"PUBLIC_URL is longer than {LONGEST_LINKED_ADDRESS} characters, too long for links in text messages"]
    return []


def read_texting(url: str) -> Texting | None:
    """None where no text messages are to be sent."""
    if not url:
        return None
    refuse(find_texting_fault(url))
    return split_texting(url)


def read_database(url: str) -> dict[str, Any]:
    refuse(find_database_fault(url))
    return dict(environ.Env.db_url_config(url))


def read_broker(url: str) -> str:
    refuse(find_broker_fault(url))
    return url


def read_mail(url: str) -> dict[str, Any]:
    refuse(find_mail_fault(url))
    return dict(environ.Env.email_url_config(url))


def read_inbox(url: str, *, tls_only: bool) -> str:
    """Empty where nobody looks into a mailbox."""
    refuse(find_inbox_fault(url, tls_only=tls_only) if url else "")
    return url


def read_inbound_secret(secret: str) -> str:
    """Empty where no mail is handed over."""
    refuse(find_inbound_secret_fault(secret) if secret else "")
    return secret


def refuse(fault: str) -> None:
    if fault:
        raise Refusal(f"{fault}.")


def refuse_unsafe_production(
    *, secret_key: str, default_key: str, debug: bool, hosts: list[str], mail_url: str, sender: str,
    database_url: str, broker_url: str, public_url: str, sms_url: str = "",
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
    elif fault := find_database_fault(database_url):
        faults.append(fault)
    if not broker_url:
        faults.append("REDIS_URL is not set (the embedded Valkey is only for trying out)")
    elif fault := find_broker_fault(broker_url):
        faults.append(fault)
    if not hosts or "*" in hosts:
        faults.append("ALLOWED_HOSTS does not name the hosts that are served")
    if fault := find_address_fault(public_url) or find_unserved_fault(public_url, hosts):
        faults.append(fault)
    if fault := find_mail_fault(mail_url):
        faults.append(fault)
    elif urlsplit(mail_url).scheme not in MAIL_SCHEMES or not urlsplit(mail_url).hostname:
        faults.append("EMAIL_URL does not name a mail server (smtp, smtp+tls or smtp+ssl)")
    if fault := find_sender_fault(sender):
        faults.append(fault)
    faults += find_texting_faults_in_production(sms_url, public_url=public_url)
    if faults:
        raise Refusal(f"Cadence does not start in production: {'; '.join(faults)}.")
