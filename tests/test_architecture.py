"""Imports point down: clinic <- protocols <- scheduling, and inside scheduling from the engine up to its faces."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("clinic", "protocols", "scheduling")
FACES = ("desk", "api", "tasks", "management", "patient", "admin")


def modules() -> Iterator[tuple[str, Path]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if ".migrations" not in name:
                yield name, path


def imports_of(path: Path) -> set[str]:
    """Every module a file imports, at the top or inside a function, with the names taken from it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def layer(name: str) -> int:
    """How high a module of scheduling stands: nothing may import from a higher row."""
    part = name.split(".")[1] if "." in name else ""
    if part == "engine":
        return 0
    if part == "models":
        return 1
    if part in FACES:
        return 4
    return 2


def is_upward(importer: str, imported: str) -> bool:
    above = {"clinic": ("protocols", "scheduling"), "protocols": ("scheduling",), "scheduling": ()}
    here, there = importer.split(".")[0], imported.split(".")[0]
    if there in above[here]:
        return True
    return here == there == "scheduling" and layer(imported) > layer(importer)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_down(name: str, path: Path) -> None:
    ours = {found for found in imports_of(path) if found.split(".")[0] in APPS}
    assert {found for found in ours if is_upward(name, found)} == set()


def test_the_engine_imports_nothing_but_the_standard_library_and_itself() -> None:
    outside = {
        found.split(".")[0]
        for name, path in modules()
        if name.startswith("scheduling.engine")
        for found in imports_of(path)
        if not found.startswith("scheduling.engine")
    }
    assert outside & {"django", "rest_framework", "celery", "clinic", "protocols", "scheduling"} == set()


def test_check_shares_nothing_with_the_search_but_the_interval_type() -> None:
    rules = imports_of(ROOT / "scheduling" / "engine" / "rules.py")
    allowed = ("scheduling.engine.problem", "scheduling.engine.result", "scheduling.engine.intervals")
    assert {found for found in rules if found.startswith("scheduling") and not found.startswith(allowed)} == set()


def test_an_upward_import_would_be_found() -> None:
    assert is_upward("clinic.models.site", "scheduling.models")
    assert is_upward("scheduling.booking", "scheduling.tasks.generate_course_calendar")
    assert is_upward("scheduling.engine.search", "scheduling.models")
    assert not is_upward("scheduling.desk.courses", "scheduling.booking")
