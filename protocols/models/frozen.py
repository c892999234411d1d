"""A published version never changes: the database itself refuses, raw SQL and bulk writes included.

A draft and all below it may be written; publishing it (draft to published) and retiring it (published to retired)
are the only changes of status. The triggers read the version's row with a share lock, so that nothing slips in beneath
a version while it is being published.
"""

from __future__ import annotations

import pgtrigger

FROZEN = "frozen_once_published"

REFUSE_CHILD = """
    IF TG_OP <> 'INSERT' THEN
        SELECT status INTO found FROM protocols_protocolversion WHERE id = {old} FOR SHARE;
        IF found IN ('published', 'retired') THEN
            RAISE EXCEPTION 'A % protocol version never changes: % of % refused.', found, lower(TG_OP), TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        SELECT status INTO found FROM protocols_protocolversion WHERE id = {new} FOR SHARE;
        IF found IN ('published', 'retired') THEN
            RAISE EXCEPTION 'A % protocol version never changes: % of % refused.', found, lower(TG_OP), TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    RETURN OLD;
"""

REFUSE_VERSION = """
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'A protocol version begins as a draft, not %.', NEW.status
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'A % protocol version never changes: delete refused.', OLD.status
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status = 'draft' THEN
        RETURN NEW;
    END IF;
    kept := NEW;
    IF OLD.status = 'published' AND NEW.status = 'retired' THEN
        kept.status := OLD.status;
    END IF;
    IF NEW.published_by_id IS NULL THEN
        kept.published_by_id := OLD.published_by_id;
    END IF;
    IF kept IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'A % protocol version never changes: update refused.', OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
"""

DIRECT = "{row}.version_id"
BY_VISIT_TYPE = "(SELECT version_id FROM protocols_visittype WHERE id = {row}.visit_type_id)"
BY_TRACK = "(SELECT version_id FROM protocols_track WHERE id = {row}.track_id)"
BY_STAGE = (
    "(SELECT visit.version_id FROM protocols_stage stage JOIN protocols_visittype visit"
    " ON visit.id = stage.visit_type_id WHERE stage.id = {row}.stage_id)"
)


def frozen_below(version: str = DIRECT) -> pgtrigger.Trigger:
    """Refuse any write to a row whose version is not a draft; `version` is SQL for the version's id of `{row}`."""
    return pgtrigger.Trigger(
        name=FROZEN,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("found", "text")],
        func=REFUSE_CHILD.format(old=version.format(row="OLD"), new=version.format(row="NEW")),
    )


def frozen_itself() -> pgtrigger.Trigger:
    """A version is born a draft; later only its status moves on (and its publisher's account may be deleted)."""
    return pgtrigger.Trigger(
        name=FROZEN,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("kept", "protocols_protocolversion%ROWTYPE")],
        func=REFUSE_VERSION,
    )
