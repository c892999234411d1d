"""Keys of other systems: shown once when made, kept as a hash, found by their prefix."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from clinic.models import ApiKey, Scope, Site, User

PREFIX_BYTES = 6
SECRET_BYTES = 32
USE_IS_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_key(
    *,
    name: str,
    sites: Iterable[Site],
    scopes: Iterable[str],
    now: datetime,
    by: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """The stored key and its text, which cannot be had again: `cadence_<prefix>_<secret>`."""
    prefix = secrets.token_hex(PREFIX_BYTES)
    text = f"cadence_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = ApiKey.objects.create(
        name=name,
        scopes=sorted({Scope(scope).value for scope in scopes}),
        prefix=prefix,
        key_hash=hash_key(text),
        created_at=now,
        created_by=by,
        expires_at=expires_at,
    )
    key.sites.set(sites)
    return key, text


def hash_key(text: str) -> str:
    """A plain digest is enough: 256 random bits cannot be guessed, unlike a password."""
    return hashlib.sha256(text.encode()).hexdigest()


def find_key(text: str, *, now: datetime) -> ApiKey | None:
    """The usable key of this text; None for one that is unknown, revoked or expired."""
    parts = text.split("_", 2)
    if len(parts) != 3:
        return None
    key = ApiKey.objects.usable(now=now).filter(prefix=parts[1]).first()
    return key if key is not None and hmac.compare_digest(key.key_hash, hash_key(text)) else None


def note_use(key: ApiKey, *, now: datetime) -> None:
    """Remember that the key was used, with one write a minute at most."""
    if key.last_used_at is None or key.last_used_at <= now - USE_IS_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def revoke_key(key: ApiKey, *, now: datetime) -> bool:
    """Whether this call was the one that ended the key."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now))
