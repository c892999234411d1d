"""Who may hand over mail: the signature of Standard Webhooks, an HMAC-SHA256 over id, time and body.

The body is a raw mail in any charset, so it is signed and compared as bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
PREFIX = "whsec_"
SHORTEST_SECRET = 24  # bytes
MOST_SIGNATURES = 5


def read_secret(text: str) -> bytes:
    """Raises ValueError where it is no Base64."""
    return b64decode(text.removeprefix(PREFIX), validate=True)


def sign(body: bytes, *, secret: str, webhook_id: str, timestamp: int) -> str:
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.new(read_secret(secret), content, hashlib.sha256).digest()).decode()


def find_fault(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> str:
    """Why the body is not to be trusted, as a sentence; empty where it is."""
    webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()[:MOST_SIGNATURES]
    if not webhook_id or not stamp or not given:
        return "The headers webhook-id, webhook-timestamp and webhook-signature are needed."
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return "webhook-timestamp is not a number of seconds since 1970."
    if abs(now.timestamp() - int(stamp)) > WINDOW.total_seconds():
        return "webhook-timestamp is more than five minutes from now."
    right = sign(body, secret=secret, webhook_id=webhook_id, timestamp=int(stamp)).encode()
    if not any(hmac.compare_digest(right, one.encode()) for one in given):
        return "webhook-signature does not fit."
    return ""
