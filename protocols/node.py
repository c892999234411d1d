"""A library file's mappings, read strictly: every fault is one sentence with file, path and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.models import SourceTag


class LibraryError(ValueError):
    """A file of the library cannot be used."""


@dataclass(frozen=True)
class Sourced:
    """A value with where it comes from."""

    value: Any
    tag: str
    citation: str


@dataclass
class Node:
    """A mapping at a place of a file. What is read is remembered, so that `finish` finds misspelled keys."""

    file: str
    path: str
    content: dict[str, Any]
    citations: Mapping[str, str]
    seen: set[str] = field(default_factory=set)

    def fault(self, key: str, text: str) -> LibraryError:
        place = ".".join(part for part in (self.path, key) if part)
        return LibraryError(f"{self.file}: {place or 'the file'} {text}.")

    def take(self, key: str) -> Any:
        self.seen.add(key)
        return self.content.get(key)

    def need(self, key: str) -> Any:
        value = self.take(key)
        if value is None:
            raise self.fault(key, "is missing")
        return value

    def has(self, key: str) -> bool:
        return key in self.content

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self.take(key) if default is not None and not self.has(key) else self.need(key)
        if value is None:
            return default or ""
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, f"must be text, not {value!r}")
        return value.strip()

    def choice(self, key: str, choices: Any, *, default: str | None = None) -> str:
        value = self.text(key, default=default)
        if value not in choices.values:
            raise self.fault(key, f"must be one of {', '.join(choices.values)}, not {value!r}")
        return value

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if value not in (None, True, False):
            raise self.fault(key, f"must be true or false, not {value!r}")
        return bool(value)

    def children(self, key: str, *, required: bool = False) -> list[Node]:
        value = self.need(key) if required else self.take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not value:
            raise self.fault(key, "must be a list")
        return [self.child(f"{key}[{index}]", item) for index, item in enumerate(value)]

    def named_children(self, key: str) -> dict[str, Node]:
        value = self.need(key)
        if not isinstance(value, dict) or not value:
            raise self.fault(key, "must be a mapping")
        return {str(name): self.child(f"{key}.{name}", item) for name, item in value.items()}

    def child(self, key: str, item: Any) -> Node:
        if not isinstance(item, dict):
            raise self.fault(key, f"must be a mapping, not {item!r}")
        path = ".".join(part for part in (self.path, key) if part)
        return Node(self.file, path, item, self.citations)

    def finish(self) -> None:
        unknown = [str(key) for key in self.content if key not in self.seen]
        if unknown:
            raise self.fault(unknown[0], "is not a field of this place")

    # Values with a source: [value, TAG] or [value, TAG, codes]

    def sourced(self, key: str, kind: type | tuple[type, ...]) -> Sourced:
        given = self.need(key)
        if not isinstance(given, list) or not 2 <= len(given) <= 3:
            raise self.fault(key, f"must be [value, TAG] or [value, TAG, citation], not {given!r}")
        value, tag = given[:2]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.fault(key, f"has a value of the wrong sort: {value!r}")
        if tag not in SourceTag.values:
            raise self.fault(key, f"has the tag {tag!r}; use one of {', '.join(SourceTag.values)}")
        codes = str(given[2]).split() if len(given) == 3 else []
        if not codes and tag != SourceTag.ASSUMPTION:
            raise self.fault(key, f"is tagged {tag} but names no citation")
        return Sourced(value, tag, self._cite(key, codes))

    def number(self, key: str) -> Sourced:
        found = self.sourced(key, int)
        if not 0 <= found.value <= 32767:
            raise self.fault(key, f"must be a number from 0 to 32767, not {found.value}")
        return found

    def sourced_choice(self, key: str, choices: Any) -> Sourced:
        found = self.sourced(key, str)
        if found.value not in choices.values:
            raise self.fault(key, f"must be one of {', '.join(choices.values)}, not {found.value!r}")
        return found

    def _cite(self, key: str, codes: list[str]) -> str:
        unknown = [code for code in codes if code not in self.citations]
        if unknown:
            raise self.fault(key, f"cites {unknown[0]}, which sources.yaml does not list")
        return "; ".join(self.citations[code] for code in codes)
