"""Who changed what, and when: the audit trail of a row and of the rows that belong to it, as staff read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.db.models import Field, ForeignKey, Model
from django.utils import timezone
from pghistory.core import event_models

from clinic.models import ApiKey, User
from clinic.weekly import WEEKDAY_NAMES, WEEKDAYS

ACTS = {"insert": "Added", "update": "Changed", "delete": "Removed"}
LEFT_OUT = {"id", "uuid", "created_at", "key_hash"}
NOTHING = "–"


@dataclass(frozen=True)
class FieldChange:
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    at: datetime
    by: str
    act: str
    what: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True)
class Trail:
    """The rows of `model` whose history is wanted: those with this primary key, or that point at it by `link`.

    `hidden` fields are left out, whatever the reader's rights on the rows.
    """

    model: type[Model]
    pk: Any
    link: str = ""
    hidden: frozenset[str] = frozenset()


def read_history(trails: Iterable[Trail]) -> list[Change]:
    """The changes of all trails, the latest first; a fixed number of queries for each trail."""
    events = [(trail, event, before) for trail in trails for event, before in _read_events(trail)]
    authors = _read_authors(event.pgh_context for _, event, _ in events)
    shown = _Values(events)
    changes = [
        Change(
            at=event.pgh_created_at,
            by=authors[event.pgh_context_id],
            act=ACTS[event.pgh_label],
            what=str(trail.model._meta.verbose_name),
            fields=tuple(shown.compare(trail, event, before)),
        )
        for trail, event, before in events
    ]
    # All events of one transaction bear its time: turned round before the stable sort, the last of them comes first.
    changes.reverse()
    changes.sort(key=lambda change: change.at, reverse=True)
    return changes


def _event_model(trail: Trail) -> Any:
    """Where the database keeps the events of the trail's rows; None for a model that is not audited."""
    return next(iter(event_models(tracks_model=trail.model, include_missing_pgh_obj=True)), None)


def _read_events(trail: Trail) -> list[tuple[Any, Any]]:
    """Each event of the trail with the one before it of the same row, in order."""
    kept = _event_model(trail)
    if kept is None:
        return []
    key = _key_of(trail.model)
    rows = kept.objects.filter(**{trail.link or key: trail.pk}).select_related("pgh_context").order_by("pgh_id")
    last: dict[Any, Any] = {}
    pairs = []
    for event in rows:
        row = getattr(event, key)
        pairs.append((event, last.get(row)))
        last[row] = event
    return pairs


def _key_of(model: type[Model]) -> str:
    return next(field.name for field in model._meta.fields if field.primary_key)


def _read_authors(contexts: Iterable[Any]) -> dict[Any, str]:
    """For each context, who acted: an account, a system's key, a patient on their page, or Cadence itself."""
    known = {context.pk: context.metadata for context in contexts if context is not None}
    users = User.objects.in_bulk({data["user"] for data in known.values() if data.get("user")})
    keys = {str(key.uuid): key for key in ApiKey.objects.filter(uuid__in=_list_keys(known.values()))}
    authors: dict[Any, str] = defaultdict(lambda: "Cadence")
    for pk, data in known.items():
        if data.get("user") in users:
            authors[pk] = str(users[data["user"]])
        elif data.get("api_key") in keys:
            authors[pk] = f"Key of {keys[data['api_key']].name}"
        elif data.get("by_patient"):
            authors[pk] = "The patient, on their page"
    return authors


def _list_keys(metadata: Iterable[dict[str, Any]]) -> list[str]:
    return [data["api_key"] for data in metadata if data.get("api_key")]


class _Values:
    """Values as staff read them; what foreign keys point at is read once for each field."""

    def __init__(self, events: Iterable[tuple[Trail, Any, Any]]) -> None:
        wanted: dict[type[Model], set[Any]] = defaultdict(set)
        for trail, event, before in events:
            for field in _fields(trail):
                if isinstance(field, ForeignKey):
                    wanted[field.related_model] |= {getattr(e, field.attname) for e in (event, before) if e}
        self.rows = {model: model._default_manager.in_bulk(keys - {None}) for model, keys in wanted.items()}

    def compare(self, trail: Trail, event: Any, before: Any) -> Iterable[FieldChange]:
        removed = event.pgh_label == "delete"
        for field in _fields(trail):
            old = self.show(field, event if removed else before)
            new = NOTHING if removed else self.show(field, event)
            if old != new:
                yield FieldChange(str(field.verbose_name), old, new)

    def show(self, field: Field[Any, Any], event: Any) -> str:
        if event is None:
            return NOTHING
        value = getattr(event, field.attname)
        if isinstance(field, ForeignKey) and value is not None:
            return str(self.rows[field.related_model].get(value, "removed since"))
        if field.flatchoices:
            return str(dict(field.flatchoices).get(value, value)) or NOTHING
        return show_value(value)


def _fields(trail: Trail) -> list[Field[Any, Any]]:
    """The fields that are kept in the events and say something to staff."""
    event_model: Any = _event_model(trail)
    kept = {field.name for field in event_model._meta.fields} - LEFT_OUT - {trail.link} - trail.hidden
    return [field for field in trail.model._meta.fields if field.name in kept]


def show_value(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict) and set(value) <= set(WEEKDAYS):
        return "; ".join(_show_day(code, spans) for code, spans in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _show_day(code: str, spans: list[list[str]]) -> str:
    return f"{WEEKDAY_NAMES[WEEKDAYS.index(code)]} {', '.join(f'{start}-{end}' for start, end in spans)}"
