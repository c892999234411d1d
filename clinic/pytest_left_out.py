"""Tests that need something of the system: without it they are left out, and CI asks for it by a variable."""

import os

import pytest


def leave_out(
    config: pytest.Config, items: list[pytest.Item], *, marker: str, is_here: bool, missing: str, package: str
) -> int:
    """How many of `items` want what is not here; CADENCE_<MARKER>=required refuses to go on without it."""
    wanting = [item for item in items if item.get_closest_marker(marker)]
    if not wanting or is_here:
        return 0
    variable = f"CADENCE_{marker.upper()}"
    if os.environ.get(variable) == "required":
        raise pytest.UsageError(f"{variable}=required, but there is no {missing}: apt-get install {package}")
    config.hook.pytest_deselected(items=wanting)
    items[:] = [item for item in items if item not in wanting]
    return len(wanting)
