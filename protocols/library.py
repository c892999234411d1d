"""The shared library of protocols, kept in `library/*.yaml` and read-only once loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Max

from clinic.models import ResourceKind
from protocols.blueprint import write_blueprint
from protocols.library_file import LibraryProtocol, read_protocol, read_yaml
from protocols.lifecycle import publish_version
from protocols.models import Protocol, ProtocolVersion
from protocols.models.protocol import VersionStatus
from protocols.node import LibraryError
from protocols.validation import find_faults

FOLDER = Path(__file__).parent / "library"
KINDS_FILE = "kinds.yaml"
SOURCES_FILE = "sources.yaml"
LOAD_LOCK = 20_261_122  # any number no other advisory lock of the product uses


@dataclass(frozen=True)
class LoadOutcome:
    """What a load has done, by protocol code."""

    published: tuple[str, ...]
    unchanged: tuple[str, ...]


def load_library(*, now: datetime, folder: Path = FOLDER) -> LoadOutcome:
    """Publish what is new or changed in the library's files, all or nothing; a site's own protocols stay as they are.

    Raises LibraryError, one sentence that names file, place and fault.
    """
    kinds, protocols = read_library(folder)
    with transaction.atomic():
        lock_library()
        ResourceKind.objects.bulk_create(
            [ResourceKind(code=code, name=name) for code, name in kinds.items()], ignore_conflicts=True
        )
        digests = published_digests()
        changed = [protocol for protocol in protocols if digests.get(protocol.code) != protocol.digest]
        for protocol in changed:
            publish_library_protocol(protocol, now=now)
    published = tuple(protocol.code for protocol in changed)
    return LoadOutcome(published, tuple(p.code for p in protocols if p.code not in published))


def read_library(folder: Path = FOLDER) -> tuple[dict[str, str], list[LibraryProtocol]]:
    """The kinds of resources and the protocols of a folder's files; nothing is written."""
    kinds = read_words(folder / KINDS_FILE)
    citations = read_words(folder / SOURCES_FILE)
    files = sorted(path for path in folder.glob("*.yaml") if path.name not in {KINDS_FILE, SOURCES_FILE})
    return kinds, [read_protocol(path, kinds=kinds, citations=citations) for path in files]


def read_words(path: Path) -> dict[str, str]:
    content = read_yaml(path)
    for key, text in content.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise LibraryError(f"{path.name}: {key} must be text, not {text!r}.")
    return content


def lock_library() -> None:
    """Two loads at once: the second waits, and then finds nothing left to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])


def published_digests() -> dict[str, str]:
    versions = ProtocolVersion.objects.published().filter(protocol__site=None)
    return dict(versions.values_list("protocol__code", "library_digest"))


def publish_library_protocol(read: LibraryProtocol, *, now: datetime) -> ProtocolVersion:
    words = {"name": read.name, "family": read.family, "summary": read.summary}
    protocol, _ = Protocol.objects.update_or_create(site=None, code=read.code, defaults=words)
    latest = protocol.versions.aggregate(latest=Max("number"))["latest"] or 0
    version = ProtocolVersion.objects.create(
        protocol=protocol,
        number=latest + 1,
        status=VersionStatus.DRAFT,
        library_digest=read.digest,
        **read.reminders,
    )
    write_blueprint(read.blueprint, version=version)
    faults = find_faults(version)
    if faults:
        raise LibraryError(f"{read.code}.yaml: {faults[0]}")
    return publish_version(version, now=now, by=None)
