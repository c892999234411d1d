"""A library file read into a blueprint of rows and their sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from django.utils.text import slugify

from protocols.blueprint import Blueprint
from protocols.library_rows import FileReader
from protocols.models.protocol import Family
from protocols.node import LibraryError, Node
from protocols.reminding import read_reminders

BASE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where PyYAML has its C part


class StrictLoader(BASE_LOADER):
    """A safe loader that refuses a key given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if key.value in keys[:index]:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} stands twice", problem_mark=key.start_mark
                )
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


@dataclass(frozen=True)
class LibraryProtocol:
    code: str
    name: str
    family: str
    summary: str
    digest: str
    blueprint: Blueprint
    reminders: dict[str, Any] = field(default_factory=dict)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping of a file, or one sentence about why not."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506 (it is a safe one)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise LibraryError(
            f"{path.name}: {place} cannot be read as YAML: {getattr(fault, 'problem', fault)}."
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise LibraryError(f"{path.name}: the file cannot be read: {fault}.") from None
    if not isinstance(content, dict):
        raise LibraryError(f"{path.name}: the file must hold a mapping.")
    return content


def read_protocol(path: Path, *, kinds: Mapping[str, str], citations: Mapping[str, str]) -> LibraryProtocol:
    """Read and check one protocol file; nothing is written."""
    content = read_yaml(path)
    root = Node(path.name, "", content, citations)
    if slugify(path.stem) != path.stem:
        raise root.fault("", f"must be named by its code in small letters and hyphens, not {path.stem!r}")
    blueprint = FileReader(kinds).read(root)
    read = LibraryProtocol(
        code=path.stem,
        name=root.text("name"),
        family=root.choice("family", Family),
        summary=root.text("summary"),
        digest=digest_of(content, blueprint),
        blueprint=blueprint,
        reminders=read_reminders(root),
    )
    root.finish()
    return read


def digest_of(content: Mapping[str, Any], blueprint: Blueprint) -> str:
    """Changes with every value and with the words of every citation; comments and layout do not count."""
    words = [source.citation for source in blueprint.sources]
    return hashlib.sha256(json.dumps([content, words], default=str).encode()).hexdigest()
