"""Nothing waits in the broker: what is to happen later is a row, and beat looks for it each minute.

A task with a time far ahead is given out again each time the broker's visibility timeout passes (celery#2481, #3270).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120  # seconds


def calls_that_wait(source: str) -> Iterator[str]:
    """Every call with `eta`, or with a `countdown` that is not written down as two minutes at most."""
    for node in ast.walk(ast.parse(source)):
        for name, value in keywords_of(node):
            if name == "eta" or (name == "countdown" and not is_short(value)):
                yield f"{name}={ast.unparse(value)}"


def is_short(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float) and value.value <= LONGEST


def keywords_of(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Also those of a dictionary that may become keywords."""
    if isinstance(node, ast.Call):
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


@pytest.mark.parametrize("app", ["clinic", "protocols", "scheduling"])
def test_no_task_waits_in_the_broker_for_long(app: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {call}"
        for path in (ROOT / app).rglob("*.py")
        for call in calls_that_wait(path.read_text())
    }
    assert found == set()


@pytest.mark.parametrize(
    ("source", "waits"),
    [
        ("task.apply_async(eta=tomorrow)", ["eta=tomorrow"]),
        ("task.apply_async((1,), countdown=3600)", ["countdown=3600"]),
        ("task.apply_async(countdown=seconds)", ["countdown=seconds"]),
        ("task.apply_async(**{'countdown': 121})", ["countdown=121"]),
        ("raise self.retry(countdown=60)", []),
        ("task.apply_async((1,), expires=3600)", []),
    ],
)
def test_a_call_that_waits_would_be_found(source: str, waits: list[str]) -> None:
    assert list(calls_that_wait(source)) == waits
