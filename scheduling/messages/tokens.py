"""Tokens of the links in messages: signed, so that none can be guessed, and derived, so that a retry says the same.

The database keeps their SHA-256 alone. 128 bits: OWASP ASVS 5.0, 7.2.3.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from django.utils.crypto import salted_hmac

BYTES = 16
LENGTH = 22  # of the text


def derive_token(purpose: str, subject: str) -> str:
    """The signature of the subject for one purpose, as 22 characters that may stand in a path."""
    signature = salted_hmac(f"cadence.{purpose}", subject, algorithm="sha256").digest()
    return urlsafe_b64encode(signature[:BYTES]).rstrip(b"=").decode()


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
