"""The life of a protocol: a site adopts one, a clinician edits the draft, publishes it, and later draws up the next.

Only drafts of a site's own protocols are edited. The library is shared and read-only; what has been published never
changes again, which the database enforces (`protocols.models.frozen`).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max

from clinic.models import Site, User
from protocols.blueprint import copy_blueprint, write_blueprint
from protocols.models import Protocol, ProtocolVersion
from protocols.models.protocol import VersionStatus


class LifecycleError(Exception):
    """The act does not fit the state of the protocol; says why in one sentence for staff."""


def can_edit(version: ProtocolVersion) -> bool:
    """Only drafts of a site's own protocols; the library changes with its files alone."""
    return version.is_draft and not version.protocol.is_library


def current_version(protocol: Protocol) -> ProtocolVersion | None:
    """The published version, if there is one."""
    return protocol.versions.filter(status=VersionStatus.PUBLISHED).first()


def adopt_protocol(protocol: Protocol, *, site: Site, now: datetime, by: User | None) -> ProtocolVersion:
    """Make the library protocol the site's own, as a draft. Asked twice, the waiting draft is returned."""
    if not protocol.is_library:
        raise LifecycleError(f"{protocol} is a site's own protocol; only those of the library are adopted.")
    with transaction.atomic():
        # Lock, so that two adoptions at once end as one.
        Site.objects.select_for_update().get(pk=site.pk)
        adopted = Protocol.objects.filter(site=site, code=protocol.code).first()
        if adopted is not None:
            return _draft_of(adopted)
        original = current_version(protocol)
        if original is None:
            raise LifecycleError(f"{protocol} has no published version to adopt.")
        own = Protocol.objects.create(
            site=site,
            code=protocol.code,
            name=protocol.name,
            family=protocol.family,
            summary=protocol.summary,
            adopted_from=original,
        )
        notes = _signed(f"Adopted from version {original.number} of the library", now=now, by=by)
        return _write_copy(original, protocol=own, notes=notes)


def _draft_of(adopted: Protocol) -> ProtocolVersion:
    draft = adopted.versions.filter(status=VersionStatus.DRAFT).first()
    if draft is None:
        raise LifecycleError(f"{adopted.site} has adopted {adopted} already; copy its published version to a draft.")
    return draft


def copy_to_draft(version: ProtocolVersion, *, now: datetime, by: User | None) -> ProtocolVersion:
    """A new draft with all that the version holds, sources too. Asked twice, the waiting draft is returned."""
    if version.protocol.is_library:
        raise LifecycleError(f"{version.protocol} belongs to the library, which is read-only; adopt it first.")
    with transaction.atomic():
        protocol = Protocol.objects.select_for_update().get(pk=version.protocol_id)
        draft = protocol.versions.filter(status=VersionStatus.DRAFT).first()
        notes = _signed(f"Copied from version {version.number}", now=now, by=by)
        return draft or _write_copy(version, protocol=protocol, notes=notes)


def _signed(act: str, *, now: datetime, by: User | None) -> str:
    return f"{act} on {now:%Y-%m-%d}{f' by {by}' if by else ''}."


def _write_copy(original: ProtocolVersion, *, protocol: Protocol, notes: str) -> ProtocolVersion:
    latest = protocol.versions.aggregate(latest=Max("number"))["latest"] or 0
    draft = ProtocolVersion.objects.create(
        protocol=protocol,
        number=latest + 1,
        notes=notes,
        reminder_days=original.reminder_days,
        reminder_time=original.reminder_time,
    )
    write_blueprint(copy_blueprint(original), version=draft)
    return draft


def publish_version(version: ProtocolVersion, *, now: datetime, by: User | None) -> ProtocolVersion:
    """Publish the draft and retire the version before it. Whether it can be planned is `scheduling.publishing`'s."""
    with transaction.atomic():
        Protocol.objects.select_for_update().get(pk=version.protocol_id)
        published = ProtocolVersion.objects.filter(protocol_id=version.protocol_id, status=VersionStatus.PUBLISHED)
        draft = ProtocolVersion.objects.filter(pk=version.pk, status=VersionStatus.DRAFT)
        if not draft.exists():
            raise LifecycleError(f"{version} is not a draft any more.")
        published.update(status=VersionStatus.RETIRED)
        draft.update(status=VersionStatus.PUBLISHED, published_at=now, published_by=by)
    version.refresh_from_db(fields=["status", "published_at", "published_by"])
    return version


def discard_draft(version: ProtocolVersion) -> None:
    """Throw the draft away, and an adopted protocol with it that never had another version."""
    if version.protocol.is_library:
        raise LifecycleError(f"{version.protocol} belongs to the library, which is read-only.")
    with transaction.atomic():
        protocol = Protocol.objects.select_for_update().get(pk=version.protocol_id)
        draft = protocol.versions.select_for_update().filter(pk=version.pk, status=VersionStatus.DRAFT).first()
        if draft is None:
            raise LifecycleError(f"{version} is not a draft any more.")
        draft.delete()
        if not protocol.versions.exists():
            protocol.delete()
