"""Adopt, copy, publish, discard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.models import Site, User
from protocols.blueprint import PATHS, copy_blueprint
from protocols.lifecycle import (
    LifecycleError,
    adopt_protocol,
    can_edit,
    copy_to_draft,
    current_version,
    discard_draft,
    publish_version,
)
from protocols.models import Protocol, ProtocolVersion
from tests import factories


def library_protocol(code: str) -> Protocol:
    return Protocol.objects.get(site=None, code=code)


def contents(version: ProtocolVersion) -> dict[str, list[dict[str, Any]]]:
    """Every value of every row below the version, its keys aside."""
    blueprint = copy_blueprint(version)
    return {name: [plain(row) for row in getattr(blueprint, name)] for name in PATHS}


def plain(row: Any) -> dict[str, Any]:
    values = {}
    for column in row._meta.concrete_fields:
        if column.primary_key or column.name == "version":
            continue
        related = column.is_relation and column.related_model._meta.app_label == "protocols"
        values[column.name] = str(getattr(row, column.name)) if related else getattr(row, column.attname)
    return values


@pytest.mark.parametrize("code", ["spravato-trd", "tms-weekly-ketamine", "saint", "vns-implant"])
def test_adopted_draft_holds_all_of_the_library_protocol(
    library: None, site: Site, clinician: User, now: datetime, code: str
) -> None:
    original = current_version(library_protocol(code))
    assert original is not None
    draft = adopt_protocol(original.protocol, site=site, now=now, by=clinician)
    assert contents(draft) == contents(original)
    assert (draft.protocol.site, draft.protocol.code, draft.protocol.adopted_from) == (site, code, original)
    assert (draft.number, draft.status, draft.library_digest) == (1, "draft", "")
    assert draft.notes == f"Adopted from version 1 of the library on 2026-11-23 by {clinician}."
    for model, path in PATHS.values():
        mine = set(model._default_manager.filter(**{path: draft}).values_list("pk", flat=True))
        theirs = set(model._default_manager.filter(**{path: original}).values_list("pk", flat=True))
        assert not mine & theirs


def test_copied_tracks_and_phases_point_at_the_copied_visits(library: None, site: Site, now: datetime) -> None:
    draft = adopt_protocol(library_protocol("tms-10hz"), site=site, now=now, by=None)
    track = draft.tracks.get()
    assert track.visit_type.version == draft
    mapping = track.phases.get(name="mapping")
    assert mapping.visit_type is not None
    assert (mapping.visit_type.version, mapping.visit_type.code) == (draft, "mapping")
    assert {point.track for point in draft.decision_points.all()} == {track}


def test_adopt_twice_returns_the_waiting_draft(library: None, site: Site, now: datetime) -> None:
    draft = adopt_protocol(library_protocol("saint"), site=site, now=now, by=None)
    assert adopt_protocol(library_protocol("saint"), site=site, now=now, by=None) == draft
    assert Protocol.objects.filter(site=site).count() == 1


def test_adopt_again_after_publishing_is_refused(library: None, site: Site, now: datetime) -> None:
    publish_version(adopt_protocol(library_protocol("saint"), site=site, now=now, by=None), now=now, by=None)
    with pytest.raises(LifecycleError, match="has adopted SAINT accelerated TMS, five days already"):
        adopt_protocol(library_protocol("saint"), site=site, now=now, by=None)


def test_two_sites_adopt_one_protocol_apart(library: None, site: Site, other_site: Site, now: datetime) -> None:
    here = adopt_protocol(library_protocol("saint"), site=site, now=now, by=None)
    there = adopt_protocol(library_protocol("saint"), site=other_site, now=now, by=None)
    assert here.protocol != there.protocol


def test_only_library_protocols_are_adopted(db: None, site: Site, other_site: Site, now: datetime) -> None:
    own = factories.make_protocol(site=site)
    with pytest.raises(LifecycleError, match="is a site's own protocol"):
        adopt_protocol(own.protocol, site=other_site, now=now, by=None)


def test_library_protocol_is_not_copied_discarded_or_edited(library: None, now: datetime) -> None:
    version = current_version(library_protocol("saint"))
    assert version is not None
    assert not can_edit(version)
    with pytest.raises(LifecycleError, match="belongs to the library, which is read-only; adopt it first"):
        copy_to_draft(version, now=now, by=None)
    with pytest.raises(LifecycleError, match="belongs to the library, which is read-only"):
        discard_draft(version)


def test_next_draft_is_a_copy_and_publishing_it_retires_the_version_before(
    db: None, site: Site, clinician: User, now: datetime
) -> None:
    first = factories.make_protocol(site=site)
    draft = copy_to_draft(first, now=now, by=clinician)
    assert can_edit(draft)
    assert not can_edit(first)
    assert (draft.number, draft.status, contents(draft)) == (2, "draft", contents(first))
    assert copy_to_draft(first, now=now, by=clinician) == draft
    later = now + timedelta(days=1)
    publish_version(draft, now=later, by=clinician)
    first.refresh_from_db()
    assert (first.status, draft.status) == ("retired", "published")
    assert (draft.published_at, draft.published_by) == (later, clinician)
    assert current_version(first.protocol) == draft


def test_publish_twice_is_refused_and_changes_nothing(db: None, site: Site, now: datetime) -> None:
    version = factories.make_protocol(site=site)
    with pytest.raises(LifecycleError, match="is not a draft any more"):
        publish_version(version, now=now + timedelta(days=1), by=None)
    version.refresh_from_db()
    assert (version.status, version.published_at) == ("published", now)


def test_retired_version_is_copied_to_a_draft_again(db: None, site: Site, now: datetime) -> None:
    first = factories.make_protocol(site=site)
    publish_version(copy_to_draft(first, now=now, by=None), now=now, by=None)
    assert copy_to_draft(first, now=now, by=None).number == 3


def test_discarded_draft_is_gone_and_the_published_version_stays(db: None, site: Site, now: datetime) -> None:
    first = factories.make_protocol(site=site)
    discard_draft(copy_to_draft(first, now=now, by=None))
    assert list(first.protocol.versions.all()) == [first]
    with pytest.raises(LifecycleError, match="is not a draft any more"):
        discard_draft(first)


def test_discarded_only_draft_takes_its_protocol_along(library: None, site: Site, now: datetime) -> None:
    discard_draft(adopt_protocol(library_protocol("saint"), site=site, now=now, by=None))
    assert not Protocol.objects.filter(site=site).exists()
